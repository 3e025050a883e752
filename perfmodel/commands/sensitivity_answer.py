"""From the words of `sensitivity` to elasticities, as table, JSON, CSV and files."""

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from perfmodel.config.faults import Fault, Faults, attempt, nearest, one_of, shown
from perfmodel.config.library import Library
from perfmodel.config.schema.scenario import Scenario
from perfmodel.engine.devices import Device, device_line, open_devices
from perfmodel.results.atomic import check_folder
from perfmodel.results.canonical import csv_text, json_text
from perfmodel.results.columns import COLUMNS
from perfmodel.results.parquet import write
from perfmodel.results.provenance import Provenance, installed_versions
from perfmodel.studies.legality import check_layout
from perfmodel.views.comparison import columns_of
from perfmodel.views.sensitivity import draw_stored, terminal_parts
from perfmodel.views.terminal import show

LABELS = ("site", "workload", "chip", "stack", "chips", "layout", "reason")
"""Texts of the estimate that the answer repeats."""


class Asked(NamedTuple):
    """What the user typed."""

    site: str
    workload: str
    overrides: tuple[str, ...]
    partition: int
    of: str
    top: int


class Delivery(NamedTuple):
    """How the user wants it."""

    out: Path | None
    format: str
    device: Device
    top: int
    started: float
    """Clock when the command began. [s]"""


def ask(asked: Asked, library: Library) -> tuple[Scenario, list[str]]:
    """Checks all that was typed.

    Parameters
    ----------
    asked
        Words.
    library
        Configs.

    Returns
    -------
    tuple[Scenario, list[str]]
        The job, and the quantities to derive.

    Raises
    ------
    Faults
        All that is wrong.
    """
    from perfmodel.engine.gradient import AIMS

    aims = [name.strip() for name in asked.of.split(",")]
    found = [_of_fault(name, AIMS) for name in aims if name not in AIMS]
    if asked.top < 1:
        problem = "is out of range"
        value, expected = str(asked.top), "a number from 1"
        found.append(Fault(field="--top", value=value, problem=problem, expected=expected))
    scenario = attempt(
        found,
        lambda: library.scenario(
            asked.site, asked.workload, overrides=asked.overrides, partition=asked.partition
        ),
    )
    if scenario is not None:
        attempt(found, check_layout, scenario)
    if scenario is None or found:
        raise Faults(found)
    return scenario, list(dict.fromkeys(aims))


def _of_fault(name: str, known: Sequence[str]) -> Fault:
    return Fault(
        field="--of",
        value=shown(name),
        problem="no quantity that can be derived",
        expected=one_of(known),
        nearest=nearest(name, known),
    )


def deliver(scenario: Scenario, aims: Sequence[str], wanted: Delivery) -> int:
    """Derives, writes the table and the figure, prints.

    Parameters
    ----------
    scenario
        The job.
    aims
        Quantities.
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
    from perfmodel.studies.sensitivity import sensitivity

    found = sensitivity(scenario, aims)
    files = _store(scenario, found, aims, wanted, devices[0].device_kind)
    wall = time.perf_counter() - wanted.started
    if wanted.format == "json":
        sys.stdout.write(json_text(document(found, aims, files, wall)) + "\n")
    elif wanted.format == "csv":
        sys.stdout.write(csv_text(columns_of(found.rows)))
    else:
        notes = [f"Table and figure: {wanted.out}/ ({len(files)} files)"] if files else []
        show(*terminal_parts(found, aims, wanted.top), *notes)
    return 0


def document(found: Any, aims: Sequence[str], files: Sequence[Path], wall: float) -> dict[str, Any]:
    """The answer as JSON values, SI units.

    Parameters
    ----------
    found
        Rows.
    aims
        Quantities.
    files
        What was written.
    wall
        Our own run time. [s]

    Returns
    -------
    dict[str, Any]
        Keys that others rely on, see the schema of the verb.
    """
    row = found.row
    keys = [COLUMNS[aim].key for aim in aims]
    return {
        **{name: row[name] for name in LABELS},
        "feasible": row["feasible"],
        "above_power_limit": found.above_limit,
        "of": list(aims),
        "values": {key: row[key] for key in keys},
        "figures": found.rows,
        "no_effect": found.idle,
        "files": [str(path) for path in files],
        "wall_s": wall,
    }


def _store(
    scenario: Scenario, found: Any, aims: Sequence[str], wanted: Delivery, kind: str
) -> list[Path]:
    """Table and figure, where a folder is named and something was derived."""
    if wanted.out is None or not found.rows:
        return []
    provenance = Provenance(
        command="perfmodel sensitivity",
        device=kind,
        scenario=scenario.model_dump(mode="json"),
        versions=installed_versions(),
    )
    path = wanted.out / "sensitivity.parquet"
    write(path, columns_of(found.rows), provenance)
    caption = (
        f"perfmodel sensitivity: {found.row['workload']} on {found.row['site']}, "
        f"{found.row['chips']:,} chips, {found.row['layout']}, held."
    )
    return [path, *draw_stored(wanted.out, aims, wanted.top, caption)]
