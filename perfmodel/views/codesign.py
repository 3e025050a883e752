"""A design under budgets on the terminal: the way, what stopped it, the command that gives it."""

from typing import Any

from rich.console import RenderableType
from rich.text import Text

from perfmodel.config.units import text
from perfmodel.results.columns import COLUMNS, Column
from perfmodel.views.quantities import human
from perfmodel.views.terminal import table

_PATH = ("tokens_per_s", "energy_per_token", "site_power")

MOST_SHOWN = 5
"""Steps beside the start that a terminal has room for."""

KINK = 0.05
"""Share of the slope that is worth a word where nothing explains it."""

MEGA = 1e6
"""One more megawatt is told, not one more watt."""


def terminal_parts(design: Any, told: dict[str, Any]) -> list[RenderableType]:
    """Path, figures, budgets, and the overrides.

    Parameters
    ----------
    design
        The question.
    told
        The answer, as JSON has it.

    Returns
    -------
    list[RenderableType]
        Parts for :func:`perfmodel.views.terminal.show`.
    """
    parts: list[RenderableType] = [_path(design, told), _layouts(told), _figures(told)]
    return parts + [Text(line) for line in _stops(told)]


def _path(design: Any, told: dict[str, Any]) -> RenderableType:
    """One column per step: the start and the last ones."""
    steps = told["steps"]
    shown = [*steps[:1], *steps[1:][-MOST_SHOWN:]]
    key = COLUMNS[design.objective].key
    over = [f"{row[key] / steps[0][key] - 1.0:+z.2%}" for row in shown]
    lines: list[list[str]] = [
        [COLUMNS[name].label, *(human(row[COLUMNS[name].key], COLUMNS[name]) for row in shown)]
        for name in _PATH
    ]
    lines.insert(1, [f"{COLUMNS[design.objective].label} over the start", *over])
    lines += [[one.name, *(one.text(row[one.name]) for row in shown)] for one in design.figures]
    title = f"{told['workload']} on {told['site']} ({told['chips']:,} chips)"
    return table(title, ["step", *(str(row["step"]) for row in shown)], lines)


def _layouts(told: dict[str, Any]) -> RenderableType:
    """The layout of each step where it is another one."""
    lines, last = [], ""
    for row in told["steps"]:
        if row["layout"] != last:
            last = row["layout"]
            lines.append(f"Layout from step {row['step']}: {last}")
    return Text("\n".join(lines))


def _figures(told: dict[str, Any]) -> RenderableType:
    columns = ["figure", "start", "design", "lowest", "highest", "1 % beyond its bound gains"]
    cells = [
        [
            row["field"],
            *(_shown(row[key], row["unit"]) for key in ("start", "value", "lowest", "highest")),
            f"{0.01 * abs(row['elasticity']):.3%}" if row["at"] else "",
        ]
        for row in told["bounds"]
    ]
    return table("Figures of the design", columns, cells)


def _shown(value: float, unit: str) -> str:
    return text(value, unit) if unit else f"{value:.6g}"


def _stops(told: dict[str, Any]) -> list[str]:
    """What holds the design back, in sentences."""
    lines = [_budget(told, row) for row in told["budgets"]]
    at = [f"{row['field']} at its {row['at']}" for row in told["bounds"] if row["at"]]
    if at:
        lines.append(f"Stopped by bounds: {', '.join(at)}.")
    if told["memory_elasticity"] > 0.0:
        more = f"{0.01 * told['memory_elasticity']:.3%}"
        lines.append(f"The layout fills the memory: 1 % more at no price would gain {more}.")
    if not at and not any(row["reached"] for row in told["budgets"]):
        lines.append("Neither a bound nor a budget stops the design.")
    if told["unexplained"] > KINK:
        share = f"{told['unexplained']:.0%}"
        lines.append(
            f"At a kink: neither bounds nor budgets explain {share} of the slope there, which "
            "changes on the way to other figures or to another layout."
        )
    if not told["converged"]:
        lines.append("Not converged: more steps would gain more.")
    return lines


def _budget(told: dict[str, Any], row: dict[str, Any]) -> str:
    spent, limit = (_shown(row[key], row["unit"]) for key in ("spent", "limit"))
    if not row["reached"]:
        return f"Budget {row['budget']}: {spent} of {limit}, not reached."
    column = COLUMNS[told["objective"]]
    unit, size = ("MW", MEGA) if row["unit"] == "W" else (f"{row['unit']} for each chip", 1.0)
    sign = "+" if told["objective"] == "tokens_per_s" else "-"
    gain = row["worth"] * size
    share = gain / told["design"][column.key]
    worth = f"one more {unit} is worth {sign}{human(gain, Column('', column.unit, ''))}"
    return f"Budget {row['budget']}: {spent} of {limit}, reached; {worth} ({sign}{share:.3%})."
