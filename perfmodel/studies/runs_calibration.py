"""Fit of chips and stacks to published training runs, and what it is worth on rows left out."""

import datetime
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from perfmodel.config.library import Library
from perfmodel.studies.calibrate import Calibrated
from perfmodel.studies.edits import Edit
from perfmodel.studies.fitting import Estimate, Fit
from perfmodel.studies.folds import FAMILIES, folds
from perfmodel.studies.identification import PRIOR
from perfmodel.studies.intervals_calibration import (
    coverage_note,
    interval_edits,
    left_out_scores,
)
from perfmodel.studies.run_knobs import Knob, all_knobs
from perfmodel.studies.run_predictions import (
    LoweredRows,
    lowered_rows,
)
from perfmodel.studies.runs_search import (
    Problem,
    cost,
    jacobian,
    left_out_times,
    logs_of,
    problem_of,
    search,
    start_of,
    times_at,
)

MOST_STEPS = 12
"""Linearisations of a search."""

FEWEST_ROWS = 5
"""Rows of a family whose error counts in the mean over families, as in the verdict."""

MOST_NAMED = 4
"""Families that a source names."""

VALUE_WIDTH = 27
"""Where the comment behind a value begins, less two blanks; a long value moves it."""

BOUNDS = {"": "", "low": ", at its lower bound", "high": ", at its upper bound"}
"""Bound of an estimate to what its source says of it."""


def fit_runs(library: Library, files: Sequence[Path]) -> Calibrated:
    """Fit chips and stacks to published training runs.

    Parameters
    ----------
    library
        Configs that hold the values.
    files
        CSV files, each a family.

    Returns
    -------
    Calibrated
        Values, how the library would hold them, errors in sample and left out.
    """
    problem = problem_of(lowered_rows(files, library), library, all_knobs())
    priors = np.log([knob.prior for knob in problem.knobs])
    found = settled(problem, search(problem, start_of(problem), MOST_STEPS))
    before = cost(problem, jacobian(problem, priors), priors)
    found = found._replace(cost_before=before)
    logs = logs_of(found)
    left_out = {
        name: left_out_times(problem, logs, groups) for name, groups in folds(problem.rows).items()
    }
    times = {"priors": times_at(problem, priors), "in sample": times_at(problem, logs)}
    errors = {name: family_errors(problem.rows, each) for name, each in times.items()}
    errors["left out"] = family_errors(problem.rows, left_out[FAMILIES])
    scores = left_out_scores(problem, logs, left_out[FAMILIES])
    edits = [*_edits(problem, found, library), *interval_edits(problem, scores)]
    return Calibrated(
        found,
        edits,
        (
            *_notes(found, errors),
            _folds_note(problem.rows, left_out, times["in sample"]),
            coverage_note(scores),
        ),
    )


def settled(problem: Problem, found: Fit) -> Fit:
    """The same fit where what the rows say too little of keeps its prior, as the configs do.

    Parameters
    ----------
    problem
        Rows and knobs.
    found
        A fit of all knobs.

    Returns
    -------
    Fit
        Values of the identified, fitted again beside the priors of the others.
    """
    said = np.array([estimate.identified for estimate in found.estimates])
    priors = np.log([knob.prior for knob in problem.knobs])
    held = problem.holding(~said)
    again = search(held, np.where(said, logs_of(found), priors), MOST_STEPS)
    estimates = tuple(
        second if second.parameter.spread == first.parameter.spread else first._replace(value=prior)
        for first, second, prior in zip(
            found.estimates, again.estimates, np.exp(priors).tolist(), strict=True
        )
    )
    return again._replace(estimates=estimates)


def family_errors(rows: LoweredRows, times: np.ndarray) -> dict[str, float]:
    """Mean absolute relative error of each family that counts.

    Parameters
    ----------
    rows
        Measured.
    times
        Predicted step times. [s]

    Returns
    -------
    dict[str, float]
        By family.
    """
    names, errors = np.array(rows.families), np.abs(times / rows.measured - 1.0)
    groups = {name: errors[names == name] for name in dict.fromkeys(rows.families)}
    return {name: float(own.mean()) for name, own in groups.items() if own.size >= FEWEST_ROWS}


