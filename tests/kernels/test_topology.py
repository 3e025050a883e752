"""Where the ranks of a group lie across the levels of a network."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perfmodel.config.library import Library
from perfmodel.lowering.fabric import lower_network
from perfmodel_kernels.extremes import expected_maximum
from perfmodel_kernels.topology import (
    NEIGHBOUR,
    PERMUTATION,
    UNIFORM,
    Groups,
    axis_ways,
    congested_share,
    lay,
    ranks_below,
    ranks_within,
)
from tests.kernels.compiling import compiled
from tests.kernels.examples import NETWORK
from tests.kernels.played import group

DOMAIN = np.array([8.0, 32.0, 1024.0, 1e9])
LEVELS = NETWORK._replace(domain=DOMAIN)

within_of = compiled(ranks_within)
below_of = compiled(ranks_below)


def within(size: int, stride: int) -> np.ndarray:
    groups = Groups(np.array([float(size)]), np.array([float(stride)]))
    return np.asarray(within_of(groups, LEVELS))[0]


def counted(size: int, stride: int) -> list[int]:
    """Ranks of the group whose chip lies in the first unit of each level."""
    return [sum(rank * stride < domain for rank in range(size)) for domain in DOMAIN]


powers = st.integers(0, 10).map(lambda exponent: 2**exponent)


@settings(max_examples=60, deadline=None)
@given(size=powers, stride=powers)
def test_ranks_inside_a_unit_equal_a_count_of_chips(size, stride):
    np.testing.assert_array_equal(within(size, stride), counted(size, stride))


def test_one_rank_is_alone_at_every_level():
    np.testing.assert_array_equal(within(1, 1), [1, 1, 1, 1])


def test_neighbours_fill_the_innermost_level_first():
    np.testing.assert_array_equal(within(64, 1), [8, 32, 64, 64])


def test_a_stride_as_wide_as_a_unit_leaves_one_rank_in_each():
    np.testing.assert_array_equal(within(64, 8), [1, 4, 64, 64])


def test_the_outermost_level_joins_whatever_the_inner_ones_do_not():
    np.testing.assert_array_equal(within(4, 10**9), [1, 1, 1, 4])


@settings(max_examples=100, deadline=None)
@given(size=st.integers(1, 100_000), stride=st.integers(1, 100_000))
def test_ranks_grow_outwards_to_the_whole_group(size, stride):
    ranks = within(size, stride)
    assert np.all(np.diff(ranks) >= 0)
    assert ranks[0] >= 1
    assert ranks[-1] == size


@settings(max_examples=60, deadline=None)
@given(size=st.integers(1, 10_000), stride=st.integers(1, 10_000))
def test_a_wider_stride_never_brings_ranks_closer(size, stride):
    assert np.all(within(size, stride + 1) <= within(size, stride))


def test_below_the_innermost_level_a_rank_is_alone():
    ranks = np.array([[8.0, 32.0, 64.0, 64.0]])
    np.testing.assert_array_equal(below_of(ranks), [[1, 8, 32, 64]])


@pytest.mark.parametrize("stride", [3, 5, 6, 7])
def test_a_stride_that_does_not_divide_a_unit_counts_the_ranks_of_a_full_one_at_most(stride):
    assert within(64, stride)[0] in (8 // stride, -(-8 // stride))


lay_of = compiled(lay)
ways_of = compiled(axis_ways)

TORUS = NETWORK._replace(
    domain=np.array([4.0, 16.0, 64.0, 1e9, 1e9]),
    bandwidth=np.array([540e9, 540e9, 540e9, 25e9, 25e9]),
    scaleup=np.array([1.0, 1.0, 1.0, 0.0, 0.0]),
    wrap=np.array([4.0, 4.0, 4.0, 0.0, 0.0]),
    pair=np.float64(90e9),
)
"""A cube of 4 x 4 x 4 chips with six links each."""


def test_a_torus_gives_the_links_of_the_axes_in_use():
    widths = {4: 2, 16: 4, 64: 6, 2: 1, 8: 3, 12: 3, 32: 5}  # an axis cut short is a line
    for size, links in widths.items():
        assert float(lay_of(group(size), TORUS).bandwidth[0, 2]) == pytest.approx(links * 90e9)


def test_rings_turn_both_ways_where_an_axis_closes():
    for size, hops in {4: 2, 16: 4, 64: 6, 2: 1, 8: 3, 3: 2}.items():
        assert float(lay_of(group(size), TORUS).inner_hops[0]) == hops


def test_a_torus_is_folded_into_one_level_and_leaves_it_by_its_cards():
    reach = lay_of(group(256), TORUS)
    np.testing.assert_array_equal(reach.within, [[1, 1, 64, 256, 256]])
    np.testing.assert_array_equal(reach.inner, [0, 0, 1, 0, 0])
    assert float(reach.bandwidth[0, 3]) == 25e9


def test_an_axis_closes_at_multiples_only():
    extent = np.array([[1.0, 2.0, 4.0, 1.0, 1.0], [8.0, 6.0, 3.0, 1.0, 1.0]])
    np.testing.assert_array_equal(ways_of(extent, TORUS)[:, :3], [[0, 1, 2], [2, 1, 1]])


def test_ranks_of_a_mesh_use_the_links_between_them_alone():
    mesh = NETWORK._replace(pair=np.float64(50e9))
    for size, width in {2: 50e9, 4: 150e9, 8: 350e9, 64: 350e9}.items():
        assert float(lay_of(group(size), mesh).bandwidth[0, 0]) == width
    assert float(lay_of(group(4, 8), mesh).bandwidth[0, 1]) == NETWORK.bandwidth[1]


def share(size: int, pattern: int, network=NETWORK) -> np.ndarray:
    return np.asarray(congested_share(lay_of(group(size), network), pattern, network))[0]


@pytest.mark.parametrize("pattern", [NEIGHBOUR, PERMUTATION, UNIFORM])
@pytest.mark.parametrize("size", [16, 64, 4096, 98_304])
def test_the_slowest_of_the_flows_sets_the_pace(pattern, size):
    units = size / np.array([1.0, 8.0, min(32.0, size), min(1024.0, size)])
    late = np.array([float(expected_maximum(count)) if count > 1 else 0.0 for count in units])
    mean, sigma = NETWORK.share[pattern][:4], NETWORK.spread[pattern][:4]
    np.testing.assert_allclose(share(size, pattern)[:4], mean / (1 + sigma * late), rtol=1e-6)


def test_two_ranks_of_a_level_that_nobody_crosses_share_nothing():
    assert share(8, PERMUTATION)[1] == NETWORK.share[PERMUTATION, 1]


ECMP_MINIMUM = {
    # sub-flows: least rate of 16,384 flows over the line rate, mean of ten draws, of a random
    # permutation and of a shift by one pod; max-min fair fluid simulation on a three-tier Clos
    1: (0.1411, 0.1417), 2: (0.2133, 0.2304), 4: (0.3635, 0.3893),
    8: (0.5263, 0.5726), 16: (0.6801, 0.7245), 32: (0.8080, 0.8276),
}  # fmt: skip


@pytest.mark.parametrize("sub_flows", ECMP_MINIMUM)
def test_the_fitted_spread_predicts_the_slowest_of_hashed_flows_within_fifteen_percent(sub_flows):
    machine = Library().machine("gigafactory-h100")
    hashed = machine.fabric.level[1].model_copy(
        update={"load_balancing": "ecmp", "sub_flows": sub_flows, "chips": 4096}
    )
    levels = (machine.fabric.level[0], hashed, *machine.fabric.level[2:])
    fabric = machine.fabric.model_copy(update={"level": levels, "spread": None})
    network = lower_network(machine.model_copy(update={"fabric": fabric}))
    for pattern, least in zip((PERMUTATION, NEIGHBOUR), ECMP_MINIMUM[sub_flows], strict=True):
        late = float(expected_maximum(16_384.0))
        found = network.share[pattern, 2] / (1.0 + network.spread[pattern, 2] * late)
        assert found == pytest.approx(least, rel=0.15)
