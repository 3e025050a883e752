"""How far predictions are from measurements: errors, order, coverage, in all and by group."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

FAMILY_ROWS = 5
"""Judged rows that a family needs to count in the mean over families."""

APART = 0.03
"""Pairs whose measured values differ by more than this are put in order."""

NOTHING = float("nan")
"""Figure of no rows."""


class Rows(NamedTuple):
    """Predictions beside measurements, one entry per row."""

    ids: Sequence[str]
    """Name of each row."""
    measured: np.ndarray
    """What was measured, positive, in the unit of the set."""
    predicted: np.ndarray
    """What is predicted; not a number where there is no prediction."""
    low: np.ndarray
    """Lower end of the 90 % interval; not a number where there is none."""
    high: np.ndarray
    """Its upper end."""
    skipped: Sequence[str]
    """Why there is no prediction; empty where there is one."""
    family: Sequence[str]
    """Group of which the macro error is the mean."""
    pair: Sequence[Hashable]
    """Rows with equal keys are put in order; none for a row that is not."""
    ordered_by: np.ndarray
    """Factor that makes rows of one key comparable, such as 1 / tokens."""


class Figures(NamedTuple):
    """Errors of some rows; every one is a fraction, 0.1 is 10 %."""

    rows: int
    """Rows that were to be judged."""
    predicted: int
    """Rows with a prediction."""
    skipped: int
    """Rows without one."""
    mape: float
    """Mean absolute relative error."""
    median_ape: float
    """Median absolute relative error."""
    bias: float
    """Mean signed relative error: above zero, predictions are too large."""
    p90_ape: float
    """90th percentile of the absolute relative error."""
    pairwise_order: float
    """Share of pairs, measured more than 3 % apart, that are predicted in the same order."""
    pairs: int
    """Such pairs."""
    coverage_90: float
    """Share of measurements inside their 90 % interval, among rows that have one."""


class Score(NamedTuple):
    """Errors of a set, in all and by group, and every row."""

    figures: Figures
    """Of all rows."""
    macro_mape: float
    """Mean of the families' errors; a family has at least :data:`FAMILY_ROWS` judged rows."""
    families: int
    """Families that it is the mean of."""
    groups: Mapping[str, Figures]
    """Of each group."""
    rows: Rows
    """The rows."""
    group: Sequence[str]
    """Group of each row."""


def score(rows: Rows, group: Sequence[str] | None = None) -> Score:
    """Judge predictions.

    Parameters
    ----------
    rows
        Predictions beside measurements.
    group
        Group of each row; none groups by family.

    Returns
    -------
    Score
        Errors in all, by group, and their mean over families.
    """
    group = rows.family if group is None else group
    families = [_figures(rows, chosen) for chosen in _members(rows.family).values()]
    errors = [family.mape for family in families if family.predicted >= FAMILY_ROWS]
    return Score(
        figures=_figures(rows, np.arange(len(rows.ids))),
        macro_mape=float(np.mean(errors)) if errors else NOTHING,
        families=len(errors),
        groups={name: _figures(rows, chosen) for name, chosen in _members(group).items()},
        rows=rows,
        group=group,
    )


