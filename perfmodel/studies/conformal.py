"""Widths of intervals from predictions of families of rows that were left out of a fit."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

LEVEL = 0.9
"""Share of the rows that an interval holds."""

KINDS = ("dense", "experts")
"""Models whose errors are counted apart."""


class Scores(NamedTuple):
    """Errors of rows, each predicted by a fit that never saw its family; an entry per row."""

    errors: np.ndarray
    """Distance of the logarithms of prediction and measurement, in standard deviations that the
    parameters give."""
    families: np.ndarray
    """Name of its family."""
    kinds: np.ndarray
    """One of :data:`KINDS`."""

    def where(self, kept: np.ndarray) -> "Scores":
        """Some of the rows.

        Parameters
        ----------
        kept
            Mask.
        """
        return Scores(*(column[kept] for column in self))


class Widths(NamedTuple):
    """Half-widths of intervals, in standard deviations that the parameters give."""

    dense: float
    """Of a dense model where runs were measured."""
    experts: float
    """Of a model with experts where runs were measured."""
    outside: float
    """Where none was."""

    def of(self, experts: np.ndarray, outside: np.ndarray) -> np.ndarray:
        """Half-width of each prediction; never narrower outside than where runs were measured.

        Parameters
        ----------
        experts, outside
            Masks.
        """
        inside = np.where(experts, self.experts, self.dense)
        return np.where(outside, np.maximum(inside, self.outside), inside)


def widths(scores: Scores) -> Widths:
    """Half-widths that hold nine tenths of rows of families that a fit has not seen.

    Families count alike, however many rows they have. Outside, an interval is as wide as that of
    the family that nine tenths of the families are better than.

    Parameters
    ----------
    scores
        Errors of rows left out.

    Returns
    -------
    Widths
        Split-conformal quantiles; a kind without rows takes that of all.

    References
    ----------
    Angelopoulos and Bates, "A gentle introduction to conformal prediction and distribution-free
    uncertainty quantification", arXiv 2107.07511, sections 2 and 4.
    """
    by_kind = [_quantile(scores.where(scores.kinds == kind)) for kind in KINDS]
    whole = _quantile(scores)
    of_families = [np.quantile(scores.errors[own], LEVEL) for own in _masks(scores)]
    dense, experts = (whole if np.isnan(one) else one for one in by_kind)
    return Widths(dense, experts, float(np.quantile(of_families, LEVEL)))


def left_out_coverage(scores: Scores) -> dict[str, float]:
    """Share of each family's rows within the widths that the other families give.

    Parameters
    ----------
    scores
        Errors of rows left out.

    Returns
    -------
    dict[str, float]
        By family.
    """
    found = {}
    for own in _masks(scores):
        known, rows = widths(scores.where(~own)), scores.where(own)
        limit = known.of(rows.kinds == "experts", np.zeros(rows.kinds.size, bool))
        found[str(rows.families[0])] = float(np.mean(rows.errors <= limit))
    return found


def _masks(scores: Scores) -> Sequence[np.ndarray]:
    return [scores.families == name for name in dict.fromkeys(scores.families.tolist())]


def _quantile(scores: Scores) -> float:
    """Least error that nine tenths of the weight lies at or below, families alike."""
    if not scores.errors.size:
        return float("nan")
    weights = np.concatenate([np.full(own.sum(), 1.0 / own.sum()) for own in _masks(scores)])
    errors = np.concatenate([scores.errors[own] for own in _masks(scores)])
    order = np.argsort(errors)
    reached = np.cumsum(weights[order]) / weights.sum()
    return float(errors[order][np.searchsorted(reached, LEVEL)])
