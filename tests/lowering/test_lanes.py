"""Lanes: arithmetic by lane, one answer where code needs one, a split where they differ."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfmodel.lowering.lanes import DivergedError, Lanes, by_branches, lane

NUMBERS = st.lists(st.integers(1, 50), min_size=1, max_size=20)


def branching(value):
    """Code for one number: a branch, a loop over a count, a text and a whole box."""
    total = value * 2.0 if value > 20 else 1.0 + value
    for step in range(int(value) % 3):
        total = total + step
    boxes = math.ceil(total / 7)
    return max(total, 10.0) / boxes + (f"{value}" == "3")


@given(NUMBERS)
def test_code_for_one_number_is_exact_for_all_of_them(numbers: list[int]):
    values = np.array(numbers)
    found = np.full(len(numbers), np.nan)
    for chosen, result in by_branches(lambda own: branching(lane(values[own])), len(numbers)):
        found[chosen] = result.values if isinstance(result, Lanes) else result
    assert found.tolist() == [branching(number) for number in numbers]


def test_every_scenario_comes_once():
    values = np.array([5, 3, 5, 1, 3])
    sets = [chosen for chosen, _ in by_branches(lambda own: int(lane(values[own])), 5)]
    assert sorted(np.concatenate(sets)) == [0, 1, 2, 3, 4]
    assert len(sets) == 3


def test_lanes_that_agree_give_their_answer():
    same = Lanes(np.array([4, 4]))
    assert int(same) == 4 and bool(same) and list(range(same)) == [0, 1, 2, 3]
    with pytest.raises(DivergedError):
        float(Lanes(np.array([1.0, 2.0])))


def test_equal_values_are_a_plain_number():
    assert lane(np.array([2.0, 2.0])) == 2.0
    assert isinstance(lane(np.array([2.0, 3.0])), Lanes)


def test_functions_of_numpy_work_by_lane():
    one = Lanes(np.array([1.0, 4.0]))
    assert np.interp(one, [0.0, 8.0], [0.0, 16.0]).values.tolist() == [2.0, 8.0]
    table = np.array([one, 2.0]) * 3.0
    assert table[0].values.tolist() == [3.0, 12.0] and table[1] == 6.0
    assert np.maximum.accumulate(np.array([Lanes(np.array([1, 2])), 9]))[1] == 9
    assert np.log2(np.array([one]))[0].values.tolist() == [0.0, 2.0]
