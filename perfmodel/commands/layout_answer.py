"""From the words of `search` to a question, and its answer as table, JSON, CSV and files."""

import re
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from perfmodel.config.faults import Fault, attempt, nearest, one_of, refuse, shown
from perfmodel.config.library import Library
from perfmodel.config.schema.scenario import Scenario
from perfmodel.engine.devices import Device, device_line, open_devices
from perfmodel.results.atomic import check_folder
from perfmodel.results.canonical import csv_text, json_text
from perfmodel.results.parquet import write
from perfmodel.results.provenance import Provenance, installed_versions
from perfmodel.spaces.layouts import AXES
from perfmodel.spaces.legality import REASONS
from perfmodel.studies.bounds import Bounds, parse_bounds
from perfmodel.studies.legality import check_layout
from perfmodel.studies.requirement import Requirement, parse_requirements, unmet
from perfmodel.studies.surroundings import Named, parted, surroundings
from perfmodel.views.comparison import columns_of
from perfmodel.views.search import draw, terminal_parts
from perfmodel.views.terminal import show

COUPLED = ("useful-throughput", "cost", "carbon")
"""Objectives that failures and prices enter."""

RESPECTS = ("time", "memory", "energy", "power")
MOST = 16
"""Layouts that a search keeps."""

_PAIR = re.compile(r"\s*([a-z_]+)\s*=\s*([^\s=,]+)\s*")


class Question(NamedTuple):
    """What the user typed."""

    site: str
    workload: str
    overrides: Sequence[str]
    partition: int
    top: int
    objective: str
    pareto: str
    where: Sequence[str]
    axes: str
    explain: Sequence[str]
    decide: int
    require: Sequence[str] = ()
    case: str = "base"
    storage: str = "tectonic"
    way: str = "asynchronous"


class Delivery(NamedTuple):
    """How the user wants it."""

    out: Path | None
    format: str
    device: Device
    needs: Sequence[Requirement]
    started: float
    """Clock when the command began. [s]"""


def ask(question: Question, library: Library) -> tuple[Scenario, Any]:
    """Checks all that was typed.

    Parameters
    ----------
    question
        Words.
    library
        Configs.

    Returns
    -------
    tuple[Scenario, Asked]
        The job, and what is asked of it.

    Raises
    ------
    Faults
        All that is wrong with the options, or with the scenario.
    """
    from perfmodel.studies.layout_search import Asked

    found = [*_top_faults(question), *_front_faults(question.pareto)]
    bounds = attempt(found, parse_bounds, question.where)
    attempt(found, parse_requirements, question.require)
    texts = [attempt(found, _overrides, text) for text in question.explain]
    every = [attempt(found, _scenario, question, library, text) for text in ((), *texts)]
    beside = _beside(found, question, library) if question.objective in COUPLED else None
    refuse(found)
    own, *named = [one for one in every if one is not None]
    named = [own, *named] if own.layout is not None else named
    for one in named:
        attempt(found, check_layout, one)
    refuse(found)
    respects = tuple(filter(None, question.pareto.split(",")))
    axes = AXES[question.axes]
    asked = Asked(
        question.objective, question.top, respects, bounds or Bounds(()), axes, named,
        question.decide, beside,
    )  # fmt: skip
    return own, asked


def _beside(found: list[Fault], question: Question, library: Library) -> Any:
    """Failures, storage and prices."""
    from perfmodel.studies.coupled import Beside

    mine, _ = parted(question.overrides)
    named = Named(storage=question.storage, way=question.way)
    around = surroundings(found, library, named, mine)
    return None if around is None else Beside(around, question.case)


def _scenario(question: Question, library: Library, more: Sequence[str] | None) -> Scenario:
    """The job with further overrides; with its own alone where those could not be read."""
    return library.scenario(
        question.site,
        question.workload,
        overrides=[*_of_the_job(question), *(more or ())],
        partition=question.partition,
    )


def _of_the_job(question: Question) -> Sequence[str]:
    """Overrides without those of failures, storage and prices, where the objective takes these."""
    return parted(question.overrides)[1] if question.objective in COUPLED else question.overrides


def _top_faults(question: Question) -> list[Fault]:
    numbers = (("--top", question.top, 1), ("--decide", question.decide, 0))
    return [
        Fault(
            field=option,
            value=str(number),
            problem="is out of range",
            expected=f"a number from {least} to {MOST}",
        )
        for option, number, least in numbers
        if not least <= number <= MOST
    ]


def _front_faults(text: str) -> list[Fault]:
    names = [name.strip() for name in text.split(",")] if text else []
    unknown = [name for name in names if name not in RESPECTS]
    if unknown:
        close = nearest(unknown[0], RESPECTS)
        problem = f"cannot weigh {shown(unknown[0])}"
        return [_front_fault(text, problem, one_of(RESPECTS), close)]
    if names and not 2 <= len(set(names)) == len(names):
        return [_front_fault(text, "needs two aims or more, each once", "time,memory")]
    return []


