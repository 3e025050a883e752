"""A stored run as one HTML page that needs nothing else: figures, tables, where it comes from."""

import base64
import hashlib
import io
import struct
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from perfmodel.config.faults import Fault, attempt
from perfmodel.results.canonical import json_text
from perfmodel.results.columns import COLUMNS
from perfmodel.results.conditions import NUMBER, Condition
from perfmodel.results.dataset import Run
from perfmodel.views.chart import (
    DASHBOARD,
    HEAT,
    LINE,
    PARETO,
    POWER,
    SCALING,
    TIME,
    Chart,
    Wish,
    chart,
    grows,
    objective,
)
from perfmodel.views.figures.dimension import ends
from perfmodel.views.figures.sheet import house_style
from perfmodel.views.plot import draw, quiet, words
from perfmodel.views.quantities import human
from perfmodel.views.terminal import progress
from perfmodel.views.words import named_value, point_value

TEMPLATES = Path(__file__).parent / "templates"

BEST = 10
"""Rows of the table of best points."""

BESIDE = ("mfu", "memory_fraction", "site_power", "energy_per_token")
"""Results beside the one that points are ranked by."""

NAMES = {
    LINE: "Results over the first axis",
    HEAT: "Map over two axes",
    DASHBOARD: "Main results",
    PARETO: "What no other point beats",
    SCALING: "Scaling with the number of chips",
    TIME: "Where the time of a step goes",
    POWER: "Where the power of a site goes",
}
"""Kind of a figure to its name, in the order of the page."""


DOTS = 120
"""Dots of a figure in one inch: sharp on a screen, a page of a megabyte."""

SHOWN = 0.7
"""Pixels of the page over dots of a figure: text of 9 points is read without a glass."""


class Head(NamedTuple):
    """Head of a column."""

    text: str
    numeric: bool


class Table(NamedTuple):
    """One table of the page, all cells being text."""

    title: str
    heads: list[Head]
    rows: list[list[str]]


class Picture(NamedTuple):
    """One figure of the page."""

    name: str
    words: str
    """Alternative text."""
    png: str
    """The file in base 64."""
    width: int
    """Pixels of the page."""
    height: int
    """Pixels of the page."""


def report(run: Run, where: Sequence[Condition] = ()) -> str:
    """Write the page of a run.

    Parameters
    ----------
    run
        The stored run.
    where
        Conditions that points must meet.

    Returns
    -------
    str
        HTML without scripts and without requests; the same run gives the same text.

    Raises
    ------
    Faults
        A chunk cannot be read, or no point meets the conditions.
    """
    first = chart(run, Wish(LINE, where=where))
    rows = run.columns(*_needed(run), where=where)
    css = (TEMPLATES / "report.css").read_text(encoding="utf-8")
    manifest = run.manifest
    return _template().render(
        css=_trusted(css),
        css_hash=base64.b64encode(hashlib.sha256(css.encode()).digest()).decode(),
        title=manifest.title or f"{manifest.workload} on {manifest.site}",
        question=manifest.question,
        lead=_lead(run, rows),
        notes=_notes(run, where),
        figures=_pictures(run, where, first),
        tables=[one for one in (_best(run, rows), _axes(run, rows), _reasons(rows)) if one.rows],
        facts=_facts(run),
        scenario=json_text(manifest.scenario),
    )


def _template() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html")


def _trusted(css: str) -> Any:
    """The style sheet, which is no text of a user."""
    from markupsafe import Markup

    return Markup(css)


def _needed(run: Run) -> list[str]:
    keys = [objective(run), *(COLUMNS[name].key for name in BESIDE), "bottleneck", "layout"]
    keys += [*run.manifest.keys, "feasible", "reason", *(ends(run.quantities[keys[0]]) or ())]
    return [key for key in dict.fromkeys(keys) if key in run.quantities]


def _order(run: Run, rows: Mapping[str, np.ndarray]) -> np.ndarray:
    """Places of the feasible points, best first."""
    value = np.asarray(rows[objective(run)], float)
    there = np.flatnonzero(np.asarray(rows["feasible"], bool) & np.isfinite(value))
    sign = -1.0 if grows(run, objective(run)) else 1.0
    return there[np.argsort(sign * value[there], kind="stable")]


def _lead(run: Run, rows: Mapping[str, np.ndarray]) -> str:
    count, order = len(rows["feasible"]), _order(run, rows)
    if not order.size:
        return f"None of {count:,} points is feasible."
    key, best = objective(run), order[0]
    value = named_value(run.quantities[key], float(rows[key][best]))
    places = ", ".join(
        f"{axis.label} {point_value(run.quantities[axis.key], rows[axis.key][best])}"
        for axis in run.manifest.axes
    )
    layout = f" with {rows['layout'][best]}" if "layout" in rows else ""
    feasible = int(np.sum(rows["feasible"]))
    at = f" at {places}" if places else ""
    return f"Best of {count:,} points, {feasible:,} of them feasible: {value}{at}{layout}."


def _notes(run: Run, where: Sequence[Condition]) -> list[str]:
    notes = [f"Points with {', '.join(one.text for one in where)}."] if where else []
    if not run.complete:
        notes.append(
            f"The run is not complete: {len(run.chunks):,} of {run.manifest.chunks:,} chunks."
        )
    return notes


