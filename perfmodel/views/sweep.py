"""A sweep on the terminal: its axes, its best points, why others have no result."""

import math
from collections.abc import Mapping
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from perfmodel.config.units import text as unit_text
from perfmodel.results.columns import COLUMNS, Column
from perfmodel.views.quantities import MISSING, engineering, human
from perfmodel.views.terminal import table

_BEST = ("tokens_per_s", "mfu", "memory_fraction", "energy_per_token", "site_power")

SHOWN = 4
"""Values of an axis that a table shows at each end."""


def started_line(plan: Any) -> str:
    """One line that says what begins."""
    files = "1 file" if plan.chunks == 1 else f"{plan.chunks:,} files"
    how = "named layout" if plan.named else f"best layout of each by {plan.question.objective}"
    return f"sweep of {plan.points:,} points, {how}, {files}\n"


def axes_table(plan: Any) -> RenderableType:
    """Axes with their values."""
    rows = []
    for axis in plan.axes:
        for number, column in enumerate(axis.columns):
            values = [_value(column, place) for place in _ends(axis.size)]
            if axis.size > 2 * SHOWN:
                values.insert(SHOWN, "...")
            rows.append([column.path, f"{axis.size:,}" if not number else "", ", ".join(values)])
    return table("Axes", ["field", "values", ""], rows)


def _ends(size: int) -> list[int]:
    if size <= 2 * SHOWN:
        return list(range(size))
    return [*range(SHOWN), *range(size - SHOWN, size)]


def _value(column: Any, place: int) -> str:
    value = column.values[place].item()
    if not column.numeric:
        return value
    return unit_text(value, column.unit) if column.unit else f"{value:g}"


def sample_line(told: Mapping[str, Any]) -> str:
    """What a sweep would take, in words."""
    seconds, size = told["expected_s"], told["expected_bytes"]
    memory = told["memory_bytes"]
    held = f"; this process held {engineering(memory, 'B')}" if memory else ""
    return (
        f"{told['points']:,} points in {told['chunks']:,} files. Measured on "
        f"{told['sample_points']:,} of them, with all programs loaded: about {seconds:,.3g} s in "
        f"all and {engineering(size, 'B')} on disk{held}. Nothing was written."
    )


def best_table(plan: Any, found: Any) -> RenderableType:
    """Best points with what moves and the usual quantities."""
    title = f"{plan.question.workload} on {plan.question.site}, by {plan.question.objective}"
    if not found.best:
        return Text(f"{title}: no point is feasible")
    moving = [
        Column(column.path, column.unit, column.path.split(".", 1)[-1].replace("_", " "))
        for column in plan.columns
    ]
    heads = [*moving, "layout", *(COLUMNS[name] for name in _BEST)]
    rows = [
        [
            *(row[column.path] for column in plan.columns),
            row["layout"],
            *(row[COLUMNS[name].key] for name in _BEST),
        ]
        for row in found.best
    ]
    return table(title, heads, rows)


def reasons_table(found: Any) -> RenderableType:
    """Points without a result by reason."""
    if not found.reasons:
        return Text("Every point is feasible.")
    rows = [[reason, count] for reason, count in found.reasons.items()]
    return table("Infeasible points", ["reason", "points"], rows)


def best_so_far(column: Column, value: float) -> str:
    """The best value of the objective, in words."""
    if math.isnan(value):
        return "none feasible yet"
    label = column.label.lower() if column.label.isupper() else column.label
    return f"best {label} {human(value, column)}".replace(MISSING, "")
