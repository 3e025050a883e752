"""A comparison of sites on the terminal, in files and as JSON."""

import math
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import RenderableType
from rich.text import Text

from perfmodel.results.columns import COLUMNS, OUTCOME, Column
from perfmodel.views.quantities import MISSING, scale, three_digits
from perfmodel.views.terminal import table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Rows = Sequence[Mapping[str, Any]]

TEXT_WIDTH = 100
"""Width of the closing paragraph. [character]"""

_RESULT = (
    "site",
    "batch",
    Column("chips_used", "", "chips in use"),
    COLUMNS["tokens_per_s"],
    "90 % interval",
    COLUMNS["mfu"],
    COLUMNS["step_time"],
    COLUMNS["site_power"],
    Column("energy_per_token", "J", "per token", "J"),
)
_HOW = (
    "site",
    "batch",
    "best layout",
    "compute",
    "exposed comm.",
    "bubble",
    "rest",
    "memory used",
)


_POWER = (
    "site",
    "batch",
    *(Column(part, "W", part, "MW") for part in ("chips", "nodes", "network", "building")),
    COLUMNS["provisioned_power"],
    "PUE",
    "warmest month",
    "hottest 1 %",
)
_PARTS = {
    "chips": ("chips",),
    "nodes": ("hosts", "fans", "conversion"),
    "network": ("network",),
    "building": ("storage", "distribution", "cooling"),
}
"""Parts of the power that a table shows: nodes without their chips, building with storage."""


