"""Widths of intervals from rows left out."""

import numpy as np
import pytest

from perfmodel.studies.conformal import Scores, Widths, left_out_coverage, widths


def scores(sizes: dict[str, int], spread: dict[str, float], kind: str = "dense") -> Scores:
    random = np.random.default_rng(7)
    errors = [np.abs(random.normal(0.0, spread[name], size)) for name, size in sizes.items()]
    names = [np.full(size, name) for name, size in sizes.items()]
    joined = np.concatenate(names)
    return Scores(np.concatenate(errors), joined, np.full(joined.size, kind))


def test_errors_as_wide_as_expected_need_the_normal_width():
    found = widths(scores({"a": 4000, "b": 4000}, {"a": 1.0, "b": 1.0}))
    assert found.dense == pytest.approx(1.645, rel=0.03)


def test_a_family_counts_alike_whatever_its_rows():
    few = widths(scores({"a": 4000, "b": 40}, {"a": 0.1, "b": 2.0}))
    assert few.dense > 1.5  # half of the weight is that of the worse family


def test_coverage_of_families_left_out_is_that_which_was_asked_for():
    sizes = {str(number): 300 for number in range(12)}
    spread = {name: 0.8 + 0.05 * int(name) for name in sizes}
    covered = left_out_coverage(scores(sizes, spread))
    assert np.mean(list(covered.values())) == pytest.approx(0.9, abs=0.03)


def test_a_family_unlike_the_others_is_covered_less():
    covered = left_out_coverage(scores({"a": 300, "b": 300, "c": 300}, {"a": 1, "b": 1, "c": 4}))
    assert covered["c"] < 0.5 < covered["a"]


def test_an_interval_is_no_narrower_where_no_run_was_measured():
    limit = Widths(dense=2.0, experts=3.0, outside=2.5)
    experts, outside = np.array([False, True, False, True]), np.array([False, False, True, True])
    np.testing.assert_array_equal(limit.of(experts, outside), [2.0, 3.0, 2.5, 3.0])


def test_a_kind_without_rows_takes_the_width_of_all():
    found = widths(scores({"a": 50, "b": 50}, {"a": 1.0, "b": 1.0}))
    assert found.experts == pytest.approx(found.dense, rel=0.2)
