"""Errors of a validation on the terminal: groups, the worst rows, the rows that were skipped."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from perfmodel.results.columns import Column
from perfmodel.views.quantities import MISSING, engineering, human
from perfmodel.views.terminal import table

WORST = 8
"""Rows with the largest errors that are listed."""

EXAMPLES = 3
"""Skipped rows that are named for each reason."""

ALL = "all rows"
"""Name of the line of all rows."""

FIGURES = (
    Column("rows", "", "rows"),
    Column("skipped", "", "skipped"),
    Column("mape", "", "MAPE", "%"),
    Column("median_ape", "", "median error", "%"),
    Column("bias", "", "bias", "%"),
    Column("p90_ape", "", "90 % of errors below", "%"),
    Column("pairwise_order", "", "order", "%"),
    Column("coverage_90", "", "in 90 % interval", "%"),
)
"""Figures of a group as a table shows them."""

_ALWAYS = 6
"""Figures that are shown though no group has one."""

_ERROR = Column("error", "", "error", "%")

Part = Mapping[str, Any]
"""A set, as the JSON answer has it under ``sets``."""


def terminal_parts(
    part: Part, rows: Sequence[Mapping[str, Any]], bounds: Mapping[str, str]
) -> list[RenderableType]:
    """Tables of one set.

    Parameters
    ----------
    part
        The set.
    rows
        Its rows, as the JSON answer has them under ``per_row``.
    bounds
        Text of the gate's bounds by group.

    Returns
    -------
    list[RenderableType]
        Parts for :func:`perfmodel.views.terminal.show`.
    """
    parts: list[RenderableType] = [_groups(part, bounds), Text(_summary(part))]
    parts += [_table(part, grouping) for grouping in part["tables"]]
    worst = _worst(row for row in rows if not row["apart"])
    if worst:
        parts.append(_worst_table(worst))
    if part["apart"]:
        parts.append(_apart(part))
    reasons = _by_reason(row for row in rows if not row["apart"])
    if reasons:
        parts.append(table("Skipped", ("reason", "rows", "such as"), reasons))
    if part["excluded"]:
        ruled_out = [list(item) for item in part["excluded"].items()]
        parts.append(table("Ruled out by the file", ("reason", "rows"), ruled_out))
    return parts


def _groups(part: Part, bounds: Mapping[str, str]) -> RenderableType:
    lines = [*part["groups"].items(), (ALL, part)]
    lines += [(f"{ALL}: {name}", figures) for name, figures in part["baselines"].items()]
    columns = [
        column
        for place, column in enumerate(FIGURES)
        if place < _ALWAYS or any(_exists(figures[column.name]) for _, figures in lines)
    ]
    bound = ["bound"] if bounds else []
    cells = [
        [
            name,
            *(figures[column.name] for column in columns),
            *(bounds.get("all" if name == ALL else name, "") for _ in bound),
        ]
        for name, figures in lines
    ]
    return table(part["title"], [part["by"], *columns, *bound], cells)


BESIDE = tuple(one for one in FIGURES if one.name in ("rows", "skipped", "mape", "bias"))
"""Figures of a group in the further tables."""


def _table(part: Part, grouping: str) -> RenderableType:
    """Errors by one more grouping, mean errors of simpler models on the same rows beside."""
    groups = part["tables"][grouping]
    others = [Column(name, "", f"MAPE, {name}", "%") for name in part["baselines"]]
    cells = [
        [
            name,
            *(figures[column.name] for column in BESIDE),
            *(figures["baselines"][column.name] for column in others),
        ]
        for name, figures in groups.items()
    ]
    return table(f"By {grouping}", [grouping, *BESIDE, *others], cells)


def _apart(part: Part) -> RenderableType:
    """Rows that do not count, and all rows with them."""
    lines = [*part["apart"].items(), (f"{ALL} with these", part["with_apart"])]
    cells = [[name, *(figures[column.name] for column in BESIDE)] for name, figures in lines]
    return table("Outside the errors", ["reason", *BESIDE], cells)


def _summary(part: Part) -> str:
    """Mean over families and what else a reader has to know."""
    families = part["families"]
    mean = f"Mean of {families} families: {human(part['macro_mape'], _ERROR)}." if families else ""
    return " ".join(filter(None, (mean, *part["notes"]))) or "No family has five judged rows."


def _worst(rows: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    judged = [row for row in rows if _exists(row["ape"])]
    return sorted(judged, key=lambda row: -row["ape"])[:WORST]


def _worst_table(rows: Sequence[Mapping[str, Any]]) -> RenderableType:
    cells = [
        [
            row["id"],
            row["group"],
            engineering(row["measured"], row["unit"]),
            engineering(row["predicted"], row["unit"]),
            row["predicted"] / row["measured"] - 1.0,
        ]
        for row in rows
    ]
    heads = ("row", "group", "measured", "predicted", _ERROR)
    return table("Largest errors", heads, cells)


def _by_reason(rows: Iterable[Mapping[str, Any]]) -> list[list[Any]]:
    """Reasons, the commonest first, with the number of rows and the first few."""
    found: dict[str, list[str]] = {}
    for row in rows:
        if row["skipped"]:
            found.setdefault(row["skipped"], []).append(row["id"])
    ordered = sorted(found.items(), key=lambda item: -len(item[1]))
    return [[reason, len(ids), ", ".join(ids[:EXAMPLES])] for reason, ids in ordered]


def _exists(value: Any) -> bool:
    return value is not None and math.isfinite(value)


def bound_text(bounds: Mapping[str, float]) -> str:
    """Bounds of one group as a cell shows them.

    Parameters
    ----------
    bounds
        Figure to its bound.

    Returns
    -------
    str
        Such as ``median_ape 12.0 %``.
    """
    return ", ".join(f"{name} {human(bound, _ERROR)}" for name, bound in bounds.items()) or MISSING
