"""Throughput and energy of one job against the cap of its chips, and the most efficient cap."""

from collections.abc import Sequence

import numpy as np

from perfmodel.config.schema.scenario import Scenario
from perfmodel.engine.run import evaluate_few
from perfmodel.lowering.site import lower_site
from perfmodel.spaces.layouts import alone
from perfmodel.studies.best_layout import Row, layout_of, metrics
from perfmodel_kernels.layout import Layout
from perfmodel_kernels.site import SiteParams

POINTS = 41
"""Caps of a curve."""

LEAST_SHARE = 0.3
"""Lowest cap of a curve over the design power; estimate: vendors admit about 200 of 700 W."""


def with_cap(scenario: Scenario, cap: float) -> Scenario:
    """The same job on the same machine, its chips under another cap.

    Parameters
    ----------
    scenario
        The machine and the job.
    cap
        Cap of a chip or module. [W]

    Returns
    -------
    Scenario
        Not checked against the highest cap again.
    """
    machine = scenario.machine
    power = machine.chip.power.model_copy(update={"power_cap": cap})
    chip = machine.chip.model_copy(update={"power": power})
    return scenario.model_copy(update={"machine": machine.model_copy(update={"chip": chip})})


def at_cap(params: SiteParams, layout: Layout, cap: float) -> Row:
    """One layout with all chips under a cap.

    Parameters
    ----------
    params
        Site and job.
    layout
        How the job is spread.
    cap
        Cap of a chip or module. [W]

    Returns
    -------
    Row
        Metrics by column key, and the cap.
    """
    power = params.step.power._replace(cap=cap)
    capped = params._replace(step=params.step._replace(power=power))
    return metrics(evaluate_few(capped, alone(layout))) | {"power_cap_w": cap}


def least_cap(scenario: Scenario) -> float:
    """Lowest cap of a curve, clear of what a chip draws at rest.

    Parameters
    ----------
    scenario
        The machine.

    Returns
    -------
    float
        Cap. [W]
    """
    power = scenario.machine.chip.power
    rest = power.idle + (power.host or 0.0)
    return max(LEAST_SHARE * power.tdp, 1.25 * rest)


def cap_curve(scenario: Scenario, row: Row) -> list[Row]:
    """Metrics over the caps that a chip admits, with the layout of one estimate.

    Parameters
    ----------
    scenario
        The machine and the job.
    row
        Its estimate; the layout is kept.

    Returns
    -------
    list[Row]
        Rising caps; the most efficient one is marked in `efficient`.
    """
    power = scenario.machine.chip.power
    params, layout = lower_site(scenario, row["chips"]), layout_of(row)
    caps = np.linspace(least_cap(scenario), power.highest_cap or power.tdp, POINTS)
    rows = [at_cap(params, layout, float(cap)) for cap in caps]
    best = efficient(rows)
    return [row | {"efficient": row is best} for row in rows]


def efficient(rows: Sequence[Row]) -> Row:
    """The row of a curve that spends least energy on a token.

    Parameters
    ----------
    rows
        Rows of a curve.

    Returns
    -------
    Row
        The most efficient one.
    """
    return min(rows, key=lambda row: row["energy_per_token_j"])