def _pictures(run: Run, where: Sequence[Condition], first: Chart) -> list[Picture]:
    """All figures for which the run has columns and axes."""
    pictures = []
    with progress("figures", len(NAMES)) as done:
        for kind, name in NAMES.items():
            faults: list[Fault] = []
            found = first if kind == LINE else attempt(faults, chart, run, Wish(kind, where=where))
            if found is not None and _worth(found):
                pictures.append(_picture(run, found, name))
            done(1)
    return pictures


def _worth(found: Chart) -> bool:
    """Whether there is more than one place to show, or a split of one point."""
    values = len(np.unique(found.rows[found.asked.x.key]))
    if found.kind == PARETO:
        return len(found.rows["feasible"]) > 1 and found.asked.x.key != found.asked.y.key
    return found.kind in (TIME, POWER) or values > (2 if found.kind == SCALING else 1)


def _picture(run: Run, found: Chart, name: str) -> Picture:
    file = io.BytesIO()
    with quiet():
        figure = draw(run, found)
        with house_style():
            figure.savefig(file, format="png", dpi=DOTS, metadata={"Software": None})
    data = file.getvalue()
    width, height = struct.unpack(">II", data[16:24])  # W3C PNG specification, IHDR
    said = words(run, found)
    across, down = round(SHOWN * width), round(SHOWN * height)
    return Picture(name, said, base64.b64encode(data).decode(), across, down)


def _best(run: Run, rows: Mapping[str, np.ndarray]) -> Table:
    """The best points with their places on the axes."""
    key = objective(run)
    pair = [one for one in ends(run.quantities[key]) or () if one in rows]
    beside = [COLUMNS[name].key for name in BESIDE if COLUMNS[name].key in rows]
    texts = [one for one in ("bottleneck", "layout") if one in rows]
    keys = list(dict.fromkeys([key, *pair, *run.manifest.keys, *beside, *texts]))
    heads = [Head(run.quantities[one].label, run.kinds[one] == NUMBER) for one in keys]
    places = _order(run, rows)[:BEST]
    cells = [
        [str(rank), *(point_value(run.quantities[one], rows[one][place]) for one in keys)]
        for rank, place in enumerate(places.tolist(), start=1)
    ]
    title = f"Best points by {run.quantities[key].label}"
    return Table(title, [Head("", True), *heads], cells)


def _axes(run: Run, rows: Mapping[str, np.ndarray]) -> Table:
    """Each axis: its ends, and the values whose best points are the weakest and the strongest."""
    heads = ("axis", "name", "values", "from", "to", "weakest value", "strongest value")
    lines = []
    for axis in run.manifest.axes:
        quantity, values = run.quantities[axis.key], _values(run, rows[axis.key], axis.key)
        first, last = (point_value(quantity, values[place]) for place in (0, -1))
        ranked = _ranked(run, rows, axis.key)
        told = [ranked[-1], ranked[0]] if ranked else ["", ""]
        lines.append([axis.label, axis.key, f"{len(values):,}", first, last, *told])
    label = run.quantities[objective(run)].label
    title = f"Axes; what counts of a value is its best point by {label}"
    return Table(title, [Head(text, numeric=False) for text in heads], lines)


def _values(run: Run, column: np.ndarray, key: str) -> list[Any]:
    """Values once each, numbers from small to large."""
    values = list(dict.fromkeys(column.tolist()))
    return sorted(values) if run.kinds[key] == NUMBER else values


def _ranked(run: Run, rows: Mapping[str, np.ndarray], axis: str) -> list[str]:
    """Values of an axis with what their best points reach, the strongest first."""
    key = objective(run)
    tops: dict[Any, Any] = {}
    for place in _order(run, rows).tolist():
        tops.setdefault(rows[axis][place], rows[key][place])
    return [
        f"{point_value(run.quantities[axis], value)}: {point_value(run.quantities[key], top)}"
        for value, top in tops.items()
    ]


def _reasons(rows: Mapping[str, np.ndarray]) -> Table:
    """Points that are not feasible, by reason."""
    lost = ~np.asarray(rows["feasible"], bool)
    counts = Counter(str(one) for one in rows["reason"][lost]) if "reason" in rows else Counter()
    heads = [Head("reason", numeric=False), Head("points", numeric=True), Head("share", True)]
    lines = [
        [reason or "not said", human(count), f"{count / len(lost):.1%}"]
        for reason, count in counts.most_common()
    ]
    return Table("Not feasible", heads, lines)


def _facts(run: Run) -> list[tuple[str, str]]:
    manifest = run.manifest
    versions = ", ".join(f"{name} {one}" for name, one in manifest.versions.items())
    facts = {
        "command": manifest.command,
        "site": _base(run, "site", manifest.site),
        "workload": _base(run, "workload", manifest.workload),
        "objective": manifest.objective,
        "points": f"{manifest.points:,} in {manifest.chunks:,} chunks",
        "device": manifest.device,
        "versions": versions,
        "hash of the inputs": manifest.inputs,
    }
    return [(name, value) for name, value in facts.items() if value]


def _base(run: Run, noun: str, name: str) -> str:
    """What the run starts from, which an axis of that name replaces."""
    return f"{name}, replaced along an axis" if noun in run.manifest.keys else name
