"""Figures of a stored run: from columns that are stored to PNG and SVG, nothing computed again."""

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from perfmodel.config.faults import printable
from perfmodel.results.atomic import check_folder
from perfmodel.results.columns import COLUMNS
from perfmodel.results.dataset import Run
from perfmodel.views.chart import (
    DASHBOARD,
    HEAT,
    HIGHER,
    LINE,
    PARETO,
    POWER,
    RESULTS,
    SCALED,
    SCALING,
    TIME,
    Chart,
    Wish,
    chart,
    quantity,
)
from perfmodel.views.figures import (
    dashboard,
    heat_map,
    pareto_front,
    power_split,
    scaling,
    sweep_line,
    time_split,
)
from perfmodel.views.figures.dimension import NAMES, Quantity, dimension, number_text
from perfmodel.views.figures.sheet import save
from perfmodel.views.terminal import progress
from perfmodel.views.words import named_value

if TYPE_CHECKING:
    from matplotlib.figure import Figure


LONGEST_TITLE, LONGEST_NOTE = 60, 160
"""Letters of a title and of a part of a caption that a figure has room for."""


def plot(run: Run, wishes: Sequence[Wish], folder: Path) -> list[Path]:
    """Draw figures of a run.

    Parameters
    ----------
    run
        The stored run.
    wishes
        One per figure.
    folder
        Where the files go.

    Returns
    -------
    list[Path]
        PNG and SVG of each figure.

    Raises
    ------
    Faults
        A wish cannot be drawn; nothing is written then. Or the folder cannot be written.
    """
    charts = [chart(run, wish) for wish in wishes]
    check_folder(folder)
    files: list[Path] = []
    with quiet(), progress("figures", len(charts)) as done:
        for one in charts:
            files += save(draw(run, one), folder, one.stem)
            done(1)
    return files


