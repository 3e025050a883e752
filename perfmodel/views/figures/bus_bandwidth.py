"""Bus bandwidth of a collective against its size and its ranks, algorithm changes marked."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from perfmodel.results.columns import NETWORK, Column
from perfmodel.views.figures.sheet import Rows, distinct, house_style, select, sheet
from perfmodel.views.quantities import axis_label, human, scale

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MARKERS = ("o", "s", "^", "D", "v", "P", "X")

MOST_LINES = 9
"""Lines that can still be told apart; of more, this many are drawn at even distances."""

DARKEST, LIGHTEST = 0.0, 0.85
"""Ends of the colour map that print on white."""


class View(NamedTuple):
    """What stands on the axis and what tells the lines apart."""

    across: Column
    lines: Column


def by_size(rows: Rows, caption: str) -> "Figure":
    """Draw bus bandwidth against size, one line per number of ranks.

    Parameters
    ----------
    rows
        Columns ``collective``, ``ranks``, ``size_bytes``, ``algorithm`` and
        ``bus_bandwidth_bytes_per_s``.
    caption
        Where the numbers come from.
    """
    return _draw(rows, View(NETWORK["size"], NETWORK["ranks"]), caption)


def by_ranks(rows: Rows, caption: str) -> "Figure":
    """Draw bus bandwidth against ranks, one line per size.

    Parameters
    ----------
    rows
        Columns as in :func:`by_size`.
    caption
        Where the numbers come from.
    """
    return _draw(rows, View(NETWORK["ranks"], NETWORK["size"]), caption)


def _draw(rows: Rows, view: View, caption: str) -> "Figure":
    title = f"Bus bandwidth of {_with_article(str(rows['collective'][0]))}"
    algorithms = [name for name in distinct(rows["algorithm"]) if name]
    marks: dict[str, str] = dict(zip(algorithms, MARKERS, strict=False))
    values = sorted(distinct(rows[view.lines.key]))
    chosen = _spread(values)
    with house_style():
        figure = sheet(7.6, 4.6, title, caption)
        axes = figure.subplots()
        for value, color in zip(chosen, _colors(len(chosen)), strict=True):
            line = select(rows, **{view.lines.key: value})
            _line(axes, line, view, marks, (color, human(value, view.lines)))
        _label(axes, view)
        _legends(figure, axes, marks, _heading(view.lines, values, chosen))
    return figure


def _with_article(collective: str) -> str:
    return f"{'an' if collective[0] in 'aeiou' else 'a'} {collective}"


def _spread(values: list) -> list:
    if len(values) <= MOST_LINES:
        return values
    places = np.linspace(0, len(values) - 1, MOST_LINES).round().astype(int)
    return [values[place] for place in places]


def _heading(column: Column, values: list, chosen: list) -> str:
    return (
        column.label
        if len(values) == len(chosen)
        else (f"{column.label}\n({len(chosen)} of {len(values)})")
    )


def _colors(count: int) -> list:
    import matplotlib

    shades = matplotlib.colormaps["viridis"]
    return [shades(place) for place in np.linspace(DARKEST, LIGHTEST, count)]


def _line(
    axes: "Axes", rows: dict[str, np.ndarray], view: View, marks: dict[str, str], pen: tuple
) -> None:
    """One line, a marker where it begins and wherever the algorithm changes."""
    height = rows[NETWORK["bus_bandwidth"].key] / scale(NETWORK["bus_bandwidth"]).size
    order = np.argsort(rows[view.across.key], kind="stable")
    order = order[np.isfinite(height[order])]
    across, height = rows[view.across.key][order], height[order]
    algorithm = rows["algorithm"][order].tolist()
    color, label = pen
    axes.plot(across, height, color=color, label=label)
    before: list = [None, *algorithm]
    for place, name in enumerate(algorithm):
        if name != before[place]:
            axes.plot(across[place], height[place], marks.get(name, "*"), color=color)


def _label(axes: "Axes", view: View) -> None:
    from matplotlib.ticker import EngFormatter, FuncFormatter, LogLocator, NullFormatter

    axes.set(xscale="log", yscale="log")
    if view.across.unit:
        axes.xaxis.set_major_formatter(EngFormatter(unit=view.across.unit))
    else:
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_locator(LogLocator(subs=(2.0, 5.0)))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.yaxis.set_minor_formatter(NullFormatter())
    unit = f" [{view.across.unit}]" if view.across.unit else ""
    axes.set_xlabel(f"{view.across.label}{unit}")
    axes.set_ylabel(axis_label(NETWORK["bus_bandwidth"]))


def _legends(figure: "Figure", axes: "Axes", marks: dict[str, str], heading: str) -> None:
    """Lines, and below them the algorithms that the markers stand for."""
    from matplotlib.lines import Line2D

    lines, labels = axes.get_legend_handles_labels()
    title = Line2D([], [], linestyle="")
    shapes = [
        Line2D([], [], marker=shape, color="#555555", linestyle="") for shape in marks.values()
    ]
    figure.legend(
        [title, *lines, title, *shapes],
        [heading, *labels, "from here on by", *marks],
        loc="outside right center",
    )
