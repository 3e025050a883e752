"""Published training runs: predicted step times beside measured ones."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from perfmodel.config.library import Library
from perfmodel.config.schema.run import RunRow
from perfmodel.lowering.published_run import Run, Unmodelled
from perfmodel.studies.judged import NONE, Judged, Judgement
from perfmodel.studies.measured_envelope import job_of
from perfmodel.studies.run_baselines import simpler
from perfmodel.studies.run_intervals import half_widths, interval, log_spread
from perfmodel.studies.run_predictions import Predictions, Source, is_judged, predict

NOTES = (
    "Stacks are fitted to these rows (perfmodel calibrate --runs); so are the constants of the "
    "simpler models.",
    "Step times are predicted from the configuration of each row, blanks filled by the rules of "
    "docs/published_runs.md; intervals are as wide as families left out of the fit need.",
)

TABLES = ("family", "chip", "stack", "scale", "experts", "workload", "audit")
"""Groupings that are always shown."""

SCALES = (8, 64, 512, 4096)
"""Largest number of chips of each bucket but the last."""

LENGTHS = (2048, 4096, 8192, 32768)
"""Longest sequences of each bucket but the last. [token]"""

WRONG = "judged wrong or under-specified"
PARTIAL = "a field that the time depends on is not stated"
OTHER = "not offered for validation"
UNMEASURED = "no step time is printed"
"""Reasons for which a row stands apart or is ruled out."""


def judge_runs(files: Sequence[Path], library: Library) -> Judged:
    """Predict the step times of published runs.

    Parameters
    ----------
    files
        CSV files, each a family.
    library
        Configs.

    Returns
    -------
    Judged
        Step times. [s]
    """
    found = predict(files, library)
    rows = _judgements(found, library)
    apart: dict[str, list[Judgement]] = {}
    for source, row in rows:
        if not is_judged(source.run):
            apart.setdefault(_apart(source.run), []).append(row)
    excluded = Counter(UNMEASURED for one in found.sources if not one.run.row.step_s)
    return Judged(
        rows=[row for source, row in rows if is_judged(source.run)],
        quantity="time of a step",
        unit="s",
        family="family",
        excluded=dict(excluded),
        notes=NOTES,
        tables=TABLES,
        apart=apart,
    )


def _apart(run: Run | Unmodelled) -> str:
    if run.audit == "set apart":
        return WRONG
    return PARTIAL if (run.row.use or "").startswith("validate") else OTHER


class _Columns(NamedTuple):
    """What is predicted, an entry per modelled row."""

    time: np.ndarray
    low: np.ndarray
    high: np.ndarray
    others: Mapping[str, np.ndarray]
    """Simpler models."""

    def of(self, place: int) -> "_Prediction":
        """One row."""
        others = {name: float(column[place]) for name, column in self.others.items()}
        return _Prediction(self.time[place], self.low[place], self.high[place], others)


class _Prediction(NamedTuple):
    time: float = math.nan
    low: float = math.nan
    high: float = math.nan
    others: Mapping[str, float] = NONE


def _judgements(found: Predictions, library: Library) -> list[tuple[Source, Judgement]]:
    """Every measured row, predicted or with the reason why not."""
    columns = _columns(found, library)
    place = {id(one): number for number, one in enumerate(found.modelled)}
    return [
        (one, _judgement(one, columns.of(place[id(one)]) if columns and id(one) in place else None))
        for one in found.sources
        if one.run.row.step_s
    ]


def _columns(found: Predictions, library: Library) -> _Columns | None:
    """Step times, their intervals and those of simpler models; none without a modelled row."""
    if found.lowered is None or found.metrics is None:
        return None
    measured = np.array([one.run.row.step_s or math.nan for one in found.modelled])
    counted = np.array([is_judged(one.run) for one in found.modelled])
    others = simpler(found.lowered, found.metrics, measured, counted)
    spread = log_spread(found.lowered, np.asarray(found.metrics.step_time, float))
    jobs = [job_of(one.run, library) for one in found.modelled if isinstance(one.run, Run)]
    return _Columns(found.times, *interval(found.times, spread, half_widths(jobs)), others)


def _judgement(source: Source, prediction: _Prediction | None) -> Judgement:
    row, run = source.run.row, source.run
    tokens = (row.gbs or 0.0) * (row.seq_len or 0)
    said = prediction or _Prediction()
    return Judgement(
        id=row.id,
        measured=row.step_s or math.nan,
        predicted=float(said.time),
        low=float(said.low),
        high=float(said.high),
        skipped=run.reason if isinstance(run, Unmodelled) else "",
        groups=groups_of(source),
        pair=(source.family, row.model_id, row.chip_id, row.seq_len),
        ordered_by=(row.chips or 1) / tokens if tokens else 1.0,
        baselines=said.others,
    )


def groups_of(source: Source) -> dict[str, str]:
    """Groups of a row by grouping.

    Parameters
    ----------
    source
        The row.

    Returns
    -------
    dict[str, str]
        Family, source, chip, model, stack and more.
    """
    row, run = source.run.row, source.run
    named = isinstance(run, Run)
    return {
        "family": source.family,
        "source": row.source or "not stated",
        "chip": run.parts.chip if named else row.chip_id or "not stated",
        "model": row.model_id or "not stated",
        "stack": run.stack if named else row.stack or "not stated",
        "scale": _bucket(row.chips or 0, SCALES, "chips"),
        "experts": "mixture of experts" if row.experts else "dense",
        "workload": _workload(row),
        "audit": run.audit,
        "precision": row.precision_matmul or "not stated",
        "length": _bucket(row.seq_len or 0, LENGTHS, "tokens"),
        "recompute": row.recompute_mode or "not stated",
        "parallel": _parallel(row),
    }


def _bucket(value: int, bounds: Sequence[int], unit: str) -> str:
    bound = next((bound for bound in bounds if value <= bound), None)
    return f"<= {bound:,} {unit}" if bound else f"> {bounds[-1]:,} {unit}"


def _workload(row: RunRow) -> str:
    packed = {"sft": "fine-tuning, packed samples", "lora": "adapters, packed samples"}
    if row.workload_kind in packed:
        return packed[row.workload_kind]
    return "truncated proxy" if row.truncated else "pre-training"


def _parallel(row: RunRow) -> str:
    """Letters of the degrees above 1."""
    degrees = {"TP": row.tp, "CP": row.cp, "PP": row.pp, "EP": row.ep}
    return "+".join(name for name, degree in degrees.items() if (degree or 1) > 1) or "DP alone"
