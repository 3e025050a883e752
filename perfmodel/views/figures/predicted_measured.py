"""Predicted against measured, one panel per unit, with the band of 10 % and the worst rows."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from perfmodel.views.figures.sheet import Rows, distinct, house_style, select, sheet

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.ticker import Locator

BAND = 0.10
"""Relative error that the band shows."""

NAMED = 5
"""Rows that are named at most in a panel, each of another group."""

ROOM = 0.06
"""Distance between two named rows, as a share of the axes."""

SHOWN = 14
"""Groups with a colour and marker of their own; the smaller ones are drawn as one."""

MARKERS = ("o", "s", "^", "D", "v", "P", "X")

OTHERS = "others"
"""Name of the groups that are drawn as one."""

LONGEST = 44
"""Letters of a row's name in the legend."""


WIDTH, HEIGHT, LEGEND = 4.6, 5.4, 4.0
"""Size of a lone panel and what the legend takes beside it. [inch]"""

SMALLER = 0.82
"""Size of one panel of several over that of a lone one."""

DECADES = 2.0
"""Axes shorter than this have ticks at 1, 2 and 5, not at powers of ten alone."""

ROUND = 1.0
"""Axes shorter than this have ticks at round values."""


class Axis(NamedTuple):
    """What both axes of a panel show."""

    quantity: str
    """Such as ``completion time``."""
    unit: str
    """SI unit of it."""


class Worst(NamedTuple):
    """Named rows of one panel."""

    rows: dict[str, np.ndarray]
    first: int
    """Number of the first one."""


def draw(rows: Rows, axis: Axis, title: str, caption: str) -> "Figure":
    """Draw predictions against measurements.

    Parameters
    ----------
    rows
        Columns ``id``, ``group``, ``measured``, ``predicted``, ``low``, ``high``; rows without a
        prediction are not drawn. Where ``quantity`` and ``unit`` are given, each unit has a panel.
    axis
        What was measured, for rows that do not say.
    title
        What the set is.
    caption
        Where the numbers come from.
    """
    judged = _judged(rows)
    panels = _panels(judged, axis)
    places = {group: place for place, group in enumerate(distinct(judged["shown"]))}
    size = 1.0 if len(panels) == 1 else SMALLER
    with house_style():
        width = size * WIDTH * len(panels) + LEGEND
        figure = sheet(width, size * HEIGHT, title, caption)
        worst: list[Worst] = []
        for axes, (shows, part) in zip(_subplots(figure, len(panels)), panels, strict=True):
            first = worst[-1].first + len(worst[-1].rows["id"]) if worst else 1
            worst.append(Worst(_worst(part), first))
            _panel(axes, shows, part, places)
            _number(axes, worst[-1])
        _legend(figure, worst)
    return figure


def _subplots(figure: "Figure", number: int) -> "list[Axes]":
    return list(figure.subplots(1, number, squeeze=False)[0])


def _panels(judged: dict[str, np.ndarray], axis: Axis) -> list[tuple[Axis, dict[str, np.ndarray]]]:
    """Rows by unit, the unit with most rows first."""
    if "unit" not in judged or not judged["unit"].size:
        return [(axis, judged)]
    units, sizes = np.unique(judged["unit"], return_counts=True)
    parts = [select(judged, unit=unit) for unit in units[np.argsort(-sizes, kind="stable")]]
    return [(Axis(f"{part['quantity'][0]}", f"{part['unit'][0]}"), part) for part in parts]


def _panel(axes: "Axes", axis: Axis, rows: dict[str, np.ndarray], places: dict[str, int]) -> None:
    for group in distinct(rows["shown"]):
        _points(axes, select(rows, shown=group), f"{group}", places[group])
    _diagonal(axes, rows)
    _label(axes, axis)


def _judged(rows: Rows) -> dict[str, np.ndarray]:
    """Rows with a prediction, the largest groups first, the smallest as one."""
    columns = {key: np.asarray(column) for key, column in rows.items()}
    for key in ("measured", "predicted", "low", "high"):
        columns[key] = columns[key].astype(float)
    keep = np.isfinite(columns["predicted"]) & (columns["predicted"] > 0.0)
    keep &= columns["measured"] > 0.0
    judged = {key: column[keep] for key, column in columns.items()}
    names, sizes = np.unique(judged["group"], return_counts=True)
    ranked = names[np.argsort(-sizes, kind="stable")]
    own = ranked if len(ranked) <= SHOWN else ranked[: SHOWN - 1]
    judged["shown"] = np.where(np.isin(judged["group"], own), judged["group"], OTHERS)
    rank = {name: place for place, name in enumerate(ranked.tolist())}
    order = np.argsort([rank[name] for name in judged["group"].tolist()], kind="stable")
    return {key: column[order] for key, column in judged.items()}


