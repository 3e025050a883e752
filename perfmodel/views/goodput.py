"""Goodput of a job on the terminal, and its figure from the stored table."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from perfmodel.results.columns import GOODPUT
from perfmodel.views.quantities import human
from perfmodel.views.terminal import facts, table

_FACTS = (
    *("goodput", "mtti", "checkpoint_interval", "restart", "load", "write", "stage"),
    *("synchronous_goodput", "asynchronous_goodput", "memory_goodput", "elastic_goodput"),
    *(
        "job_chips",
        "replica_chips",
        "corruption_factor",
        "slow_factor",
        "maintenance_factor",
        "shortage_factor",
        "useful_share",
    ),
    *("useful_tokens_per_s", "spares_needed", "spares_left"),
)
_POINTS = ("predicted_low", "predicted_high", "published_low", "published_high")


def terminal_parts(found: Any) -> list[RenderableType]:
    """Cases side by side, the drawn runs and the published points.

    Parameters
    ----------
    found
        The answer.

    Returns
    -------
    list[RenderableType]
        Parts for :func:`perfmodel.views.terminal.show`.
    """
    row = found.row
    title = f"{row['workload']} on {row['site']} ({row['chips']:,} chips)"
    if not found.cases:
        return [Text(f"{title}: {row['reason']}"), _points(found.points)]
    columns = [GOODPUT[name] for name in _FACTS]
    names = [case["case"] for case in found.cases]
    way = f"{title}, {found.cases[0]['way']} checkpoints; {row['layout']}"
    return [facts(way, names, columns, found.cases), Text(_drawn(found)), _points(found.points)]


def _drawn(found: Any) -> str:
    drawn = found.drawn
    case = found.cases[len(found.cases) // 2]
    share = human(drawn.goodput, GOODPUT["goodput"])
    low, high = (human(value, GOODPUT["goodput"]) for value in (drawn.low, drawn.high))
    return (
        f"Drawn failure by failure, asynchronous, {case['case']}: {share} of 54 days, "
        f"90 % of the runs {low} to {high}, {drawn.failures:,.0f} failures."
    )


def _points(points: Sequence[dict[str, Any]]) -> RenderableType:
    columns = ["published operating point", *(GOODPUT[name] for name in ("job_chips", "mtti"))]
    columns += [GOODPUT[name] for name in _POINTS]
    keys = ("point", "chips", "mtti_s", *_POINTS)
    cells = [[point[key] for key in keys] for point in points]
    return table("Plausibility: closed form beside published shares", columns, cells)


def draw_stored(folder: Path, caption: str) -> list[Path]:
    """Draws the map from its table.

    Parameters
    ----------
    folder
        Where the table is and the figure goes.
    caption
        Where the numbers come from.

    Returns
    -------
    list[Path]
        PNG and SVG.
    """
    from perfmodel.results.parquet import read
    from perfmodel.views.figures import goodput_map
    from perfmodel.views.figures.sheet import save

    rows = read(folder / "goodput_map.parquet").rows
    return save(goodput_map.draw(rows, caption), folder, "goodput_map")
