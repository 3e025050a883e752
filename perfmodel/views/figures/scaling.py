"""Scaling curves: throughput and MFU against chips, one panel column per batch rule."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from perfmodel.results.columns import COLUMNS
from perfmodel.views.figures.sheet import Rows, distinct, house_style, plain_text, select, sheet

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MARKS = {25_000: "AI factory, 25k", 100_000: "gigafactory, 100k"}
"""Sizes that the European programme speaks of, in chips."""

MARKERS = ("o", "s", "^", "D", "v", "P", "X")


class Pen(NamedTuple):
    """How one curve looks."""

    label: str
    color: str
    marker: str
    row: int
    """Its place among the curves, which keeps its crosses clear of those of others."""


def draw(rows: Rows, workload: str, caption: str) -> "Figure":
    """Draw the scaling curves of one workload.

    Parameters
    ----------
    rows
        Columns ``curve``, ``rule``, ``workload``, ``chips``, ``tokens_per_s``,
        ``tokens_per_s_per_chip``, ``mfu``, ``feasible``.
    workload
        The workload to show.
    caption
        Where the numbers come from.
    """
    chosen = select(rows, workload=workload)
    rules = distinct(chosen["rule"])
    with house_style():
        figure = sheet(3.9 * len(rules) + 2.4, 6.4, f"Scaling of {workload}", caption)
        grid = figure.subplots(
            2, len(rules), squeeze=False, sharex=True, sharey="row", height_ratios=(3, 2)
        )
        pens = _pens(distinct(chosen["curve"]))
        for column, rule in enumerate(rules):
            _panels(grid[0, column], grid[1, column], select(chosen, rule=rule), pens)
            grid[0, column].set_title(plain_text(f"{rule[:1].upper()}{rule[1:]}"))
        _label(grid)
        _legend(figure, grid)
    return figure


def _pens(curves: list[str]) -> list[Pen]:
    import matplotlib

    colors = matplotlib.rcParams["axes.prop_cycle"].by_key()["color"]
    return [
        Pen(curve, colors[i % len(colors)], MARKERS[i % len(MARKERS)], i)
        for i, curve in enumerate(curves)
    ]


def _panels(upper: "Axes", lower: "Axes", rows: dict[str, np.ndarray], pens: list[Pen]) -> None:
    for pen in pens:
        curve = select(rows, curve=pen.label)
        order = np.argsort(curve["chips"], kind="stable")
        curve = {key: column[order] for key, column in curve.items()}
        fits = curve["feasible"].astype(bool)
        _line(upper, pen, curve["chips"], np.where(fits, curve["tokens_per_s"], np.nan))
        _line(lower, pen, curve["chips"], np.where(fits, curve["mfu"], np.nan))
        _ideal(upper, pen, {key: column[fits] for key, column in curve.items()})
        _no_layout(lower, pen, curve["chips"][~fits])
    for size in MARKS:
        upper.axvline(size, color="#888888", linewidth=0.9, linestyle=(0, (1, 2)), zorder=0.9)
        lower.axvline(size, color="#888888", linewidth=0.9, linestyle=(0, (1, 2)), zorder=0.9)
    _name_marks(upper)


def _line(axes: "Axes", pen: Pen, chips: np.ndarray, values: np.ndarray) -> None:
    axes.plot(chips, values, color=pen.color, marker=pen.marker, label=plain_text(pen.label))


def _ideal(axes: "Axes", pen: Pen, feasible: dict[str, np.ndarray]) -> None:
    """Line through the smallest feasible size on which every chip stays as fast as there."""
    if not feasible["chips"].size:
        return
    rate, chips = feasible["tokens_per_s_per_chip"][0], feasible["chips"]
    axes.plot(chips, rate * chips, color=pen.color, linewidth=1.0, linestyle="--", zorder=1.5)


def _no_layout(axes: "Axes", pen: Pen, chips: np.ndarray) -> None:
    """Crosses at the foot of the panel where no layout is feasible."""
    if chips.size:
        foot = axes.get_xaxis_transform()
        heights = np.full(chips.shape, 0.03 + 0.045 * pen.row)
        axes.plot(chips, heights, "x", color=pen.color, markersize=5, transform=foot)


def _name_marks(axes: "Axes") -> None:
    for size, name in MARKS.items():
        axes.annotate(
            name,
            (size, 0.02),
            xycoords=axes.get_xaxis_transform(),
            xytext=(3, 0),
            textcoords="offset points",
            rotation=90,
            va="bottom",
            fontsize=7.5,
            color="#555555",
        )


def _label(grid: np.ndarray) -> None:
    from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter, PercentFormatter

    for upper, lower in grid.T:
        upper.set(xscale="log", yscale="log")
        upper.yaxis.set_major_formatter(EngFormatter(sep=" "))
        lower.xaxis.set_major_formatter(EngFormatter(sep=""))
        lower.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        for axis in (upper.yaxis, lower.xaxis):
            axis.set_minor_locator(LogLocator(subs=(2.0, 5.0)))
            axis.set_minor_formatter(NullFormatter())
        lower.set_ylim(bottom=0.0)
        lower.set_xlabel("chips")
    grid[0, 0].set_ylabel(f"throughput [{COLUMNS['tokens_per_s'].label}]")
    grid[1, 0].set_ylabel(f"{COLUMNS['mfu'].label} [%]")


def _legend(figure: "Figure", grid: np.ndarray) -> None:
    from matplotlib.lines import Line2D

    handles, labels = grid[0, 0].get_legend_handles_labels()
    grey = {"color": "#555555", "linewidth": 1.0}
    handles.append(Line2D([], [], linestyle="--", **grey))
    labels.append("every chip as fast\nas at the smallest size")
    if any(line.get_marker() == "x" for axes in grid[1] for line in axes.lines):
        handles.append(Line2D([], [], marker="x", linestyle="", color="#555555"))
        labels.append("no feasible layout")
    figure.legend(handles, labels, loc="outside right center")
