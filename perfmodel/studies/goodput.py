"""How much of its time a job on a site turns into work, and what decides it."""

from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from perfmodel.config.schema.reliability import Reliability
from perfmodel.config.schema.scenario import Scenario
from perfmodel.config.schema.storage import Storage
from perfmodel.engine.goodput import (
    Drawn,
    Job,
    draw_events,
    draw_runs,
    evaluate_goodputs,
    goodput_map,
)
from perfmodel.lowering.model import lower_model
from perfmodel.lowering.reliability import Saved, lower_habits, lower_store
from perfmodel.studies.best_layout import best_row, layout_of
from perfmodel.studies.goodput_points import goodput_sheet, published_points
from perfmodel_kernels.checkpoints import Interruption, Saving
from perfmodel_kernels.failure_run import Run
from perfmodel_kernels.job_goodput import (
    ASYNCHRONOUS,
    ELASTIC,
    MEMORY,
    SYNCHRONOUS,
    JobGoodput,
    Spread,
    useful_share,
)
from perfmodel_kernels.layout import elastic_chips, model_chips
from perfmodel_kernels.parameters import parameter_count
from perfmodel_kernels.transformer import Model

Row = dict[str, Any]

WAYS = {
    "synchronous": SYNCHRONOUS,
    "asynchronous": ASYNCHRONOUS,
    "memory": MEMORY,
    "elastic": ELASTIC,
}
"""How a job saves its state and comes back."""

CASES = ("low", "base", "high")
"""Names of the shipped reliability configs, fewest failures first."""

SIZES = (25_000, 100_000)
"""Chips of the map: an AI factory and a gigafactory."""

RATES = tuple(np.geomspace(0.25, 4.0, 17).tolist())
"""Factors on the rate of failures that the map tries."""

RESTARTS = tuple(np.linspace(30.0, 1200.0, 14).tolist())
"""Restarts that the map tries. [s]"""

HORIZON = 54.0 * 86400.0
"""Length of the runs that are drawn, that of Llama 3 405B. [s]"""

RUNS = 4096
"""Runs that are drawn."""


class Question(NamedTuple):
    """What is asked."""

    scenario: Scenario
    storage: Storage
    cases: Mapping[str, Reliability]
    """Reliability by case; the second one is shown first."""
    way: str
    """One of :data:`WAYS`."""


class Answered(NamedTuple):
    """The answer."""

    cases: list[Row]
    """A row per case, empty without a layout."""
    drawn: Drawn | None
    """Runs drawn with the middle case."""
    surface: list[Row]
    """Goodput over rates and restarts."""
    points: list[Row]
    """Published operating points."""
    row: Row
    """The step."""
    sheet: list[Row]
    """Goodput over rates, restarts and checkpoints of both sizes."""
    events: list[Row]
    """One of the drawn runs, failure by failure."""


