"""Draws stored runs and delivers them: files first, then their names on standard output."""

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from perfmodel.results.atomic import check_folder, whole_file
from perfmodel.results.canonical import json_text
from perfmodel.results.conditions import Condition
from perfmodel.results.dataset import Run
from perfmodel.views.chart import Wish
from perfmodel.views.plot import plot
from perfmodel.views.report import report


class Delivery(NamedTuple):
    """How the user wants it."""

    out: Path | None
    """Folder or file; a place in the folder of the run when none is given."""
    format: str
    """Form of the answer."""
    started: float
    """Clock when the command began. [s]"""


def deliver_figures(run: Run, wishes: Sequence[Wish], delivery: Delivery) -> int:
    """Draw figures and name their files.

    Parameters
    ----------
    run
        The stored run.
    wishes
        One per figure.
    delivery
        Folder and form.

    Returns
    -------
    int
        Exit status.
    """
    folder = delivery.out or run.folder / "figures"
    return _say(run, plot(run, wishes, folder), delivery)


def deliver_report(run: Run, where: Sequence[Condition], delivery: Delivery) -> int:
    """Write the page and name its file.

    Parameters
    ----------
    run
        The stored run.
    where
        Conditions on points.
    delivery
        File and form.

    Returns
    -------
    int
        Exit status.
    """
    path = delivery.out or run.folder / "report.html"
    check_folder(path.parent)
    page = report(run, where)
    with whole_file(path) as file:
        file.write(page.encode())
    return _say(run, [path], delivery)


def document(run: Run, files: Sequence[Path], wall: float) -> dict[str, Any]:
    """The answer as JSON values.

    Parameters
    ----------
    run
        The stored run.
    files
        What was written.
    wall
        Our own run time. [s]

    Returns
    -------
    dict[str, Any]
        Keys that others rely on, see the schema of the verbs.
    """
    return {
        "run": str(run.folder),
        "title": run.manifest.title,
        "points": run.manifest.points,
        "chunks": run.manifest.chunks,
        "chunks_there": len(run.chunks),
        "files": [str(path) for path in files],
        "wall_s": wall,
    }


def _say(run: Run, files: Sequence[Path], delivery: Delivery) -> int:
    wall = time.perf_counter() - delivery.started
    if delivery.format == "json":
        sys.stdout.write(json_text(document(run, files, wall)) + "\n")
        return 0
    if not run.complete:
        there = f"{len(run.chunks):,} of {run.manifest.chunks:,} chunks"
        sys.stderr.write(f"the run is not complete: {there}\n")
    sys.stdout.writelines(f"{path}\n" for path in files)
    return 0
