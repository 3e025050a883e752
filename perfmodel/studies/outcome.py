"""What a step on a site comes to: useful tokens, euros, carbon, days to a loss, low to high."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from perfmodel.config.schema.costs import Costs
from perfmodel.config.schema.reliability import Reliability
from perfmodel.config.schema.scaling import Scaling
from perfmodel.config.schema.scenario import Scenario
from perfmodel.config.schema.storage import Storage
from perfmodel.engine.goodput import useful_shares
from perfmodel.lowering.costs import has_price
from perfmodel.results.columns import OUTCOME
from perfmodel.studies.best_layout import Row
from perfmodel.studies.cost import Work, job_cost, place_of
from perfmodel.studies.goodput import WAYS, job_of
from perfmodel.studies.goodput import Question as Failing
from perfmodel_kernels.checkpoints import LEAST_GOODPUT
from perfmodel_kernels.training_run import critical_batch_quantile, token_factor, training_time

PROBABILITIES = {"low": 0.9, "base": 0.5, "high": 0.1}
"""Quantile of the critical batch by case: a large one makes larger batches cheap."""

PRICED = (
    *("chip_hour_eur", "useful_chip_hour_eur", "million_tokens_eur"),
    *("run_eur", "million_tokens_carbon_kg", "run_carbon_kg"),
)
"""What only a chip and a country with a price have."""


class Case(NamedTuple):
    """Failures and prices that go together, from low to high."""

    reliability: Reliability
    costs: Costs
    probability: float
    """Quantile of the critical batch."""


class Surroundings(NamedTuple):
    """What no site and no workload says."""

    storage: Storage
    scaling: Scaling
    cases: Mapping[str, Case]
    """By name, the middle one shown first."""
    way: str
    """One of :data:`perfmodel.studies.goodput.WAYS`."""


class Job(NamedTuple):
    """A job with a step that was evaluated."""

    scenario: Scenario
    row: Row


def outcomes(jobs: Sequence[Job], around: Surroundings) -> list[dict[str, Row]]:
    """What every job comes to in every case.

    Parameters
    ----------
    jobs
        Jobs with their rows, each with a layout.
    around
        Storage, failures, prices, laws.

    Returns
    -------
    list[dict[str, Row]]
        Rows by case of each job, SI units.
    """
    asked = [
        job_of(Failing(job.scenario, around.storage, {}, around.way), case.reliability, job.row)
        for job in jobs
        for case in around.cases.values()
    ]
    found = iter(useful_shares(asked, WAYS[around.way]))
    return [
        {name: _outcome(job, around, case, next(found)) for name, case in around.cases.items()}
        for job in jobs
    ]


def _outcome(job: Job, around: Surroundings, case: Case, useful: float) -> Row:
    kept = {"useful_share": useful, "useful_tokens_per_s": job.row["tokens_per_s"] * useful}
    useful = max(useful, LEAST_GOODPUT)  # a job that stands still takes very long, not forever
    factor = around.scaling.critical_batch.factor
    return kept | _run(job, useful, (factor, case.probability)) | priced(job, case.costs, useful)


def _run(job: Job, useful: float, spread: tuple[float, float]) -> Row:
    """Tokens and time to the loss that the workload reaches with its own batch."""
    workload, row = job.scenario.workload, job.row
    own = float(workload.batch.sequences * workload.sequence_length)
    batch = float(row["batch_sequences"] * row["sequence_length"])
    critical = float(critical_batch_quantile(workload.batch.critical_tokens, *spread))
    needed = workload.tokens * float(token_factor(batch, critical) / token_factor(own, critical))
    time = training_time(needed, row["chips_used"], row["tokens_per_s_per_chip"], useful)
    return {
        "batch_tokens": batch,
        "critical_batch_tokens": critical,
        "tokens_needed": needed,
        "fixed_loss_time_s": float(time),
    }


def priced(job: Job, costs: Costs, useful: float) -> Row:
    """Cost and carbon of a job, not numbers where its chip or country has no price.

    Parameters
    ----------
    job
        The job with its row.
    costs
        Prices.
    useful
        Share of the time that becomes work.

    Returns
    -------
    Row
        The keys of :data:`PRICED`.
    """
    scenario, row = job
    chip = scenario.machine.node.chip
    if not has_price(costs, chip, scenario.machine.site.country):
        return dict.fromkeys(PRICED, math.nan)
    work = Work(row["tokens_per_s"] / row["chips"], useful, scenario.workload.tokens)
    found = job_cost(costs, place_of(scenario, chip, row), work)
    return {key: found[key] for key in PRICED}


def spread(jobs: Sequence[Job], around: Surroundings) -> list[Row]:
    """What every job comes to, in one row: the middle case, least and largest of all cases.

    Parameters
    ----------
    jobs
        Jobs with their rows; not numbers where a row has no layout.
    around
        Storage, failures, prices, laws.

    Returns
    -------
    list[Row]
        By the columns of :data:`perfmodel.results.columns.OUTCOME`.
    """
    laid = iter(outcomes([job for job in jobs if job.row["layout"]], around))
    return [_ends(next(laid)) if job.row["layout"] else NOTHING for job in jobs]


def _ends(cases: dict[str, Row]) -> Row:
    middle = list(cases.values())[len(cases) // 2]
    row: Row = {}
    for name in SPREAD:
        own, low, high = (OUTCOME[f"{name}{end}"].key for end in ("", "_low", "_high"))
        values = [case[own] for case in cases.values()]
        row |= {own: middle[own], low: min(values), high: max(values)}
    return row


SPREAD = tuple(name for name in OUTCOME if not name.endswith(("_low", "_high")))
"""Quantities that come with their ends."""

NOTHING: Row = {column.key: math.nan for column in OUTCOME.values()}
"""Where no layout is feasible nothing comes of it."""
