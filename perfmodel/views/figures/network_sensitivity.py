"""What the network of a site is worth: throughput against its properties, one panel each."""

from typing import TYPE_CHECKING

import numpy as np

from perfmodel.views.figures.sheet import Rows, distinct, house_style, select, sheet

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MARKERS = ("o", "s", "^", "D")

MOST_ACROSS = 3
"""Panels side by side."""


def draw(rows: Rows, caption: str) -> "Figure":
    """Draw throughput over that of the first value, one line per site.

    Parameters
    ----------
    rows
        Columns ``name``, ``workload``, ``axis``, ``value``, ``label``, ``over_first``, ``own``.
    caption
        Where the numbers come from.
    """
    axes = distinct(rows["axis"])
    with house_style():
        title = f"What the network is worth: {rows['workload'][0]}"
        lines = -(-len(axes) // MOST_ACROSS)
        across = -(-len(axes) // lines)
        figure = sheet(4.2 * across + 1.0, 3.9 * lines + 0.4, title, caption)
        panels = figure.subplots(lines, across, squeeze=False, sharey=True)
        for panel, name in zip(panels.flat, axes, strict=False):
            _panel(panel, select(rows, axis=name))
            panel.set_title(f"{name[:1].upper()}{name[1:]}")
        for panel in panels.flat[len(axes) :]:
            panel.set_visible(False)
        for panel in panels[:, 0]:
            panel.set_ylabel("tokens/s over that of the first value")
        panels = panels.flat
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))
    return figure


def _panel(panel: "Axes", rows: dict[str, np.ndarray]) -> None:
    for place, site in enumerate(distinct(rows["name"])):
        line = select(rows, name=site)
        at = np.arange(len(line["value"]))
        (drawn,) = panel.plot(at, line["over_first"], marker=MARKERS[place % 4], label=site)
        own = line["own"].astype(bool)
        panel.plot(
            at[own],
            line["over_first"][own],
            linestyle="",
            marker="o",
            markersize=11,
            fillstyle="none",
            color=drawn.get_color(),
            label="_own",
        )
        panel.set_xticks(at, [str(label) for label in line["label"]])
    panel.axhline(1.0, color="#888888", linewidth=0.9, zorder=0.9)
    panel.set_xlabel("ringed: the site as configured")
