"""Solving instances of flows: checks, sizes, units."""

import numpy as np
import pytest

from perfmodel.engine.flows import check, finish, rates_of, solve, solve_all
from perfmodel_kernels.flows import Flows


def line(capacity: list[float]) -> Flows:
    route = np.array([[0, 1], [0, 2], [1, 2]], np.int32)
    return Flows(np.array(capacity), route, np.ones(3), np.full(3, np.inf))


def test_rates_come_in_the_unit_of_the_capacities():
    solved = solve(line([50e9, 100e9]))
    assert solved.rate == pytest.approx([25e9, 25e9, 75e9])
    assert solved.verified
    assert solved.rounds == 2


def test_instances_of_several_sizes_give_what_each_gives_alone():
    more = Flows(np.ones(1), np.zeros((5, 1), np.int32), np.ones(5), np.full(5, np.inf))
    both = solve_all([line([1.0, 2.0]), more])
    assert both[0].rate == pytest.approx(solve(line([1.0, 2.0])).rate)
    assert both[1].rate == pytest.approx(np.full(5, 0.2))
    assert rates_of([more])[0] == pytest.approx(np.full(5, 0.2))


def test_completions_come_in_seconds():
    done = finish(line([50e9, 100e9]), np.full(3, 1e9), 0.0)
    assert done.time[2] == pytest.approx(1e9 / 75e9)
    assert done.time[:2] == pytest.approx([0.04, 0.04])


def test_no_flows_take_no_time():
    empty = Flows(np.ones(1), np.empty((0, 1), np.int32), np.empty(0), np.empty(0))
    assert len(solve(empty).rate) == 0


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"capacity": np.array([np.nan, 1.0])}, "capacity"),
        ({"weight": np.array([-1.0, 1.0, 1.0])}, "weight"),
        ({"limit": np.full(3, np.nan)}, "limit"),
        ({"route": np.full((3, 1), 7, np.int32)}, "beyond"),
    ],
)
def test_what_has_no_solution_is_refused_by_name(change: dict, word: str):
    with pytest.raises(ValueError, match=word):
        check(line([1.0, 1.0])._replace(**change))
