"""Predicted against measured on logarithmic axes, with the band of 10 % and the worst rows."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from perfmodel.views.figures.sheet import Rows, distinct, house_style, select, sheet

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BAND = 0.10
"""Relative error that the band shows."""

NAMED = 5
"""Rows that are named at most, each of another group."""

ROOM = 0.06
"""Distance between two named rows, as a share of the axes."""

SHOWN = 14
"""Groups with a colour and marker of their own; the smaller ones are drawn as one."""

MARKERS = ("o", "s", "^", "D", "v", "P", "X")

OTHERS = "others"
"""Name of the groups that are drawn as one."""

LONGEST = 44
"""Letters of a row's name in the legend."""


class Axis(NamedTuple):
    """What both axes show."""

    quantity: str
    """Such as ``completion time``."""
    unit: str
    """SI unit of it."""


def draw(rows: Rows, axis: Axis, title: str, caption: str) -> "Figure":
    """Draw predictions against measurements.

    Parameters
    ----------
    rows
        Columns ``id``, ``group``, ``measured``, ``predicted``, ``low``, ``high``; rows without a
        prediction are not drawn.
    axis
        What was measured.
    title
        What the set is.
    caption
        Where the numbers come from.
    """
    judged = _judged(rows)
    with house_style():
        figure = sheet(8.6, 5.4, title, caption)
        axes = figure.subplots()
        for place, group in enumerate(distinct(judged["shown"])):
            _points(axes, select(judged, shown=group), f"{group}", place)
        _diagonal(axes, judged)
        _label(axes, axis)
        worst = _worst(judged)
        _number(axes, worst)
        _legend(figure, axes, worst)
    return figure


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
    from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter

    for side, name in ((axes.xaxis, "measured"), (axes.yaxis, "predicted")):
        side.set_major_locator(LogLocator(numticks=7))
        side.set_major_formatter(EngFormatter(axis.unit, sep=" "))
        side.set_minor_formatter(NullFormatter())
        side.set_label_text(f"{name} {axis.quantity}")


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


def _number(axes: "Axes", worst: dict[str, np.ndarray]) -> None:
    for place, x in enumerate(worst["measured"]):
        y = worst["predicted"][place]
        axes.annotate(
            str(place + 1),
            (x, y),
            xytext=(-7, 4) if y > x else (4, -10),
            textcoords="offset points",
            fontsize=8,
            fontweight="bold",
            color="#222222",
        )


def _legend(figure: "Figure", axes: "Axes", worst: dict[str, np.ndarray]) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles, labels = axes.get_legend_handles_labels()
    handles.append(Patch(color="#BBBBBB", alpha=0.4))
    labels.append(f"within {BAND:.0%}")
    for place, name in enumerate(worst["id"].tolist()):
        error = worst["predicted"][place] / worst["measured"][place] - 1.0
        handles.append(Line2D([], [], marker=f"${place + 1}$", linestyle="", color="#222222"))
        labels.append(f"{_short(name)} {error:+.0%}")
    figure.legend(handles, labels, loc="outside right center", fontsize=7)


def _short(name: str) -> str:
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 3]}..."
