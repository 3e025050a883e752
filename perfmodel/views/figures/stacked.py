"""Horizontal stacked bars, one per row: what the splits of time and power are drawn with."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from perfmodel.views.figures.sheet import distinct, plain_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BAR = 0.72
"""Height of a bar, the distance of two bars being one."""
GAP = 0.9
"""Room above the first bar of a group, for its name."""
READABLE_SHARE = 0.055
"""Narrowest part, as a share of the axis, that a number fits in."""
LEGEND_SHARE = 0.002
"""A part that is smaller than this everywhere is left out of the legend."""


class Part(NamedTuple):
    """One part of every bar."""

    label: str
    color: str
    widths: np.ndarray
    """Width in each row, in the unit of the axis; not finite where there is no bar."""


class Bars(NamedTuple):
    """Where the bars stand."""

    positions: np.ndarray
    """Place of each row, downwards."""
    groups: Mapping[str, float]
    """Name of each group and the place of that name."""

    @property
    def height(self) -> float:
        """Height of all bars and names, in bars."""
        return float(self.positions.max()) + 1.0

    @property
    def sheet_height(self) -> float:
        """Height in inches of a sheet that holds them, its title, axis and legend."""
        return max(2.6, 1.5 + 0.28 * self.height)


def arrange(groups: Sequence[str] | np.ndarray) -> Bars:
    """Place one bar per row under the name of its group."""
    members_of = np.asarray(groups)
    positions, heads, place = np.zeros(len(members_of)), {}, 0.0
    for name in distinct(members_of):
        heads[name] = place
        members = np.flatnonzero(members_of == name)
        positions[members] = place + GAP + np.arange(len(members))
        place += GAP + len(members) + 0.25
    return Bars(positions, heads)


def stack(axes: "Axes", bars: Bars, parts: Sequence[Part], number: str) -> None:
    """Draw the bars, a number in every part that has room for it.

    Parameters
    ----------
    axes
        Its horizontal limits are already set.
    bars
        Where the bars stand.
    parts
        What they consist of, from left to right.
    number
        Format of the numbers, such as ``{:.0%}``.
    """
    left = np.zeros(len(bars.positions))
    room = READABLE_SHARE * axes.get_xlim()[1]
    shown = LEGEND_SHARE * axes.get_xlim()[1]
    for part in parts:
        widths = np.nan_to_num(part.widths)
        label = part.label if widths.max() > shown else f"_{part.label}"
        style = {"color": part.color, "edgecolor": "white", "linewidth": 0.5}
        axes.barh(bars.positions, widths, BAR, left, label=label, **style)
        for place in np.flatnonzero(widths > room):
            axes.text(
                left[place] + widths[place] / 2.0,
                bars.positions[place],
                number.format(widths[place]),
                ha="center",
                va="center",
                fontsize=7,
                color=_ink(part.color),
                in_layout=False,  # it lies inside the axes: the layout need not measure it
            )
        left += widths


def name_rows(axes: "Axes", bars: Bars, labels: Sequence[str]) -> None:
    """Name each bar on the vertical axis and each group above its bars."""
    axes.set_yticks(bars.positions, [plain_text(label) for label in labels])
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="y", visible=False)
    axes.set_ylim(bars.height - 0.4, -0.35)
    for name, place in bars.groups.items():
        across = axes.get_yaxis_transform()
        axes.text(0.0, place + 0.2, plain_text(name), transform=across, va="center", weight="bold")


def end_notes(axes: "Axes", bars: Bars, ends: np.ndarray, notes: Sequence[str]) -> None:
    """Write a note at the end of each bar."""
    for place, end, note in zip(bars.positions, np.nan_to_num(ends), notes, strict=True):
        axes.annotate(
            note, (end, place), xytext=(4, 0), textcoords="offset points", va="center", fontsize=8
        )


def _ink(color: str) -> str:
    """Colour of text that is readable on a background."""
    red, green, blue = (int(color[i : i + 2], 16) / 255 for i in (1, 3, 5))
    # relative luminance: ITU-R BT.709 weights
    return "black" if 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.5 else "white"
