"""Times collectives and delivers them: files first, then the answer on standard output."""

import sys
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any, NamedTuple

from perfmodel.engine.devices import Device, device_line, open_devices
from perfmodel.results.atomic import check_folder
from perfmodel.results.canonical import csv_text, json_text
from perfmodel.results.columns import NETWORK
from perfmodel.results.parquet import write
from perfmodel.results.provenance import Provenance, installed_versions
from perfmodel.studies.collective_times import Question
from perfmodel.studies.network import Answer, Row, answer
from perfmodel.views.comparison import columns_of
from perfmodel.views.network import FIGURES, STEMS, Setting, terminal_parts
from perfmodel.views.press import Press, press
from perfmodel.views.terminal import show


class Delivery(NamedTuple):
    """How the user wants it."""

    out: Path | None
    """Folder of the files; none writes none."""
    format: str
    """Form of the answer."""
    device: Device
    """Where the kernels run."""
    started: float
    """Clock when the command began. [s]"""


def deliver(question: Question, delivery: Delivery) -> int:
    """Times, writes tables and figures, prints.

    Parameters
    ----------
    question
        Network, collective, ranks and sizes.
    delivery
        Folder, format, device.

    Returns
    -------
    int
        Exit status.
    """
    if delivery.out is not None:
        check_folder(delivery.out)
    devices = open_devices(delivery.device)
    sys.stderr.write(device_line(devices, delivery.device))
    with press("network") if delivery.out else nullcontext() as second:
        result = answer(question)
        kind = devices[0].device_kind
        files = _store(result, question, delivery.out, kind) if delivery.out else []
        if second is not None and delivery.out is not None:
            files += _drawn(second, delivery.out, question)
    wall = time.perf_counter() - delivery.started
    if delivery.format == "json":
        sys.stdout.write(json_text(document(question, result, files, wall)) + "\n")
    elif delivery.format == "csv":
        sys.stdout.write(csv_text(columns_of(result.calls)))
    else:
        notes = [f"Tables and figures: {delivery.out}/ ({len(files)} files)"] if files else []
        show(*terminal_parts(setting(question), *result), *notes)
    return 0


def setting(question: Question) -> Setting:
    """What was timed, in names.

    Parameters
    ----------
    question
        The question.

    Returns
    -------
    Setting
        Texts.
    """
    machine = question.platform.machine
    return Setting(
        collective=question.collective,
        fabric=machine.fabric.name,
        chip=machine.chip.name,
        node=machine.node.name,
        stack=question.platform.stack.name,
        site=question.carrier,
        stride=question.stride,
    )


def document(question: Question, result: Answer, files: list[Path], wall: float) -> dict[str, Any]:
    """The answer as JSON values, SI units.

    Parameters
    ----------
    question
        What was asked.
    result
        Tables.
    files
        What was written.
    wall
        Our own run time. [s]

    Returns
    -------
    dict
        Keys that others rely on, see the schema of the verb.
    """
    return {
        **setting(question)._asdict(),
        "calls": [
            call
            | {
                "algorithms": _of(call, result.algorithms),
                "levels": _of(call, result.levels),
            }
            for call in result.calls
        ],
        "files": [str(path) for path in files],
        "wall_s": wall,
    }


def _of(call: Row, rows: list[Row]) -> list[Row]:
    """Rows of one call, without what they repeat of it."""
    label = {key: call[key] for key in ("ranks", NETWORK["size"].key)}
    return [
        {key: value for key, value in row.items() if key not in label}
        for row in rows
        if all(row[key] == value for key, value in label.items())
    ]


def _drawn(second: Press, out: Path, question: Question) -> list[Path]:
    second.order(out, FIGURES, f"perfmodel network: {setting(question).sentence()}")
    return second.collect()


def _store(result: Answer, question: Question, out: Path, kind: str) -> list[Path]:
    platform = question.platform
    machine = platform.machine
    parts = {"chip": machine.chip, "node": machine.node, "fabric": machine.fabric}
    provenance = Provenance(
        command="perfmodel network",
        device=kind,
        scenario={
            **question._replace(platform=platform)._asdict(),
            "platform": {
                name: part.model_dump(mode="json")
                for name, part in (parts | {"stack": platform.stack}).items()
            },
        },
        versions=installed_versions(),
    )
    names = setting(question)._asdict()
    paths = [out / f"{stem}.parquet" for stem in STEMS]
    for path, rows in zip(paths, result, strict=True):
        write(path, columns_of([names | row for row in rows]), provenance)
    return paths
