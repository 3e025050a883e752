"""What a chip-hour consists of, case by case, and what a million tokens cost in later years."""

from typing import TYPE_CHECKING

import numpy as np

from perfmodel.results.columns import COST
from perfmodel.views.figures.sheet import Rows, distinct, house_style, select, sheet
from perfmodel.views.quantities import axis_label

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PARTS = ("hour_equipment", "hour_building", "hour_operation", "hour_energy")
MARKERS = ("o", "s", "^", "D")
BAR = 0.6


def draw(cases: Rows, years: Rows, caption: str) -> "Figure":
    """Draw both panels.

    Parameters
    ----------
    cases
        Columns ``case``, ``chip_hour_eur`` and its parts.
    years
        Columns ``case``, ``year``, ``million_tokens_eur``.
    caption
        Where the numbers come from.
    """
    with house_style():
        figure = sheet(8.2, 3.7, "Cost of a chip-hour, and of tokens in later years", caption)
        left, right = figure.subplots(1, 2)
        _hours(left, cases)
        for number, case in enumerate(distinct(years["case"])):
            own = select(years, case=case)
            marker = MARKERS[number % len(MARKERS)]
            right.plot(own["year"], own[COST["million_tokens"].key], marker=marker, label=case)
        right.set(xlabel="years until the equipment is bought", ylim=(0.0, None))
        right.set_ylabel(axis_label(COST["million_tokens"]))
        right.legend()
    return figure


def _hours(axes: "Axes", cases: Rows) -> None:
    """A bar per case, stacked from its parts, the sum on top."""
    names = list(cases["case"])
    foot = np.zeros(len(names))
    for part in PARTS:
        column = COST[part]
        height = np.asarray(cases[column.key], float)
        axes.bar(names, height, BAR, bottom=foot, label=column.label.removeprefix("of it, "))
        foot = foot + height
    for place, total in enumerate(foot):
        axes.annotate(f"{total:.2f}", (place, total), (0, 2), textcoords="offset points",
                      ha="center", va="bottom", fontsize=8)  # fmt: skip
    axes.set_ylabel(axis_label(COST["chip_hour"]))
    axes.margins(y=0.1)
    axes.legend()
