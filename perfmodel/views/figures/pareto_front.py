"""Two results against each other: all points, those that no other one beats, their layouts."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from perfmodel.views.figures.dimension import lay, places, value_text
from perfmodel.views.figures.layout_front import number_points
from perfmodel.views.figures.sheet import Rows, house_style, plain_text, select, sheet
from perfmodel.views.figures.sweep_line import RASTER, Asked, Drawn, Pen, legend, prepare

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NAMED = 8
"""Points of all fronts whose layouts are written."""

MARKED = 60
"""Points of a front up to which each has a marker."""

LONGEST = 90
"""Letters of a named point."""


class Aims(NamedTuple):
    """Which way is better."""

    x_grows: bool
    """Whether more of ``x`` is better."""
    y_grows: bool
    """Whether more of ``y`` is better."""


def draw(rows: Rows, asked: Asked, aims: Aims, title: str, caption: str) -> "Figure":
    """Draw the points and the front of each colour, some of them with their layouts.

    Parameters
    ----------
    rows
        The columns that are asked for, ``feasible`` and ``name``, which says a point in words.
    asked
        Two results as ``x`` and ``y``, what has a front of its own as ``color``.
    aims
        Which way is better.
    title
        What the figure shows.
    caption
        Where the numbers come from.

    Returns
    -------
    Figure
        The figure.
    """
    columns = {key: np.asarray(column) for key, column in rows.items()}
    fits = columns["feasible"].astype(bool)
    fits &= np.isfinite(columns[asked.x.key].astype(float))
    fits &= np.isfinite(columns[asked.y.key].astype(float))
    there = {key: column[fits] for key, column in columns.items()}
    with house_style():
        figure = sheet(8.2, 6.6, title, caption)
        axes, foot = figure.subplots(2, 1, height_ratios=(5, 1))
        drawn = prepare(columns, asked)
        x = places(drawn.x, there[asked.x.key])
        y = places(drawn.y, there[asked.y.key])
        axes.scatter(x, y, s=7, color="#BBBBBB", linewidths=0, rasterized=len(x) > RASTER)
        fronts = [_front(axes, there, drawn, aims, pen) for pen in drawn.pens]
        for axis, shown in ((axes.xaxis, drawn.x), (axes.yaxis, drawn.y)):
            lay(axis, shown, np.empty(0))
        axes.margins(x=0.06, y=0.1)
        _name(axes, foot, fronts)
        legend(figure, [axes], drawn, crossed=False)
    return figure


def unbeaten(x: np.ndarray, y: np.ndarray, aims: Aims) -> np.ndarray:
    """Find the points that no other one beats in both, in the order of ``x``.

    Parameters
    ----------
    x, y
        Two results of every point, finite.
    aims
        Which way is better.

    Returns
    -------
    np.ndarray
        Their places; of points that are the same in both, the first.
    """
    cost_x, cost_y = (-x if aims.x_grows else x), (-y if aims.y_grows else y)
    order = np.lexsort((cost_y, cost_x))
    lowest = np.minimum.accumulate(np.concatenate([[np.inf], cost_y[order]]))[:-1]
    chosen = order[cost_y[order] < lowest]
    return chosen[np.argsort(x[chosen], kind="stable")]


def _front(axes: "Axes", rows: Rows, drawn: Drawn, aims: Aims, pen: Pen) -> dict[str, np.ndarray]:
    """Draw the front of one colour and give its points."""
    asked = drawn.asked
    columns = {key: np.asarray(column) for key, column in rows.items()}
    own = columns if asked.color is None else select(columns, **{asked.color.key: pen.value})
    x, y = places(drawn.x, own[asked.x.key]), places(drawn.y, own[asked.y.key])
    chosen = unbeaten(x, y, aims)
    label = "unbeaten" if drawn.color is None else value_text(drawn.color, pen.value)
    # between two points the worse one holds: what is reached at no more than this x, or at no less
    steps = "steps-pre" if aims.x_grows else "steps-post"
    style = {"color": pen.color, "drawstyle": steps, "linewidth": 1.2, "markersize": 4.5}
    marker = pen.marker if len(chosen) <= MARKED else ""
    axes.plot(x[chosen], y[chosen], marker=marker, label=label, **style)
    return {"x": x[chosen], "y": y[chosen], "name": own["name"][chosen]}


def _name(axes: "Axes", foot: "Axes", fronts: list[dict[str, np.ndarray]]) -> None:
    """Number some points of the fronts and list them below."""
    foot.set_axis_off()
    x, y, names = (np.concatenate([one[key] for one in fronts]) for key in ("x", "y", "name"))
    if not len(x):
        return
    picked = number_points(axes, x, y, NAMED)
    texts = [plain_text(str(names[place]), LONGEST) for place in picked]
    lines = [f"{number}  {text}" for number, text in enumerate(texts, start=1)]
    foot.text(0.0, 1.0, "\n".join(lines), transform=foot.transAxes, va="top", fontsize=7)
