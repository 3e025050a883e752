"""Solves flows on a fabric and delivers them: files first, then the answer on standard output."""

import sys
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from perfmodel.commands.collectives import Delivery
from perfmodel.engine.devices import device_line, open_devices
from perfmodel.results.atomic import check_folder
from perfmodel.results.canonical import csv_text, json_text
from perfmodel.results.parquet import write
from perfmodel.results.provenance import Provenance, installed_versions
from perfmodel.studies.network_flows import FlowAnswer, FlowQuestion, Row, answer_flows, slow_downs
from perfmodel.views.comparison import columns_of
from perfmodel.views.flows import FIGURES, STEMS, terminal_parts
from perfmodel.views.press import press
from perfmodel.views.terminal import show


def deliver_flows(question: FlowQuestion, delivery: Delivery) -> int:
    """Solves, writes tables and figures, prints.

    Parameters
    ----------
    question
        Machine, pattern and routing.
    delivery
        Folder, format, device.

    Returns
    -------
    int
        Exit status: 1 where the rates do not pass their own verification.
    """
    if delivery.out is not None:
        check_folder(delivery.out)
    devices = open_devices(delivery.device)
    sys.stderr.write(device_line(devices, delivery.device))
    with press("flows") if delivery.out else nullcontext() as second:
        result = answer_flows(question)
        files: list[Path] = []
        if second is not None and delivery.out is not None:
            tables = {**_tables(result), STEMS[3]: slow_downs(question)}
            files = _store(tables, question, delivery.out, devices[0].device_kind)
            second.order(delivery.out, FIGURES, f"perfmodel network: {sentence(question)}")
            files += second.collect()
    wall = time.perf_counter() - delivery.started
    if delivery.format == "json":
        sys.stdout.write(json_text(document(question, result, files, wall)) + "\n")
    elif delivery.format == "csv":
        sys.stdout.write(csv_text(columns_of(result.steps)))
    else:
        notes = [f"Tables and figures: {delivery.out}/ ({len(files)} files)"] if files else []
        show(*terminal_parts(sentence(question), result.summary, result.steps, result.levels))
        show(*notes)
    return 0 if result.summary["verified"] else 1


def named(question: FlowQuestion) -> dict[str, Any]:
    """What was solved, in names and numbers.

    Parameters
    ----------
    question
        The question.

    Returns
    -------
    dict[str, Any]
        Texts and numbers.
    """
    return {
        "fabric": question.machine.fabric.name,
        "pattern": question.pattern,
        "routing": question.rule.method,
        "sub_flows": question.rule.sub_flows,
        "converged": question.rule.converged,
        "failed_links": question.wear.failed,
        "slow_links": question.wear.slow,
        "seed": question.rule.seed,
    }


def sentence(question: FlowQuestion) -> str:
    """All of it in one line.

    Parameters
    ----------
    question
        The question.

    Returns
    -------
    str
        A line.
    """
    rule, wear = question.rule, question.wear
    routing = f"{rule.method}, {rule.sub_flows} sub-flows" if rule.sub_flows > 1 else rule.method
    states = ((wear.failed, "of the links down"), (wear.slow, "slow"))
    worn = [f"{share:.3g} {what}" for share, what in states if share]
    blind = [] if rule.converged else ["before routing converges"]
    parts = [f"{question.pattern} on {question.machine.fabric.name}", routing, *worn, *blind]
    return "; ".join([*parts, f"seed {rule.seed}"])


def document(
    question: FlowQuestion, result: FlowAnswer, files: list[Path], wall: float
) -> dict[str, Any]:
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
    dict[str, Any]
        Keys that others rely on, see ``perfmodel schema network flows``.
    """
    return {
        **named(question),
        **result.summary,
        "steps": result.steps,
        "levels": result.levels,
        "files": [str(path) for path in files],
        "wall_s": wall,
    }


def _tables(result: FlowAnswer) -> dict[str, list[Row]]:
    return dict(zip(STEMS, (result.steps, result.rates, result.levels), strict=False))


def _store(
    tables: dict[str, list[Row]], question: FlowQuestion, out: Path, kind: str
) -> list[Path]:
    machine = question.machine
    parts = {"chip": machine.chip, "node": machine.node, "fabric": machine.fabric}
    scenario = {
        **named(question),
        "hosts": question.shape.hosts,
        "machine": {name: part.model_dump(mode="json") for name, part in parts.items()},
    }
    provenance = Provenance("perfmodel network", kind, scenario, installed_versions())
    paths = []
    for stem, rows in tables.items():
        if rows:
            paths.append(out / f"{stem}.parquet")
            write(paths[-1], columns_of([named(question) | row for row in rows]), provenance)
    return paths
