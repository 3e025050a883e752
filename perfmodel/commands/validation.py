"""Runs a validation and delivers it: files, the answer on standard output, the gate's verdict."""

import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from perfmodel.config.library import Library
from perfmodel.engine.devices import Device, device_line, open_devices
from perfmodel.results.atomic import check_folder, whole_file
from perfmodel.results.canonical import json_text
from perfmodel.studies.gate import Failure, Gate, check, read_gate
from perfmodel.studies.validate import SETS, answer, check_grouping, judge
from perfmodel.views.comparison import columns_of
from perfmodel.views.terminal import show
from perfmodel.views.validation import bound_text, terminal_parts


class Wanted(NamedTuple):
    """How the user wants it."""

    format: str
    """``table`` or ``json``."""
    by: str
    """Grouping of the tables; empty for families."""
    gate: Path | None
    """File of bounds."""
    out: Path | None
    """Folder for the answer and the figures."""
    device: Device
    """Where the kernels run."""
    started: float
    """Clock when the command began. [s]"""


def deliver(asked: Mapping[str, Sequence[Path] | None], library: Library, wanted: Wanted) -> int:
    """Validate, write files, print.

    Parameters
    ----------
    asked
        Set to its files; see :func:`perfmodel.studies.validate.judge`.
    library
        Configs that predict the rows.
    wanted
        Form, grouping, gate, folder.

    Returns
    -------
    int
        Exit status: 1 when the gate fails.
    """
    gate = read_gate(wanted.gate, SETS) if wanted.gate else {}
    if wanted.out:
        check_folder(wanted.out)
    sys.stderr.write(device_line(open_devices(wanted.device), wanted.device))
    judged = judge(asked, library)
    check_grouping(judged, wanted.by)
    failures = check(judged, gate)
    found = answer(judged, wanted.by) | {"gate": [_failure(one) for one in failures]}
    files = _store(wanted.out, found) if wanted.out else []
    found |= {"files": files, "wall_s": time.perf_counter() - wanted.started}
    if wanted.format == "json":
        sys.stdout.write(json_text(found) + "\n")
    else:
        _print(found, gate, wanted.out)
    sys.stderr.writelines(f"gate: {failure}\n" for failure in failures)
    return 1 if failures else 0


def _failure(failure: Failure) -> dict[str, Any]:
    return {**failure._asdict(), "text": str(failure)}


def _rows_of(found: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    return [row for row in found["per_row"] if row["set"] == name]


def _print(found: Mapping[str, Any], gate: Gate, out: Path | None) -> None:
    for name, part in found["sets"].items():
        bounds = {
            group: bound_text(one.model_dump(exclude_none=True))
            for group, one in gate.get(name, {}).items()
        }
        show(*terminal_parts(part, _rows_of(found, name), bounds), "")
    files = f"Answer and figures: {out}/ ({len(found['files'])} files). " if out else ""
    show(f"{files}{found['predicted']:,} of {found['rows']:,} rows in {found['wall_s']:.1f} s")


def _store(folder: Path, found: Mapping[str, Any]) -> list[Path]:
    """Write the answer, and a figure for each set that has a prediction."""
    from perfmodel.views.figures import predicted_measured
    from perfmodel.views.figures.sheet import save

    files = [folder / "validate.json"]
    with whole_file(files[0]) as file:
        file.write((json_text(found) + "\n").encode())
    for name, part in found["sets"].items():
        if part["predicted"]:
            rows = columns_of([row for row in _rows_of(found, name) if not row["apart"]])
            axis = predicted_measured.Axis(part["quantity"], part["unit"])
            figure = predicted_measured.draw(rows, axis, part["title"], _caption(name, part))
            files += save(figure, folder, f"predicted_measured_{name}")
    return files


def _caption(name: str, part: Mapping[str, Any]) -> str:
    counted = f"{part['predicted']:,} rows, {part['skipped']:,} skipped"
    option = (SETS[name].beside or name).replace("_", "-")
    return f"perfmodel validate --{option}: {counted}; one number per group marks its worst row"
