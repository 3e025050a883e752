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
from perfmodel.studies.best_layout import Row
from perfmodel.studies.compare import (
    Comparison,
    Question,
    compare_sites,
    conclude_from,
    steps,
)
from perfmodel.studies.requirement import Requirement, unmet
from perfmodel.views.comparison import (
    OTHER_FIGURES,
    SITE_FIGURES,
    columns_of,
    draw_stored,
    terminal_parts,
)
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
    with press("comparison") as second:
        with progress("searches", steps(question)) as done:
            sites = compare_sites(question, done)
            files = _store(answer.out, "compare", sites, question)
            second.order(answer.out, SITE_FIGURES, caption)
            comparison = conclude_from(sites, question, done)
        files += _store(answer.out, "scaling", comparison.curves, question)
        files += _store(answer.out, "decomposition", comparison.decomposition, question)
        files += _store(answer.out, "network", comparison.network, question)
        files += _store(answer.out, "pue_year", comparison.year, question)
        files += draw_stored(answer.out, OTHER_FIGURES, caption) + second.collect()
    wall = time.perf_counter() - answer.started
    if answer.format == "json":
        sys.stdout.write(json_text(document(comparison, files, wall)) + "\n")
    elif answer.format == "csv":
        sys.stdout.write(csv_text(columns_of(comparison.sites)))
    else:
        parts = terminal_parts(
            comparison.sites,
            {"decomposition": comparison.decomposition, "network": comparison.network},
            comparison.conclusion,
            question.base,
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
        "network": comparison.network,
        "year": comparison.year,
        "conclusion": comparison.conclusion,
        "files": [str(path) for path in files],
        "wall_s": wall,
    }


def _store(out: Path, stem: str, rows: list[Row], question: Question) -> list[Path]:
    """Writes one table; that of an earlier run is removed where there are no rows now."""
    path = out / f"{stem}.parquet"
    if not rows:
        path.unlink(missing_ok=True)
        return []
    provenance = Provenance(
        command="perfmodel compare",
        device=_device_kind(),
        scenario=[
            {"site": case.site, "workload": case.workload, **case.scenario.model_dump(mode="json")}
            for case in question.cases
        ],
        versions=installed_versions(),
    )
    write(path, columns_of(rows), provenance)
    return [path]


def _device_kind() -> str:
    import jax

    return jax.local_devices()[0].device_kind
