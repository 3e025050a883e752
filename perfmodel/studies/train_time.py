"""How long a run takes, what a larger batch gains, the largest model of a stretch of time."""

import math
from typing import NamedTuple

import numpy as np

from perfmodel.config.schema.scenario import Scenario
from perfmodel.engine.training import Runs, evaluate_runs
from perfmodel.lowering.model import lower_model
from perfmodel.lowering.scaling import lower_laws
from perfmodel.studies.best_layout import Row, best_row
from perfmodel.studies.cost import run_bill
from perfmodel.studies.outcome import Job, Surroundings, outcomes
from perfmodel_kernels.checkpoints import LEAST_GOODPUT
from perfmodel_kernels.parameters import active_parameter_count
from perfmodel_kernels.training_run import Budget, critical_batch, log_budget, loss

GROWTHS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
"""Batches that are tried, over that of the workload."""

BEYOND = 4.0
"""Median critical batches up to which they are tried."""

SIZES = tuple(np.geomspace(0.1, 10.0, 41).tolist())
"""Parameters of the curve of the loss, over the best ones of the middle case."""


class Question(NamedTuple):
    """What is asked."""

    scenario: Scenario
    around: Surroundings
    window: float
    """Time in which the largest model is trained. [s]"""


class Answered(NamedTuple):
    """The answer."""

    row: Row
    """The step with the batch of the workload."""
    cases: list[Row]
    """A row per case, empty without a layout."""
    batches: list[Row]
    """Time to the loss over the batch, a row per batch and case."""
    sizes: list[Row]
    """Loss of the models that take the whole window, a row per size and case."""


def with_tokens(scenario: Scenario, tokens: float, around: Surroundings) -> Scenario:
    """The same job with another number of tokens; its critical batch grows with them.

    Parameters
    ----------
    scenario
        The job.
    tokens
        Tokens to train.
    around
        Its law says how the batch grows.

    Returns
    -------
    Scenario
        Another workload.
    """
    own, (_, law) = scenario.workload, lower_laws(around.scaling)
    moved = law._replace(median=own.batch.critical_tokens, tokens=own.tokens)
    critical = float(critical_batch(tokens, moved))
    batch = own.batch.model_copy(update={"critical_tokens": critical})
    workload = own.model_copy(update={"tokens": tokens, "batch": batch})
    return scenario.model_copy(update={"workload": workload})


def answer(question: Question) -> Answered:
    """Answers the question.

    Parameters
    ----------
    question
        Job, surroundings, window.

    Returns
    -------
    Answered
        Rows.
    """
    scenario, around, _ = question
    own = best_row(scenario)
    if not own["layout"]:
        return Answered(own, [], [], [])
    others = [best_row(scenario, batch=batch) for batch in _batches(scenario)]
    jobs = [Job(scenario, row) for row in (own, *others) if row["layout"]]
    found = outcomes(jobs, around)
    budgets = [_budget(question, own, case) for case in _cases(question, found[0])]
    sizes = _sizes(around, budgets)
    runs = evaluate_runs(budgets, sizes, lower_laws(around.scaling))
    rows = [
        _case(question, Job(scenario, own), case | {"case": name}, _best(runs, place))
        for place, (name, case) in enumerate(found[0].items())
    ]
    batches = [
        {"case": name, "layout": job.row["layout"], "tokens_per_s": job.row["tokens_per_s"]}
        | {key: case[key] for key in OF_A_BATCH}
        | {"fixed_loss_eur": case["run_eur"] * case["tokens_needed"] / scenario.workload.tokens}
        for job, cases in zip(jobs[1:], found[1:], strict=True)
        for name, case in cases.items()
    ]
    return Answered(own, rows, batches, _curve(list(found[0]), runs))


OF_A_BATCH = (
    *("batch_tokens", "critical_batch_tokens", "useful_tokens_per_s"),
    *("tokens_needed", "fixed_loss_time_s"),
)
"""What a row of a batch says."""