def _notes(found: Fit, errors: Mapping[str, Mapping[str, float]]) -> Iterator[str]:
    said = sum(one.identified for one in found.estimates)
    means = {name: np.mean(list(each.values())) for name, each in errors.items()}
    yield f"{said} parameters are identified, the others stay."
    yield (
        "Mean over families of the mean absolute error: "
        + ", ".join(f"{name} {mean:.1%}" for name, mean in means.items())
        + "."
    )
    stated = [
        f"{name} {' '.join(f'{each[name]:.1%}' for each in errors.values())}"
        for name in errors["in sample"]
    ]
    yield f"By family, at the priors, in sample and left out: {', '.join(stated)}."


def _folds_note(
    rows: LoweredRows, left_out: Mapping[str, np.ndarray], in_sample: np.ndarray
) -> str:
    """Errors of what was left out beside those of the same rows in sample."""
    said = []
    for name, times in left_out.items():
        own = np.isfinite(times)
        mean, median = _error(times, rows, own)
        fitted = _error(in_sample, rows, own)
        said.append(
            f"{name} {mean:.1%} and {median:.1%} of {own.sum():,} rows "
            f"(in sample {fitted[0]:.1%} and {fitted[1]:.1%})"
        )
    return f"Mean and median absolute error over rows left out by {', by '.join(said)}."


def _error(times: np.ndarray, rows: LoweredRows, kept: np.ndarray) -> tuple[float, float]:
    errors = np.abs(times / rows.measured - 1.0)[kept]
    return float(errors.mean()), float(np.median(errors))


def _edits(problem: Problem, found: Fit, library: Library) -> list[Edit]:
    """Values that the rows say something of, and priors that a config would else inherit."""
    pairs = list(zip(problem.knobs, found.estimates, strict=True))
    fitted = [_edit(knob, estimate, library) for knob, estimate in pairs if estimate.identified]
    kept = [
        _edit_of_prior(knob, library)
        for knob, estimate in pairs
        if not estimate.identified and not _states(knob, library)
    ]
    return [*fitted, *kept]


def _states(knob: Knob, library: Library) -> bool:
    """Whether the config of a knob states its field itself."""
    table: Any = library.document(knob.kind, knob.name).own
    for key in knob.field.path:
        table = table.get(key) if isinstance(table, dict) else None
    return table is not None


def _edit_of_prior(knob: Knob, library: Library) -> Edit:
    path = library.document(knob.kind, knob.name).path
    source = "estimate: the published runs of this stack say too little of it"
    return Edit(path, knob.field.path, _text(knob, knob.prior), source)


def _edit(knob: Knob, estimate: Estimate, library: Library) -> Edit:
    today = datetime.datetime.now(tz=datetime.UTC).date()
    shares = {name: part for name, part in estimate.information.items() if name != PRIOR}
    total = sum(shares.values())
    used = [name for name, part in sorted(shares.items(), key=_share) if part > total / 20]
    who = ", ".join(used) if len(used) <= MOST_NAMED else f"{len(used)} families"
    source = f"fit to published runs of {who} (configs/validation/runs), {today}"
    path = library.document(knob.kind, knob.name).path
    return Edit(path, knob.field.path, _text(knob, estimate.value), source + BOUNDS[estimate.bound])


def _share(item: tuple[str, float]) -> float:
    return -item[1]


def _text(knob: Knob, value: float) -> str:
    """A value as a config holds it, blanks up to the comment."""
    written = f"{value:.3g}"
    if knob.field.unit == "s":
        written = f'"{value * 1e3:.3g} ms"' if value > 1e-3 else f'"{value * 1e6:.3g} us"'
    if knob.field.unit == "J/FLOP":
        written = f'"{value * 1e12:.3g} pJ/FLOP"'
    return written.ljust(VALUE_WIDTH - len(f"{knob.field.path[-1]} = "))
