"""Parts of a collective's time: they add up, and stand where a change of the network shows."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perfmodel_kernels import collectives, exchange
from perfmodel_kernels.attribution import Attribution, Slowdown, attributed, slowed
from perfmodel_kernels.topology import Groups
from tests.kernels.compiling import compiled
from tests.kernels.examples import LIBRARY as ANY_LIBRARY
from tests.kernels.examples import NETWORK

LIBRARY = ANY_LIBRARY._replace(message=0.0)
"""Messages are issued in no time, so that a wait is steps alone."""

RANKS = np.array([8.0, 8.0, 64.0, 64.0, 1024.0, 1024.0, 98304.0, 98304.0])
SIZES = np.array([1e3, 1e10] * 4)
GROUPS = Groups(RANKS, np.ones_like(RANKS))
MEMBERS = np.array([[1.0, 0, 0, 0, 0], [0, 1, 0, 0, 0], [0, 0, 1, 0, 0], [0, 0, 0, 1, 1]])
"""The outermost level is there twice."""
KINDS: dict[str, Any] = {
    "all-reduce": collectives.all_reduce_times,
    "all-gather": collectives.gather_times,
    "all-to-all": exchange.all_to_all_times,
}


def split(kind: str, network=NETWORK, library=LIBRARY) -> tuple[np.ndarray, Attribution]:
    def both(network, library):
        def times(network, library):
            return KINDS[kind](SIZES, GROUPS, network, library)

        return times(network, library), attributed(times, network, library, MEMBERS)

    times, parts = compiled(both)(network, library)
    return np.asarray(times), jax.tree.map(np.asarray, parts)


@pytest.fixture(scope="module", params=KINDS)
def told(request) -> tuple[np.ndarray, Attribution]:
    return split(request.param)


def possible(times: np.ndarray) -> np.ndarray:
    return times < 0.5 * collectives.NEVER


def test_the_parts_add_up_to_the_time(told):
    times, parts = told
    total = parts.launch + parts.latency.sum(0) + parts.transfer.sum(0)
    np.testing.assert_allclose(total[possible(times)], times[possible(times)], rtol=1e-12)


def test_no_part_is_negative(told):
    _, parts = told
    assert all((part >= 0.0).all() for part in parts)


def test_what_a_start_takes_is_its_own_part():
    times, parts = split("all-reduce")
    without, rest = split("all-reduce", library=LIBRARY._replace(launch=0.0))
    assert (rest.launch == 0.0).all()
    short = times < 1e-3
    assert (parts.launch[short] > 0.5 * LIBRARY.launch).all()
    assert (parts.launch[possible(times)] < LIBRARY.launch * 1.01).all()
    assert (without < times).all()


def test_eight_ranks_of_one_domain_use_no_level_outside(told):
    _, parts = told
    assert (parts.latency[1:, :, :2] == 0.0).all()
    assert (parts.transfer[1:, :, :2] == 0.0).all()


def test_a_short_message_waits_and_a_long_one_transfers(told):
    times, parts = told
    latency, transfer = parts.latency.sum(0), parts.transfer.sum(0)
    few = possible(times)[:, :4]
    assert (latency[:, 0:4:2] > transfer[:, 0:4:2])[few[:, ::2]].all()
    assert (latency[:, 1:4:2] < transfer[:, 1:4:2])[few[:, 1::2]].all()


@pytest.mark.parametrize("level", [0, 1, 2, 3])
@pytest.mark.parametrize("cause", ["latency", "transfer"])
def test_a_part_is_what_a_slightly_slower_resource_costs(level: int, cause: str):
    step = 1e-5
    ones = Slowdown(1.0, np.ones(5), np.ones(5))
    slower = ones._replace(**{cause: 1.0 + step * MEMBERS[level]})
    before, parts = split("all-reduce")
    after, _ = split("all-reduce", slowed(NETWORK, slower))
    able = possible(before)
    error = np.abs((after - before) / step - getattr(parts, cause)[level]) / before
    assert error[able].max() < 0.005


def test_two_levels_as_slow_as_each_other_share_the_transfer():
    """An all-to-all of 16 ranks, twice as many of them outside as inside, where half leaves."""
    even = NETWORK._replace(
        domain=np.array([8.0, 16.0, 32.0, 1e9, 1e9]),
        bandwidth=np.array([7.0e9, 8.0e9, 8e9, 8e9, 8e9]),
        pair=7.0e9,
        share=np.ones((3, 5)),
        spread=np.zeros((3, 5)),
    )
    groups = Groups(np.array([16.0]), np.ones(1))

    def parts(network, library):
        def times(network, library):
            return exchange.all_to_all_times(np.array([1e9]), groups, network, library)

        return attributed(times, network, library, MEMBERS)

    found = compiled(parts)(even, LIBRARY)
    sent = np.asarray(found.transfer)[:, exchange.DIRECT, 0]
    np.testing.assert_allclose(sent[0], sent[1], rtol=0.01)


def test_the_parts_hold_in_single_precision_on_every_platform():
    platforms = ("cpu", "cuda", "tpu", "rocm")

    def parts(network, library):
        def times(network, library):
            sizes, groups = jax.tree.map(jnp.float32, (SIZES, GROUPS))
            return collectives.all_reduce_times(sizes, groups, network, library)

        return attributed(times, network, library, jnp.float32(MEMBERS))

    with jax.enable_x64(False):
        given = jax.tree.map(np.float32, (NETWORK, LIBRARY))
        exported = jax.export.export(jax.jit(parts), platforms=platforms)(*given)
    assert exported.platforms == platforms
    assert "f64" not in exported.mlir_module()
