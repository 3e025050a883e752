"""A result over two axes of a sweep as a map, a panel per value of a third."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from perfmodel.views.figures.dimension import (
    LOG,
    Dimension,
    dimension,
    lay,
    places,
    tick_text,
    value_text,
)
from perfmodel.views.figures.sheet import Rows, house_style
from perfmodel.views.figures.sweep_line import (
    RASTER,
    Asked,
    facets,
    label_outer,
    open_panels,
    room_of,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Normalize
    from matplotlib.figure import Figure

MAP = "cividis"
"""Colours of the map: even in lightness, the same to the colour-blind."""

READABLE = 60
"""Cells of a panel up to which the values are written in."""

SPARSE = 0.25
"""Share of the cells below which points are drawn as points: a random sample has no cells."""


class Drawn(NamedTuple):
    """Columns as they are shown, the same in all panels."""

    asked: Asked
    x: Dimension
    y: Dimension
    value: Dimension
    norm: "Normalize"
    """Value to colour."""
    columns: np.ndarray
    """Places of the cells along the level axis."""
    lines: np.ndarray
    """Places of the cells along the upright axis."""


def draw(rows: Rows, asked: Asked, title: str, caption: str) -> "Figure":
    """Draw the map; the best cell has a star, cells in which nothing fits have a cross.

    Parameters
    ----------
    rows
        The columns that are asked for and ``feasible``, one row per cell; ``best`` marks the best
        row of each panel.
    asked
        Two axes as ``x`` and ``y``, the result as ``color``, a third axis as ``facet``.
    title
        What the figure shows.
    caption
        Where the numbers come from.

    Returns
    -------
    Figure
        The figure.
    """
    from matplotlib.cm import ScalarMappable

    with house_style():
        drawn = _prepare(rows, asked)
        parts = facets(rows, asked.facet)
        figure, panels = open_panels(len(parts), True, title, caption)
        for axes, (value, part) in zip(panels, parts, strict=False):
            _panel(axes, part, drawn, room_of(len(parts)))
            if asked.facet is not None:
                names = dimension(asked.facet, np.asarray(rows[asked.facet.key]))
                axes.set_title(value_text(names, value))
        label_outer(panels[: len(parts)])
        bar = figure.colorbar(ScalarMappable(drawn.norm, MAP), ax=panels, label=drawn.value.label)
        lay(bar.ax.yaxis, drawn.value, np.empty(0))
    return figure


def _prepare(rows: Rows, asked: Asked) -> Drawn:
    from matplotlib.colors import LogNorm, Normalize

    x, y = (dimension(one, np.asarray(rows[one.key])) for one in (asked.x, asked.y))
    quantity = asked.color or asked.y
    fits = np.asarray(rows["feasible"], bool)
    values = np.asarray(rows[quantity.key], float)[fits]
    value = dimension(quantity, values)
    shown = values[np.isfinite(values)] / value.size
    low, high = (shown.min(), shown.max()) if shown.size else (0.0, 1.0)
    norm = (LogNorm if value.scale == LOG else Normalize)(low, high if high > low else low + 1.0)
    columns = np.unique(places(x, np.asarray(rows[asked.x.key])))
    lines = np.unique(places(y, np.asarray(rows[asked.y.key])))
    return Drawn(asked, x, y, value, norm, columns, lines)


def _panel(axes: "Axes", rows: Rows, drawn: Drawn, room: int) -> None:
    x = places(drawn.x, np.asarray(rows[drawn.asked.x.key]))
    y = places(drawn.y, np.asarray(rows[drawn.asked.y.key]))
    fits = np.asarray(rows["feasible"], bool)
    quantity = drawn.asked.color or drawn.asked.y
    value = np.where(fits, np.asarray(rows[quantity.key], float) / drawn.value.size, np.nan)
    lay(axes.xaxis, drawn.x, drawn.columns, room)
    lay(axes.yaxis, drawn.y, drawn.lines, 10)
    axes.grid(visible=False)
    cells = len(drawn.columns) * len(drawn.lines)
    if len(x) < SPARSE * cells:
        axes.scatter(x, y, c=value, cmap=MAP, norm=drawn.norm, s=16, rasterized=len(x) > RASTER)
    else:
        _cells(axes, (x, y, value), drawn)
        if cells <= READABLE and room > 5:
            _values(axes, (x, y, value), drawn)
    if not fits.all():
        axes.plot(
            x[~fits], y[~fits], "x", color="#777777", markersize=5, rasterized=len(x) > RASTER
        )
    best = np.asarray(rows["best"], bool)
    axes.plot(x[best], y[best], "*", color="#D55E00", markersize=9, markeredgecolor="white")


def _cells(axes: "Axes", points: tuple[np.ndarray, np.ndarray, np.ndarray], drawn: Drawn) -> None:
    x, y, value = points
    grid = np.full((len(drawn.lines), len(drawn.columns)), np.nan)
    grid[np.searchsorted(drawn.lines, y), np.searchsorted(drawn.columns, x)] = value
    across, up = _edges(drawn.columns, drawn.x), _edges(drawn.lines, drawn.y)
    style = {"edgecolors": "white", "linewidth": 0.4} if grid.size <= RASTER else {}
    axes.pcolormesh(
        across, up, grid, cmap=MAP, norm=drawn.norm, rasterized=grid.size > RASTER, **style
    )


def _values(axes: "Axes", points: tuple[np.ndarray, np.ndarray, np.ndarray], drawn: Drawn) -> None:
    """Write the values in the cells, dark on light ones."""
    for across, up, value in zip(*points, strict=True):
        if np.isfinite(value):
            ink = "black" if drawn.norm(value) > 0.55 else "white"
            axes.annotate(
                tick_text(float(f"{value:.3g}")), (across, up), xytext=(0, -9),
                textcoords="offset points", ha="center", va="center", fontsize=6.5, color=ink,
            )  # fmt: skip


def _edges(middles: np.ndarray, shown: Dimension) -> np.ndarray:
    """Borders of cells half-way between their middles, on the scale of the axis."""
    if len(middles) == 1:
        return middles[0] * np.array([0.7, 1.4]) if shown.scale == LOG else middles[0] + _HALF
    logarithmic = shown.scale == LOG
    at = np.log(middles) if logarithmic else middles
    inner = (at[1:] + at[:-1]) / 2.0
    edges = np.concatenate([[2.0 * at[0] - inner[0]], inner, [2.0 * at[-1] - inner[-1]]])
    return np.exp(edges) if logarithmic else edges


_HALF = np.array([-0.5, 0.5])