def terminal_parts(
    sites: Rows, explained: Mapping[str, Rows], conclusion: str, base: str
) -> list[RenderableType]:
    """Tables by workload, the decomposition and the closing paragraph.

    Parameters
    ----------
    sites
        Rows of the comparison.
    explained
        Factors of the ratio, "decomposition", and what the networks are worth, "network".
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
        result = [*_RESULT[:5], f"x {base}", *_RESULT[5:]]
        parts.append(table(workload, result, [_result(row) for row in rows]))
        parts.append(table("", _HOW, [_how(row) for row in rows]))
        parts.append(table("", _POWER, [_power(row) for row in rows]))
        parts.append(table("", _OUTCOME, [_outcome(row) for row in rows]))
        parts += _connections(rows)
    parts += _factors(explained["decomposition"])
    parts += _networks(explained["network"])
    if conclusion:
        parts.append(Text(textwrap.fill(conclusion, TEXT_WIDTH)))
    return parts


def _batch(row: Mapping[str, Any]) -> str:
    tokens = row["batch_sequences"] * row["sequence_length"] / 1e6
    return f"{tokens:.1f} M" + (" grown" if row["rule"].startswith("batch grows") else "")


def _result(row: Mapping[str, Any]) -> list[Any]:
    keys = ("mfu", "step_time_s", "site_power_w")
    ratio = f"{row['ratio']:.2f}" if row["ratio"] == row["ratio"] else "–"
    used = int(row["chips_used"]) if row["feasible"] else 0
    head = [row["name"], _batch(row), used, row["tokens_per_s"], _interval(row), ratio]
    return [*head, *(row[key] for key in keys), row["energy_per_token_j"]]


def _interval(row: Mapping[str, Any]) -> str:
    """Ends of the interval over the prediction, marked where no run like it was measured."""
    if not row["feasible"]:
        return "–"
    ends = (row[f"tokens_per_s_{end}"] / row["tokens_per_s"] - 1.0 for end in ("low", "high"))
    mark = "*" if row["extrapolated"] else ""
    return " ".join(f"{end:+.0%}" for end in ends) + mark


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


def _how(row: Mapping[str, Any]) -> list[Any]:
    memory = f"{row['memory_fraction']:.0%}" if row["feasible"] else "–"
    shares = [_share(row, group) for group in _GROUPS]
    return [row["name"], _batch(row), row["layout"] or row["reason"], *shares, memory]


def _power(row: Mapping[str, Any]) -> list[Any]:
    """Where the power goes, the PUE over the year, and what the grid connection does."""
    parts = [sum(row[f"power_split_{name}_w"] for name in names) for names in _PARTS.values()]
    year = ("pue", "pue_warmest_month", "pue_hottest_hours")
    return [
        row["name"],
        _batch(row),
        *parts,
        row["provisioned_power_w"],
        *(f"{row[key]:.3f}" if row[key] == row[key] else "–" for key in year),
    ]


_OUTCOME = (
    *("site", "batch", "useful time", "useful tokens/s", "EUR a million"),
    *("kg CO2 a million", "days to the loss"),
)


def _outcome(row: Mapping[str, Any]) -> list[Any]:
    """What failures leave, what a kept token costs, how long a loss takes: middle, low to high."""
    return [row["name"], _batch(row), *(_cased(row, name, size) for name, size in _CASED.items())]


_CASED = {
    "useful_share": 0.01,
    "useful_tokens_per_s": 1e6,
    "million_tokens": 1.0,
    "million_tokens_carbon": 1.0,
    "fixed_loss_time": scale(OUTCOME["fixed_loss_time"]).size,
}
"""Quantity to the unit in which a table shows it."""
_ENDINGS = {"useful_share": " %", "useful_tokens_per_s": " M"}


def _cased(row: Mapping[str, Any], name: str, size: float) -> str:
    keys = [OUTCOME[f"{name}{end}"].key for end in ("", "_low", "_high")]
    middle, low, high = (row[key] / size for key in keys)
    if not math.isfinite(middle):
        return MISSING
    ending = _ENDINGS.get(name, "")
    return f"{three_digits(middle)}{ending} ({three_digits(low)}-{three_digits(high)})"


def _connections(rows: Rows) -> list[RenderableType]:
    """A line per site whose grid connection binds: both ways to keep it, the one taken first."""
    bound = [row for row in rows if row["feasible"] and row["strategy"] != "within the limit"]
    return [Text(f"{row['name']}, batch {_batch(row)}: {_connection(row)}") for row in bound]


def _connection(row: Mapping[str, Any]) -> str:
    limit = row["power_limit_w"]
    ways = [
        (row["capped_tokens_per_s"], f"capped at {row['capped_power_cap_w']:.0f} W"),
        (row["dark_tokens_per_s"], f"{row['dark_chips']:,.0f} chips dark"),
    ]
    known = sorted((way for way in ways if way[0] == way[0]), reverse=True)
    told = "; ".join(f"{text}: {rate / 1e6:.3g} M/s" for rate, text in known)
    return f"the grid connection of {limit / 1e6:.4g} MW binds; {told}"


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


def _networks(rows: Rows) -> list[RenderableType]:
    """A line per property of the network and site: throughput over that at the first value."""
    if not rows:
        return []
    lines: list[list[Any]] = []
    for axis in dict.fromkeys(row["axis"] for row in rows):
        for name in dict.fromkeys(row["name"] for row in rows):
            line = [row for row in rows if row["axis"] == axis and row["name"] == name]
            cells = [_tried(row) for row in line] + [""] * (4 - len(line))
            lines.append([axis, name, *cells])
    heads = ["network", "site", "least", "", "", "most"]
    return [table(f"What the network is worth: {rows[0]['workload']}", heads, lines)]


def _tried(row: Mapping[str, Any]) -> str:
    rate = f"x {row['over_first']:.3f}" if row["over_first"] == row["over_first"] else "–"
    return f"{row['label']} {rate}{' *' if row['own'] else ''}"


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


TABLES = ("compare", "scaling", "decomposition", "network", "pue_year")
"""Stems of the stored tables of a comparison."""

SITE_FIGURES, OTHER_FIGURES = (
    ("time_split", "power_split"),
    ("scaling", "decomposition", "network", "pue_year"),
)
"""Stems of its figures: those that need the rows of the sites alone, and the others."""


def draw(stem: str, stored: Mapping[str, Mapping[str, Any]], caption: str) -> "Figure":
    """One figure of a comparison from its stored columns.

    Parameters
    ----------
    stem
        One of the figures.
    stored
        Columns by stem of their table.
    caption
        Where the numbers come from.

    Returns
    -------
    Figure
        The figure.
    """
    from perfmodel.views.figures import (
        decomposition,
        network_sensitivity,
        power_split,
        pue_year,
        scaling,
        time_split,
    )

    sites = stored["compare"]
    workload = str(sites["workload"][0])
    if stem == "scaling":
        return scaling.draw(stored["scaling"], workload, caption)
    if stem == "network":
        return network_sensitivity.draw(stored["network"], caption)
    if stem == "pue_year":
        return pue_year.draw(stored["pue_year"], caption)
    if stem == "decomposition":
        return decomposition.draw(stored["decomposition"], workload, caption)
    bars = {**sites, "site": _bar_names(sites)}
    return {"time_split": time_split, "power_split": power_split}[stem].draw(bars, caption)


def _bar_names(sites: Mapping[str, Any]) -> list[str]:
    grown = [str(rule).startswith("batch grows") for rule in sites["rule"]]
    return [
        f"{name}, grown batch" if more else str(name)
        for name, more in zip(sites["name"], grown, strict=True)
    ]


def draw_stored(folder: Path, stems: Sequence[str], caption: str) -> list[Path]:
    """Draws figures of a comparison from the Parquet files in a folder.

    Parameters
    ----------
    folder
        Where the tables are and the figures go.
    stems
        Which figures; one whose rows are missing is left out.
    caption
        Where the numbers come from.

    Returns
    -------
    list[Path]
        PNG and SVG of each figure.
    """
    from perfmodel.results.parquet import read
    from perfmodel.views.figures.sheet import save

    paths = {stem: folder / f"{stem}.parquet" for stem in TABLES}
    stored = {stem: read(path).rows for stem, path in paths.items() if path.exists()}
    first = stored["compare"]["workload"][0]
    explained = first in stored.get("decomposition", {}).get("workload", [])
    drawn = [stem for stem in stems if stem != "decomposition" or explained]
    return [path for stem in drawn for path in save(draw(stem, stored, caption), folder, stem)]
