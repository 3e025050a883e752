"""What a set of measurements hands over once it is predicted, and how it plugs in."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from perfmodel.config.library import Library
from perfmodel.studies.scores import NOTHING, Rows, Score, score

NONE: Mapping = MappingProxyType({})
"""An empty mapping that nothing can be put into."""

UNNAMED = "not stated"
"""Group of rows that lack a grouping."""

UNEXPLAINED = "no prediction"
"""Reason of a skipped row whose set gives none."""


class Measure(NamedTuple):
    """A quantity that is measured."""

    quantity: str
    """Such as ``completion time``."""
    unit: str
    """SI unit of it."""


class Judgement(NamedTuple):
    """One measured row and its prediction."""

    id: str
    """Name of the row."""
    measured: float
    """What was measured, in SI."""
    predicted: float = NOTHING
    """What is predicted, in SI; not a number where the row is skipped."""
    skipped: str = ""
    """Why there is no prediction."""
    groups: Mapping[str, str] = NONE
    """Groups that it belongs to, by grouping, such as ``{"system": "CSCS Alps"}``."""
    low: float = NOTHING
    """Lower end of the 90 % interval."""
    high: float = NOTHING
    """Its upper end."""
    pair: Hashable = None
    """Rows with equal keys are put in order; none for a row that is not."""
    ordered_by: float = 1.0
    """Factor that makes rows of one key comparable, such as 1 / tokens."""
    baselines: Mapping[str, float] = NONE
    """Predictions of simpler models, by their name."""
    measure: Measure | None = None
    """What was measured, where rows of one set differ; else that of the set."""


class Judged(NamedTuple):
    """All rows of a set."""

    rows: Sequence[Judgement]
    """Rows that were to be predicted, skipped ones included."""
    quantity: str
    """What was measured, such as ``completion time``."""
    unit: str
    """SI unit of it."""
    family: str
    """Grouping whose groups are the families."""
    excluded: Mapping[str, int] = NONE
    """Rows that the file itself rules out: reason to number."""
    notes: Sequence[str] = ()
    """What a reader of the errors has to know, such as the number of fitted parameters."""
    tables: Sequence[str] = ()
    """Groupings whose errors are always shown, beside the one that is asked for."""
    apart: Mapping[str, Sequence[Judgement]] = NONE
    """Rows that are predicted but do not count in the errors, by the reason."""


class MeasurementSet(NamedTuple):
    """A kind of measurement that can be validated."""

    title: str
    """Stands above its tables."""
    files: tuple[str, ...]
    """Files that ship with the library."""
    judge: Callable[[Sequence[Path], Library], Judged]
    """Reads files and predicts their rows with the configs of a library."""
    beside: str = ""
    """Set whose files hold it as well: it comes along, its errors apart from those of the whole."""


def groupings(judged: Judged) -> list[str]:
    """Groupings that some row of a set has, in order of appearance."""
    return list(dict.fromkeys(key for row in judged.rows for key in row.groups))


def group_of(judged: Judged, grouping: str) -> list[str]:
    """Group of each row in one grouping."""
    return [row.groups.get(grouping, UNNAMED) for row in judged.rows]


def rows_of(judged: Judged, baseline: str = "") -> Rows:
    """Columns of a set, as scores are computed from them.

    Parameters
    ----------
    judged
        The set.
    baseline
        Name of a simpler model to take the predictions of; empty takes our own.

    Returns
    -------
    Rows
        One entry per row.
    """
    rows = judged.rows
    own = [row.baselines.get(baseline, NOTHING) if baseline else row.predicted for row in rows]
    predicted = np.array(own, float)
    return Rows(
        ids=[row.id for row in rows],
        measured=np.array([row.measured for row in rows], float),
        predicted=predicted,
        low=np.array([row.low for row in rows], float),
        high=np.array([row.high for row in rows], float),
        skipped=[_reason(row, value) for row, value in zip(rows, own, strict=True)],
        family=group_of(judged, judged.family),
        pair=[row.pair for row in rows],
        ordered_by=np.array([row.ordered_by for row in rows], float),
    )


def scored(judged: Judged, grouping: str = "", baseline: str = "") -> Score:
    """Errors of a set.

    Parameters
    ----------
    judged
        The set.
    grouping
        What to group by; empty groups by family.
    baseline
        Name of a simpler model; empty scores our own predictions.

    Returns
    -------
    Score
        In all, by group, and over families.
    """
    group = group_of(judged, grouping or judged.family)
    return score(rows_of(judged, baseline), group)


def with_apart(judged: Judged) -> Judged:
    """A set with the rows that do not count among those that do."""
    others = [row for rows in judged.apart.values() for row in rows]
    return judged._replace(rows=[*judged.rows, *others], apart=NONE)


def baselines(judged: Judged) -> list[str]:
    """Names of the simpler models that some row has a prediction of."""
    return list(dict.fromkeys(name for row in judged.rows for name in row.baselines))


def _reason(row: Judgement, predicted: float) -> str:
    if np.isfinite(predicted) and np.isfinite(row.measured) and row.measured > 0.0:
        return ""
    return row.skipped or UNEXPLAINED
