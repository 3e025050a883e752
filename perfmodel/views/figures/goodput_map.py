"""Goodput over the rate of failures and the time of a restart, a panel per number of chips."""

from typing import TYPE_CHECKING

import numpy as np

from perfmodel.results.columns import GOODPUT
from perfmodel.views.figures.sheet import Rows, house_style, sheet
from perfmodel.views.quantities import axis_label, scale

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable
    from matplotlib.figure import Figure

RATE, RESTART, SHARE = (GOODPUT[name] for name in ("failure_rate", "restart", "goodput"))
PER_THOUSAND_DAYS = 1000.0 * scale(GOODPUT["days"]).size
"""A rate per node and second as failures per 1,000 node-days."""

LEVELS = np.arange(0.2, 1.001, 0.1)


def draw(rows: Rows, caption: str) -> "Figure":
    """Draw goodput as a map with labelled contours.

    Parameters
    ----------
    rows
        Columns ``chips``, ``failure_rate_per_s``, ``restart_s`` and ``goodput``.
    caption
        Where the numbers come from.
    """
    sizes = sorted(set(np.asarray(rows["chips"]).tolist()))
    with house_style():
        title = "Goodput over failures and restarts, asynchronous checkpoints"
        figure = sheet(7.6, 3.9, title, caption)
        panels = figure.subplots(1, len(sizes), sharey=True, squeeze=False)[0]
        shown = [_panel(axes, rows, size) for axes, size in zip(panels, sizes, strict=True)]
        panels[0].set_ylabel(axis_label(RESTART))
        figure.colorbar(shown[0], ax=panels, label=SHARE.label, format=lambda v, _: f"{v:.0%}")
    return figure


def _panel(axes: "Axes", rows: Rows, size: int) -> "ScalarMappable":
    """Map and contours for one number of chips."""
    here = np.asarray(rows["chips"]) == size
    rate, restart, share = (_grid(rows, column.key, here) for column in (RATE, RESTART, SHARE))
    x, y = rate * PER_THOUSAND_DAYS, restart / scale(RESTART).size
    shown = axes.pcolormesh(x, y, share, vmin=0.0, vmax=1.0, cmap="viridis", shading="gouraud")
    lines = axes.contour(x, y, share, LEVELS, colors="white", linewidths=0.8)
    axes.clabel(lines, fmt=lambda level: f"{level:.0%}", fontsize=7)
    axes.set_xscale("log")
    axes.set_title(f"{size:,} chips", fontsize=9)
    axes.set_xlabel("failures per 1,000 node-days")
    _plain_ticks(axes)
    return shown


def _grid(rows: Rows, key: str, here: np.ndarray) -> np.ndarray:
    """One column of a panel on its grid, a row per rate."""
    rates = len(set(np.asarray(rows[RATE.key])[here].tolist()))
    return np.asarray(rows[key], float)[here].reshape(rates, -1)


def _plain_ticks(axes: "Axes") -> None:
    from matplotlib.ticker import FixedLocator, NullLocator, StrMethodFormatter

    axes.xaxis.set_major_locator(FixedLocator([1, 2, 4, 8, 15]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
