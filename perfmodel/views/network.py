"""Times of collectives on the terminal and as figures."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import RenderableType
from rich.text import Text

from perfmodel.results.columns import NETWORK
from perfmodel.views.quantities import MISSING, human
from perfmodel.views.terminal import table

Rows = Sequence[Mapping[str, Any]]

STEMS = ("network", "network_algorithms", "network_levels")
"""Stems of the stored tables: calls, algorithms, levels."""

FIGURES = ("bandwidth_by_size", "bandwidth_by_ranks")
"""Stems of the figures."""

_TIME = NETWORK["time"]


class Setting(NamedTuple):
    """What was timed."""

    collective: str
    fabric: str
    chip: str
    node: str
    stack: str
    site: str
    """Config name of the site that lends what was not named."""
    stride: int
    """Distance between neighbouring ranks. [chips]"""

    def sentence(self) -> str:
        """All of it in one line."""
        apart = f", every {self.stride} chips" if self.stride > 1 else ""
        where = f"{self.chip} in {self.node}, as at {self.site}"
        return f"{self.collective} on {self.fabric}{apart}; {where}; {self.stack}"


def terminal_parts(
    setting: Setting, calls: Rows, algorithms: Rows, levels: Rows
) -> list[RenderableType]:
    """The calls, the times by every algorithm, and the split over the levels.

    Parameters
    ----------
    setting
        What was timed.
    calls, algorithms, levels
        Tables of the answer.

    Returns
    -------
    list[RenderableType]
        Parts for :func:`perfmodel.views.terminal.show`.
    """
    parts: list[RenderableType] = [Text(setting.sentence()), _calls(calls)]
    if len({row["algorithm"] for row in algorithms}) > 1:
        parts.append(_algorithms(calls, algorithms))
    parts.append(_levels(calls, levels))
    return parts


_LABELS = (NETWORK["ranks"], NETWORK["size"])


def _label(row: Mapping[str, Any]) -> list[Any]:
    return [row[column.key] for column in _LABELS]


def _calls(calls: Rows) -> RenderableType:
    shown = [*_LABELS, _TIME, NETWORK["bus_bandwidth"], NETWORK["algorithm_bandwidth"]]
    rows = [[*(row[column.key] for column in shown), row["algorithm"] or MISSING] for row in calls]
    return table("", [*shown, "algorithm"], rows)


def _by_call(rows: Rows) -> dict[tuple[Any, ...], list[Mapping[str, Any]]]:
    found: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
    for row in rows:
        found.setdefault(tuple(_label(row)), []).append(row)
    return found


def _algorithms(calls: Rows, algorithms: Rows) -> RenderableType:
    """One column per algorithm; brackets around one that the software lacks."""
    time = NETWORK["algorithm_time"]
    by_call = _by_call(algorithms)
    heads = {
        row["algorithm"]: row["algorithm"] if row["allowed"] else f"({row['algorithm']})"
        for row in algorithms
    }
    rows = [
        [*_label(call), *(row[time.key] for row in by_call[tuple(_label(call))])] for call in calls
    ]
    columns = [*_LABELS, *(time._replace(label=head) for head in heads.values())]
    lacking = any(not row["allowed"] for row in algorithms)
    note = ", in brackets: may not be chosen" if lacking else ""
    return table(f"Time by algorithm{note}", columns, rows)


def _levels(calls: Rows, levels: Rows) -> RenderableType:
    """Launch, and steps + bytes of every level that any call crosses."""
    latency, transfer = NETWORK["latency_time"], NETWORK["transfer_time"]
    crossed = {row["level"] for row in levels if row[latency.key] or row[transfer.key]}
    names = [name for name in dict.fromkeys(row["level"] for row in levels) if name in crossed]
    by_call = _by_call(levels)

    def cell(row: Mapping[str, Any]) -> str:
        parts = [
            human(row[part.key], part) if row[part.key] else "0" for part in (latency, transfer)
        ]
        return MISSING if parts == ["0", "0"] else " + ".join(parts)

    launch = NETWORK["launch_time"]
    rows = [
        [
            *_label(call),
            call[launch.key],
            *(cell(row) for row in by_call[tuple(_label(call))] if row["level"] in crossed),
        ]
        for call in calls
    ]
    return table("Where the time goes: steps + bytes", [*_LABELS, launch, *names], rows)


def draw_stored(folder: Path, stems: Sequence[str], caption: str) -> list[Path]:
    """Draws figures from the Parquet file in a folder.

    Parameters
    ----------
    folder
        Where the table is and the figures go.
    stems
        Which figures.
    caption
        Where the numbers come from.

    Returns
    -------
    list[Path]
        PNG and SVG of each figure.
    """
    from perfmodel.results.parquet import read
    from perfmodel.views.figures import bus_bandwidth
    from perfmodel.views.figures.sheet import save

    rows = read(folder / f"{STEMS[0]}.parquet").rows
    drawn = {
        stem: draw(rows, caption)
        for stem, draw in zip(FIGURES, (bus_bandwidth.by_size, bus_bandwidth.by_ranks), strict=True)
        if stem in stems
    }
    return [path for stem, figure in drawn.items() for path in save(figure, folder, stem)]
