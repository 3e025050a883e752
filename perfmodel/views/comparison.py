"""A comparison of sites on the terminal, in files and as JSON."""

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import RenderableType
from rich.text import Text

from perfmodel.results.columns import COLUMNS, Column
from perfmodel.views.terminal import table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Rows = Sequence[Mapping[str, Any]]

TEXT_WIDTH = 100
"""Width of the closing paragraph. [character]"""

_SPEED = (
    "site",
    "batch",
    Column("chips_used", "", "chips in use"),
    COLUMNS["tokens_per_s"],
    COLUMNS["tokens_per_s_per_chip"],
    COLUMNS["mfu"],
    COLUMNS["step_time"],
    "x AI factory",
    "best layout",
)
_WHERE = (
    "site",
    "batch",
    "compute",
    "exposed communication",
    "bubble",
    "rest",
    "memory used",
    COLUMNS["site_power"],
    "PUE",
    COLUMNS["energy_per_token"],
)


def terminal_parts(
    sites: Rows, decomposition: Rows, conclusion: str, base: str
) -> list[RenderableType]:
    """Tables by workload, the decomposition and the closing paragraph.

    Parameters
    ----------
    sites
        Rows of the comparison.
    decomposition
        Factors of the ratio.
    conclusion
        Closing paragraph.
    base
        Name of the site that the ratio refers to.

    Returns
    -------
    list[RenderableType]
        Parts for :func:`perfmodel.views.terminal.show`.
    """
    parts: list[RenderableType] = []
    for workload in dict.fromkeys(row["workload"] for row in sites):
        rows = [row for row in sites if row["workload"] == workload]
        speed = [*_SPEED[:7], f"x {base}", _SPEED[8]]
        parts.append(table(workload, speed, [_speed(row) for row in rows]))
        parts.append(table("", _WHERE, [_where(row) for row in rows]))
    parts += _factors(decomposition)
    if conclusion:
        parts.append(Text(textwrap.fill(conclusion, TEXT_WIDTH)))
    return parts


def _batch(row: Mapping[str, Any]) -> str:
    tokens = row["batch_sequences"] * row["sequence_length"] / 1e6
    return f"{tokens:.1f} M" + (" grown" if row["rule"].startswith("batch grows") else "")


def _speed(row: Mapping[str, Any]) -> list[Any]:
    keys = ("tokens_per_s", "tokens_per_s_per_chip", "mfu", "step_time_s")
    ratio = f"{row['ratio']:.2f}" if row["ratio"] == row["ratio"] else "–"
    used = int(row["chips_used"]) if row["feasible"] else 0
    return [
        row["name"],
        _batch(row),
        used,
        *(row[key] for key in keys),
        ratio,
        row["layout"] or row["reason"],
    ]


def _share(row: Mapping[str, Any], kinds: Sequence[str]) -> str:
    if not row["feasible"]:
        return "–"
    return f"{sum(row[f'time_split_{kind}_s'] for kind in kinds) / row['step_time_s']:.0%}"


_GROUPS = (
    ("matrix", "attention", "elementwise", "recompute"),
    ("tensor", "context", "expert", "pipeline", "data"),
    ("bubble",),
    ("optimizer", "straggler", "overhead"),
)
"""Computation, exposed communication, bubble, rest."""


def _where(row: Mapping[str, Any]) -> list[Any]:
    memory = f"{row['memory_fraction']:.0%}" if row["feasible"] else "–"
    pue = f"{row['pue']:.2f}" if row["feasible"] else "–"
    shares = [_share(row, group) for group in _GROUPS]
    power = [row["site_power_w"], pue, row["energy_per_token_j"]]
    return [row["name"], _batch(row), *shares, memory, *power]


def _factors(decomposition: Rows) -> list[RenderableType]:
    """One table per batch rule: a line per cause, a column per workload."""
    parts: list[RenderableType] = []
    for rule in dict.fromkeys(row["rule"] for row in decomposition):
        rows = [row for row in decomposition if row["rule"] == rule]
        workloads = list(dict.fromkeys(row["workload"] for row in rows))
        factors = {(row["workload"], row["term"]): row["factor"] for row in rows}
        lines: list[list[Any]] = [
            [term, *(f"x {factors[workload, term]:.3f}" for workload in workloads)]
            for term in dict.fromkeys(row["term"] for row in rows)
        ]
        products = [_product(factors, workload) for workload in workloads]
        lines.append(["ratio", *(f"x {product:.3f}" for product in products)])
        parts.append(table(f"Why: {rule}", ["cause", *workloads], lines))
    return parts


def _product(factors: Mapping[tuple[str, str], float], workload: str) -> float:
    product = 1.0
    for (name, _), factor in factors.items():
        product *= factor if name == workload else 1.0
    return product


def columns_of(rows: Rows) -> dict[str, list[Any]]:
    """Rows as columns, in the order of the first row.

    Parameters
    ----------
    rows
        Mappings with the same keys.

    Returns
    -------
    dict[str, list[Any]]
        One list per key; empty without rows.
    """
    return {key: [row[key] for row in rows] for key in rows[0]} if rows else {}


def draw(
    sites: Mapping[str, Any],
    curves: Mapping[str, Any],
    decomposition: Mapping[str, Any],
    caption: str,
) -> dict[str, "Figure"]:
    """All figures of a comparison from its stored columns.

    Parameters
    ----------
    sites, curves, decomposition
        Columns as stored.
    caption
        Where the numbers come from.

    Returns
    -------
    dict[str, Figure]
        Figure by the stem of its file.
    """
    from perfmodel.views.figures import decomposition as factors
    from perfmodel.views.figures import power_split, scaling, time_split

    bars = {**sites, "site": _bar_names(sites)}
    workload = str(curves["workload"][0])
    figures = {
        "scaling": scaling.draw(curves, workload, caption),
        "time_split": time_split.draw(bars, caption),
        "power_split": power_split.draw(bars, caption),
    }
    for name in dict.fromkeys(map(str, decomposition.get("workload", []))):
        figures[f"decomposition_{name}"] = factors.draw(decomposition, name, caption)
    return figures


def _bar_names(sites: Mapping[str, Any]) -> list[str]:
    grown = [str(rule).startswith("batch grows") for rule in sites["rule"]]
    return [
        f"{name}, grown batch" if more else str(name)
        for name, more in zip(sites["name"], grown, strict=True)
    ]


def save_all(figures: Mapping[str, "Figure"], folder: Path) -> list[Path]:
    """Writes figures as PNG and SVG.

    Parameters
    ----------
    figures
        By stem.
    folder
        Where to.

    Returns
    -------
    list[Path]
        The files.
    """
    from perfmodel.views.figures.sheet import save

    return [path for stem, figure in figures.items() for path in save(figure, folder, stem)]

