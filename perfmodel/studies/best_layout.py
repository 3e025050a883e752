"""The best layout of one job on one machine, as a row of results."""

from typing import Any

import numpy as np

from perfmodel.config.schema.scenario import Scenario
from perfmodel.engine.bounded import search_modes
from perfmodel.engine.run import Best, search
from perfmodel.lowering.fabric_power import fabric_boxes
from perfmodel.lowering.layout import describe, lower_layout
from perfmodel.lowering.precision import format_on
from perfmodel.lowering.site import lower_site
from perfmodel.results.columns import SITE, STEP, TIME_SPLIT
from perfmodel.search.layouts import Axes, Job, Layouts, enumerate_degrees, modes
from perfmodel_kernels.layout import Layout
from perfmodel_kernels.site import Evaluation, SiteParams

Row = dict[str, Any]
"""Values by column key, SI units."""

NO_LAYOUT = "no legal layout: model, batch and chips do not divide"
OUT_OF_MEMORY = "out of memory on every legal layout"
NAMED_OUT_OF_MEMORY = "out of memory"

ROOMY = 1e15
"""Memory in which every layout fits. [B]"""


def job(scenario: Scenario, chips: int, batch: int) -> Job:
    """What decides which layouts are legal.

    Parameters
    ----------
    scenario
        The machine and the job.
    chips
        Chips to use at most.
    batch
        Global batch. [sequences]

    Returns
    -------
    Job
        Counts.
    """
    model, workload = scenario.model, scenario.workload
    return Job(
        layers=model.layers,
        heads=model.attention.heads,
        kv_heads=model.attention.kv_heads,
        experts=model.experts.count if model.experts else 0,
        sequence_length=workload.sequence_length,
        batch=batch,
        tolerance=workload.batch.tolerance,
        chips=chips,
        domain=scenario.machine.chip.scaleup.domain,
        fused=scenario.stack.fused_attention,
    )


def best_row(
    scenario: Scenario,
    chips: int | None = None,
    batch: int | None = None,
    axes: Axes | None = None,
) -> Row:
    """Best layout by throughput, or the one that the scenario names.

    Parameters
    ----------
    scenario
        The machine and the job.
    chips
        Chips of the machine; its own number when not given.
    batch
        Global batch; the workload's when not given. [sequences]
    axes
        Values of the layout's axes.

    Returns
    -------
    Row
        Metrics, layout and labels; without a feasible layout the metrics are NaN.
    """
    chips = chips or scenario.machine.chips
    batch = batch or scenario.workload.batch.sequences
    params = lower_site(scenario, chips)
    labels = _labels(scenario, chips, batch)
    if scenario.layout is not None:
        named = lower_layout(scenario.layout, chips, batch, scenario.model.layers)
        return labels | _named(params, named)
    asked, axes = job(scenario, chips, batch), axes or Axes()
    best = search_modes(params, enumerate_degrees(asked, axes), modes(asked, axes))
    if not len(best.score):
        return labels | _nothing(OUT_OF_MEMORY if best.points else NO_LAYOUT, best.points)
    return labels | _row(best)


def _named(params: SiteParams, layout: Layout) -> Row:
    """A layout that the user chose is evaluated even where it does not fit in memory."""
    capacity = params.step.capacity
    roomy = params._replace(step=params.step._replace(capacity=ROOMY))
    row = _row(search(roomy, Layouts(*(np.array([value], float) for value in layout))))
    share = row["memory_bytes"] / capacity
    fits = share <= 1.0
    reason = "" if fits else NAMED_OUT_OF_MEMORY
    marks = {"feasible": fits, "feasible_points": int(fits), "reason": reason}
    return row | {"memory_fraction": share} | marks


def _labels(scenario: Scenario, chips: int, batch: int) -> Row:
    machine = scenario.machine
    boxes = fabric_boxes(machine, chips)
    return {
        "site": machine.site.name,
        "workload": scenario.workload.name,
        "chip": machine.chip.name,
        "stack": scenario.stack.name,
        "precision": format_on(machine.chip, scenario.workload).name,
        "chips": chips,
        "batch_sequences": batch,
        "sequence_length": scenario.workload.sequence_length,
        "switches": boxes.switches,
        "optical_modules": boxes.optics,
    }


def _row(best: Best) -> Row:
    layout = best.layouts.row(0)
    degrees = {name: _whole(float(value)) for name, value in layout._asdict().items()}
    row = metrics(best.evaluation)
    row["bottleneck"] = list(TIME_SPLIT.values())[int(row["bottleneck"])]
    row["reason"] = ""
    row["batch_sequences"] = degrees["micro_batch"] * degrees["micro_batches"] * degrees["dp"]
    counts = {"points": best.points, "feasible_points": best.feasible}
    return row | {"layout": describe(layout)} | degrees | counts | {"feasible": True}


def _whole(value: float) -> int | float:
    """A count as a whole number, a share as it is."""
    return int(value) if value.is_integer() else value


def layout_of(row: Row) -> Layout:
    """Degrees of a row as a layout.

    Parameters
    ----------
    row
        A row with a layout.

    Returns
    -------
    Layout
        Numbers.
    """
    return Layout(*(float(row[name]) for name in Layout._fields))


def metrics(evaluation: Evaluation) -> Row:
    """First point of an evaluation by column key.

    Parameters
    ----------
    evaluation
        Arrays of points.

    Returns
    -------
    Row
        Every known quantity.
    """
    row: Row = {}
    for columns, source in ((STEP, evaluation.step), (SITE, evaluation.site)):
        for column in columns:
            value: Any = source
            for name in column.name.split("."):
                value = getattr(value, name)
            row[column.key] = float(np.asarray(value)[0])
    return row


def _nothing(reason: str, points: int) -> Row:
    numbers = {column.key: float("nan") for column in (*STEP, *SITE)}
    degrees = dict.fromkeys(Layout._fields, 0)
    texts = {"layout": "", "bottleneck": "", "reason": reason, "feasible": False}
    return numbers | degrees | texts | {"points": points, "feasible_points": 0}
