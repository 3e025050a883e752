"""Performance and energy per token against the cap of a chip, the most efficient cap marked."""

from typing import TYPE_CHECKING

import numpy as np

from perfmodel.results.columns import COLUMNS, POWER, Column
from perfmodel.views.figures.sheet import Rows, house_style, sheet
from perfmodel.views.quantities import axis_label, human, scale

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CAP = next(column for column in POWER if column.name == "power_cap")
PANELS = (
    (COLUMNS["tokens_per_s"], "#0072B2"),
    (COLUMNS["energy_per_token"], "#D55E00"),
    (COLUMNS["site_power"], "#009E73"),
)
"""Quantity and colour of each panel, downwards."""

MARK = {"color": "#444444", "linewidth": 0.9, "linestyle": (0, (3, 2)), "zorder": 0.9}


def draw(rows: Rows, caption: str) -> "Figure":
    """Draw throughput, energy per token and site power over the caps.

    Parameters
    ----------
    rows
        Columns ``power_cap_w``, ``tokens_per_s``, ``energy_per_token_j``, ``site_power_w`` and
        ``efficient``, which marks one row.
    caption
        Where the numbers come from.
    """
    caps = np.asarray(rows[CAP.key], float) / scale(CAP).size
    best = int(np.flatnonzero(np.asarray(rows["efficient"], bool))[0])
    with house_style():
        figure = sheet(6.4, 6.2, "Performance and energy against the cap of a chip", caption)
        panels = figure.subplots(len(PANELS), 1, sharex=True)
        for axes, (column, color) in zip(panels, PANELS, strict=True):
            values = np.asarray(rows[column.key], float) / scale(column).size
            axes.plot(caps, values, color=color)
            axes.margins(y=0.12)
            _mark(axes, caps[best], values[best], human(rows[column.key][best], column))
            axes.set_ylabel(_label(column))
        panels[0].set_title(f"Most efficient at {caps[best]:.0f} {scale(CAP).unit}", fontsize=9)
        panels[0].set_ylim(bottom=0.0)
        panels[-1].set_ylim(bottom=0.0)
        _engineering(panels[0])
        panels[-1].set_xlabel(axis_label(CAP))
    return figure


def _label(column: Column) -> str:
    return f"throughput [{column.label}]" if column.unit == "1/s" else axis_label(column)


def _mark(axes: "Axes", cap: float, value: float, text: str) -> None:
    """Mark the most efficient cap; the value stands on the side with more room, above the line."""
    axes.axvline(cap, **MARK)
    axes.plot([cap], [value], "o", color="#444444")
    low, high = axes.get_xlim()
    right = cap > 0.5 * (low + high)
    axes.annotate(
        text,
        (cap, value),
        xytext=(-6 if right else 6, 7),
        textcoords="offset points",
        ha="right" if right else "left",
        fontsize=8,
        color="#444444",
    )


def _engineering(axes: "Axes") -> None:
    from matplotlib.ticker import EngFormatter

    axes.yaxis.set_major_formatter(EngFormatter(sep=" "))
