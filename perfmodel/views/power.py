"""Power of a job on a site on the terminal, and its figures from the stored tables."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from perfmodel.config.units import text
from perfmodel.results.columns import COLUMNS, POWER, POWER_SPLIT, Column
from perfmodel.views.quantities import human
from perfmodel.views.terminal import facts, split, table

Row = Mapping[str, Any]

EXTRA = {column.name: column for column in POWER}
_HEAD = (
    *("step_time", "tokens_per_s", "mfu", "clock_ratio", "chip_power", "site_power"),
    *("it_power", "provisioned_power", "pue", "energy_per_token"),
)
_STRATEGY = (
    "strategy",
    EXTRA["power_cap"],
    Column("lit", "", "chips switched on"),
    COLUMNS["tokens_per_s"],
    COLUMNS["energy_per_token"],
    COLUMNS["site_power"],
    "layout",
)
_HOLDS = (
    "site",
    Column("chips", "", "chips, mean power"),
    Column("chips_provisioned", "", "chips, rated power"),
    COLUMNS["site_power"],
    COLUMNS["tokens_per_s"],
    COLUMNS["mfu"],
    COLUMNS["energy_per_token"],
)


def terminal_parts(found: Any) -> list[RenderableType]:
    """Estimate, split, strategies, efficient cap, year and connections.

    Parameters
    ----------
    found
        The answer.

    Returns
    -------
    list[RenderableType]
        Parts for :func:`perfmodel.views.terminal.show`.
    """
    row = found.limited.row
    title = f"{row['workload']} on {row['site']} ({row['chips']:,} chips)"
    if not row["layout"]:
        parts: list[RenderableType] = [Text(f"{title}: {row['reason']}")]
    else:
        columns = [Column("layout", "", "layout"), *(COLUMNS[name] for name in _HEAD)]
        parts = [facts(title, [""], columns, [row]), _split(row)]
    parts += [Text(" ".join(lines)) for lines in [_surroundings(row)] if lines]
    parts += limit_parts(found.limited.free, found.limited.strategies)
    parts += [Text(line) for line in _efficient(found.curve)]
    parts += [_year(found.year), *_holds(found.holds)]
    return parts


def _surroundings(row: Row) -> list[str]:
    """Water and heat, where the site states them."""
    water, heat = (EXTRA[name] for name in ("water_use", "reused_heat"))
    said = []
    if math.isfinite(row[water.key]):
        usage = text(row[water.key] / row["it_power_w"], "m^3/J")
        said.append(f"Water: {human(row[water.key], water)}, {usage} of the IT equipment.")
    if math.isfinite(row[heat.key]):
        share = row[heat.key] / row["it_power_w"]
        said.append(f"Heat put to use: {human(row[heat.key], heat)}, {share:.0%} of the IT power.")
    return said


def _split(row: Row) -> RenderableType:
    watts = {label: row[f"power_split_{name}_w"] for name, label in POWER_SPLIT.items()}
    return split("Power of the site", watts, "W")


def limit_parts(free: Row, strategies: Sequence[Row]) -> list[RenderableType]:
    """Both strategies beside the estimate without a limit, where the limit binds.

    Parameters
    ----------
    free
        As if the connection were unlimited.
    strategies
        Rows of the strategies; none where it does not bind.

    Returns
    -------
    list[RenderableType]
        A table or nothing.
    """
    if not strategies:
        return []
    limit = free["power_limit_w"] / 1e6
    rows = [{**free, "strategy": "no limit"}, *strategies]
    cells = [[_lit(row) if c == _STRATEGY[2] else _cell(row, c) for c in _STRATEGY] for row in rows]
    return [table(f"The grid connection of {limit:.4g} MW binds", _STRATEGY, cells)]


def _lit(row: Row) -> int:
    return int(row["chips"] - row["dark"])


def _cell(row: Row, column: Column | str) -> Any:
    if not row["feasible"] and column not in ("strategy", "layout"):
        return float("nan")
    if column == "layout":
        return row["layout"] if row["feasible"] else row["reason"]
    return row[column.key if isinstance(column, Column) else column]


def _efficient(curve: Sequence[Row]) -> list[str]:
    """What the most efficient cap saves, and what it costs."""
    if not curve:
        return []
    best, full = next(row for row in curve if row["efficient"]), curve[-1]
    if best is full:
        return [f"Most efficient cap: the highest, {full['power_cap_w']:.0f} W a chip."]
    energy = 1.0 - best["energy_per_token_j"] / full["energy_per_token_j"]
    slower = 1.0 - best["tokens_per_s"] / full["tokens_per_s"]
    return [
        f"Most efficient cap: {best['power_cap_w']:.0f} W a chip, {energy:.1%} less energy per "
        f"token and {slower:.1%} less throughput than at {full['power_cap_w']:.0f} W."
    ]


def _year(year: Sequence[Row]) -> RenderableType:
    heads = ["period", EXTRA["outside_temperature"], "PUE"]
    cells = [
        [row["period"], f"{row['outside_temperature_k'] - 273.15:.1f} °C", f"{row['pue']:.3f}"]
        for row in year
    ]
    return table("PUE over the year", [heads[0], "outside", heads[2]], cells)


def _holds(holds: Sequence[Row]) -> list[RenderableType]:
    parts = []
    for limit in dict.fromkeys(row["power_limit_w"] for row in holds):
        rows = [row for row in holds if row["power_limit_w"] == limit]
        cells = [
            [row["name"], *(_cell(row, column) for column in _HOLDS[1:])]  # a site by its config
            for row in rows
        ]
        parts.append(table(f"What {limit / 1e6:.4g} MW hold", _HOLDS, cells))
    return parts


def draw_stored(folder: Path, caption: str) -> list[Path]:
    """Draws the figures of what is stored.

    Parameters
    ----------
    folder
        Where the tables are and the figures go.
    caption
        Where the numbers come from.

    Returns
    -------
    list[Path]
        PNG and SVG of each figure; the cap curve is missing where no layout is feasible.
    """
    from perfmodel.results.parquet import read
    from perfmodel.views.figures import power_cap, pue_year
    from perfmodel.views.figures.sheet import save

    drawn = []
    for stem, draw in (("power_cap", power_cap.draw), ("power_year", pue_year.draw)):
        path = folder / f"{stem}.parquet"
        if path.exists():
            drawn += save(draw(read(path).rows, caption), folder, stem)
    return drawn
