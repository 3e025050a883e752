"""Error bars of a prediction: how far a step may be off, and whether runs like it were measured."""

import math
from collections.abc import Callable

import numpy as np

from perfmodel.config.intervals import shipped_intervals
from perfmodel.config.schema.scenario import Scenario
from perfmodel.engine.run import evaluate_few
from perfmodel.lowering.site import lower_site
from perfmodel.spaces.layouts import Layouts, alone
from perfmodel.studies.best_layout import Row, layout_of
from perfmodel.studies.envelope import outside
from perfmodel.studies.measured_envelope import Job, unmeasured
from perfmodel.studies.run_intervals import half_width, interval, spread_of
from perfmodel_kernels.site import Evaluation, SiteParams
from perfmodel_kernels.step_parts import StepParams

Evaluator = Callable[[SiteParams, Layouts], Evaluation]
"""Evaluates layouts."""

NOTHING: Row = {
    "step_time_low_s": math.nan,
    "step_time_high_s": math.nan,
    "tokens_per_s_low": math.nan,
    "tokens_per_s_high": math.nan,
    "extrapolated": "",
}
"""Where no layout is feasible there is nothing to be off."""


def error_bars(scenario: Scenario, row: Row, evaluate: Evaluator = evaluate_few) -> Row:
    """Ends of the 90 % interval of a step, and what of it no run was measured of.

    The five parameters of which a prediction knows least are each moved by the standard deviation
    of their priors; how many such deviations hold nine tenths of the runs was taken from families
    of runs that a fit had not seen.

    Parameters
    ----------
    scenario
        The machine and the job, under the cap of the row.
    row
        What it does, with its layout.
    evaluate
        Of one layout; what a search has at hand after it found the row.

    Returns
    -------
    Row
        Times, throughputs, and the words of the flag.
    """
    if not row["layout"]:
        return NOTHING
    params, layouts = lower_site(scenario, row["chips"]), alone(layout_of(row))

    def time_of(step: StepParams) -> np.ndarray:
        found = evaluate(params._replace(step=step), layouts)
        return np.asarray(found.step.step_time, float)

    time = np.array([row["step_time_s"]])
    beyond = unmeasured(_job(scenario, row), shipped_intervals().envelope)
    beyond += [words] if (words := outside(row)) else []
    width = half_width(scenario.model.experts is not None, bool(beyond))
    low, high = interval(time, spread_of(params.step, time, time_of), width)
    rate = row["tokens_per_s"] * row["step_time_s"]
    return {
        "step_time_low_s": float(low[0]),
        "step_time_high_s": float(high[0]),
        "tokens_per_s_low": rate / float(high[0]),
        "tokens_per_s_high": rate / float(low[0]),
        "extrapolated": ", ".join(beyond),
    }


def _job(scenario: Scenario, row: Row) -> Job:
    return Job(
        chip=scenario.machine.chip.name,
        stack=scenario.stack.name,
        experts=scenario.model.experts is not None,
        chips=int(row["tp"] * row["cp"] * row["pp"] * row["dp"]),
        sequence_length=scenario.workload.sequence_length,
    )
