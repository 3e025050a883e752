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
    return [facts(way, names, columns, found.cases), Text(_drawn(found)), _sheet(found.sheet),
            _points(found.points)]  # fmt: skip


def _drawn(found: Any) -> str:
    drawn = found.drawn
    case = found.cases[len(found.cases) // 2]
    share = human(drawn.goodput, GOODPUT["goodput"])
    low, high = (human(value, GOODPUT["goodput"]) for value in (drawn.low, drawn.high))
    return (
        f"Drawn failure by failure, asynchronous, {case['case']}: {share} of 54 days, "
        f"90 % of the runs {low} to {high}, {drawn.failures:,.0f} failures."
    )


def _sheet(rows: Sequence[dict[str, Any]]) -> RenderableType:
    """A line per size and restart, a column per case, checkpoints side by side."""
    known = {(r["chips"], r["restart_s"], r["case"], r["write_s"]): r["goodput"] for r in rows}
    sizes, restarts, cases, writes = (
        list(dict.fromkeys(row[key] for row in rows))
        for key in ("chips", "restart_s", "case", "write_s")
    )
    lines = [
        [
            size,
            human(restart, GOODPUT["restart"]),
            *(
                " ".join(f"{known[size, restart, case, write]:.0%}" for write in writes)
                for case in cases
            ),
        ]
        for size in sizes
        for restart in restarts
    ]
    seconds = ", ".join(f"{write:g}" for write in writes)
    title = f"Goodput by failures and restart, checkpoints that block for {seconds} s"
    return table(title, ["chips", "restart", *cases], lines)


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
