"""Where the power of a site goes: megawatts of every part, one bar per site and workload."""

from typing import TYPE_CHECKING

import numpy as np

from perfmodel.results.columns import COLUMNS, POWER_SPLIT, Column
from perfmodel.views.figures.sheet import Rows, house_style, sheet
from perfmodel.views.figures.stacked import (
    BAR,
    Bars,
    Part,
    arrange,
    end_notes,
    name_rows,
    stack,
)
from perfmodel.views.quantities import axis_label, human, scale, three_digits

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLORS = {
    "chips": "#0072B2",
    "hosts": "#56B4E9",
    "fans": "#BDE0F5",
    "conversion": "#E69F00",
    "network": "#D55E00",
    "storage": "#CC79A7",
    "distribution": "#BBBBBB",
    "cooling": "#009E73",
}
"""Computing in blues, losses and service in other hues; lightness differs between neighbours."""

TOTAL = COLUMNS["site_power"]
PROVISIONED = COLUMNS["provisioned_power"]


def draw(rows: Rows, caption: str) -> "Figure":
    """Draw the split of the site power.

    Parameters
    ----------
    rows
        Columns ``site``, ``workload``, ``feasible``, ``site_power_w``, ``power_split_*_w`` and,
        when the provisioned power shall be marked, ``provisioned_power_w``.
    caption
        Where the numbers come from.
    """
    bars = arrange(rows["workload"])
    parts = _parts(rows)
    ends = np.sum([part.widths for part in parts], axis=0)
    marks = _megawatts(rows, PROVISIONED)
    of = " of provisioned power" if marks.any() else " power"
    with house_style():
        figure = sheet(8.6, bars.sheet_height, "Where the power of a site goes", caption)
        axes = figure.subplots()
        axes.set_xlim(0.0, 1.14 * max(ends.max(), marks.max(initial=0.0), 1e-3))
        stack(axes, bars, parts, "{:.1f}")
        name_rows(axes, bars, list(rows["site"]))
        _mark(axes, bars, marks)
        end_notes(axes, bars, np.maximum(ends, marks), _notes(rows, marks))
        axes.set_xlabel(f"{axis_label(TOTAL)}; at the end of the bar used{of}")
        if axes.get_legend_handles_labels()[0]:  # nothing to name where nothing fits
            figure.legend(loc="outside right center")
    return figure


def _parts(rows: Rows) -> list[Part]:
    columns = {name: COLUMNS[f"power_split.{name}"] for name in POWER_SPLIT}
    return [
        Part(column.label, COLORS[name], _megawatts(rows, column))
        for name, column in columns.items()
    ]


def _megawatts(rows: Rows, column: Column) -> np.ndarray:
    """A power in the unit of the axis, zero where no layout is feasible or it is not stored."""
    fits = np.asarray(rows["feasible"], dtype=bool)
    watts = np.asarray(rows.get(column.key, np.zeros(fits.shape)), dtype=float)
    return np.where(fits, watts / scale(TOTAL).size, 0.0)


def _mark(axes: "Axes", bars: Bars, marks: np.ndarray) -> None:
    known = marks > 0.0
    if known.any():
        ends = bars.positions[known] - BAR / 2, bars.positions[known] + BAR / 2
        axes.vlines(marks[known], *ends, color="black", linewidth=1.4, label=PROVISIONED.label)


def _notes(rows: Rows, marks: np.ndarray) -> list[str]:
    unit = scale(TOTAL).unit
    totals = _megawatts(rows, TOTAL)
    return [
        f"{three_digits(total)} of {three_digits(mark)} {unit}"
        if mark
        else (human(stored, TOTAL) if total else "no feasible layout")
        for total, mark, stored in zip(totals, marks, rows[TOTAL.key], strict=True)
    ]
