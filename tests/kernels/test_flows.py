"""Max-min fair rates against textbook filling, in both precisions."""

from functools import partial

import jax
import numpy as np
import pytest
from hypothesis import given, settings

from perfmodel_kernels.flows import MEANINGLESS, SOLVED, Flows, Rates, max_min_rates
from tests.kernels.compiling import compiled
from tests.kernels.filling import graphs, in_single, padded, progressive_filling, smallest_capacity

DOUBLE = compiled(partial(max_min_rates, block=16))
SINGLE = compiled(partial(max_min_rates, block=16))
WHOLE = compiled(partial(max_min_rates, block=64))
MANY = compiled(max_min_rates)


def solve_single(flows: Flows) -> Rates:
    with jax.enable_x64(False):
        return SINGLE(in_single(flows))


def unlimited(
    capacity: list[float], route: list[list[int]], weight: list[float] | None = None
) -> Flows:
    count = len(route)
    weights = np.ones(count) if weight is None else np.array(weight)
    return Flows(np.array(capacity), np.array(route, np.int32), weights, np.full(count, np.inf))


def rates(flows: Flows) -> np.ndarray:
    return np.asarray(DOUBLE(padded(flows)).rate)[: len(flows.weight)]


def test_one_flow_takes_the_narrowest_link():
    assert rates(unlimited([3.0, 2.0, 5.0], [[0, 1, 2]])) == pytest.approx([2.0])


def test_a_long_flow_shares_every_link_of_the_parking_lot():
    # Bertsekas and Gallager, figure 6.9: one flow over all links, one flow on each of them
    flows = unlimited([1.0, 1.0, 1.0], [[0, 1, 2], [0, 3, 3], [1, 3, 3], [2, 3, 3]])
    solved = DOUBLE(padded(flows))
    assert solved.rate[:4] == pytest.approx([0.5, 0.5, 0.5, 0.5])
    assert int(solved.rounds) == 1


def test_what_a_bottleneck_leaves_goes_to_others():
    # the first link gives thirds; the second has two thirds left for its own flow
    flows = unlimited([1.0, 1.0], [[0, 2], [0, 2], [0, 1], [1, 2]])
    assert rates(flows) == pytest.approx([1 / 3, 1 / 3, 1 / 3, 2 / 3])


def test_weights_share_a_link_in_proportion():
    flows = unlimited([6.0], [[0], [0], [0]], [1.0, 2.0, 3.0])
    assert rates(flows) == pytest.approx([1.0, 2.0, 3.0])


def test_a_limit_leaves_the_rest_to_the_others():
    flows = unlimited([1.0], [[0], [0], [0]])._replace(limit=np.array([0.1, np.inf, np.inf]))
    assert rates(flows) == pytest.approx([0.1, 0.45, 0.45])


def test_a_dead_link_holds_its_flows_and_no_others():
    solved = DOUBLE(padded(unlimited([0.0, 1.0], [[0, 1], [1, 2]])))
    assert solved.rate[:2] == pytest.approx([0.0, 1.0])
    assert int(solved.outcome) == SOLVED


def test_a_flow_without_weight_or_without_links_gets_nothing():
    solved = DOUBLE(padded(unlimited([1.0], [[0], [0], [1]], [1.0, 0.0, 1.0])))
    assert solved.rate[:3] == pytest.approx([1.0, 0.0, 0.0])
    assert int(solved.outcome) == SOLVED


def test_a_capacity_that_is_no_number_ends_the_loop_and_says_so():
    solved = DOUBLE(padded(unlimited([np.nan, 1.0], [[0, 1], [0, 2]])))
    assert int(solved.outcome) == MEANINGLESS


@settings(max_examples=150, deadline=None)
@given(flows=graphs())
def test_double_precision_equals_textbook_filling(flows: Flows):
    solved = DOUBLE(flows)
    expected = progressive_filling(flows)
    assert int(solved.outcome) == SOLVED
    assert int(solved.rounds) <= len(expected)
    assert np.max(np.abs(solved.rate - expected) / smallest_capacity(flows)) <= 1e-12


@settings(max_examples=150, deadline=None)
@given(flows=graphs())
def test_single_precision_stays_within_a_hundred_thousandth(flows: Flows):
    solved = solve_single(flows)
    rounded = in_single(flows)  # the same numbers, as far as single precision holds them
    error = np.abs(np.asarray(solved.rate) - progressive_filling(rounded))
    error /= smallest_capacity(rounded)
    assert int(solved.outcome) == SOLVED
    assert error.max() <= 1e-5


def incast(count: int) -> tuple[Flows, np.ndarray]:
    """All into one link, all but the last held back elsewhere by shares that no float holds."""
    random = np.random.default_rng(5)
    weight = np.append(random.uniform(0.1, 3.0, count - 1), 0.1).astype(np.float32).astype(float)
    own = (random.uniform(0.5, 0.9, count - 1) / count).astype(np.float32).astype(float)
    capacity = np.append(own * 1e10, 1e10).astype(np.float32).astype(float)
    route = np.stack([np.arange(count), np.full(count, count - 1)], 1).astype(np.int32)
    route[-1] = [count - 1, count]
    rest = capacity[-1] - capacity[:-1].sum()
    flows = Flows(capacity, route, weight, np.full(count, np.inf))
    return flows, np.append(capacity[:-1], rest)


def test_the_last_flow_of_an_incast_of_forty_thousand_gets_what_is_left():
    flows, expected = incast(40_000)
    assert MANY(flows).rate == pytest.approx(expected, rel=1e-12)
    with jax.enable_x64(False):
        single = np.asarray(MANY(in_single(flows)).rate, float)
    assert np.max(np.abs(single - expected) / smallest_capacity(flows)) <= 1e-5


def test_an_equal_incast_is_shared_equally():
    count = 40_000
    flows = unlimited([1.0] * count, [[0, count]] * count, [0.1] * count)
    with jax.enable_x64(False):
        rate = np.asarray(MANY(in_single(flows)).rate, float)
    assert rate * count == pytest.approx(np.ones(count), rel=1e-6)


@settings(max_examples=30, deadline=None)
@given(flows=graphs())
def test_blocks_change_nothing(flows: Flows):
    assert np.array_equal(WHOLE(flows).rate, DOUBLE(flows).rate)


def test_more_capacity_gives_the_flows_of_a_bottleneck_as_much_more():
    # the derivative of what a bottleneck offers is one over the weight that it serves
    narrow = unlimited([1.0, 5.0], [[0, 1], [0, 2], [1, 2]])
    wider = narrow._replace(capacity=np.array([1.002, 5.0]))
    change = (rates(wider) - rates(narrow)) / 0.002
    assert change == pytest.approx([0.5, 0.5, -0.5])
