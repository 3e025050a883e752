"""Answers questions of goodput and delivers: files first, then the answer on standard output."""

import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

from perfmodel.commands.ending import Told, tell
from perfmodel.config.faults import Fault, Faults, attempt
from perfmodel.config.library import Library
from perfmodel.engine.devices import Device, device_line, open_devices
from perfmodel.results.atomic import check_folder
from perfmodel.results.parquet import write
from perfmodel.results.provenance import Provenance, installed_versions
from perfmodel.studies.goodput import Answered, Question, answer
from perfmodel.studies.legality import check_layout
from perfmodel.views.comparison import columns_of
from perfmodel.views.goodput import draw_stored, terminal_parts

OWN = ("storage", "reliability")
"""Nouns of configs that no site or workload names."""


class Asked(NamedTuple):
    """What the user named."""

    site: str
    workload: str
    overrides: tuple[str, ...]
    partition: int
    storage: str
    cases: tuple[str, ...]
    way: str


class Answer(NamedTuple):
    """How the user wants it."""

    out: Path
    format: str
    device: Device
    started: float
    """Clock when the command began. [s]"""


def ask(asked: Asked, library: Library) -> Question:
    """Resolves all names, every fault at once.

    Parameters
    ----------
    asked
        Names and overrides.
    library
        Where configs come from.

    Returns
    -------
    Question
        Configs.
    """
    found: list[Fault] = []
    mine = {noun: [text for text in asked.overrides if _noun(text) == noun] for noun in OWN}
    rest = [text for text in asked.overrides if _noun(text) not in OWN]
    scenario = attempt(
        found,
        lambda: library.scenario(
            asked.site, asked.workload, overrides=rest, partition=asked.partition
        ),
    )
    storage = attempt(found, library.single, "storage", asked.storage, mine["storage"])
    cases: dict[str, Any] = {}
    for name in asked.cases:
        case = attempt(found, library.single, "reliability", name, mine["reliability"])
        cases |= {name: case} if case else {}
    if not (scenario and storage) or found:
        raise Faults(dict.fromkeys(found))
    check_layout(scenario)
    return Question(scenario, storage, cases, asked.way)


def _noun(override: str) -> str:
    return override.partition("=")[0].partition(".")[0].strip()


def deliver(asked: Asked, question: Question, wanted: Answer) -> int:
    """Answers, writes tables and the figure, prints.

    Parameters
    ----------
    asked
        What the user named.
    question
        What is asked.
    wanted
        Folder, format, device.

    Returns
    -------
    int
        Exit status.
    """
    check_folder(wanted.out)
    sys.stderr.write(device_line(open_devices(wanted.device), wanted.device))
    found = answer(question)
    files = _store(wanted.out, found, question)
    command = f"perfmodel goodput {asked.site} {asked.workload}"
    files += draw_stored(wanted.out, command) if found.surface else []
    told = document(found, files, time.perf_counter() - wanted.started)
    return tell(wanted.format, Told(told, found.cases, terminal_parts(found)), wanted.out)


def document(found: Answered, files: list[Path], wall: float) -> dict[str, Any]:
    """The answer as JSON values, SI units: the middle case in front, all cases in a list.

    Parameters
    ----------
    found
        Rows.
    files
        What was written.
    wall
        Our own run time. [s]

    Returns
    -------
    dict[str, Any]
        Keys that others rely on, see the schema of the verb.
    """
    nothing: dict[str, Any] = dict.fromkeys(STABLE)
    middle = found.cases[len(found.cases) // 2] if found.cases else nothing
    labels = {name: found.row[name] for name in ("site", "workload", "chips", "layout", "reason")}
    drawn = found.drawn._asdict() if found.drawn else None
    return {
        **labels,
        **middle,
        "cases": found.cases,
        "drawn": drawn,
        "published": found.points,
        "files": [str(path) for path in files],
        "wall_s": wall,
    }


STABLE = ("goodput", "mtti_s", "checkpoint_interval_s")
"""Keys that are there without a layout too, then empty."""


def _store(out: Path, found: Answered, question: Question) -> list[Path]:
    """Writes the tables; one that is empty now is removed."""
    import jax

    tables = {
        "goodput_cases": found.cases,
        "goodput_map": found.surface,
        "goodput_published": found.points,
        "goodput_sheet": found.sheet,
        "goodput_events": found.events,
    }
    configs = [question.scenario, question.storage, *question.cases.values()]
    provenance = Provenance(
        command="perfmodel goodput",
        device=jax.local_devices()[0].device_kind,
        scenario=[config.model_dump(mode="json") for config in configs],
        versions=installed_versions(),
    )
    files = []
    for stem, rows in tables.items():
        path = out / f"{stem}.parquet"
        if rows:
            write(path, columns_of(rows), provenance)
            files.append(path)
        else:
            path.unlink(missing_ok=True)
    return files
