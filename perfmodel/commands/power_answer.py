"""Answers questions of power and delivers: files first, then the answer on standard output."""

import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

from perfmodel.commands.ending import Told, tell
from perfmodel.config.faults import Fault, Faults, Problem, attempt, refuse, shown
from perfmodel.config.library import Library
from perfmodel.config.schema.scenario import Scenario
from perfmodel.config.units import quantity
from perfmodel.engine.devices import Device, device_line, open_devices
from perfmodel.results.atomic import check_folder
from perfmodel.results.parquet import write
from perfmodel.results.provenance import Provenance, installed_versions
from perfmodel.studies.legality import check_layout
from perfmodel.studies.power import Power, Question, answer, steps
from perfmodel.studies.power_holding import LIMITS, Design
from perfmodel.views.comparison import columns_of
from perfmodel.views.power import draw_stored, terminal_parts
from perfmodel.views.terminal import progress


class Asked(NamedTuple):
    """What the user named."""

    site: str
    workload: str
    designs: tuple[str, ...]
    limits: tuple[str, ...]


class Answer(NamedTuple):
    """How the user wants it."""

    out: Path
    format: str
    device: Device
    started: float
    """Clock when the command began. [s]"""


def ask(asked: Asked, scenario: Scenario, library: Library) -> Question:
    """Resolves the designs and the connections, every fault at once.

    Parameters
    ----------
    asked
        Names.
    scenario
        The site and the job.
    library
        Where configs come from.

    Returns
    -------
    Question
        Scenarios and limits.
    """
    found: list[Fault] = []
    check_layout(scenario)
    limits = [attempt(found, _limit, text) for text in asked.limits]
    designs = [
        attempt(found, lambda name=name: Design(name, library.scenario(name, asked.workload)))
        for name in asked.designs
    ]
    refuse(found)
    return Question(
        asked.site,
        asked.workload,
        scenario,
        [design for design in designs if design],
        [limit for limit in limits if limit] or list(LIMITS),
    )


def _limit(text: str) -> float:
    try:
        return quantity(text, "W")
    except Problem as problem:
        said, right = problem.problem, problem.expected
        fault = Fault(field="--limit", value=shown(text), problem=said, expected=right)
        raise Faults([fault]) from problem


def deliver(question: Question, wanted: Answer) -> int:
    """Answers, writes tables and figures, prints.

    Parameters
    ----------
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
    with progress("searches", steps(question)) as done:
        found = answer(question, done)
    files = _store(wanted.out, found, question)
    files += draw_stored(wanted.out, f"perfmodel power {question.site} {question.workload}")
    told = document(found, files, time.perf_counter() - wanted.started)
    return tell(wanted.format, Told(told, found.curve, terminal_parts(found)), wanted.out)


def document(found: Power, files: list[Path], wall: float) -> dict[str, Any]:
    """The answer as JSON values, SI units.

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
    return {
        "estimate": found.limited.row,
        "strategies": found.limited.strategies,
        "curve": found.curve,
        "year": found.year,
        "holds": found.holds,
        "files": [str(path) for path in files],
        "wall_s": wall,
    }


def _store(out: Path, found: Power, question: Question) -> list[Path]:
    """Writes the tables; one that is empty now is removed."""
    tables = {
        "power_estimate": [found.limited.row, *found.limited.strategies],
        "power_cap": found.curve,
        "power_year": found.year,
        "power_holds": found.holds,
    }
    provenance = Provenance(
        command="perfmodel power",
        device=_device_kind(),
        scenario=[question.scenario.model_dump(mode="json")],
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


def _device_kind() -> str:
    import jax

    return jax.local_devices()[0].device_kind
