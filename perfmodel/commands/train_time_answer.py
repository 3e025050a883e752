"""Answers questions of training runs and delivers: files first, then standard output."""

import math
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

from perfmodel.commands.ending import Told, tell
from perfmodel.config.faults import Fault, Faults, attempt
from perfmodel.config.library import Library
from perfmodel.config.schema._model import LEAST, MOST
from perfmodel.config.units import quantity
from perfmodel.engine.devices import Device, device_line, open_devices
from perfmodel.results.atomic import check_folder
from perfmodel.results.parquet import write
from perfmodel.results.provenance import Provenance, installed_versions
from perfmodel.studies.legality import check_layout
from perfmodel.studies.surroundings import Named, parted, surroundings
from perfmodel.studies.train_time import Answered, Question, answer, best_batch, with_tokens
from perfmodel.views.comparison import columns_of
from perfmodel.views.train_time import draw_stored, terminal_parts

MIDDLE = "base"
"""Case that stands in front."""


class Asked(NamedTuple):
    """What the user named."""

    site: str
    workload: str
    overrides: tuple[str, ...]
    partition: int
    named: Named
    tokens: float | None
    days: float


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
    found = [*_not_positive("--tokens", asked.tokens), *_not_positive("--days", asked.days)]
    mine, rest = parted(asked.overrides)
    scenario = attempt(
        found,
        lambda: library.scenario(
            asked.site, asked.workload, overrides=rest, partition=asked.partition
        ),
    )
    around = surroundings(found, library, asked.named, mine)
    if not (scenario and around) or found:
        raise Faults(dict.fromkeys(found))
    check_layout(scenario)
    if asked.tokens is not None:
        scenario = with_tokens(scenario, asked.tokens, around)
    return Question(scenario, around, quantity(f"{asked.days:.17g} d", "s"))


def _not_positive(option: str, value: float | None) -> list[Fault]:
    if value is None or (math.isfinite(value) and LEAST <= value <= MOST):
        return []
    expected = "a number above 0"
    return [Fault(field=option, value=f"{value:g}", problem="out of range", expected=expected)]


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
    command = f"perfmodel train-time {asked.site} {asked.workload}"
    files += draw_stored(wanted.out, command) if found.cases else []
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
    middle = next((case for case in found.cases if case["case"] == MIDDLE), {})
    labels = {name: found.row[name] for name in ("site", "workload", "chips", "layout", "reason")}
    return {
        **labels,
        **dict.fromkeys(STABLE),
        **middle,
        "cases": found.cases,
        "batches": found.batches,
        "best_batch": best_batch(found.batches, MIDDLE) if found.batches else None,
        "sizes": found.sizes,
        "files": [str(path) for path in files],
        "wall_s": wall,
    }


STABLE = ("training_time_s", "run_energy_j", "run_eur", "largest_parameters")
"""Keys that are there without a layout too, then empty."""


def _store(out: Path, found: Answered, question: Question) -> list[Path]:
    """Writes the tables; one that is empty now is removed."""
    import jax

    tables = {
        "train_time_cases": found.cases,
        "train_time_batches": found.batches,
        "train_time_sizes": found.sizes,
    }
    around = question.around
    pairs = [(case.reliability, case.costs) for case in around.cases.values()]
    configs = [question.scenario, around.storage, around.scaling, *sum(pairs, ())]
    provenance = Provenance(
        command="perfmodel train-time",
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
