"""Runs calibrations and delivers them: the answer on standard output, files only when asked."""

import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from perfmodel.config.library import Library
from perfmodel.engine.devices import Device, device_line, open_devices
from perfmodel.results.canonical import json_text
from perfmodel.studies.calibrate import Calibrated, calibrate, told
from perfmodel.studies.edits import apply
from perfmodel.views.calibration import terminal_parts
from perfmodel.views.terminal import show


class Wanted(NamedTuple):
    """How the user wants it."""

    format: str
    """``table`` or ``json``."""
    write: bool
    """Whether the fitted values go into the config files."""
    device: Device
    """Where the kernels run."""
    started: float
    """Clock when the command began. [s]"""


def deliver(asked: Mapping[str, bool], library: Library, wanted: Wanted) -> int:
    """Fit, print, and write where that was asked for and every search ended at a minimum.

    Parameters
    ----------
    asked
        Fit to whether it was asked for; all of them where none was.
    library
        Configs with the priors.
    wanted
        Form, and whether to write.

    Returns
    -------
    int
        Exit status: 1 when a search did not end at a minimum.
    """
    sys.stderr.write(device_line(open_devices(wanted.device), wanted.device))
    results = calibrate(asked, library)
    converged = all(result.fit.converged for result in results.values())
    files = _written(results) if wanted.write and converged else []
    found = {
        "fits": {name: told(name, result) for name, result in results.items()},
        "files": files,
        "wall_s": time.perf_counter() - wanted.started,
    }
    if wanted.format == "json":
        sys.stdout.write(json_text(found) + "\n")
    else:
        _print(found, sum(len(result.edits) for result in results.values()), wanted.write)
    if not converged:
        sys.stderr.write("a search did not end at a minimum, nothing is written\n")
    return 0 if converged else 1


def _written(results: Mapping[str, Calibrated]) -> list[Path]:
    return apply([edit for result in results.values() for edit in result.edits])


def _print(found: Mapping[str, Any], edits: int, write: bool) -> None:
    for part in found["fits"].values():
        show(*terminal_parts(part), "")
    files = "\n".join(str(path) for path in found["files"])
    if files:
        show(f"Written:\n{files}")
    elif not write:
        show(f"Nothing is written; --write puts {edits} values into their config files.")
    show(f"{found['wall_s']:.1f} s")