def answer(question: Question) -> Answered:
    """Answers the question.

    Parameters
    ----------
    question
        Job, machine, storage, failures.

    Returns
    -------
    Answered
        Rows.
    """
    row = best_row(question.scenario)
    if not row["layout"]:
        return Answered([], None, [], published_points(), row, [], [])
    jobs = {name: job_of(question, case, row) for name, case in question.cases.items()}
    found = dict(zip(jobs, evaluate_goodputs(list(jobs.values())), strict=True))
    rows = [case_row(question, name, jobs[name], found[name], row) for name in jobs]
    middle = list(jobs)[len(jobs) // 2]
    run = run_of(question.cases[middle], found[middle])
    surface = _surface(question.cases[middle], jobs[middle])
    sheet = goodput_sheet(
        SIZES,
        {name: one.failures.rate / one.failures.node_chips for name, one in question.cases.items()},
    )
    events = _events(run, int(row["chips_used"]))
    return Answered(rows, draw_runs(run, RUNS), surface, published_points(), row, sheet, events)


def job_of(question: Question, case: Reliability, row: Row) -> Job:
    """A job as the kernels take it.

    Parameters
    ----------
    question
        Machine and storage.
    case
        Failures.
    row
        The step with its layout.

    Returns
    -------
    Job
        Chips, failures, storage.
    """
    scenario = question.scenario
    parameters = parameters_of(scenario)
    layout = layout_of(row)
    spread = Spread(
        chips=row["chips_used"],
        replica=float(elastic_chips(layout)),
        replicas=row["dp"],
        step=row["step_time_s"],
        model=float(model_chips(layout)),
        spares=row["chips"] - row["chips_used"],
    )
    store = lower_store(Saved(parameters, case), question.storage, scenario.machine)
    return Job(spread, lower_habits(case, scenario.machine), store)


def parameters_of(scenario: Scenario) -> float:
    """Parameters of the model of a job.

    Parameters
    ----------
    scenario
        The job.

    Returns
    -------
    float
        Count.
    """
    return _parameters(lower_model(scenario.model, scenario.workload))


@cache
def _parameters(model: Model) -> float:
    return float(parameter_count(model))


def case_row(question: Question, name: str, job: Job, found: JobGoodput, row: Row) -> Row:
    """One case by column key.

    Parameters
    ----------
    question
        The way that is asked for.
    name
        Of the case.
    job
        What was evaluated.
    found
        Its goodput.
    row
        The step.

    Returns
    -------
    Row
        SI units.
    """
    intervals = {
        "synchronous": found.synchronous_interval,
        "asynchronous": found.asynchronous_interval,
        "memory": found.memory_interval,
        "elastic": found.memory_interval,
    }
    share = getattr(found, question.way)
    useful = float(useful_share(found, WAYS[question.way]))
    return {
        "case": name,
        "reliability": question.cases[name].name,
        "way": question.way,
        "goodput": share,
        "mtti_s": found.mtti,
        "checkpoint_interval_s": intervals[question.way],
        "restart_s": found.restart,
        "load_s": found.load,
        "write_s": found.write,
        "stage_s": found.stage,
        **{f"{way}_goodput": getattr(found, way) for way in WAYS},
        "corruption_factor": found.corruption,
        "slow_factor": found.slow,
        "maintenance_factor": found.maintenance,
        "shortage_factor": found.shortage,
        "useful_share": useful,
        "useful_tokens_per_s": row["tokens_per_s"] * useful,
        "job_chips": int(job.spread.chips),
        "replica_chips": int(job.spread.replica),
        "spares_needed": found.spares,
        "spares_left": row["spares"],
    }


def run_of(case: Reliability, found: JobGoodput) -> Run:
    """The run that is drawn: asynchronous checkpoints at their best interval.

    Parameters
    ----------
    case
        Shape of the times between failures.
    found
        Times.

    Returns
    -------
    Run
        The job over :data:`HORIZON`.
    """
    saving = Saving(found.stage, found.write, 0.0, 0.0)
    stop = Interruption(found.mtti, found.restart)
    return Run(HORIZON, found.asynchronous_interval, saving, stop, case.failures.shape)


def _events(run: Run, chips: int) -> list[Row]:
    """One run as rows: integer milliseconds, kind, chips that stand still."""
    names = ("time_ms", "kind", "chips", "duration_ms")
    return [dict(zip(names, event, strict=True)) for event in draw_events(run, chips).tolist()]


def _surface(case: Reliability, job: Job) -> list[Row]:
    """Rows of the map: the same model and storage on other numbers of chips."""
    rows = []
    for chips in SIZES:
        moved = job._replace(spread=job.spread._replace(chips=float(chips)))
        shares = goodput_map(moved, RATES, RESTARTS)
        for rate, line in zip(RATES, shares, strict=True):
            per_node = rate * case.failures.rate
            rows += [
                {
                    "chips": chips,
                    "failure_rate_per_s": per_node,
                    "restart_s": r,
                    "goodput": float(g),
                }
                for r, g in zip(RESTARTS, line, strict=True)
            ]
    return rows
