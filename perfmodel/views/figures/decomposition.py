"""Where the ratio of two sites comes from: a waterfall of factors that multiply to the ratio."""

from typing import TYPE_CHECKING

import numpy as np

from perfmodel.views.figures.sheet import Rows, distinct, house_style, select, sheet
from perfmodel.views.quantities import three_digits

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

GAIN, LOSS, TOTAL = "#0072B2", "#D55E00", "#444444"
BAR = 0.66


def draw(rows: Rows, workload: str, caption: str) -> "Figure":
    """Draw the decomposition of the throughput ratio of one workload.

    Parameters
    ----------
    rows
        Columns ``workload``, ``rule``, ``term``, ``factor``; the factors of one workload and
        rule multiply to the ratio gigafactory over AI factory.
    workload
        The workload to show.
    caption
        Where the numbers come from.

    Raises
    ------
    ValueError
        There are no factors, since one of the sites has no feasible layout.
    """
    chosen = select(rows, workload=workload)
    rules = distinct(chosen["rule"])
    if not rules:
        raise ValueError(f"no decomposition of {workload}: one site has no feasible layout")
    terms = max(len(select(chosen, rule=rule)["term"]) for rule in rules)
    title = f"Gigafactory over AI factory, {workload}"
    with house_style():
        figure = sheet(4.2 * len(rules) + 1.4, 1.7 + 0.36 * (terms + 1), title, caption)
        panels = figure.subplots(1, len(rules), squeeze=False, sharex=True, sharey=True)[0]
        for axes, rule in zip(panels, rules, strict=True):
            _waterfall(axes, select(chosen, rule=rule))
            axes.set_title(f"{rule[:1].upper()}{rule[1:]}")
        _label(panels)
    return figure


def _waterfall(axes: "Axes", rows: dict[str, np.ndarray]) -> None:
    factors = rows["factor"].astype(float)
    ends = np.cumprod(factors)
    starts = np.concatenate([[1.0], ends[:-1]])
    places = np.arange(len(factors) + 1)
    lefts, rights = np.append(starts, 1.0), np.append(ends, ends[-1])
    colors = [GAIN if factor >= 1.0 else LOSS for factor in factors] + [TOTAL]
    axes.use_sticky_edges = False
    axes.margins(x=0.14)
    axes.barh(places, rights - lefts, BAR, lefts, color=colors, zorder=2)
    _joints(axes, ends)
    _numbers(axes, np.append(factors, ends[-1]), np.maximum(lefts, rights))
    axes.set_yticks(places, [*rows["term"], "ratio"])


def _joints(axes: "Axes", ends: np.ndarray) -> None:
    """Thin lines that carry the end of each bar to the start of the next."""
    places = np.arange(len(ends))
    axes.vlines(ends, places + BAR / 2, places + 1 - BAR / 2, color="#888888", linewidth=0.8)


def _numbers(axes: "Axes", factors: np.ndarray, rights: np.ndarray) -> None:
    for place, (factor, right) in enumerate(zip(factors, rights, strict=True)):
        axes.annotate(
            f"× {three_digits(factor)}",
            (right, place),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
            fontweight="bold" if place == len(factors) - 1 else "normal",
        )


def _label(panels: np.ndarray) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    for axes in panels:
        axes.set_xscale("log", base=2)
        axes.axvline(1.0, color="#444444", linewidth=0.8)
        axes.xaxis.set_major_locator(LogLocator(base=2, subs=(1.0,)))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"× {value:g}"))
        axes.set_xlabel("cumulative ratio of useful throughput (logarithmic)")
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="y", visible=False)
    panels[0].invert_yaxis()
    panels[0].get_yticklabels()[-1].set_fontweight("bold")
