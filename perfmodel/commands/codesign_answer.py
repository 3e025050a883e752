"""From the words of `codesign` to a design, as table, JSON, CSV and file."""

import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from perfmodel.config.library import Library
from perfmodel.config.schema.scenario import Scenario
from perfmodel.engine.devices import Device, device_line, open_devices
from perfmodel.results.atomic import check_folder
from perfmodel.results.canonical import csv_text, json_text
from perfmodel.results.columns import COLUMNS
from perfmodel.results.parquet import write
from perfmodel.results.provenance import Provenance, installed_versions
from perfmodel.studies.design_question import Asked, Design, design_of
from perfmodel.views.codesign import terminal_parts
from perfmodel.views.comparison import columns_of
from perfmodel.views.terminal import progress, show

LABELS = ("site", "workload", "chip", "stack", "chips")
"""Texts of the estimate that the answer repeats."""

SHOWN = ("tokens_per_s", "energy_per_token", "site_power", "provisioned_power", "mfu")
"""Quantities of each design on the way."""


class Site(NamedTuple):
    """What is designed, and where it starts."""

    site: str
    workload: str
    overrides: tuple[str, ...]
    partition: int


class Delivery(NamedTuple):
    """How the user wants it, and what to say of it."""

    site: str
    workload: str
    overrides: tuple[str, ...]
    out: Path | None
    format: str
    device: Device
    started: float
    """Clock when the command began. [s]"""


def ask(place: Site, asked: Asked, library: Library) -> Design:
    """Checks all that was typed.

    Parameters
    ----------
    place
        Site, workload, start.
    asked
        Figures, bounds, budgets.
    library
        Configs.

    Returns
    -------
    Design
        The question.

    Raises
    ------
    Faults
        All that is wrong.
    """

    def resolve(more: Sequence[str]) -> Scenario:
        return library.scenario(
            place.site,
            place.workload,
            overrides=laid_over(place.overrides, more),
            partition=place.partition,
        )

    return design_of(asked, resolve)


def laid_over(overrides: Sequence[str], more: Sequence[str]) -> list[str]:
    """Overrides of which later ones replace earlier ones of the same field.

    Parameters
    ----------
    overrides, more
        Texts of the form `field=value`.

    Returns
    -------
    list[str]
        Those that stay.
    """
    replaced = {_field(text) for text in more}
    return [*(text for text in overrides if _field(text) not in replaced), *more]


def _field(text: str) -> str:
    return text.partition("=")[0].strip()


def deliver(design: Design, wanted: Delivery) -> int:
    """Designs, writes the path, prints.

    Parameters
    ----------
    design
        The question.
    wanted
        Folder, format, device.

    Returns
    -------
    int
        Exit status.
    """
    if wanted.out is not None:
        check_folder(wanted.out)
    devices = open_devices(wanted.device)
    sys.stderr.write(device_line(devices, wanted.device))
    from perfmodel.studies.codesign import STEPS, codesign

    with progress("designs", STEPS) as done:
        found = codesign(design, done)
    told = document(design, found, wanted)
    if wanted.out is not None:
        told["files"] = [str(_store(design, told["steps"], wanted.out, devices[0].device_kind))]
    told["wall_s"] = time.perf_counter() - wanted.started
    if wanted.format == "json":
        sys.stdout.write(json_text(told) + "\n")
    elif wanted.format == "csv":
        sys.stdout.write(csv_text(columns_of(told["steps"])))
    else:
        show(*terminal_parts(design, told))
        sys.stdout.write(f"\n{told['command']}\n")  # whole, however narrow the terminal
    return 0


def document(design: Design, found: Any, wanted: Delivery) -> dict[str, Any]:
    """The answer as JSON values, SI units.

    Parameters
    ----------
    design
        The question.
    found
        Path and design.
    wanted
        Names.

    Returns
    -------
    dict[str, Any]
        Keys that others rely on, see the schema of the verb.
    """
    from perfmodel.studies.design_answer import bound_rows, budget_rows, step_rows

    overrides = laid_over(wanted.overrides, found.overrides)
    words = ["perfmodel", "estimate", wanted.site, wanted.workload, *overrides]
    return {
        **{name: found.row[name] for name in LABELS},
        "objective": design.objective,
        "steps": step_rows(design, found, [COLUMNS[name].key for name in SHOWN]),
        "design": found.row,
        "overrides": found.overrides,
        "command": shlex.join(words),
        "budgets": budget_rows(design, found),
        "bounds": bound_rows(design, found),
        "memory_elasticity": found.forces.memory,
        "unexplained": found.forces.left,
        "converged": found.converged,
        "files": [],
        "wall_s": 0.0,
    }


def _store(design: Design, steps: Sequence[dict[str, Any]], out: Path, kind: str) -> Path:
    provenance = Provenance(
        command="perfmodel codesign",
        device=kind,
        scenario=design.scenario.model_dump(mode="json"),
        versions=installed_versions(),
    )
    path = out / "codesign.parquet"
    write(path, columns_of(steps), provenance)
    return path
