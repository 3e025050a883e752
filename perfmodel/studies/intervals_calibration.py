"""Widths of intervals from the families that a fit of runs left out, and what the runs cover."""

import datetime
import json
from collections.abc import Iterator

import numpy as np

from perfmodel.config.intervals import FILE
from perfmodel.config.measurements import shipped_measurements
from perfmodel.lowering.published_run import Lowered
from perfmodel.studies.conformal import KINDS, Scores, left_out_coverage, widths
from perfmodel.studies.edits import Edit
from perfmodel.studies.measured_envelope import envelope_of, job_of
from perfmodel.studies.run_intervals import log_spread
from perfmodel.studies.runs_search import Problem, times_at

LEFT_OUT = "0.9 of rows of families left out"
SOURCES = {
    "dense": LEFT_OUT,
    "experts": LEFT_OUT,
    "outside": "as the family that nine tenths of the families are better than",
}
"""Width to what it was taken from."""

COVERED = "runs that were judged"


def left_out_scores(problem: Problem, logs: np.ndarray, left_out: np.ndarray) -> Scores:
    """Errors of families left out, in the standard deviations that the parameters give.

    Parameters
    ----------
    problem
        Rows and knobs.
    logs
        Logarithms of the knobs fitted to all.
    left_out
        Step times of each family from a fit to the others. [s]

    Returns
    -------
    Scores
        One per row.
    """
    lowered = Lowered(problem.params(logs), problem.rows.layouts)
    spread = log_spread(lowered, times_at(problem, logs))
    errors = np.abs(np.log(left_out / problem.rows.measured)) / spread
    with_experts = [bool(job_of(run, problem.reach.library).experts) for run in problem.rows.runs]
    kinds = np.where(with_experts, KINDS[1], KINDS[0])
    return Scores(errors, np.array(problem.rows.families), kinds)


def interval_edits(problem: Problem, scores: Scores) -> Iterator[Edit]:
    """How the file of the intervals would have to change.

    Parameters
    ----------
    problem
        Rows that a fit was held to.
    scores
        Errors of the same rows, each left out.

    Yields
    ------
    Edit
        One per width, one per figure of the envelope.
    """
    path = shipped_measurements(FILE)
    today = datetime.datetime.now(tz=datetime.UTC).date()
    for name, value in widths(scores)._asdict().items():
        yield Edit(path, ("width", name), f"{value:.3g}", f"{SOURCES[name]}, {today}")
    known = envelope_of([job_of(run, problem.reach.library) for run in problem.rows.runs])
    for name, value in known.model_dump(mode="json").items():
        yield Edit(path, ("envelope", name), json.dumps(value), f"{COVERED}, {today}")


def coverage_note(scores: Scores) -> str:
    """Share of rows within their intervals, each family by the widths of the others.

    Parameters
    ----------
    scores
        Errors of rows left out.

    Returns
    -------
    str
        One sentence.
    """
    covered = left_out_coverage(scores)
    mean, stated = np.mean(list(covered.values())), widths(scores)._asdict()
    return (
        f"The 90 % interval holds {mean:.0%} of the rows of a family left out, in the mean over "
        f"families ({', '.join(f'{name} {share:.0%}' for name, share in covered.items())}). "
        f"Half-widths in standard deviations of the parameters: "
        f"{', '.join(f'{name} {value:.2f}' for name, value in stated.items())}."
    )
