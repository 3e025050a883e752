"""The main results of a sweep over one axis on one sheet: throughput, MFU, power, energy."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from perfmodel.views.figures.dimension import Quantity
from perfmodel.views.figures.sheet import Rows, house_style, sheet
from perfmodel.views.figures.sweep_line import Asked, legend, panel, prepare

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ROOM = 6
"""Ticks of a level axis that a panel has room for."""


def draw(
    rows: Rows, asked: Asked, results: Sequence[Quantity], title: str, caption: str
) -> "Figure":
    """Draw a panel per result, all over the same axis with the same colours.

    Parameters
    ----------
    rows
        The axes, the results and ``feasible``.
    asked
        The axis and the colour; its ``y`` is replaced by each result.
    results
        What the panels show.
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
        down = -(-len(results) // 2)
        figure = sheet(9.0 if asked.color else 7.6, 2.7 * down + 1.0, title, caption)
        grid = figure.subplots(down, 2, sharex=True, squeeze=False)
        first = prepare(rows, asked._replace(y=results[0]))
        for axes, result in zip(grid.flat, results, strict=False):
            panel(axes, rows, prepare(rows, asked._replace(y=result)), ROOM)
            axes.set_xlabel(first.x.label if axes in grid[-1] else "")
        for axes in grid.flat[len(results) :]:
            axes.set_visible(False)
        legend(figure, list(grid.flat), first, crossed=not np.all(rows["feasible"]))
    return figure
