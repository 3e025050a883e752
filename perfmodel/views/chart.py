"""What of a stored run a figure shows: columns, rows, what is held, and what the caption says."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from perfmodel.config.faults import Fault, Faults, refuse, shown
from perfmodel.results.columns import COLUMNS, POWER_SPLIT, TIME_SPLIT
from perfmodel.results.conditions import NUMBER, TEXT, Condition
from perfmodel.results.dataset import Run
from perfmodel.views.figures.dimension import LINEAR, NAMES, Quantity, dimension, ends, result
from perfmodel.views.figures.dimension import value_text as said
from perfmodel.views.figures.sheet import distinct
from perfmodel.views.figures.sweep_line import FEW, LINES, Asked

LINE, HEAT, PARETO, SCALING, DASHBOARD = "line", "heat", "pareto", "scaling", "dashboard"
TIME, POWER = "time-split", "power-split"
KINDS = (LINE, HEAT, PARETO, TIME, POWER, SCALING, DASHBOARD)
"""Kinds of figures."""

CROSSED = (LINE, HEAT, SCALING, DASHBOARD)
"""Kinds that mark points which are not feasible."""

NOTHING = "none"
"""Word that leaves out the colour or the panels that a run suggests."""

HIGHER = (
    *("tokens_per_s", "tokens_per_s_per_chip", "model_flop_rate", "hardware_flop_rate"),
    *("mfu", "hfu", "clock_ratio"),
)
"""Results of which more is better; of all others less is."""

RESULTS = ("tokens_per_s", "mfu", "site_power", "energy_per_token")
"""Panels of a dashboard."""

AIMS = ("energy_per_token", "tokens_per_s")
"""What a front sets another result against, the first that is not that result."""

SCALED = ("tokens_per_s", "tokens_per_s_per_chip", "mfu")
"""Results of a scaling curve."""

PANELS, PENS, BARS, CURVED = 12, 14, 36, 4
"""Panels, names of lines, bars and panels of scaling curves that there is room for."""

CLOUD = 10_000
"""Points without lines between them that are drawn at most."""

GRID = 4
"""Values of an axis from which on a map has enough cells to be read."""


class Wish(NamedTuple):
    """What a user asked for; empty where the run decides."""

    kind: str = ""
    x: str = ""
    y: str = ""
    color: str = ""
    facet: str = ""
    where: Sequence[Condition] = ()


class Chart(NamedTuple):
    """What a figure shows."""

    kind: str
    asked: Asked
    rows: dict[str, np.ndarray]
    """Columns by key, the axes and ``feasible`` among them."""
    notes: tuple[str, ...]
    """What the caption has to say of the choice."""
    stem: str
    """Name of its files."""


def chart(run: Run, wish: Wish) -> Chart:
    """Choose columns and rows of one figure.

    Parameters
    ----------
    run
        The stored run.
    wish
        What was asked for.

    Returns
    -------
    Chart
        What to draw.

    Raises
    ------
    Faults
        A column does not exist, holds names where numbers are drawn, or no point is left.
    """
    kind = wish.kind or _usual(run, wish)
    keys = _keys(run, wish, kind)
    _check(run, keys, kind)
    rows = run.columns(*_needed(run, keys, kind), where=wish.where)
    if not rows["feasible"].size:
        raise Faults([Fault(field="--where", problem="no point meets all conditions")])
    keys = _fewer(rows, keys, kind)
    shown_axes = [key for key in keys.values() if key in run.manifest.keys]
    along = list(dict.fromkeys([keys["x"], *shown_axes]))
    held: list[str] = []
    if kind != PARETO:
        rows, held = _hold(run, rows, along)
    for name, most in (("facet", PANELS), ("color", PENS)):
        rows, more = _limited(run, rows, keys.get(name, ""), most)
        held += more
    counts = _counts(run, rows, kind)
    most = BARS if kind in (TIME, POWER) else CLOUD if _is_cloud(run, rows, keys, kind) else 0
    if most:
        rows, more = _thinned(rows, keys["x"], most)
        held += more
    quantities = {name: quantity(run, key, rows) for name, key in keys.items() if key}
    asked = Asked(
        quantities["x"], quantities["y"], quantities.get("color"), quantities.get("facet")
    )
    if kind == HEAT:
        rows["best"] = _best(rows, asked)
    notes = (*counts, *held, *(condition.text for condition in wish.where))
    return Chart(kind, asked, rows, notes, _stem(kind, asked))


def quantity(run: Run, key: str, rows: Mapping[str, np.ndarray]) -> Quantity:
    """A column of a run as a figure shows it.

    Parameters
    ----------
    run
        The run.
    key
        Name of the column.
    rows
        Its values.

    Returns
    -------
    Quantity
        Column and scale.
    """
    column = run.quantities[key]
    if run.kinds[key] != NUMBER:
        return Quantity(key, column, NAMES)
    for axis in run.manifest.axes:
        if axis.key == key:
            return Quantity(key, column, LINEAR if axis.scale == NAMES else axis.scale)
    return result(key, column, np.asarray(rows[key])[np.asarray(rows["feasible"], bool)])


def objective(run: Run) -> str:
    """Column that a run is about."""
    suggested = run.manifest.figure.y or ""
    usual = COLUMNS["tokens_per_s"].key
    return suggested if run.kinds.get(suggested) == NUMBER else usual


def grows(run: Run, key: str) -> bool:
    """Whether more of a column is better."""
    return run.quantities[key].name in HIGHER


def _usual(run: Run, wish: Wish) -> str:
    """A map where two axes have many numbers, lines otherwise."""
    keys = _keys(run, wish, LINE)
    sizes = {axis.key: axis.values for axis in run.manifest.axes if axis.scale != NAMES}
    across, color = sizes.get(keys["x"], 0), sizes.get(keys["color"], 0)
    return HEAT if across >= GRID and color > FEW and not wish.color else LINE


def _keys(run: Run, wish: Wish, kind: str) -> dict[str, str]:
    """Columns by their part in the figure."""
    figure = run.manifest.figure
    axes = [axis.key for axis in run.manifest.axes]
    value = wish.y or objective(run)
    if kind == PARETO:
        aims = (COLUMNS[name].key for name in AIMS)
        against = next(key for key in aims if key != value)
        color = _asked(wish.color, _named_axis(run))
        return {"x": wish.x or against, "y": value, "color": color, "facet": ""}
    used = [key for key in (wish.x, wish.y, wish.color, wish.facet) if key]
    order = [key for key in (figure.x, figure.color, figure.facet, *axes) if key]
    free = [key for key in dict.fromkeys(order) if key in axes and key not in used]
    x = wish.x or (free.pop(0) if free else axes[0] if axes else "point")
    if kind == SCALING:
        x = wish.x or next((key for key in axes if key.split(".")[-1] == "chips"), x)
    free = [key for key in free if key != x]
    if kind == HEAT:
        upright = wish.y if wish.y in axes else (free.pop(0) if free else "")
        color = wish.color or (wish.y if wish.y and wish.y not in axes else objective(run))
        keys = {"x": x, "y": upright, "color": color}
    else:
        keys = {"x": x, "y": value, "color": _asked(wish.color, free.pop(0) if free else "")}
    panels = figure.facet if figure.facet in free and kind != DASHBOARD else ""
    return keys | {"facet": _asked(wish.facet, panels or "")}


def _asked(wish: str, usual: str) -> str:
    return "" if wish == NOTHING else wish or usual


def _named_axis(run: Run) -> str:
    """Axis of names, which a front may have a colour for each."""
    return next((axis.key for axis in run.manifest.axes if axis.scale == NAMES), "")


def _check(run: Run, keys: Mapping[str, str], kind: str) -> None:
    options = {f"--{name}": [key] for name, key in keys.items() if key}
    run.check(options)
    if kind == HEAT and not keys["y"]:
        raise Faults([Fault(problem="a map needs two axes", field="--y", expected=_axes(run))])
    numbers = ["color"] if kind == HEAT else ["x", "y"] if kind == PARETO else ["y"]
    refuse(
        Fault(
            field=f"--{name}",
            value=shown(keys[name]),
            problem="holds names",
            expected="a column of numbers",
        )
        for name in numbers
        if run.kinds[keys[name]] != NUMBER
    )
    if kind == SCALING and keys["x"].split(".")[-1] != "chips":
        problem = "a scaling curve needs an axis of chips"
        raise Faults([Fault(problem=problem, field="--x", expected=_axes(run))])


def _axes(run: Run) -> str:
    names = ", ".join(run.manifest.keys) or "none"
    return f"one of the axes of the run: {names}"


def _needed(run: Run, keys: Mapping[str, str], kind: str) -> list[str]:
    """Columns that the figure reads."""
    pair = ends(run.quantities[keys["y"]]) or ()
    own: dict[str, Sequence[str]] = {
        LINE: [key for key in pair if key in run.quantities],
        HEAT: (),
        PARETO: ("layout",),
        TIME: [COLUMNS[f"time_split.{name}"].key for name in TIME_SPLIT]
        + [COLUMNS["step_time"].key],
        POWER: [COLUMNS[f"power_split.{name}"].key for name in POWER_SPLIT]
        + [COLUMNS["site_power"].key],
        SCALING: [COLUMNS[name].key for name in SCALED],
        DASHBOARD: [COLUMNS[name].key for name in RESULTS],
    }
    run.check({"": own[kind]})
    wanted = [key for key in keys.values() if key]
    return list(dict.fromkeys([*wanted, *run.manifest.keys, "feasible", *own[kind]]))


def _fewer(rows: Mapping[str, np.ndarray], keys: dict[str, str], kind: str) -> dict[str, str]:
    """Leave out what tells bars or curves apart where that makes too many of them."""
    for name in ("color", "facet"):
        counts = {one: len(distinct(rows[key])) for one, key in keys.items() if key}
        bars = np.prod([count for one, count in counts.items() if one != "y"])
        curves = counts.get(name, 0) > (PENS if name == "color" else CURVED)
        if (kind in (TIME, POWER) and bars > BARS) or (kind == SCALING and curves):
            keys = {**keys, name: ""}
    return keys


def _thinned(
    rows: dict[str, np.ndarray], key: str, most: int
) -> tuple[dict[str, np.ndarray], list[str]]:
    """Keep as many rows as there is room for, evenly over an axis."""
    count = len(rows[key])
    if count <= most:
        return rows, []
    order = np.argsort(rows[key], kind="stable")
    chosen = np.sort(order[np.linspace(0, count - 1, most).astype(int)])
    note = f"{most:,} of {count:,} points shown"
    return {name: column[chosen] for name, column in rows.items()}, [note]


def _is_cloud(run: Run, rows: Mapping[str, np.ndarray], keys: Mapping[str, str], kind: str) -> bool:
    """Whether points are drawn without lines between them."""
    color = keys.get("color", "")
    many = bool(color) and run.kinds[color] == NUMBER and len(distinct(rows[color])) > LINES
    return kind in (LINE, DASHBOARD) and many


def _hold(
    run: Run, rows: dict[str, np.ndarray], along: Sequence[str]
) -> tuple[dict[str, np.ndarray], list[str]]:
    """Hold each axis that the figure does not show at its middle value, names at the first."""
    notes: list[str] = []
    for axis in run.manifest.axes:
        if axis.key in along:
            continue
        groups = _groups([rows[key] for key in along], len(rows["feasible"]))
        both = _groups([groups, rows[axis.key]], len(groups))
        if both.max() == groups.max():
            continue  # it follows from the axes that are shown
        values = distinct(rows[axis.key])
        if run.kinds[axis.key] == NUMBER:
            values = sorted(values)
        value = values[0] if run.kinds[axis.key] == TEXT else values[(len(values) - 1) // 2]
        keep = rows[axis.key] == value
        if 2 * len(np.unique(groups[keep])) < groups.max() + 1:
            notes.append(f"all values of {axis.label}")
            continue  # a random sample has no second point with this value
        names = dimension(quantity(run, axis.key, rows), rows[axis.key])
        notes.append(f"{axis.label} held at {said(names, value)} of {len(values)} values")
        rows = {key: column[keep] for key, column in rows.items()}
    return rows, notes


def _groups(columns: Sequence[np.ndarray], count: int) -> np.ndarray:
    """Number of the group of each row, rows with the same values being one group."""
    groups = np.zeros(count, dtype=np.int64)
    for column in columns:
        _, places = np.unique(column, return_inverse=True)
        _, groups = np.unique(groups * (places.max() + 1) + places, return_inverse=True)
    return groups


def _limited(
    run: Run, rows: dict[str, np.ndarray], key: str, most: int
) -> tuple[dict[str, np.ndarray], list[str]]:
    """Show the first values of a column where there are more than a figure has room for."""
    values = distinct(rows[key]) if key else []
    numbers_as_colors = most == PENS and run.kinds.get(key) == NUMBER
    if len(values) <= most or numbers_as_colors:
        return rows, []
    keep = np.isin(rows[key], np.array(values[:most], dtype=rows[key].dtype))
    note = f"{run.quantities[key].label}: {most} of {len(values)} shown"
    return {name: column[keep] for name, column in rows.items()}, [note]


def _best(rows: Mapping[str, np.ndarray], asked: Asked) -> np.ndarray:
    """Mark the best row of each panel."""
    value = asked.color or asked.y
    sign = 1.0 if value.column.name in HIGHER else -1.0
    score = np.where(rows["feasible"], sign * np.asarray(rows[value.key], float), -np.inf)
    score = np.where(np.isfinite(score), score, -np.inf)
    best = np.zeros(len(score), dtype=bool)
    panels = [rows[asked.facet.key]] if asked.facet else []
    groups = _groups(panels, len(score))
    for group in range(groups.max() + 1):
        own = np.flatnonzero(groups == group)
        place = own[np.argmax(score[own])]
        best[place] = np.isfinite(score[place])
    return best


def _counts(run: Run, rows: Mapping[str, np.ndarray], kind: str) -> list[str]:
    fits = np.asarray(rows["feasible"], bool)
    lost = int((~fits).sum())
    crosses = " (crosses)" if kind in CROSSED else ""
    notes = [f"{len(fits):,} points" + (f", {lost:,} not feasible{crosses}" if lost else "")]
    if not run.complete:
        notes.append(f"{len(run.chunks):,} of {run.manifest.chunks:,} chunks")
    return notes


def _stem(kind: str, asked: Asked) -> str:
    """Name of the files: the kind, and the result where it may be another one."""
    told = {LINE: [asked.y], HEAT: [asked.color or asked.y], PARETO: [asked.y, asked.x]}
    words = [kind.replace("-", "_"), *(_file_name(one.key) for one in told.get(kind, []))]
    return "_".join(words)


def _file_name(key: str) -> str:
    """Letters of a key that are safe in the name of a file."""
    return "".join(letter if letter.isalnum() or letter in "_-." else "-" for letter in key)[:60]
