"""Memory of published training runs: peaks, and runs that did not fit as bounds to one side."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from perfmodel.config.library import Library
from perfmodel.lowering.published_run import Run, Unmodelled
from perfmodel.studies.judged import Judged, Judgement
from perfmodel.studies.run_predictions import Predictions, Source, predict
from perfmodel.studies.runs_validation import groups_of

GIGABYTE = 1e9
"""Unit of the column of memory. [B]"""

PEAK, REFUSED = "peak memory of a run", "runs that did not fit"
"""Kinds of rows."""

NOTE = (
    "A run that did not fit is a bound to one side: it counts as right where the prediction is "
    "above the capacity of the chip."
)


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


def _judgements(found: Predictions) -> list[Judgement]:
    if found.metrics is None:
        return []
    used = np.asarray(found.metrics.memory, float)
    room = used / np.asarray(found.metrics.memory_fraction, float)
    return [
        _judgement(one, float(used[place]), float(room[place]))
        for place, one in enumerate(found.modelled)
        if _kind(one)
    ]


def _judgement(source: Source, used: float, room: float) -> Judgement:
    row, kind = source.run.row, _kind(source)
    refused = kind == REFUSED
    return Judgement(
        id=f"{row.id}:memory",
        measured=room if refused else (row.mem_gb_per_chip or math.nan) * GIGABYTE,
        predicted=min(used, room) if refused else used,
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
    runs = [one.run for one in found.modelled]
    ran = np.array([_ran(run) for run in runs])
    over = int((ran & (np.asarray(found.metrics.memory_fraction) > 1.0)).sum())
    total = int(ran.sum())
    return [f"{over:,} of {total:,} runs that completed are predicted not to fit."]


def _ran(run: Run | Unmodelled) -> bool:
    """Whether a run completed with every weight trained, as its memory is predicted."""
    row = run.row
    return bool(row.step_s) and run.audit != "set apart" and row.workload_kind != "lora"
