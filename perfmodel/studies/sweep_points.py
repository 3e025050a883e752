"""Points of a sweep as rows: many at a time where the layout is named, else a search for each."""

from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from perfmodel.config.faults import Faults
from perfmodel.engine.points import evaluate_points
from perfmodel.engine.run import Form
from perfmodel.engine.search import Limits, search
from perfmodel.lowering.lanes import Lanes
from perfmodel.lowering.layout import describe
from perfmodel.lowering.scenarios import (
    Group,
    layout_columns,
    lower_scenarios,
    spread,
    vectors_of,
)
from perfmodel.lowering.site import lower_site
from perfmodel.results.columns import SITE, STEP, TIME_SPLIT
from perfmodel.spaces.layouts import AXES
from perfmodel.spaces.legality import OUT_OF_MEMORY, REASONS, RULES, Job, broken
from perfmodel.spaces.space import blocks, space
from perfmodel.studies.best_layout import NO_LAYOUT, generated, job, layout_row, value_of
from perfmodel.studies.best_layout import OUT_OF_MEMORY as NOWHERE_FITS
from perfmodel.studies.bounds import Bounds, parse_bounds
from perfmodel.studies.legality import FILLED
from perfmodel.studies.power_limit import limit_of, limited_row
from perfmodel.studies.sweep_plan import Plan
from perfmodel.studies.uncertainty import NOTHING, error_bars
from perfmodel_kernels.layout import Layout

Columns = dict[str, NDArray[Any]]
"""Values by column key, one per point."""

NUMBERS = tuple(
    column for column in (*STEP, *SITE) if column.name not in ("bottleneck", "reason", "feasible")
)
"""Outputs that are numbers."""

DEGREES = Layout._fields


def sweep_columns(plan: Plan, start: int, stop: int) -> Columns:
    """Evaluates points of a sweep.

    Parameters
    ----------
    plan
        The sweep.
    start, stop
        First point, and the one behind the last.

    Returns
    -------
    Columns
        Number of the point, what moves, and every output; NaN where there is none.
    """
    values = plan.values(start, stop)
    count = stop - start
    columns = {"point": np.arange(start, stop), **values} | _empty(count)
    columns |= {} if plan.named else _no_bars(count)
    own = _named if plan.named else _searched
    texts = [column.path for column in plan.columns if not column.numeric]
    for chosen in _alike([values[path] for path in texts], count):
        first = int(chosen[0])
        moved = {path: column[chosen] for path, column in values.items() if path not in texts}
        variant = [f"{path}={values[path][first]}" for path in texts]
        for places, found in own(plan, variant, moved, len(chosen)):
            for key, column in found.items():
                columns[key][chosen[places]] = column
    return columns


def _empty(count: int) -> Columns:
    nan = np.full(count, np.nan, np.float32)
    return {
        "feasible": np.zeros(count, bool),
        "reason": np.full(count, "", object),
        "layout": np.full(count, "", object),
        "batch_sequences": np.zeros(count, np.int64),
        "layouts": np.zeros(count, np.int64),
        **{name: np.full(count, np.nan, np.float32) for name in DEGREES},
        "bottleneck": np.full(count, "", object),
        **{column.key: nan.copy() for column in NUMBERS},
    }


def _no_bars(count: int) -> Columns:
    """Error bars before they are known; a named layout has none, which would take five times as
    long.
    """
    texts = {key: np.full(count, "", object) for key, none in NOTHING.items() if none == ""}
    numbers = {key: np.full(count, np.nan, np.float32) for key in NOTHING if key not in texts}
    return numbers | texts


def _alike(texts: list[NDArray[Any]], count: int) -> list[NDArray[np.int64]]:
    """Points with the same names, in the order of the first of each."""
    if not texts:
        return [np.arange(count)]
    codes = np.stack([np.unique(column, return_inverse=True)[1] for column in texts])
    _, first, inverse = np.unique(codes, axis=1, return_index=True, return_inverse=True)
    order = np.argsort(first)
    return [np.flatnonzero(inverse.ravel() == kind) for kind in order]


def _named(plan: Plan, variant: list[str], moved: Columns, count: int) -> Any:
    """Points with the layout that the user names."""
    columns = {column.path: column for column in plan.columns}
    texts = [f"{path}={columns[path].text(0)}" for path in moved]
    try:
        scenario = plan.resolved((*variant, *texts))
    except Faults as error:
        yield np.arange(count), {"reason": str(error.faults[0])}
        return
    groups = lower_scenarios(scenario, moved, count, plan.question.partition)
    bounds = parse_bounds(plan.question.where)
    whole = []
    for group in groups:
        if group.problem:
            yield group.chosen, {"reason": group.problem}
        else:
            whole.append((group, *_legal(group)))
    yield from _evaluated(whole, bounds)