def relative_error(rows: Rows) -> np.ndarray:
    r"""Signed error over the measurement.

    .. math:: e = \hat{y} / y - 1

    Returns
    -------
    np.ndarray
        One per row, not a number where there is no prediction.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        error = rows.predicted / rows.measured - 1.0
    return np.where(_judged(rows), error, np.nan)


def pairwise_order(
    keys: Sequence[Hashable], measured: np.ndarray, predicted: np.ndarray
) -> tuple[int, int]:
    """Count pairs of one key that are predicted in the order in which they were measured.

    Pairs count whose measured values differ by more than 3 % of the smaller one. An equal
    prediction for both is not in order.

    Parameters
    ----------
    keys
        Rows of equal keys make pairs; a row whose key is none makes none.
    measured, predicted
        Positive values.

    Returns
    -------
    tuple[int, int]
        Pairs in order, and pairs.
    """
    right = total = 0
    for key, chosen in _members(keys).items():
        if key is None:
            continue
        one, other = np.triu_indices(len(chosen), 1)
        ratio = measured[chosen][other] / measured[chosen][one]
        apart = np.maximum(ratio, 1.0 / ratio) > 1.0 + APART
        rises = predicted[chosen][other] - predicted[chosen][one]
        right += int((apart & (rises * (ratio - 1.0) > 0.0)).sum())
        total += int(apart.sum())
    return right, total


def document(result: Score) -> dict[str, Any]:
    """The keys that others rely on, as JSON has them.

    Parameters
    ----------
    result
        What :func:`score` returned.

    Returns
    -------
    dict[str, Any]
        Figures of all rows, of each group, and every row; errors are fractions.
    """
    return {
        **result.figures._asdict(),
        "macro_mape": result.macro_mape,
        "families": result.families,
        "groups": {name: figures._asdict() for name, figures in result.groups.items()},
        "per_row": _per_row(result),
    }


def joined(parts: Sequence[Rows]) -> Rows:
    """Rows of several sets one after the other.

    Parameters
    ----------
    parts
        At least one.

    Returns
    -------
    Rows
        All rows; pairs stay within their part.
    """

    def chained(name: str) -> list[Any]:
        return [item for part in parts for item in getattr(part, name)]

    texts = {name: chained(name) for name in ("ids", "skipped", "family")}
    numbers = ("measured", "predicted", "low", "high", "ordered_by")
    pair = [
        None if key is None else (place, key)
        for place, part in enumerate(parts)
        for key in part.pair
    ]
    columns: dict[str, Any] = {name: np.array(chained(name)) for name in numbers}
    return Rows(**texts, **columns, pair=pair)


def _judged(rows: Rows) -> np.ndarray:
    return np.isfinite(rows.predicted) & np.isfinite(rows.measured) & (rows.measured > 0.0)


def _figures(rows: Rows, chosen: np.ndarray) -> Figures:
    """Errors of the rows at some places."""
    judged = chosen[_judged(rows)[chosen]]
    error = relative_error(rows)[judged]
    absolute = np.abs(error)
    factor = rows.ordered_by[judged]
    right, pairs = pairwise_order(
        [rows.pair[place] for place in judged],
        rows.measured[judged] * factor,
        rows.predicted[judged] * factor,
    )
    return Figures(
        rows=len(chosen),
        predicted=len(judged),
        skipped=len(chosen) - len(judged),
        mape=float(absolute.mean()) if judged.size else NOTHING,
        median_ape=float(np.median(absolute)) if judged.size else NOTHING,
        bias=float(error.mean()) if judged.size else NOTHING,
        p90_ape=float(np.quantile(absolute, 0.9)) if judged.size else NOTHING,
        pairwise_order=right / pairs if pairs else NOTHING,
        pairs=pairs,
        coverage_90=_coverage(rows, judged),
    )


def _coverage(rows: Rows, judged: np.ndarray) -> float:
    low, high, measured = rows.low[judged], rows.high[judged], rows.measured[judged]
    given = np.isfinite(low) & np.isfinite(high)
    inside = (low <= measured) & (measured <= high)
    return float(inside[given].mean()) if given.any() else NOTHING


def _members(keys: Sequence[Hashable]) -> dict[Any, np.ndarray]:
    """Places of each key, keys in order of appearance."""
    found: dict[Any, list[int]] = {}
    for place, key in enumerate(keys):
        found.setdefault(key, []).append(place)
    return {key: np.array(places, dtype=int) for key, places in found.items()}


def _per_row(result: Score) -> list[dict[str, Any]]:
    rows, errors = result.rows, np.abs(relative_error(result.rows))
    return [
        {
            "id": rows.ids[place],
            "group": result.group[place],
            "measured": float(rows.measured[place]),
            "predicted": float(rows.predicted[place]),
            "low": float(rows.low[place]),
            "high": float(rows.high[place]),
            "ape": float(errors[place]),
            "skipped": rows.skipped[place],
        }
        for place in range(len(rows.ids))
    ]
