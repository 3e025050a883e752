"""Gathers and all-reduces against messages played one by one, over unequal levels."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest

from perfmodel_kernels.collectives import (
    IN_NETWORK,
    RAIL,
    RECURSIVE,
    RING,
    TREE,
    all_reduce_times,
    gather_sent,
    gather_times,
)
from tests.kernels.compiling import compiled
from tests.kernels.messages import (
    Fabric,
    hierarchical_all_gather,
    in_network_all_reduce,
    rail_all_gather,
    ring_all_gather,
)
from tests.kernels.played import (
    BANDWIDTHS,
    FANS,
    LATENCY,
    PAYLOADS,
    SLOW_CARDS,
    bandwidth_bound,
    between,
    group,
    latency_bound,
    library,
    network_of,
)
from tests.kernels.trees import binary_tree, mirrored, tree_all_reduce

gathers = compiled(gather_times)
all_reduces = compiled(all_reduce_times)
sent = compiled(gather_sent)

CHUNKS = 2000
"""Of a pipelined buffer: what fills the pipeline is below one per cent."""


class Case(NamedTuple):
    """An algorithm of the kernel and the messages of it."""

    times: Callable
    row: int
    pipelining: float
    play: Callable[[Fabric, float], float]

    def predicted(self, fabric: Fabric, payload: float) -> float:
        found = self.times(
            np.array([payload]),
            group(fabric.ranks),
            network_of(fabric, reduction=1.0),
            library(self.pipelining),
        )
        return float(found[self.row, 0])

    def ratio(self, fabric: Fabric, payload: float) -> float:
        return self.predicted(fabric, payload) / self.play(fabric, payload)


RINGS = Case(gathers, RING, 0.0, lambda fabric, size: ring_all_gather(fabric, size).time)
DOUBLING = Case(
    gathers, RECURSIVE, 0.0, lambda fabric, size: hierarchical_all_gather(fabric, size).time
)
RAILS = Case(gathers, RAIL, 0.0, lambda fabric, size: rail_all_gather(fabric, size, 1).time)
PIPELINED = Case(gathers, RAIL, 1.0, lambda fabric, size: rail_all_gather(fabric, size, 200).time)
TREES = Case(all_reduces, TREE, 0.0, lambda fabric, size: tree_all_reduce(fabric, size, 1))
STREAMED = TREES._replace(play=lambda fabric, size: tree_all_reduce(fabric, size, 400))
SWITCHES = Case(
    all_reduces, IN_NETWORK, 1.0, lambda fabric, size: in_network_all_reduce(fabric, size, CHUNKS)
)
FLAT = [fan for fan in FANS if len(fan) < 3]
"""Fabrics whose switches are played: a domain, and one level of switches outside."""


@pytest.mark.parametrize("fan", FANS, ids=str)
@pytest.mark.parametrize(
    "case", [RINGS, DOUBLING, RAILS, TREES], ids=["ring", "dbl", "rail", "tree"]
)
def test_without_bytes_the_latency_is_that_of_the_messages(case, fan):
    assert case.ratio(latency_bound(fan), 1e6) == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize("fan", FANS, ids=str)
@pytest.mark.parametrize("bandwidth", BANDWIDTHS, ids=["links", "cards", "outside"])
@pytest.mark.parametrize(
    "case", [RINGS, DOUBLING, RAILS, PIPELINED], ids=["ring", "dbl", "rail", "piped"]
)
def test_without_latency_the_slowest_level_takes_the_time_of_the_messages(case, bandwidth, fan):
    assert case.ratio(bandwidth_bound(fan, bandwidth), 1e6) == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize("fan", FANS, ids=str)
@pytest.mark.parametrize("bandwidth", BANDWIDTHS, ids=["links", "cards", "outside"])
def test_without_latency_trees_take_the_time_of_their_messages(bandwidth, fan):
    """Trees of trees spare the cards a little where few units meet at each of two levels."""
    spared = 0.14 if len(fan) > 2 and bandwidth == SLOW_CARDS else 0.01
    ratio = STREAMED.ratio(bandwidth_bound(fan, bandwidth), 1e6)
    assert 0.99 <= ratio <= 1.0 + spared


@pytest.mark.parametrize("fan", FANS, ids=str)
@pytest.mark.parametrize("case", [DOUBLING, RAILS], ids=["dbl", "rail"])
def test_stages_after_each_other_take_the_time_of_their_messages_between_the_limits(case, fan):
    for payload in PAYLOADS:
        assert case.ratio(between(fan), payload) == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize("fan", [(8,), (5,)], ids=str)
def test_a_ring_on_one_switch_takes_the_time_of_its_messages_between_the_limits(fan):
    for payload in PAYLOADS:
        assert RINGS.ratio(between(fan), payload) == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize("fan", [fan for fan in FANS if len(fan) > 1], ids=str)
def test_a_ring_over_several_levels_takes_the_time_of_its_messages_between_the_limits(fan):
    for payload in PAYLOADS:
        assert RINGS.ratio(between(fan), payload) == pytest.approx(1.0, abs=0.11)


@pytest.mark.parametrize("fan", FANS, ids=str)
def test_between_the_limits_trees_of_the_best_chunk_stay_close_to_their_messages(fan):
    """Streams between domains overlap with a part of the steps that varies with the tree."""
    fabric = between(fan)
    for payload in PAYLOADS:
        played = min(tree_all_reduce(fabric, payload, chunks) for chunks in (1, 4, 16, 64))
        assert 0.88 <= TREES.predicted(fabric, payload) / played <= 1.30


@pytest.mark.parametrize("fan", FLAT, ids=str)
def test_switches_that_add_take_the_time_of_their_messages(fan):
    assert SWITCHES.ratio(latency_bound(fan), 1e6) == pytest.approx(1.0, abs=1e-3)
    assert SWITCHES.ratio(bandwidth_bound(fan, SLOW_CARDS), 1e6) == pytest.approx(1.0, abs=0.01)
    for payload in PAYLOADS:
        assert SWITCHES.ratio(between(fan), payload) == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize("fan", FANS, ids=str)
def test_bytes_sent_over_each_level_equal_those_of_the_messages(fan):
    fabric = bandwidth_bound(fan, SLOW_CARDS)
    found = sent(np.array([1e6]), group(fabric.ranks), network_of(fabric))[0]
    np.testing.assert_allclose(found, hierarchical_all_gather(fabric, 1e6).sent, rtol=1e-9)


@pytest.mark.parametrize("count", range(2, 40))
def test_a_pair_of_trees_is_as_deep_as_a_logarithm_and_joins_all(count):
    for parents in (binary_tree(count), mirrored(binary_tree(count))):
        depth = []
        for place in range(count):
            steps, above = 0, place
            while parents[above] >= 0:
                steps, above = steps + 1, parents[above]
            depth.append(steps)
        assert max(depth) == int(np.ceil(np.log2(count)))


def test_a_pipeline_of_switches_costs_the_steps_of_every_level_once():
    steps = 2 * sum(LATENCY)
    assert SWITCHES.predicted(latency_bound((4, 2, 2)), 1e6) == pytest.approx(steps, rel=1e-6)