def _front_fault(text: str, problem: str, expected: str, close: str = "") -> Fault:
    value = shown(text)
    return Fault(field="--pareto", value=value, problem=problem, expected=expected, nearest=close)


def _overrides(text: str) -> list[str]:
    """`tp=8,pp=16` as overrides of the layout."""
    parts = [part for part in re.split(r"[,\s]+", text.strip()) if part]
    bad = [part for part in parts if not _PAIR.fullmatch(part)]
    expected = "FIELD=VALUE pairs, for example tp=8,pp=16"
    refuse(
        [
            Fault(field="--explain", value=shown(part), problem="is no field", expected=expected)
            for part in (bad if parts else [text])
        ]
    )
    return [f"layout.{part}" for part in parts]


def deliver(scenario: Scenario, asked: Any, delivery: Delivery) -> int:
    """Searches, writes tables and figures, prints.

    Parameters
    ----------
    scenario
        The job.
    asked
        What is asked of it.
    delivery
        Folder, format, device, conditions.

    Returns
    -------
    int
        Exit status: 1 when a condition does not hold, 130 after an interrupt.
    """
    if delivery.out is not None:
        check_folder(delivery.out)
    devices = open_devices(delivery.device)
    sys.stderr.write(device_line(devices, delivery.device))
    from perfmodel.commands.watched import INTERRUPTED, watched
    from perfmodel.studies.layout_search import search_layouts

    answer = search_layouts(scenario, asked, watched())
    files = _store(scenario, asked, answer, delivery.out, devices[0].device_kind)
    wall = time.perf_counter() - delivery.started
    told = document(scenario, asked, answer, files, wall)
    if delivery.format == "json":
        sys.stdout.write(json_text(told) + "\n")
    elif delivery.format == "csv":
        sys.stdout.write(csv_text(columns_of(told["best"])))
    else:
        notes = [f"Tables and figures: {delivery.out}/ ({len(files)} files)"] if files else []
        show(*terminal_parts(told), *notes)
    failures = unmet(delivery.needs, told["best"][:1]) if delivery.needs else []
    if delivery.needs and not told["best"]:
        failures = ["no layout is feasible"]
    sys.stderr.writelines(f"{line}\n" for line in failures)
    if not answer.complete:
        sys.stderr.write("perfmodel: interrupted\n")
        return INTERRUPTED
    return 1 if failures else 0


def document(
    scenario: Scenario, asked: Any, answer: Any, files: Sequence[Path], wall: float
) -> dict[str, Any]:
    """The answer as JSON values, SI units.

    Parameters
    ----------
    scenario, asked
        The question.
    answer
        Rows and counts.
    files
        What was written.
    wall
        Our own run time. [s]

    Returns
    -------
    dict
        Keys that others rely on, see the schema of the verb.
    """
    found = answer.found
    names = {
        "site": scenario.machine.site.name,
        "workload": scenario.workload.name,
        "chip": scenario.machine.chip.name,
        "stack": scenario.stack.name,
        "chips": scenario.machine.chips,
    }
    return {
        **names,
        "objective": asked.objective,
        "case": asked.beside.case if asked.beside else None,
        "way": asked.beside.around.way if asked.beside else None,
        "where": [need.text for need in asked.bounds.conditions],
        "complete": answer.complete,
        "points": found.points,
        "feasible_points": found.feasible,
        "wanted_points": found.wanted,
        "best": [names | row for row in answer.best],
        "pareto": list(asked.respects),
        "front": [names | row for row in answer.front],
        "front_lost": found.lost,
        "explained": [names | row for row in answer.named],
        "infeasible_by_reason": answer.infeasible,
        "reasons": {code: REASONS[code] for code in answer.infeasible},
        "files": [str(path) for path in files],
        "search_s": answer.searched_s,
        "points_per_second": found.points / answer.searched_s,
        "wall_s": wall,
    }


def _store(scenario: Scenario, asked: Any, answer: Any, out: Path | None, kind: str) -> list[Path]:
    """Tables and figures, where a folder is named and something was found."""
    if out is None or not answer.best:
        return []
    from perfmodel.studies.layout_search import map_rows

    provenance = Provenance(
        command="perfmodel search",
        device=kind,
        scenario=scenario.model_dump(mode="json") | {"objective": asked.objective},
        versions=installed_versions(),
    )
    tables = {"search": answer.best, "layout_map": map_rows(answer.found.grid)}
    tables |= {"front": answer.front} if answer.front else {}
    paths = []
    for stem, rows in tables.items():
        paths.append(out / f"{stem}.parquet")
        write(paths[-1], columns_of(rows), provenance)
    caption = f"perfmodel search: {scenario.workload.name} on {scenario.machine.site.name}"
    return paths + draw(out, asked.respects, caption)
