"""Front of layouts that no other one beats, labelled."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from perfmodel.results.columns import COLUMNS, Column
from perfmodel.views.figures.sheet import Rows, house_style, sheet
from perfmodel.views.quantities import axis_label, scale

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ASPECTS = {
    "time": COLUMNS["tokens_per_s"],
    "memory": COLUMNS["memory"],
    "energy": COLUMNS["energy_per_token"],
    "power": COLUMNS["site_power"],
}
"""Aim of a front to the quantity that is drawn for it."""

LABELS = 7
"""Layouts whose names are written."""

NEAR = 0.03
"""Least distance of two numbers, the sides of the axes being one."""


def draw(rows: Rows, respects: Sequence[str], caption: str) -> "Figure":
    """Draw the front in two of its aims.

    Parameters
    ----------
    rows
        Column ``layout`` and the columns of the aims.
    respects
        Two aims: the upright one, then the level one.
    caption
        Where the numbers come from.
    """
    from matplotlib.ticker import EngFormatter

    upright, level = (ASPECTS[name] for name in respects)
    order = np.argsort(np.asarray(rows[level.key], float), kind="stable")
    x = np.asarray(rows[level.key], float)[order] / scale(level).size
    y = np.asarray(rows[upright.key], float)[order] / scale(upright).size
    names = [str(np.asarray(rows["layout"])[place]) for place in order]
    with house_style():
        figure = sheet(7.6, 5.6, "Layouts that no other one beats", caption)
        axes = figure.subplots()
        axes.plot(x, y, marker="o", markersize=4, drawstyle="steps-post")
        for axis, column in ((axes.xaxis, level), (axes.yaxis, upright)):
            axis.set_label_text(_label(column))
            if not column.display:  # no unit that people read: prefixes on the ticks
                axis.set_major_formatter(EngFormatter())
        axes.margins(x=0.08, y=0.12)
        picked = number_points(axes, x, y)
        lines = [f"{number}  {names[place]}" for number, place in enumerate(picked, start=1)]
        axes.text(
            0.98, 0.03, "\n".join(lines), transform=axes.transAxes, ha="right", va="bottom",
            multialignment="left", fontsize=6.5,
            bbox={"facecolor": "white", "alpha": 0.85, "edgecolor": "#cccccc"},
        )  # fmt: skip
    return figure


def _label(column: Column) -> str:
    return f"throughput [{column.label}]" if column.unit == "1/s" else axis_label(column)


def number_points(axes: "Axes", x: np.ndarray, y: np.ndarray, most: int = LABELS) -> list[int]:
    """Write numbers at some points, far from each other on the paper.

    Parameters
    ----------
    axes
        Where the points are drawn already.
    x, y
        Places of the points, one or more.
    most
        Points that get a number.

    Returns
    -------
    list[int]
        The points that have a number, in its order.
    """
    axes.autoscale_view()
    seen = axes.transData.transform(np.column_stack([x, y]))
    picked = _spread(axes.transAxes.inverted().transform(seen), most)
    for number, place in enumerate(picked, start=1):
        axes.annotate(
            str(number), (x[place], y[place]), xytext=(0, 6), textcoords="offset points",
            ha="center", fontsize=8, fontweight="bold",
        )  # fmt: skip
    return picked


def _spread(points: np.ndarray, most: int) -> list[int]:
    """Points far from each other: the ends, then always the one farthest from those taken."""
    taken = [0, len(points) - 1] if len(points) > 1 else [0]
    while len(taken) < min(most, len(points)):
        gaps = np.linalg.norm(points[:, None] - points[taken], axis=-1).min(1)
        farthest = int(gaps.argmax())
        if gaps[farthest] < NEAR:
            break
        taken.append(farthest)
    return sorted(taken)
