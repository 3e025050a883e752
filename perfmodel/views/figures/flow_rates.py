"""Flows on a fabric: distribution of rates, slow-down by scale, load of the links by level."""

from typing import TYPE_CHECKING

import numpy as np

from perfmodel.results.columns import FLOWS
from perfmodel.views.figures.sheet import Rows, distinct, house_style, select, sheet
from perfmodel.views.quantities import axis_label, scale

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def distribution(rows: Rows, caption: str) -> "Figure":
    """Draw the share of chips that send at a rate or below.

    Parameters
    ----------
    rows
        Columns ``quantile``, ``rate_fraction``, ``pattern`` and ``fabric``.
    caption
        Where the numbers come from.
    """
    rate, quantile = (np.asarray(rows[key]) for key in ("rate_fraction", "quantile"))
    with house_style():
        figure = sheet(5.6, 3.8, f"Rates of a {rows['pattern'][0]}", caption)
        axes = figure.subplots()
        axes.plot(rate, quantile, label="chips")
        mean = float(np.trapezoid(rate, quantile))
        axes.axvline(mean, color="#777777", linestyle="--", label=f"mean {mean:.3f}")
        axes.set(xlim=(0.0, max(1.02, float(rate.max()))), ylim=(0.0, 1.0))
        axes.set_xlabel(axis_label(FLOWS["rate_fraction"]))
        axes.set_ylabel("share of chips at or below")
        axes.legend()
    return figure


def slow_down(rows: Rows, caption: str) -> "Figure":
    """Draw the slow-down of collectives against the number of chips.

    Parameters
    ----------
    rows
        Columns ``collective``, ``ranks`` and ``slow_down``.
    caption
        Where the numbers come from.
    """
    from matplotlib.ticker import FuncFormatter, NullFormatter

    with house_style():
        figure = sheet(5.6, 3.8, "Steps held up by their slowest flow", caption)
        axes = figure.subplots()
        for name, marker in zip(distinct(rows["collective"]), "os^Dv", strict=False):
            line = select(rows, collective=name)
            finite = np.isfinite(line["slow_down"])
            axes.plot(line["ranks"][finite], line["slow_down"][finite], marker=marker, label=name)
        axes.set(xscale="log", ylim=(0.0, None))
        axes.set_xticks(distinct(rows["ranks"]))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_xlabel("chips")
        axes.set_ylabel("fastest over slowest flow, mean of steps")
        axes.legend()
    return figure


def hottest(rows: Rows, caption: str) -> "Figure":
    """Draw the mean and the highest load of the links by level.

    Parameters
    ----------
    rows
        Columns ``level``, ``mean_load`` and ``max_load``.
    caption
        Where the numbers come from.
    """
    levels = list(rows["level"])
    place = np.arange(len(levels))
    percent = scale(FLOWS["max_load"]).size
    with house_style():
        figure = sheet(5.6, 3.4, "Load of the links that carry traffic", caption)
        axes = figure.subplots()
        for offset, key in ((-0.2, "mean_load"), (0.2, "max_load")):
            height = np.asarray(rows[key]) / percent
            axes.bar(place + offset, height, 0.38, label=FLOWS[key].label)
        axes.set_xticks(place, levels)
        axes.set_ylabel("load [%]")
        axes.set_ylim(0.0, 115.0)
        axes.legend(loc="upper right", ncols=2)
    return figure
