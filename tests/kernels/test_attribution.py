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
from tests.kernels.examples import LIBRARY, NETWORK

RANKS = np.array([8.0, 8.0, 64.0, 64.0, 1024.0, 1024.0, 98304.0, 98304.0])
SIZES = np.array([1e3, 1e10] * 4)
GROUPS = Groups(RANKS, np.ones_like(RANKS))
KINDS: dict[str, Any] = {
    "all-reduce": collectives.all_reduce_times,
    "all-gather": collectives.gather_times,
    "all-to-all": exchange.all_to_all_times,
}


def split(kind: str, network=NETWORK, library=LIBRARY) -> tuple[np.ndarray, Attribution]:
    def both(network, library):
        def times(network, library):
            return KINDS[kind](SIZES, GROUPS, network, library)

        return times(network, library), attributed(times, network, library)

    times, parts = compiled(both)(network, library)
    return np.asarray(times), jax.tree.map(np.asarray, parts)


@pytest.fixture(scope="module", params=KINDS)
def told(request) -> tuple[np.ndarray, Attribution]:
    return split(request.param)


def possible(times: np.ndarray) -> np.ndarray:
    return times < 0.5 * collectives.NEVER


def test_the_parts_add_up_to_the_time(told):
    times, parts = told
    total = parts.launch + parts.latency.sum(-1) + parts.transfer.sum(-1)
    np.testing.assert_allclose(total[possible(times)], times[possible(times)], rtol=1e-12)


def test_no_part_is_negative(told):
    _, parts = told
    assert all((part >= 0.0).all() for part in parts)


def test_what_a_start_takes_is_its_own_part():
    times, parts = split("all-reduce")
    without, rest = split("all-reduce", library=LIBRARY._replace(launch=0.0))
    assert (rest.launch == 0.0).all()
    assert (parts.launch[possible(times)] > 0.5 * LIBRARY.launch).all()
    assert (parts.launch[possible(times)] < LIBRARY.launch * (1.0 + 1e-12)).all()
    assert (without < times).all()


def test_eight_ranks_of_one_domain_use_no_level_outside(told):
    _, parts = told
    assert (parts.latency[:, :2, 1:] == 0.0).all()
    assert (parts.transfer[:, :2, 1:] == 0.0).all()


def test_a_short_message_waits_and_a_long_one_transfers(told):
    times, parts = told
    latency, transfer = parts.latency.sum(-1), parts.transfer.sum(-1)
    few = possible(times)[:, :4]
    assert (latency[:, 0:4:2] > transfer[:, 0:4:2])[few[:, ::2]].all()
    assert (latency[:, 1:4:2] < transfer[:, 1:4:2])[few[:, 1::2]].all()


@pytest.mark.parametrize("level", [0, 1, 2, 3])
@pytest.mark.parametrize("cause", ["latency", "transfer"])
def test_a_part_is_what_a_slightly_slower_resource_costs(level: int, cause: str):
    step = 1e-5
    ones = Slowdown(1.0, np.ones(5), np.ones(5), 1.0)
    factors = np.ones(5)
    factors[level] += step
    slower = ones._replace(**{cause: factors})
    slower = slower._replace(pair=1.0 + step) if (level, cause) == (0, "transfer") else slower
    before, parts = split("all-reduce")
    after, _ = split("all-reduce", slowed(NETWORK, slower))
    able = possible(before)
    cost = (after - before) / step
    part = getattr(parts, cause)[:, :, level]
    np.testing.assert_allclose(cost[able], part[able], rtol=1e-3, atol=1e-4 * before[able].max())


def test_the_parts_hold_in_single_precision_on_every_platform():
    platforms = ("cpu", "cuda", "tpu", "rocm")

    def parts(network, library):
        def times(network, library):
            sizes, groups = jax.tree.map(jnp.float32, (SIZES, GROUPS))
            return collectives.all_reduce_times(sizes, groups, network, library)

        return attributed(times, network, library)

    with jax.enable_x64(False):
        given = jax.tree.map(np.float32, (NETWORK, LIBRARY))
        exported = jax.export.export(jax.jit(parts), platforms=platforms)(*given)
    assert exported.platforms == platforms
    assert "f64" not in exported.mlir_module()
