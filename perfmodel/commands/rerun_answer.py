"""Computes a run again for its user: progress, what differs, exit status."""

import sys
import time
from pathlib import Path

from rich.text import Text

from perfmodel.config.faults import Fault, Faults
from perfmodel.results.canonical import json_text
from perfmodel.results.run_folder import RunFolder
from perfmodel.studies.rerun import Rerun, rerun, stored_question
from perfmodel.views.terminal import progress, show, table


def deliver(run: Path, most: int, how: tuple[str, str], started: float) -> int:
    """Computes again, compares, prints.

    Parameters
    ----------
    run
        Folder of the run.
    most
        Files to compute again, 0 for all.
    how
        Format of the answer and kind of device.
    started
        When the command began. [s]

    Returns
    -------
    int
        Exit status: 1 when a number differs.
    """
    form, device = how
    if most < 0:
        fault = Fault(field="--files", value=str(most), problem="is negative", expected="0 or more")
        raise Faults([fault])
    _, told = stored_question(run)
    there = len(RunFolder(run, told["chunks"]).done())
    from perfmodel.engine.devices import device_line, open_devices

    sys.stderr.write(device_line(open_devices(device), device))  # type: ignore[arg-type]
    with progress("files", min(most or there, there)) as done:
        found = rerun(run, most, done)
    wall = time.perf_counter() - started
    if form == "json":
        told = found._asdict() | {"same": found.equal == found.files, "wall_s": wall}
        sys.stdout.write(json_text(told) + "\n")
    else:
        _print(run, found, wall)
    return 0 if found.equal == found.files else 1


def _print(run: Path, found: Rerun, wall: float) -> None:
    rows = [[name, before or "nothing", now] for name, (before, now) in found.changed.items()]
    if rows:
        show(table("Not as in the run", ["", "then", "now"], rows))
    if found.differences:
        ordered = sorted(found.differences.items(), key=lambda item: -item[1])
        texts = [[key, "other values" if gap == float("inf") else f"{gap:.2g}"]
                 for key, gap in ordered]  # fmt: skip
        show(table("Largest relative difference", ["column", ""], texts))
    show(Text(f"{run}: {found.equal} of {found.files} files have the same values ({wall:.1f} s)"))