def _batches(scenario: Scenario) -> list[int]:
    """Batches to try, in sequences; that of the workload alone under a layout of the user."""
    batch = scenario.workload.batch
    if scenario.layout is not None:
        return [batch.sequences]
    most = BEYOND * batch.critical_tokens / scenario.workload.sequence_length
    tried = {max(1, round(growth * batch.sequences)) for growth in GROWTHS}
    return sorted(one for one in tried if one <= max(most, batch.sequences))


def _cases(question: Question, found: dict[str, Row]) -> list[tuple[float, float]]:
    """Useful share and quantile of the critical batch of each case."""
    cases = question.around.cases
    return [
        (max(found[name]["useful_share"], LEAST_GOODPUT), case.probability)
        for name, case in cases.items()
    ]


def _budget(question: Question, row: Row, case: tuple[float, float]) -> Budget:
    useful, probability = case
    kept = row["model_flop_rate_flop_per_s"] * useful
    flop = question.around.scaling.flop
    pairs = float(log_budget(kept, row["chips_used"], question.window, flop))
    batch = float(row["batch_sequences"] * row["sequence_length"])
    return Budget(pairs, batch, probability)


def _sizes(around: Surroundings, budgets: list[Budget]) -> list[float]:
    middle = budgets[len(budgets) // 2]
    best = float(evaluate_runs([middle], SIZES, lower_laws(around.scaling)).best["parameters"][0])
    return [best * size for size in SIZES]


def _best(runs: Runs, place: int) -> Row:
    """Best model of one case."""
    return {f"largest_{name}": float(values[place]) for name, values in runs.best.items()}


def _case(question: Question, job: Job, case: Row, largest: Row) -> Row:
    """One case by column key."""
    scenario, around, window = question
    workload, costs = scenario.workload, around.cases[case["case"]].costs
    model = lower_model(scenario.model, workload)
    law, _ = lower_laws(around.scaling)
    active = float(active_parameter_count(model))
    reached = float(loss(active, workload.tokens, law))
    time = case["fixed_loss_time_s"] * workload.tokens / case["tokens_needed"]
    bill = run_bill(costs, job.scenario, job.row, window)
    return {
        "case": case["case"],
        "tokens": workload.tokens,
        "active_parameters": active,
        "loss": reached,
        "excess_loss": reached - law.irreducible,
        **{key: case[key] for key in ("batch_tokens", "critical_batch_tokens")},
        **{key: case[key] for key in ("useful_share", "useful_tokens_per_s")},
        "training_time_s": time,
        "run_energy_j": job.row["site_power_w"] * time,
        **{key: case[key] for key in ("run_eur", "run_carbon_kg")},
        **largest,
        "largest_excess_loss": largest["largest_loss"] - law.irreducible,
        "window_s": window,
        "window_energy_j": job.row["site_power_w"] * window,
        "window_cost_eur": bill["eur"],
        "window_carbon_kg": bill["carbon_kg"],
    }


def _curve(cases: list[str], runs: Runs) -> list[Row]:
    """Loss over the size, the best one of each case marked."""
    rows = []
    for place, name in enumerate(cases):
        best = float(runs.best["parameters"][place])
        for number in range(runs.sized["loss"].shape[1]):
            parameters = float(runs.sized["parameters"][place, number])
            rows.append(
                {
                    "case": name,
                    "parameters": parameters,
                    "tokens": float(runs.sized["tokens"][place, number]),
                    "loss": float(runs.sized["loss"][place, number]),
                    "largest_parameters": best,
                    "largest_loss": float(runs.best["loss"][place]),
                }
            )
    return rows


def best_batch(batches: list[Row], case: str) -> Row:
    """Batch that reaches the loss first.

    Parameters
    ----------
    batches
        Rows of an answer.
    case
        Which case.

    Returns
    -------
    Row
        Its row.
    """
    own = [row for row in batches if row["case"] == case]
    return min(own, key=lambda row: _or_never(row["fixed_loss_time_s"]))


def _or_never(time: float) -> float:
    return time if math.isfinite(time) else math.inf
