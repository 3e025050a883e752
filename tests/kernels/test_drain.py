"""Completion times of flows that share links."""

from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings

from perfmodel_kernels.drain import drain
from perfmodel_kernels.flows import MEANINGLESS, Flows
from tests.kernels.compiling import compiled
from tests.kernels.filling import graphs, padded, progressive_filling

DRAIN = compiled(partial(drain, block=16))
SHARED = padded(
    Flows(np.array([1.0]), np.array([[0], [0], [0]], np.int32), np.ones(3), np.full(3, np.inf))
)


def exact(flows: Flows, size: np.ndarray) -> np.ndarray:
    """One completion at a time, rates by textbook filling."""
    rest, now, ended = size.copy(), 0.0, np.full(len(size), np.inf)
    weight = np.asarray(flows.weight).copy()
    while True:
        rate = progressive_filling(flows._replace(weight=weight))
        takes = np.where(rate > 0.0, rest / np.where(rate > 0.0, rate, 1.0), np.inf)
        if not np.isfinite(takes.min()):
            return ended
        first = takes <= takes.min()
        now, rest = now + takes.min(), rest - rate * takes.min()
        ended[first] = now
        weight[first] = 0.0


def sizes(*first: float) -> np.ndarray:
    return np.pad(np.array(first), (0, 64 - len(first)))


def test_processor_sharing_ends_small_flows_first():
    done = DRAIN(SHARED, sizes(1.0, 2.0, 3.0), 0.0)
    assert done.time[:3] == pytest.approx([3.0, 5.0, 6.0])
    assert int(done.solves) == 3


def test_equal_flows_end_together_in_one_solve():
    done = DRAIN(SHARED, sizes(1.0, 1.0, 1.0), 0.0)
    assert done.time[:3] == pytest.approx([3.0, 3.0, 3.0])
    assert int(done.solves) == 1


def test_a_flow_behind_a_dead_link_never_ends():
    flows = SHARED._replace(capacity=0.0 * SHARED.capacity)
    assert np.all(np.isinf(DRAIN(flows, np.ones(64), 0.1).time))


def test_a_capacity_that_is_no_number_ends_the_loop():
    flows = SHARED._replace(capacity=np.nan * SHARED.capacity)
    assert int(DRAIN(flows, np.ones(64), 0.1).outcome) == MEANINGLESS


@settings(max_examples=40, deadline=None)
@given(flows=graphs())
def test_without_a_window_every_completion_is_exact(flows: Flows):
    size = np.random.default_rng(1).uniform(0.5, 1.5, 64) * np.asarray(flows.capacity).max()
    assert DRAIN(flows, size, 0.0).time == pytest.approx(exact(flows, size), rel=1e-9)


@settings(max_examples=40, deadline=None)
@given(flows=graphs())
def test_a_window_moves_the_makespan_little_and_saves_solves(flows: Flows):
    size = np.random.default_rng(1).uniform(0.5, 1.5, 64) * np.asarray(flows.capacity).max()
    fine, coarse = DRAIN(flows, size, 0.0), DRAIN(flows, size, 0.05)
    ends = np.isfinite(fine.time)
    assert np.array_equal(ends, np.isfinite(coarse.time))
    assert int(coarse.solves) <= int(fine.solves)
    if ends.any():
        assert float(coarse.time[ends].max()) == pytest.approx(
            float(fine.time[ends].max()), rel=0.05
        )


def test_twice_the_sizes_take_twice_as_long():
    size = sizes(1.0, 2.0, 3.0)
    once, twice = DRAIN(SHARED, size, 0.02).time, DRAIN(SHARED, 2.0 * size, 0.02).time
    assert twice[:3] == pytest.approx(2.0 * np.asarray(once)[:3])
