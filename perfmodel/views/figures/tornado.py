"""Which figure of the hardware matters: elasticities as bars, the largest on top."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from perfmodel.results.columns import COLUMNS, elasticity
from perfmodel.views.figures.sheet import Rows, house_style, sheet
from perfmodel.views.figures.stacked import BAR

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MORE, LESS = "#0072B2", "#D55E00"
"""Colours of a rise and of a fall, apart for the colour-blind and in grey."""

ROOM = 1.45
"""Half-width of a panel over its longest bar: the numbers stand outside."""


def draw(rows: Rows, aims: Sequence[str], top: int, caption: str) -> "Figure":
    """Draw one panel per quantity, the same figures in all of them.

    Parameters
    ----------
    rows
        Columns ``field``, ``text`` and an elasticity per quantity, the largest first.
    aims
        Quantities.
    top
        Bars at most.
    caption
        Where the numbers come from.
    """
    values = np.array([np.asarray(rows[elasticity(aim).key], float) for aim in aims])
    shown = np.flatnonzero(np.abs(values).max(axis=0) > 0.0)[:top]
    names = [f"{rows['field'][place]} = {rows['text'][place]}" for place in shown]
    with house_style():
        width, height = 3.2 + 2.6 * len(aims), 1.7 + 0.24 * len(shown)
        figure = sheet(width, height, "Which hardware figure matters", caption)
        panels = figure.subplots(1, len(aims), squeeze=False, sharey=True)[0]
        for panel, aim, line in zip(panels, aims, values, strict=True):
            _bars(panel, line[shown])
            panel.set_title(COLUMNS[aim].label)
            panel.set_xlabel("elasticity [% per %]")
        panels[0].set_yticks(np.arange(len(shown)), names)
        panels[0].set_ylim(len(shown) - 0.4, -0.6)
    return figure


def _bars(panel: "Axes", values: np.ndarray) -> None:
    """Bars from zero, each with its number at the end."""
    places = np.arange(len(values))
    panel.barh(places, values, BAR, color=np.where(values >= 0.0, MORE, LESS).tolist())
    panel.axvline(0.0, color="#444444", linewidth=0.8)
    span = ROOM * float(np.abs(values).max(initial=0.0)) or 1.0
    panel.set_xlim(-span, span)
    panel.locator_params(axis="x", nbins=5)
    panel.grid(axis="y", visible=False)
    panel.tick_params(axis="y", length=0)
    for place, value in zip(places, values, strict=True):
        if value != 0.0:
            panel.annotate(
                f"{value:+.2g}" if abs(value) < 0.01 else f"{value:+.2f}",
                (value, place),
                xytext=(3 if value > 0.0 else -3, 0),
                textcoords="offset points",
                va="center",
                ha="left" if value > 0.0 else "right",
                fontsize=6.5,
            )