def _legal(group: Group) -> tuple[Columns, NDArray[Any]]:
    """Layouts of a group, and the first rule that each breaks, as text."""
    scenario, count = group.scenario, len(group.chosen)
    layouts = layout_columns(group)
    asked = job(scenario, scenario.machine.chips, scenario.workload.batch.sequences)
    moving = {
        name: spread(value, count)
        for name, value in asked._asdict().items()
        if isinstance(value, Lanes)
    }
    kept = FILLED if scenario.layout.dp == "fill" else ()
    rules = tuple(rule for rule in RULES if not rule.advice and rule.code not in kept)
    at = {name: np.round(column, 9) for name, column in layouts.items()}
    places = broken(rules, at, Job(**{**asked._asdict(), **moving}))
    return layouts, np.array([*(rule.reason for rule in rules), ""], object)[places]


def _evaluated(groups: list[tuple[Group, Columns, NDArray[Any]]], bounds: Bounds) -> Any:
    """All legal points of some groups in one call."""
    if not groups:
        return
    chosen = np.concatenate([group.chosen for group, _, _ in groups])
    reasons = np.concatenate([reason for _, _, reason in groups])
    layouts = {
        name: np.concatenate([columns[name] for _, columns, _ in groups]) for name in DEGREES
    }
    vectors = np.concatenate([vectors_of(group) for group, _, _ in groups], axis=1)
    found = evaluate_points(_form(groups[0][0]), vectors)
    numbers = {column.key: np.asarray(value_of(found, column)) for column in NUMBERS}
    parts = np.array(list(TIME_SPLIT.values()), object)
    fits = numbers["memory_fraction"] <= 1.0
    reasons = np.where((reasons == "") & ~fits, REASONS[OUT_OF_MEMORY], reasons)
    reasons = np.where((reasons == "") & ~_within(bounds, layouts | numbers), OUTSIDE, reasons)
    legal = (reasons == "") | (reasons == REASONS[OUT_OF_MEMORY]) | (reasons == OUTSIDE)
    blank = {key: np.where(legal, column, np.nan) for key, column in numbers.items()}
    yield (
        chosen,
        {
            "feasible": reasons == "",
            "reason": reasons,
            "layouts": legal.astype(np.int64),
            "layout": _described(layouts),
            "batch_sequences": layouts["dp"] * layouts["micro_batch"] * layouts["micro_batches"],
            "bottleneck": np.where(legal, parts[np.asarray(found.step.bottleneck, int)], ""),
            **layouts,
            **blank,
        },
    )


OUTSIDE = "outside the conditions"
"""Reason of a point that does not meet what `--where` asks."""


def _within(bounds: Bounds, columns: Columns) -> NDArray[np.bool_]:
    keep = np.ones(len(next(iter(columns.values()))), bool)
    for need in bounds.conditions:
        keep &= np.asarray(need.holds(columns[need.key], need.limit))  # type: ignore[arg-type]
    return keep


def _form(group: Group) -> Form:
    leaves, tree = jax.tree.flatten(group.point)
    return Form(tree, tuple(() if isinstance(leaf, Lanes) else np.shape(leaf) for leaf in leaves))


def _described(layouts: Columns) -> NDArray[Any]:
    """One line per layout, each kind of layout written once."""
    table = np.stack([layouts[name] for name in DEGREES])
    same = (table == table[:, :1]).all()
    kinds, inverse = (table[:, :1], np.zeros(table.shape[1], int)) if same else np.unique(
        table, axis=1, return_inverse=True
    )  # fmt: skip
    texts = np.array([describe(Layout(*kind)) for kind in kinds.T.tolist()], object)
    return texts[np.ravel(inverse)]


def _searched(plan: Plan, variant: list[str], moved: Columns, count: int) -> Any:
    """The best layout of each point."""
    columns = {column.path: column for column in plan.columns}
    for number in range(count):
        texts = [
            columns[path]._replace(values=own[number : number + 1]).text(0)
            for path, own in moved.items()
        ]
        own = [f"{path}={text}" for path, text in zip(moved, texts, strict=True)]
        yield np.array([number]), _best(plan, (*variant, *own))


def _best(plan: Plan, texts: tuple[str, ...]) -> dict[str, Any]:
    """The best layout of one point, under the grid connection of its site."""
    question = plan.question
    try:
        scenario = plan.resolved(texts)
    except Faults as error:
        return {"reason": str(error.faults[0])}
    axes = AXES[question.space]
    if question.objective == "throughput" and not question.where:
        row = limited_row(scenario, axes=axes).row
        row |= {"layouts": row["points"]}
        return {key: row[key] for key in (*_empty(0), *NOTHING)}
    bounds = parse_bounds(question.where)
    asked = job(scenario, scenario.machine.chips, scenario.workload.batch.sequences)
    layouts, shapes = generated(asked, axes)
    if question.where:
        layouts = space(asked, axes, bounds.kept)
        shapes = blocks(layouts)
    limits = Limits(limit_of(scenario), (), *bounds.columns())
    found = search(lower_site(scenario), layouts, limits, shapes)
    best = found.best[question.objective]
    if not len(best.score):
        return {"reason": NOWHERE_FITS if found.points else NO_LAYOUT, "layouts": found.points}
    row = layout_row(best.evaluation, best.layouts.row(0)) | {"layouts": found.points}
    row |= error_bars(scenario, row | {"chips": scenario.machine.chips})
    return {key: row[key] for key in (*_empty(0), *NOTHING)}
