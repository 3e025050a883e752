"""The best layout of one job on one machine, as a row of results."""

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import numpy as np

from perfmodel.config.schema.scenario import Scenario
from perfmodel.engine.run import evaluate_few, wanted_few
from perfmodel.engine.search import Limits, search, wanted_search
from perfmodel.engine.store import make_ready
from perfmodel.lowering.fabric_power import fabric_boxes
from perfmodel.lowering.layout import describe, lower_layout
from perfmodel.lowering.precision import format_on
from perfmodel.lowering.site import lower_site
from perfmodel.results.columns import SITE, STEP, TIME_SPLIT, Column
from perfmodel.spaces.layouts import USUAL, WIDE, Axes, alone
from perfmodel.spaces.legality import Job
from perfmodel.spaces.space import Block, Space, blocks, space
from perfmodel_kernels.layout import Layout
from perfmodel_kernels.site import Evaluation, SiteParams

Row = dict[str, Any]
"""Values by column key, SI units."""

NO_LAYOUT = "no legal layout: model, batch and chips do not divide"
OUT_OF_MEMORY = "out of memory on every legal layout"
NAMED_OUT_OF_MEMORY = "out of memory"


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
        expert_ffn=model.experts.ffn if model.experts else 0,
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
    layouts, shapes = generated(job(scenario, chips, batch), axes)
    found = search(params, layouts, Limits(bounded=True), shapes)
    best = found.best["throughput"]
    if not len(best.score):
        return labels | _nothing(OUT_OF_MEMORY if found.points else NO_LAYOUT, found.points)
    counts = {"points": found.points, "feasible_points": found.feasible}
    return labels | layout_row(best.evaluation, best.layouts.row(0)) | counts


def make_searches_ready(scenario: Scenario, axes: Axes | None = None) -> None:
    """Loads or compiles at once what best rows with error bars need.

    Parameters
    ----------
    scenario
        A machine and a job like those whose layouts will be searched.
    axes
        Values of the layout's axes.
    """
    params = lower_site(scenario)
    asked = job(scenario, scenario.machine.chips, scenario.workload.batch.sequences)
    make_ready(wanted_search(params, space(asked, axes)), wanted_few(params))


def _named(params: SiteParams, layout: Layout) -> Row:
    """A layout that the user chose is evaluated even where it does not fit in memory."""
    row = layout_row(evaluate_few(params, alone(layout)), layout)
    fits = row["memory_fraction"] <= 1.0
    reason = "" if fits else NAMED_OUT_OF_MEMORY
    marks = {"feasible": fits, "feasible_points": int(fits), "reason": reason}
    return row | {"points": 1} | marks


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


def layout_row(evaluation: Evaluation, layout: Layout, place: int = 0) -> Row:
    """One feasible point of an evaluation with its layout, by column key.

    Parameters
    ----------
    evaluation
        Arrays of points.
    layout
        That of the point.
    place
        Which point.

    Returns
    -------
    Row
        Every known quantity, degrees and texts.
    """
    degrees = {name: _whole(float(value)) for name, value in layout._asdict().items()}
    row = metrics(evaluation, place)
    row["bottleneck"] = list(TIME_SPLIT.values())[int(row["bottleneck"])]
    row["reason"] = ""
    row["batch_sequences"] = degrees["micro_batch"] * degrees["micro_batches"] * degrees["dp"]
    return row | {"layout": describe(layout)} | degrees | {"feasible": True}


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


def metrics(evaluation: Evaluation, place: int = 0) -> Row:
    """One point of an evaluation by column key.

    Parameters
    ----------
    evaluation
        Arrays of points.
    place
        Which point.

    Returns
    -------
    Row
        Every known quantity.
    """
    return {
        column.key: float(np.asarray(value_of(evaluation, column))[place])
        for column in (*STEP, *SITE)
    }


def value_of(evaluation: Evaluation, column: Column) -> Any:
    """The field of an evaluation that a column holds.

    Parameters
    ----------
    evaluation
        Arrays of points.
    column
        One of a step or a site.

    Returns
    -------
    Any
        Its array.
    """
    value: Any = evaluation.step if column in STEP else evaluation.site
    for name in column.name.split("."):
        value = getattr(value, name)
    return value


def generated(asked: Job, axes: Axes | None) -> tuple[Space, Iterable[Block]]:
    """Layouts of a job, generated once for all sites that it runs on where they are few.

    Parameters
    ----------
    asked
        Counts.
    axes
        Values of the layout's axes.

    Returns
    -------
    tuple[Space, Iterable[Block]]
        The space and its shapes.
    """
    if axes in (USUAL, WIDE):  # tens of millions of shapes: more than memory should hold
        found = space(asked, axes)
        return found, blocks(found)
    return _held(asked, axes)


@lru_cache(maxsize=4)
def _held(asked: Job, axes: Axes | None) -> tuple[Space, list[Block]]:
    found = space(asked, axes)
    return found, list(blocks(found))


def _nothing(reason: str, points: int) -> Row:
    numbers = {column.key: float("nan") for column in (*STEP, *SITE)}
    degrees = dict.fromkeys(Layout._fields, 0)
    texts = {"layout": "", "bottleneck": "", "reason": reason, "feasible": False}
    return numbers | degrees | texts | {"points": points, "feasible_points": 0}
