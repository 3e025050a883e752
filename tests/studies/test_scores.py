"""Figures of merit by hand, on few rows."""

import json
import math

import numpy as np
import pytest

from perfmodel.results.canonical import json_text
from perfmodel.studies.scores import (
    Rows,
    document,
    joined,
    pairwise_order,
    relative_error,
    score,
)

NAN = float("nan")


def rows(measured, predicted, family=None, *, low=None, high=None, pair=None, factor=None):
    count = len(measured)
    blank = np.full(count, NAN)
    return Rows(
        ids=[f"row-{place}" for place in range(count)],
        measured=np.array(measured, float),
        predicted=np.array(predicted, float),
        low=blank if low is None else np.array(low, float),
        high=blank if high is None else np.array(high, float),
        skipped=["" if math.isfinite(value) else "no such chip" for value in predicted],
        family=family or ["all"] * count,
        pair=pair or [None] * count,
        ordered_by=np.ones(count) if factor is None else np.array(factor, float),
    )


def test_errors_of_four_rows_are_those_by_hand():
    figures = score(rows([10, 10, 10, 10], [11, 9, 12, 10])).figures
    assert figures.mape == pytest.approx(0.1)
    assert figures.median_ape == pytest.approx(0.1)
    assert figures.bias == pytest.approx(0.05)
    assert figures.p90_ape == pytest.approx(0.17)  # between 0.1 and 0.2 at seven tenths


def test_a_row_without_a_prediction_is_counted_and_moves_no_error():
    figures = score(rows([10, 10, 10], [11, NAN, 9])).figures
    assert (figures.rows, figures.predicted, figures.skipped) == (3, 2, 1)
    assert figures.mape == pytest.approx(0.1)
    assert figures.bias == pytest.approx(0.0)


def test_a_row_without_a_measurement_is_not_judged():
    figures = score(rows([NAN, 0.0, 10], [1, 1, 10])).figures
    assert (figures.predicted, figures.skipped, figures.mape) == (1, 2, 0.0)


def test_no_judged_row_has_no_error():
    figures = score(rows([10], [NAN])).figures
    assert all(math.isnan(value) for value in (figures.mape, figures.bias, figures.coverage_90))
    assert figures.pairs == 0


def test_the_macro_error_is_the_mean_over_families_of_five_judged_rows():
    family = ["a"] * 5 + ["b"] * 5 + ["few"] * 4 + ["mostly skipped"] * 5
    predicted = [11] * 5 + [13] * 5 + [20] * 4 + [20] * 4 + [NAN]
    result = score(rows([10] * 19, predicted, family))
    assert result.families == 2
    assert result.macro_mape == pytest.approx(0.2)
    assert result.groups["few"].mape == pytest.approx(1.0)
    assert sum(group.rows for group in result.groups.values()) == 19


def test_another_grouping_leaves_the_macro_error():
    table = rows([10] * 10, [11] * 5 + [13] * 5, ["a"] * 5 + ["b"] * 5)
    result = score(table, ["even", "odd"] * 5)
    assert list(result.groups) == ["even", "odd"]
    assert result.macro_mape == pytest.approx(0.2)
    assert result.groups["even"].mape == pytest.approx((3 * 0.1 + 2 * 0.3) / 5)


def test_pairs_are_within_a_key_and_more_than_three_percent_apart():
    keys = ["a", "a", "a", "b", None, None]
    measured = np.array([1.00, 1.02, 2.0, 9.0, 1.0, 2.0])
    predicted = np.array([2.0, 1.0, 1.5, 0.1, 2.0, 1.0])
    # 1.00 and 1.02 are too close; 1.00 to 2.0 is in the wrong order, 1.02 to 2.0 in the right
    assert pairwise_order(keys, measured, predicted) == (1, 2)


def test_an_equal_prediction_is_not_in_order():
    assert pairwise_order(["a", "a"], np.array([1.0, 2.0]), np.array([1.0, 1.0])) == (0, 1)


def test_pairs_compare_what_the_factor_makes_comparable():
    """The larger batch takes longer, but less per token."""
    result = score(rows([10, 15], [10, 25], pair=["a", "a"], factor=[1.0, 0.5]))
    assert (result.figures.pairs, result.figures.pairwise_order) == (1, 0.0)
    assert score(rows([10, 15], [10, 25], pair=["a", "a"])).figures.pairwise_order == 1.0


def test_coverage_counts_rows_that_have_an_interval():
    table = rows([10, 10, 10], [10, 10, 10], low=[9, 11, NAN], high=[11, 12, NAN])
    assert score(table).figures.coverage_90 == 0.5


def test_joined_sets_keep_their_pairs_apart():
    part = rows([1.0, 2.0], [1.0, 2.0], pair=["a", "a"])
    both = joined([part, part])
    assert score(both).figures.pairs == 2
    assert len(both.ids) == 4


def test_the_document_is_json_with_null_for_what_does_not_exist():
    answer = json.loads(json_text(document(score(rows([10, 10], [11, NAN])))))
    listed = "rows predicted skipped mape median_ape bias p90_ape pairwise_order macro_mape"
    assert {*listed.split(), "coverage_90", "groups", "per_row"} <= set(answer)
    assert answer["pairwise_order"] is None
    first, second = answer["per_row"]
    assert (first["measured"], first["predicted"]) == (10, 11)
    assert first["ape"] == pytest.approx(0.1)
    assert (second["predicted"], second["ape"]) == (None, None)
    assert second["skipped"] == "no such chip"


def test_the_relative_error_is_positive_where_the_prediction_is_too_large():
    np.testing.assert_allclose(relative_error(rows([10, 10], [12, 8])), [0.2, -0.2])
