"""Elasticities of a site on the terminal, and their figure from the stored table."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from perfmodel.config.units import text
from perfmodel.results.columns import COLUMNS, elasticity, slope
from perfmodel.views.quantities import human
from perfmodel.views.terminal import table

BOXES = "whole boxes"
"""Effect of figures that move whole switches and modules."""

STEPS = {"": 0.01, "s": 1e-6, "W": 1.0}
"""What figures at zero are told for, by their unit: one percentage point, microsecond or watt."""


def terminal_parts(found: Any, aims: Sequence[str], top: int) -> list[RenderableType]:
    """The figures that matter most, those at zero, and those without an effect.

    Parameters
    ----------
    found
        The answer.
    aims
        Quantities that were derived.
    top
        Lines of the table.

    Returns
    -------
    list[RenderableType]
        Parts for :func:`perfmodel.views.terminal.show`.
    """
    row = found.row
    title = f"{row['workload']} on {row['site']} ({row['chips']:,} chips)"
    if not found.rows:
        return [Text(f"{title}: {row['reason']}")]
    effective, zero = found.effective, found.at_zero
    head = f"{title}: {', '.join(_value(row, aim) for aim in aims)}; {row['layout']}, held"
    parts: list[RenderableType] = [Text(head), _elasticities(effective[:top], aims)]
    if len(effective) > top:
        parts.append(Text(f"{len(effective) - top} more have an effect: --top {len(effective)}."))
    parts += [Text(line) for line in _notes(found, effective[:top])]
    if zero:
        parts.append(_at_zero(row, zero, aims))
    parts.append(Text(f"No effect here ({len(found.idle)}): {', '.join(found.idle)}."))
    return parts


def _value(row: dict[str, Any], aim: str) -> str:
    return f"{COLUMNS[aim].label} {human(row[COLUMNS[aim].key], COLUMNS[aim])}"


def _elasticities(rows: Sequence[dict[str, Any]], aims: Sequence[str]) -> RenderableType:
    columns = ["hardware figure", "value", *(elasticity(aim).label for aim in aims), ""]
    cells = [
        [
            one["field"],
            one["text"],
            *(f"{one[elasticity(aim).key]:+z.4f}" for aim in aims),
            "*" if one["effect"] == BOXES else "",
        ]
        for one in rows
    ]
    return table("Elasticity: percent that each moves by one percent of a figure", columns, cells)


def _notes(found: Any, rows: Sequence[dict[str, Any]]) -> list[str]:
    lines = []
    if any(one["effect"] == BOXES for one in rows):
        lines.append(
            "* also moves the number of whole switches and optical modules, counted in the mean "
            "here; JSON and CSV have the slope between two of them, too."
        )
    if not found.row["feasible"]:
        lines.append("The layout does not fit in memory.")
    if found.above_limit:
        lines.append("The site draws more than its grid connection carries: left aside here.")
    return lines


def _at_zero(
    row: dict[str, Any], rows: Sequence[dict[str, Any]], aims: Sequence[str]
) -> RenderableType:
    """Figures without an elasticity: what a hundredth of a share, or of their unit, does."""
    columns = ["figure at zero", "grows to", *(COLUMNS[aim].label for aim in aims)]
    cells = [
        [one["field"], text(STEPS[one["unit"]], one["unit"])]
        + [f"{_change(row, one, aim):+z.3%}" for aim in aims]
        for one in rows
    ]
    return table("Figures at zero", columns, cells)


def _change(row: dict[str, Any], one: dict[str, Any], aim: str) -> float:
    return one[slope(aim).key] * STEPS[one["unit"]] / row[COLUMNS[aim].key]


def draw_stored(folder: Path, aims: Sequence[str], top: int, caption: str) -> list[Path]:
    """Draws the figure from its table.

    Parameters
    ----------
    folder
        Where the table is and the figure goes.
    aims
        Quantities, one panel each.
    top
        Bars at most.
    caption
        Where the numbers come from.

    Returns
    -------
    list[Path]
        PNG and SVG.
    """
    from perfmodel.results.parquet import read
    from perfmodel.views.figures import tornado
    from perfmodel.views.figures.sheet import save

    rows = read(folder / "sensitivity.parquet").rows
    return save(tornado.draw(rows, aims, top, caption), folder, "sensitivity")
