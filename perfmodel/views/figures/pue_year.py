"""PUE of sites over the year, the outside temperature below, the hottest hours at the side."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from perfmodel.results.columns import POWER
from perfmodel.views.figures.sheet import Rows, distinct, house_style, select, sheet

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TEMPERATURE = next(column for column in POWER if column.name == "outside_temperature")

FREEZING = 273.15
"""Zero of the Celsius scale. [K]"""

YEAR, HOTTEST = "year", "hottest 1 %"
"""Periods of the stored rows that are no months."""

MONTHS, ASIDE = 12, 12.6
"""Months of a year, and where the hottest hours stand behind them."""

LETTERS = "JFMAMJJASOND"

SPREAD = 0.5
"""Width over which the sites' marks of the hottest hours are set apart."""


class Curve(NamedTuple):
    """One site over the year."""

    name: str
    pue: np.ndarray
    """By month."""
    temperature: np.ndarray
    """By month. [K]"""
    mean: float
    """PUE in the mean of the year."""
    hottest: tuple[float, float]
    """PUE and temperature [K] that one hour in a hundred exceeds."""


def draw(rows: Rows, caption: str) -> "Figure":
    """Draw PUE and outside temperature by month, a line per site.

    Parameters
    ----------
    rows
        Columns ``name``, ``period``, ``outside_temperature_k`` and ``pue``: twelve months from
        January on, the year and its hottest hours, for each site.
    caption
        Where the numbers come from.
    """
    from matplotlib import rcParams

    curves = [_curve(select(rows, name=name), name) for name in distinct(rows["name"])]
    with house_style():
        colors = rcParams["axes.prop_cycle"].by_key()["color"]
        figure = sheet(8.6, 5.0, "PUE over the year", caption)
        heights = {"height_ratios": (2.0, 1.0)}
        upper, lower = figure.subplots(2, 1, sharex=True, gridspec_kw=heights)
        for place, curve in enumerate(curves):
            pen = {"color": colors[place % len(colors)], "linestyle": _dash(place)}
            aside = ASIDE + SPREAD * (place / max(len(curves) - 1, 1) - 0.5)
            _line(upper, curve.pue, (aside, curve.hottest[0]), pen | {"label": _text(curve)})
            warmth = curve.temperature - FREEZING, (aside, curve.hottest[1] - FREEZING)
            _line(lower, *warmth, pen)
        _label(upper, lower)
        figure.legend(*upper.get_legend_handles_labels(), loc="outside right center")
    return figure


def _curve(rows: dict[str, np.ndarray], name: str) -> Curve:
    year, hottest = (select(rows, period=period) for period in (YEAR, HOTTEST))
    months = ~np.isin(rows["period"], (YEAR, HOTTEST))
    return Curve(
        name,
        rows["pue"][months].astype(float),
        rows[TEMPERATURE.key][months].astype(float),
        float(year["pue"][0]),
        (float(hottest["pue"][0]), float(hottest[TEMPERATURE.key][0])),
    )


def _dash(place: int) -> str:
    """Lines of sites that lie on each other stay apart by their dashes."""
    return ("-", "--", "-.", ":")[place % 4]


def _text(curve: Curve) -> str:
    return f"{curve.name}\nyear {curve.mean:.3f}, hottest {curve.hottest[0]:.3f}"


def _line(axes: "Axes", months: np.ndarray, hottest: tuple[float, float], pen: dict) -> None:
    axes.plot(np.arange(MONTHS), months, marker=".", **pen)
    axes.plot(*hottest, marker="D", linestyle="", color=pen["color"])


def _label(upper: "Axes", lower: "Axes") -> None:
    upper.set_ylabel("PUE")
    upper.margins(y=0.1)
    upper.set_ylim(bottom=1.0)
    lower.set_ylabel(f"{TEMPERATURE.label} [°C]")
    lower.set_xticks([*range(MONTHS), ASIDE], [*LETTERS, HOTTEST])
    lower.set_xlabel("month, and the temperature that one hour in a hundred exceeds")
    for axes in (upper, lower):
        axes.axvline(MONTHS - 0.3, color="#BBBBBB", linewidth=0.8)
