"""The best of many layouts by throughput, without evaluating those that cannot win."""

from collections.abc import Sequence

import jax
import numpy as np

from perfmodel.engine.run import KEEP, Best, search_scored
from perfmodel.search.layouts import Layouts, Mode, in_mode, may_take
from perfmodel_kernels.site import SiteParams

MODE = ("sharding", "recompute")
"""Fields in which the modes of the same degrees differ."""


def search_modes(
    params: SiteParams, degrees: Layouts, modes: Sequence[Mode], keep: int = KEEP
) -> Best:
    """Best layouts, each of the degrees in the fastest mode that fits in memory, exactly.

    More sharding and more recompute only add time, so the score of the first mode, feasible or not,
    bounds the others': they are evaluated only where the first one runs out of memory and its score
    is above the worst that is kept, which each mode can raise. (ZeRO-3 hides all but one layer,
    ZeRO-1 all but one bucket; the bound holds while a bucket is not larger than a layer.)

    Parameters
    ----------
    params
        Site and job, scalars.
    degrees
        Layouts in the first mode.
    modes
        Sharding and recompute modes, the fastest first.
    keep
        How many to keep.

    Returns
    -------
    Best
        As if every layout had been evaluated in every mode and the fastest feasible one kept.
    """
    first = search_scored(params, degrees, keep)
    best, left = first.best, np.flatnonzero(~first.feasible)
    for mode in modes[1:]:
        left = left[first.score[left] > _bar(best, keep)]
        hopeful = left[may_take(degrees.where(left), mode)]
        if hopeful.size:
            found = search_scored(params, in_mode(degrees.where(hopeful), mode), keep)
            best = _merged(best, found.best, keep)
    return best


def _first_of_each(one: Layouts, other: Layouts, order: np.ndarray) -> np.ndarray:
    """Which places in the order hold the best mode of their degrees."""
    names = [name for name in Layouts._fields if name not in MODE]
    columns = [np.concatenate([getattr(one, name), getattr(other, name)]) for name in names]
    degrees = np.stack(columns, axis=1)
    return np.sort(np.unique(degrees[order], axis=0, return_index=True)[1])


def _bar(best: Best, keep: int) -> float:
    """Score that a layout must beat to be kept."""
    return float(best.score[-1]) if len(best.score) == keep else -np.inf


def _merged(one: Best, other: Best, keep: int) -> Best:
    score = np.concatenate([one.score, other.score])
    order = np.argsort(-score, kind="stable")
    order = order[_first_of_each(one.layouts, other.layouts, order)][:keep]

    def pick(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.concatenate([a, b])[order]

    return Best(
        evaluation=jax.tree.map(pick, one.evaluation, other.evaluation),
        layouts=jax.tree.map(pick, one.layouts, other.layouts),
        score=score[order],
        feasible=one.feasible + other.feasible,
        points=one.points + other.points,
    )