@contextmanager
def quiet() -> Iterator[None]:
    """Draw letters that the font lacks as boxes without a word on each."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph")
        yield


def draw(run: Run, chosen: Chart) -> "Figure":
    """Draw one figure.

    Parameters
    ----------
    run
        The stored run.
    chosen
        What it shows.

    Returns
    -------
    Figure
        The figure.
    """
    return _DRAWERS[chosen.kind](run, chosen, caption(run, chosen))


def caption(run: Run, chosen: Chart) -> str:
    """Where the numbers of a figure come from.

    Parameters
    ----------
    run
        The stored run.
    chosen
        What the figure shows.

    Returns
    -------
    str
        Scenario, command, version, points.
    """
    manifest = run.manifest
    parts = [manifest.command]
    if "workload" not in manifest.keys and "site" not in manifest.keys:
        parts.insert(0, f"{manifest.workload} on {manifest.site}")
    parts += [f"perfmodel {manifest.versions.get('perfmodel', '')}".strip(), *chosen.notes]
    return "; ".join(_fitted(part, LONGEST_NOTE) for part in parts)


def _fitted(text: str, longest: int) -> str:
    """One line of at most so many letters."""
    line = printable(" ".join(text.split()))
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


def words(run: Run, chosen: Chart) -> str:
    """Say in words what a figure shows, for those who do not see it.

    Parameters
    ----------
    run
        The stored run.
    chosen
        What it shows.

    Returns
    -------
    str
        A sentence or two.
    """
    asked, value = chosen.asked, _value(run, chosen)
    kinds = {TIME: "Parts of the step time", POWER: "Parts of the site power"}
    kinds |= {DASHBOARD: ", ".join(COLUMNS[name].label for name in RESULTS)}
    over = f" over {asked.x.column.label}"
    over += f" and {asked.y.column.label}" if chosen.kind == HEAT else ""
    said = kinds.get(chosen.kind, value.column.label) + over
    if asked.color is not None and chosen.kind != HEAT:
        said += f", by {asked.color.column.label}"
    said += f", a panel per {asked.facet.column.label}" if asked.facet else ""
    return f"{said[:1].upper()}{said[1:]}. {_range(chosen, value)}"


def _value(run: Run, chosen: Chart) -> Quantity:
    """The result that a figure is about."""
    totals = {TIME: COLUMNS["step_time"].key, POWER: COLUMNS["site_power"].key}
    if chosen.kind in totals:
        return quantity(run, totals[chosen.kind], chosen.rows)
    asked = chosen.asked
    return (asked.color or asked.y) if chosen.kind == HEAT else asked.y


def _range(chosen: Chart, value: Quantity) -> str:
    fits = np.asarray(chosen.rows["feasible"], bool)
    numbers = np.asarray(chosen.rows[value.key], float)[fits]
    numbers = numbers[np.isfinite(numbers)]
    if not numbers.size:
        return "No point is feasible."
    low, high = (named_value(value.column, float(one)) for one in (numbers.min(), numbers.max()))
    return f"From {low} to {high}."


def _title(run: Run, chosen: Chart) -> str:
    asked, heading = chosen.asked, _fitted(run.manifest.title, LONGEST_TITLE) or "Sweep"
    against = f" against {_spoken(asked.x)}" if chosen.kind == PARETO else ""
    about = f"{heading}: {_spoken(_value(run, chosen))}{against}"
    return heading if chosen.kind == DASHBOARD else about


def _spoken(quantity: Quantity) -> str:
    """What a title calls a result: the label of throughput is a unit."""
    return "throughput" if quantity.column.name == "tokens_per_s" else quantity.column.label


def _line(run: Run, chosen: Chart, said: str) -> "Figure":
    return sweep_line.draw(chosen.rows, chosen.asked, _title(run, chosen), said)


def _heat(run: Run, chosen: Chart, said: str) -> "Figure":
    return heat_map.draw(chosen.rows, chosen.asked, _title(run, chosen), said)


def _pareto(run: Run, chosen: Chart, said: str) -> "Figure":
    asked = chosen.asked
    better = pareto_front.Aims(
        *(one.column.name in HIGHER for one in (asked.x, asked.y)),
    )
    rows = {**chosen.rows, "name": _point_names(run, chosen)}
    return pareto_front.draw(rows, asked, better, _title(run, chosen), said)


def _dashboard(run: Run, chosen: Chart, said: str) -> "Figure":
    keys = [COLUMNS[name].key for name in RESULTS]
    results = [quantity(run, key, chosen.rows) for key in keys]
    return dashboard.draw(chosen.rows, chosen.asked, results, _title(run, chosen), said)


def _scaling(run: Run, chosen: Chart, said: str) -> "Figure":
    asked, manifest = chosen.asked, run.manifest
    count = len(chosen.rows["feasible"])
    rows = {COLUMNS[name].key: chosen.rows[COLUMNS[name].key] for name in SCALED}
    rows |= {"feasible": chosen.rows["feasible"], "chips": chosen.rows[asked.x.key]}
    rows["curve"] = _texts(chosen, asked.color, manifest.site, count)
    panels = _texts(chosen, asked.facet, "", count)
    label = asked.facet.column.label if asked.facet else ""
    rows["rule"] = np.array([f"{label} {panel}".strip() for panel in panels], dtype=object)
    rows["workload"] = np.full(count, manifest.workload, dtype=object)
    return scaling.draw(rows, manifest.workload, said)


def _splits(run: Run, chosen: Chart, said: str) -> "Figure":
    """Bars in the order of the axes: groups by colour and panel, a bar per value of ``x``."""
    asked, count = chosen.asked, len(chosen.rows["feasible"])
    parts = [one for one in (asked.facet, asked.color, asked.x) if one is not None]
    ranks = [_rank(chosen.rows[one.key], one) for one in reversed(parts)]
    order = np.lexsort(ranks)
    heads = [
        _texts(chosen, one, "", count) for one in (asked.facet, asked.color) if one is not None
    ]
    groups = [", ".join(one) for one in zip(*heads, strict=True)] or [run.manifest.workload] * count
    rows: dict[str, Any] = {
        **chosen.rows,
        "site": _texts(chosen, asked.x, "", count),
        "workload": np.array(groups, dtype=object),
    }
    rows = {key: column[order] for key, column in rows.items()}
    return {TIME: time_split, POWER: power_split}[chosen.kind].draw(rows, said)


def _rank(column: np.ndarray, one: Quantity) -> np.ndarray:
    """Order of the values: names as they come, numbers by size."""
    if one.scale != NAMES:
        return np.asarray(column, float)
    places = {name: place for place, name in enumerate(dict.fromkeys(column.tolist()))}
    return np.array([places[name] for name in column.tolist()])


def _texts(chosen: Chart, one: Quantity | None, usual: str, count: int) -> np.ndarray:
    """Values of a column as texts with their units, label first where they are numbers."""
    if one is None:
        return np.full(count, usual, dtype=object)
    column = chosen.rows[one.key]
    shown = dimension(one, column)
    table = {value: _worded(shown, one, value) for value in dict.fromkeys(column.tolist())}
    return np.array([table[value] for value in column.tolist()], dtype=object)


def _worded(shown: Any, one: Quantity, value: object) -> str:
    if one.scale == NAMES or not isinstance(value, int | float):
        return str(value)
    number = f"{number_text(value / shown.size)} {shown.unit}".rstrip()
    return number if shown.unit else f"{number} {one.column.label}"


def _point_names(run: Run, chosen: Chart) -> np.ndarray:
    """Layout of a point and its place on the axes that vary."""
    count = len(chosen.rows["feasible"])
    texts = [chosen.rows["layout"]]
    for axis in run.manifest.axes:
        column = chosen.rows[axis.key]
        if len(dict.fromkeys(column.tolist())) > 1:
            texts.append(_texts(chosen, quantity(run, axis.key, chosen.rows), "", count))
    return np.array([", ".join(filter(None, map(str, one))) for one in zip(*texts, strict=True)])


_DRAWERS: Mapping[str, Callable[[Run, Chart, str], "Figure"]] = {
    LINE: _line,
    HEAT: _heat,
    PARETO: _pareto,
    SCALING: _scaling,
    DASHBOARD: _dashboard,
    TIME: _splits,
    POWER: _splits,
}
