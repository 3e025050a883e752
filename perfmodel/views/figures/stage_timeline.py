"""One step as a Gantt chart: what each pipeline stage does at every moment."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from perfmodel.views.figures.sheet import Rows, house_style, sheet

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLORS = {
    "forward": "#0072B2",
    "backward": "#56B4E9",
    "recompute": "#004166",
    "tensor": "#D55E00",
    "context": "#E69F00",
    "expert": "#F0E442",
    "pipeline": "#CC79A7",
    "data": "#8C2D04",
    "host": "#999999",
    "offload": "#6A51A3",
    "optimizer": "#009E73",
    "overhead": "#444444",
    "bubble": "#F2F2F2",
}
"""Colour of each phase: computation blue, communication warm, waiting pale."""

PASSES = 10
"""Backward passes of the last stage that the beginning shows."""

ROW = 0.28
"""Height of a stage. [inch]"""


def draw(rows: Rows, caption: str) -> "Figure":
    """Draw the segments of every stage over time.

    Parameters
    ----------
    rows
        Columns ``stage``, ``phase``, ``start_s`` and ``duration_s``.
    caption
        Where the numbers come from.

    Returns
    -------
    Figure
        A bar of one colour per phase and stage, stages downwards: the whole step, and its beginning
        where single passes are too narrow to see.
    """
    from matplotlib.patches import Patch

    columns = {key: np.asarray(rows[key]) for key in ("stage", "phase", "start_s", "duration_s")}
    shown = [name for name in COLORS if (columns["phase"] == name).any()]
    stages = int(columns["stage"].max()) + 1
    whole = float((columns["start_s"] + columns["duration_s"]).max())
    windows = [whole, *(one for one in [_beginning(columns)] if one < 0.5 * whole)]
    with house_style():
        height = min(1.6 + ROW * stages * len(windows) + 0.5 * len(windows), 11.0)
        figure = sheet(8.0, height, "What each pipeline stage does in one step", caption)
        panels = figure.subplots(len(windows), 1, squeeze=False)[:, 0]
        for axes, end in zip(panels, windows, strict=True):
            _bars(axes, columns, shown, end)
        panels[-1].set_xlabel("time [s]")
        patches = [Patch(facecolor=COLORS[name], edgecolor="#999999", label=name) for name in shown]
        figure.legend(handles=patches, loc="outside right upper", fontsize=7)
    return figure


def _beginning(columns: Rows) -> float:
    """Time at which the first backward passes of the last stage end."""
    stage, phase = np.asarray(columns["stage"]), np.asarray(columns["phase"])
    some = np.flatnonzero((stage == stage.max()) & (phase == "backward"))[:PASSES]
    ends = np.asarray(columns["start_s"])[some] + np.asarray(columns["duration_s"])[some]
    return float(ends.max()) if len(ends) else np.inf


def _bars(axes: "Axes", columns: Rows, shown: Sequence[str], end: float) -> None:
    """Bars of all stages up to a time."""
    stage, phase, start, duration = (np.asarray(columns[key]) for key in columns)
    for name in shown:
        for one in range(int(stage.max()) + 1):
            some = (phase == name) & (stage == one) & (start < end)
            spans = list(zip(start[some], duration[some], strict=True))
            axes.broken_barh(spans, (one - 0.4, 0.8), facecolors=COLORS[name], linewidth=0)
    axes.set_xlim(0.0, end)
    axes.set_ylim(stage.max() + 0.5, -0.5)
    axes.locator_params(axis="y", integer=True)
    axes.set_ylabel("pipeline stage")
    axes.grid(visible=False)