def _points(axes: "Axes", rows: dict[str, np.ndarray], label: str, place: int) -> None:
    import matplotlib

    colors = matplotlib.rcParams["axes.prop_cycle"].by_key()["color"]
    color = colors[place % len(colors)]
    marker = MARKERS[(place + place // len(colors)) % len(MARKERS)]
    given = np.isfinite(rows["low"]) & np.isfinite(rows["high"])
    if given.any():
        ends = rows["low"][given], rows["high"][given]
        axes.vlines(rows["measured"][given], *ends, color=color, linewidth=0.6, alpha=0.4)
    axes.plot(
        *(rows["measured"], rows["predicted"], marker),
        **{"color": color, "label": label, "markersize": 3.5, "alpha": 0.8, "linestyle": ""},
    )


def _diagonal(axes: "Axes", rows: dict[str, np.ndarray]) -> None:
    both = np.concatenate([rows["measured"], rows["predicted"]])
    ends = np.array([both.min() / 1.5, both.max() * 1.5]) if both.size else np.array([0.1, 10.0])
    axes.set(xscale="log", yscale="log", xlim=ends, ylim=ends)
    axes.plot(ends, ends, color="#444444", linewidth=1.0, zorder=1.5)
    low, high = ends / (1.0 + BAND), ends * (1.0 + BAND)
    axes.fill_between(ends, low, high, color="#BBBBBB", alpha=0.4, linewidth=0.0, zorder=0.9)


def _label(axes: "Axes", axis: Axis) -> None:
    from matplotlib.ticker import EngFormatter, NullFormatter

    low, high = axes.get_xlim()
    decades = float(np.log10(high / low))
    for side, name in ((axes.xaxis, "measured"), (axes.yaxis, "predicted")):
        side.set_major_locator(_locator(decades))
        side.set_major_formatter(EngFormatter(axis.unit, sep=" "))
        side.set_minor_formatter(NullFormatter())
        side.set_label_text(f"{name} {axis.quantity}")
    if decades < ROUND:
        axes.tick_params(axis="x", rotation=30)  # round values crowd at the upper end


def _locator(decades: float) -> "Locator":
    """Ticks for an axis of some decades."""
    from matplotlib.ticker import LogLocator, MaxNLocator

    if decades < ROUND:
        return MaxNLocator(4, prune="both")
    return LogLocator(subs=(1.0, 2.0, 5.0)) if decades < DECADES else LogLocator(numticks=7)


def _worst(rows: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Row with the largest error of each group, the worst groups first, where numbers have room."""
    places = np.log(np.stack([rows["measured"], rows["predicted"]], axis=1))
    order = np.argsort(-np.abs(places[:, 1] - places[:, 0]), kind="stable")
    _, first = np.unique(rows["group"][order], return_index=True)
    room = ROOM * np.ptp(places) if places.size else 0.0
    chosen: list[int] = []
    for place in order[np.sort(first)].tolist():
        apart = np.linalg.norm(places[chosen] - places[place], axis=1)
        if len(chosen) < NAMED and (apart > room).all():
            chosen.append(place)
    return {key: column[chosen] for key, column in rows.items()}


def _number(axes: "Axes", worst: Worst) -> None:
    for place, x in enumerate(worst.rows["measured"]):
        y = worst.rows["predicted"][place]
        axes.annotate(
            str(worst.first + place),
            (x, y),
            xytext=(-7, 4) if y > x else (4, -10),
            textcoords="offset points",
            fontsize=8,
            fontweight="bold",
            color="#222222",
        )


def _legend(figure: "Figure", worst: list[Worst]) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    drawn = {}
    for axes in figure.axes:
        handles, labels = axes.get_legend_handles_labels()
        drawn |= dict(zip(labels, handles, strict=True))
    drawn[f"within {BAND:.0%}"] = Patch(color="#BBBBBB", alpha=0.4)
    entries = list(drawn.items())
    for rows, first in worst:
        for place, name in enumerate(rows["id"].tolist()):
            error = rows["predicted"][place] / rows["measured"][place] - 1.0
            mark = Line2D([], [], marker=f"${first + place}$", linestyle="", color="#222222")
            entries.append((f"{_short(name)} {error:+.0%}", mark))
    labels, handles = [label for label, _ in entries], [handle for _, handle in entries]
    figure.legend(handles, labels, loc="outside right center", fontsize=7)


def _short(name: str) -> str:
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 3]}..."
