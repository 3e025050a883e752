"""Where the time of a step goes: shares of every phase, one bar per site and workload."""

from typing import TYPE_CHECKING

import numpy as np

from perfmodel.results.columns import COLUMNS, TIME_SPLIT
from perfmodel.views.figures.sheet import Rows, house_style, sheet
from perfmodel.views.figures.stacked import Part, arrange, end_notes, name_rows, stack
from perfmodel.views.quantities import human

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLORS = {
    "matrix": "#08519C",
    "attention": "#3182BD",
    "elementwise": "#6BAED6",
    "recompute": "#BDD7E7",
    "tensor": "#8C2D04",
    "context": "#CC4C02",
    "expert": "#EC7014",
    "offload": "#FFF1C9",
    "host": "#737373",
    "pipeline": "#FE9929",
    "bubble": "#D9D9D9",
    "data": "#FEC44F",
    "optimizer": "#009E73",
    "straggler": "#969696",
    "overhead": "#525252",
}
"""Arithmetic in blues, exposed communication in oranges, waiting in greys; within a family the
lightness tells the parts apart, so that they stay apart without colour."""


def draw(rows: Rows, caption: str) -> "Figure":
    """Draw the split of the step time.

    Parameters
    ----------
    rows
        Columns ``site``, ``workload``, ``feasible``, ``step_time_s`` and ``time_split_*_s``.
    caption
        Where the numbers come from.
    """
    bars = arrange(rows["workload"])
    parts = _parts(rows)
    with house_style():
        figure = sheet(8.6, bars.sheet_height, "Where the time of a step goes", caption)
        axes = figure.subplots()
        axes.set_xlim(0.0, 1.0)
        stack(axes, bars, parts, "{:.0%}")
        name_rows(axes, bars, list(rows["site"]))
        end_notes(axes, bars, np.sum([part.widths for part in parts], axis=0), _notes(rows))
        _label(figure)
    return figure


def _parts(rows: Rows) -> list[Part]:
    seconds = {
        name: np.asarray(rows[COLUMNS[f"time_split.{name}"].key], dtype=float)
        for name in TIME_SPLIT
    }
    total = np.sum(list(seconds.values()), axis=0)
    fits = np.asarray(rows["feasible"], dtype=bool) & (total > 0)
    shares = {
        name: np.divide(part, total, where=fits, out=np.zeros_like(total))
        for name, part in seconds.items()
    }
    return [Part(TIME_SPLIT[name], COLORS[name], share) for name, share in shares.items()]


def _notes(rows: Rows) -> list[str]:
    column = COLUMNS["step_time"]
    return [
        human(time, column) if fits else "no feasible layout"
        for time, fits in zip(rows[column.key], rows["feasible"], strict=True)
    ]


def _label(figure: "Figure") -> None:
    from matplotlib.ticker import PercentFormatter

    axes = figure.axes[0]
    axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.set_xlabel("share of the step time [%], the step time at the end of the bar")
    if figure.axes[0].get_legend_handles_labels()[0]:  # nothing to name where nothing fits
        figure.legend(loc="outside right center")
