"""Memory of published training runs: peaks, and runs that did not fit as bounds to one side."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from perfmodel.config.library import Library
from perfmodel.lowering.published_run import Run, Unmodelled
from perfmodel.studies.judged import Judged, Judgement
from perfmodel.studies.run_predictions import Predictions, Source, predict
from perfmodel.studies.runs_validation import groups_of
from perfmodel_kernels.memory import MemorySplit
from perfmodel_kernels.step import StepMetrics

GIGABYTE = 1e9
"""Unit of the column of memory. [B]"""

PEAK, REFUSED = "peak memory of a run", "runs that did not fit"
"""Kinds of rows."""

NOTE = (
    "A run that did not fit is a bound to one side: it counts as right where the prediction is "
    "above the capacity of the chip."
)

DRIVER_UNTIL = 2022
"""Last year in which sources read the memory of a chip from its driver, in whole GB (BigScience);
later ones print counters of their allocator, which know nothing of context and reserve."""


def judge_run_memory(files: Sequence[Path], library: Library) -> Judged:
    """Predict the memory of published runs.

    Parameters
    ----------
    files
        CSV files, each a family.
    library
        Configs.

    Returns
    -------
    Judged
        Memory of a chip. [B]
    """
    found = predict(files, library)
    rows = _judgements(found)
    unmodelled = [one for one in found.sources if not isinstance(one.run, Run) and _kind(one)]
    return Judged(
        rows=[*rows, *(_skipped(one) for one in unmodelled)],
        quantity="memory of a chip",
        unit="B",
        family="family",
        notes=(NOTE, *_refused_in_error(found)),
        tables=("kind", "stack"),
    )


def _kind(source: Source) -> str:
    """What a row says of memory, empty for nothing."""
    row = source.run.row
    if row.use == "memory-oom" or row.workload_kind == "oom":
        return REFUSED
    offered = row.use not in {"caution", "exclude"}
    return PEAK if row.mem_gb_per_chip and offered else ""


class _Held(NamedTuple):
    """Bytes of one chip, for one row or for each of several."""

    used: np.ndarray
    """All of them; frozen weights have neither gradients nor optimiser states. [B]"""
    reserve: np.ndarray
    """What no counter of the allocator shows, among them. [B]"""
    room: np.ndarray
    """Capacity. [B]"""


def _held(modelled: Sequence[Source], metrics: StepMetrics) -> _Held:
    split = MemorySplit(*(np.asarray(part, float) for part in metrics.memory_split))
    used = np.asarray(metrics.memory, float)
    adapters = np.array([one.run.row.workload_kind == "lora" for one in modelled])
    return _Held(
        used=used - np.where(adapters, split.gradients + split.optimizer, 0.0),
        reserve=np.asarray(split.reserve),
        room=used / np.asarray(metrics.memory_fraction, float),
    )


def _judgements(found: Predictions) -> list[Judgement]:
    if found.metrics is None:
        return []
    held = _held(found.modelled, found.metrics)
    return [
        _judgement(one, _Held(*(part[place] for part in held)))
        for place, one in enumerate(found.modelled)
        if _kind(one)
    ]


def _judgement(source: Source, held: _Held) -> Judgement:
    row, kind = source.run.row, _kind(source)
    refused = kind == REFUSED
    shown = held.used - (held.reserve if (row.year or 0) > DRIVER_UNTIL else 0.0)
    return Judgement(
        id=f"{row.id}:memory",
        measured=float(held.room) if refused else (row.mem_gb_per_chip or math.nan) * GIGABYTE,
        predicted=float(min(held.used, held.room) if refused else shown),
        groups={**groups_of(source), "kind": kind},
    )


def _skipped(source: Source) -> Judgement:
    row, run = source.run.row, source.run
    measured = (row.mem_gb_per_chip or math.nan) * GIGABYTE
    reason = getattr(run, "reason", "")
    groups = {**groups_of(source), "kind": _kind(source)}
    return Judgement(f"{row.id}:memory", measured, skipped=reason, groups=groups)


def _refused_in_error(found: Predictions) -> list[str]:
    """How many runs that completed are predicted not to fit."""
    if found.metrics is None:
        return []
    ran = np.array([_ran(one.run) for one in found.modelled])
    held = _held(found.modelled, found.metrics)
    over = int((ran & (held.used > held.room)).sum())
    total = int(ran.sum())
    return [f"{over:,} of {total:,} runs that completed are predicted not to fit."]


def _ran(run: Run | Unmodelled) -> bool:
    """Whether a run completed, so that it did fit."""
    return bool(run.row.step_s) and run.audit != "set apart"
