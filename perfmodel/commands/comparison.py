"""Runs a comparison and delivers it: files first, then the answer on standard output."""

import sys
import time
from pathlib import Path
from typing import NamedTuple

from perfmodel.engine.devices import Device, device_line, open_devices
from perfmodel.results.atomic import check_folder
from perfmodel.results.canonical import csv_text, json_text
from perfmodel.results.parquet import write
from perfmodel.results.provenance import Provenance, installed_versions
from perfmodel.studies.compare import Comparison, Question, compare, steps
from perfmodel.studies.requirement import Requirement, unmet
from perfmodel.views.comparison import FIGURES, TABLES, columns_of, terminal_parts
from perfmodel.views.press import press
from perfmodel.views.terminal import progress, show


class Answer(NamedTuple):
    """How the user wants it."""

    out: Path
    format: str
    needs: list[Requirement]
    device: Device
    started: float
    """Clock when the command began. [s]"""


def deliver(question: Question, answer: Answer) -> int:
    """Compares, writes tables and figures, prints.

    Parameters
    ----------
    question
        Sites and workloads.
    answer
        Folder, format, conditions, device.

    Returns
    -------
    int
        Exit status: 1 when a condition does not hold.
    """
    check_folder(answer.out)
    sys.stderr.write(device_line(open_devices(answer.device), answer.device))
    caption = f"perfmodel compare: {question.subject} against {question.base}"
    with press() as second:
        with progress("searches", steps(question)) as done:
            comparison = compare(question, done)
        files = _store(comparison, question, answer.out)
        files += second.draw(answer.out, FIGURES[::3], FIGURES[1:3], caption)
    wall = time.perf_counter() - answer.started
    if answer.format == "json":
        sys.stdout.write(json_text(document(comparison, files, wall)) + "\n")
    elif answer.format == "csv":
        sys.stdout.write(csv_text(columns_of(comparison.sites)))
    else:
        parts = terminal_parts(
            comparison.sites, comparison.decomposition, comparison.conclusion, question.base
        )
        show(*parts, f"Tables and figures: {answer.out}/ ({len(files)} files, {wall:.1f} s)")
    failures = unmet(answer.needs, comparison.sites)
    sys.stderr.writelines(f"{line}\n" for line in failures)
    return 1 if failures else 0


def document(comparison: Comparison, files: list[Path], wall: float) -> dict:
    """The comparison as JSON values, SI units.

    Parameters
    ----------
    comparison
        Tables and paragraph.
    files
        What was written.
    wall
        Our own run time. [s]

    Returns
    -------
    dict
        Keys that others rely on, see the schema of the verb.
    """
    ratios = comparison.ratios
    first = ratios[0] if ratios else {}
    return {
        "sites": comparison.sites,
        "ratio": {k: v for k, v in first.items() if k not in ("workload", "rule")},
        "ratios": ratios,
        "decomposition": comparison.decomposition,
        "scaling": comparison.curves,
        "conclusion": comparison.conclusion,
        "files": [str(path) for path in files],
        "wall_s": wall,
    }


def _store(comparison: Comparison, question: Question, out: Path) -> list[Path]:
    """Writes the tables; one of an earlier run that has no rows now is removed."""
    provenance = Provenance(
        command="perfmodel compare",
        device=_device_kind(),
        scenario=[
            {"site": case.site, "workload": case.workload, **case.scenario.model_dump(mode="json")}
            for case in question.cases
        ],
        versions=installed_versions(),
    )
    tables = (comparison.sites, comparison.curves, comparison.decomposition)
    written = []
    for stem, rows in zip(TABLES, tables, strict=True):
        path = out / f"{stem}.parquet"
        if rows:
            write(path, columns_of(rows), provenance)
            written.append(path)
        else:
            path.unlink(missing_ok=True)
    return written


def _device_kind() -> str:
    import jax

    return jax.local_devices()[0].device_kind
