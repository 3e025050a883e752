"""Where the ranks of a group lie across the levels of a network."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perfmodel_kernels.topology import Groups, ranks_below, ranks_within
from tests.kernels.compiling import compiled
from tests.kernels.examples import NETWORK

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
