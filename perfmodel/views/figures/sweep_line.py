"""A result over one axis of a sweep: a line per value of a second, a panel per value of a third."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from perfmodel.views.figures.dimension import (
    LOG,
    NAMES,
    Dimension,
    Quantity,
    dimension,
    ends,
    lay,
    places,
    value_text,
)
from perfmodel.views.figures.sheet import Rows, distinct, house_style, select, sheet

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MARKERS = ("o", "s", "^", "D", "v", "P", "X")

FEW = 7
"""Numbers up to this many have a line in the legend each, more have a colour bar."""

LINES = 24
"""Values of the colour above which points are not joined."""

RASTER = 2_000
"""Points above which an SVG holds them as a picture."""

PANEL = 3.1, 2.7
"""Width and height of a panel of several. [inch]"""

LONE = 5.0, 3.6
"""Width and height of a panel alone. [inch]"""

LEGEND = 1.7
"""Width of the legend or the colour bar. [inch]"""

WASH = 0.88
"""Lightest colour of a scale of numbers that is seen on white."""


class Asked(NamedTuple):
    """Columns of a figure."""

    x: Quantity
    y: Quantity
    color: Quantity | None = None
    facet: Quantity | None = None


class Pen(NamedTuple):
    """How one line looks."""

    value: object
    """Value of the colour."""
    color: str
    marker: str
    row: int
    """Its place among the lines, which keeps its crosses clear of those of others."""


class Drawn(NamedTuple):
    """Columns as they are shown, the same in all panels."""

    asked: Asked
    x: Dimension
    y: Dimension
    color: Dimension | None
    facet: Dimension | None
    pens: list[Pen]
    joined: bool
    """Whether points of one colour are joined."""


def draw(rows: Rows, asked: Asked, title: str, caption: str) -> "Figure":
    """Draw lines; a point that is not feasible is a gap with a cross at the foot of the panel.

    Parameters
    ----------
    rows
        The columns that are asked for, ``feasible``, and where an interval shall be drawn its ends.
    asked
        What is drawn over what.
    title
        What the figure shows.
    caption
        Where the numbers come from.

    Returns
    -------
    Figure
        The figure.
    """
    with house_style():
        drawn = prepare(rows, asked)
        parts = facets(rows, asked.facet)
        figure, panels = open_panels(len(parts), asked.color is not None, title, caption)
        for axes, (value, part) in zip(panels, parts, strict=False):
            panel(axes, part, drawn, room_of(len(parts)))
            if drawn.facet is not None:
                axes.set_title(value_text(drawn.facet, value))
        label_outer(panels[: len(parts)])
        legend(figure, panels, drawn, crossed=not np.all(rows["feasible"]))
    return figure


def prepare(rows: Rows, asked: Asked) -> Drawn:
    """Decide how every column is shown, over all panels.

    Parameters
    ----------
    rows
        All rows of the figure.
    asked
        What is drawn over what.

    Returns
    -------
    Drawn
        Units, scales, pens.
    """
    fits = np.asarray(rows["feasible"], bool)
    x, y = (dimension(one, np.asarray(rows[one.key])) for one in (asked.x, asked.y))
    y = dimension(asked.y, np.asarray(rows[asked.y.key])[fits])
    color, facet = (
        None if one is None else dimension(one, np.asarray(rows[one.key]))
        for one in (asked.color, asked.facet)
    )
    own = _pens(rows, asked.color)
    return Drawn(asked, x, y, color, facet, own, len(own) <= LINES)


def facets(rows: Rows, facet: Quantity | None) -> list[tuple[object, dict[str, np.ndarray]]]:
    """Rows by value of the facet, numbers in their order; all rows without one."""
    columns = {key: np.asarray(column) for key, column in rows.items()}
    if facet is None:
        return [("", columns)]
    return [(one, select(columns, **{facet.key: one})) for one in ordered(rows, facet)]


def ordered(rows: Rows, quantity: Quantity) -> list[object]:
    """Values once each: names as they come, numbers from small to large."""
    values = distinct(rows[quantity.key])
    return values if quantity.scale == NAMES else sorted(values)


def open_panels(number: int, beside: bool, title: str, caption: str) -> "tuple[Figure, list[Axes]]":
    """Open a sheet with panels that share their axes.

    Parameters
    ----------
    number
        Panels.
    beside
        Whether a legend needs room.
    title, caption
        Texts of the sheet.

    Returns
    -------
    tuple[Figure, list[Axes]]
        The figure and its panels, row by row.
    """
    across = min(number, 3) if number != 4 else 2
    down = -(-number // across)
    width, height = LONE if number == 1 else PANEL
    figure = sheet(
        across * width + (LEGEND if beside else 0.4), down * height + 1.0, title, caption
    )
    grid = figure.subplots(down, across, sharex=True, sharey=True, squeeze=False)
    for axes in grid.flat[number:]:
        axes.set_visible(False)
    return figure, list(grid.flat)


def room_of(panels: int) -> int:
    """Ticks of a level axis that a panel has room for."""
    return 9 if panels == 1 else 5


def label_outer(panels: "Sequence[Axes]") -> None:
    """Leave labels of axes to the outer panels."""
    for axes in panels:
        place = axes.get_subplotspec()
        below = [
            other
            for other in panels
            if (spot := other.get_subplotspec())
            and place
            and spot.colspan == place.colspan
            and spot.rowspan.start > place.rowspan.start
        ]
        axes.xaxis.set_tick_params(labelbottom=not below)
        if below:
            axes.set_xlabel("")
        if place and place.colspan.start > 0:
            axes.set_ylabel("")


def panel(axes: "Axes", rows: Rows, drawn: Drawn, room: int) -> None:
    """Draw the lines of one panel.

    Parameters
    ----------
    axes
        The panel.
    rows
        Its rows.
    drawn
        How columns are shown.
    room
        Ticks of the level axis that there is room for.
    """
    asked = drawn.asked
    if drawn.joined:
        for pen in drawn.pens:
            own = rows if asked.color is None else select(rows, **{asked.color.key: pen.value})
            _line(axes, own, drawn, pen)
    else:
        _cloud(axes, rows, drawn)
    lay(axes.xaxis, drawn.x, places(drawn.x, np.asarray(rows[asked.x.key])), room)
    lay(axes.yaxis, drawn.y, np.empty(0))
    if drawn.x.scale == NAMES:
        axes.set_xlim(-0.5, len(drawn.x.names) - 0.5)
    if drawn.y.scale != LOG and _near_zero(rows, asked.y):
        axes.set_ylim(bottom=0.0)


def _near_zero(rows: Rows, quantity: Quantity) -> bool:
    values = np.asarray(rows[quantity.key], float)
    values = values[np.isfinite(values)]
    return bool(values.size) and 0.0 <= values.min() < 0.6 * values.max()


def _line(axes: "Axes", rows: Rows, drawn: Drawn, pen: Pen) -> None:
    asked = drawn.asked
    x = places(drawn.x, np.asarray(rows[asked.x.key]))
    order = np.argsort(x, kind="stable")
    fits = np.asarray(rows["feasible"], bool)[order]
    x, y = x[order], np.asarray(rows[asked.y.key], float)[order] / drawn.y.size
    style = {"color": pen.color, "marker": pen.marker, "rasterized": len(x) > RASTER}
    if drawn.x.scale == NAMES:
        style["linestyle"] = ""
    name = "" if drawn.color is None else value_text(drawn.color, pen.value)
    axes.plot(x, np.where(fits, y, np.nan), label=name, **style)
    _intervals(axes, rows, drawn, pen)
    if not fits.all():
        height = 0.03 + 0.035 * (pen.row % 8)
        heights = np.full((~fits).sum(), height)
        foot = axes.get_xaxis_transform()
        axes.plot(x[~fits], heights, "x", color=pen.color, markersize=4.5, transform=foot)


def _intervals(axes: "Axes", rows: Rows, drawn: Drawn, pen: Pen) -> None:
    """Ends of the 90 % interval, where they are stored."""
    pair = ends(drawn.asked.y.column)
    if pair is None or not set(pair) <= set(rows):
        return
    fits = np.asarray(rows["feasible"], bool)
    x = places(drawn.x, np.asarray(rows[drawn.asked.x.key]))[fits]
    low, high = (np.asarray(rows[key], float)[fits] / drawn.y.size for key in pair)
    axes.vlines(x, low, high, color=pen.color, linewidth=1.0, alpha=0.55)


def _cloud(axes: "Axes", rows: Rows, drawn: Drawn) -> None:
    """Points that are not joined, coloured by a number: what a random sample looks like."""
    from matplotlib.colors import to_rgba

    asked = drawn.asked
    fits = np.asarray(rows["feasible"], bool)
    x = places(drawn.x, np.asarray(rows[asked.x.key]))
    y = np.asarray(rows[asked.y.key], float) / drawn.y.size
    table = {pen.value: pen.color for pen in drawn.pens}
    key = asked.color.key if asked.color else asked.x.key
    values, which = np.unique(np.asarray(rows[key])[fits], return_inverse=True)
    colors = np.array([to_rgba(table[value]) for value in values.tolist()])[which]
    axes.scatter(x[fits], y[fits], c=colors, s=14, rasterized=len(x) > RASTER)
    if not fits.all():
        foot = axes.get_xaxis_transform()
        heights = np.full((~fits).sum(), 0.03)
        style = {"color": "#666666", "markersize": 4, "rasterized": len(x) > RASTER}
        axes.plot(x[~fits], heights, "x", transform=foot, **style)


def _pens(rows: Rows, color: Quantity | None) -> list[Pen]:
    import matplotlib as mpl
    from matplotlib.colors import to_hex

    cycle = mpl.rcParams["axes.prop_cycle"].by_key()["color"]
    if color is None:
        return [Pen("", cycle[0], MARKERS[0], 0)]
    values = ordered(rows, color)
    if color.scale == NAMES:
        shades = [cycle[place % len(cycle)] for place in range(len(values))]
    else:
        # as far apart as values, not as numbers: three of them get three clear colours
        steps = np.linspace(0.0, WASH, len(values))
        shades = [to_hex(mpl.colormaps["viridis"](step)) for step in steps]
    many = len(values) > FEW and color.scale != NAMES
    return [
        # colours and markers repeat after the same number: shift one against the other
        Pen(value, shade, "." if many else MARKERS[(place + place // 7) % 7], place)
        for place, (value, shade) in enumerate(zip(values, shades, strict=True))
    ]


def legend(figure: "Figure", panels: "Sequence[Axes]", drawn: Drawn, crossed: bool) -> None:
    """Name the lines beside the panels, or draw a colour bar for many numbers.

    Parameters
    ----------
    figure
        The figure.
    panels
        Its panels.
    drawn
        How columns are shown.
    crossed
        Whether a cross stands for points that are not feasible.
    """
    from matplotlib.lines import Line2D

    if drawn.color is not None and len(drawn.pens) > FEW and drawn.color.scale != NAMES:
        return _color_bar(figure, panels, drawn.color, drawn.pens)
    handles, labels = panels[0].get_legend_handles_labels()
    if drawn.color is None:
        handles, labels = [], []
    if crossed:
        handles.append(Line2D([], [], marker="x", linestyle="", color="#555555", markersize=4.5))
        labels.append("not feasible")
    if handles:
        heading = drawn.color.label if drawn.color else None
        style = {"title": heading, "title_fontsize": 8, "alignment": "left"}
        figure.legend(handles, labels, loc="outside right upper", **style)
    return None


def _color_bar(
    figure: "Figure", panels: "Sequence[Axes]", color: Dimension, pens: Sequence[Pen]
) -> None:
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import BoundaryNorm, ListedColormap
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    values = places(color, np.array([pen.value for pen in pens], float))
    middles = np.arange(len(values) + 1) - 0.5
    table = ListedColormap([pen.color for pen in pens])
    mappable = ScalarMappable(BoundaryNorm(middles, len(values)), table)
    bar = figure.colorbar(mappable, ax=list(panels), label=color.label)
    every = max(1, len(values) // 8)
    marks = np.arange(0, len(values), every)
    bar.ax.yaxis.set_major_locator(FixedLocator(marks.tolist()))
    bar.ax.yaxis.set_minor_locator(NullLocator())
    said = [value_text(color._replace(size=1.0, unit=""), float(values[one])) for one in marks]
    bar.ax.yaxis.set_major_formatter(FuncFormatter(lambda _, place: said[place or 0]))
