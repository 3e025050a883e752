"""Compares the closed form with flows and delivers the comparison."""

import sys
import time

from perfmodel.commands.collectives import Delivery
from perfmodel.engine.devices import device_line, open_devices
from perfmodel.results.canonical import csv_text, json_text
from perfmodel.studies.network_check import BOUND, check_levels, holds
from perfmodel.studies.network_flows import FlowQuestion
from perfmodel.views.comparison import columns_of
from perfmodel.views.terminal import show, table


def deliver_check(question: FlowQuestion, delivery: Delivery) -> int:
    """Solves, compares, prints.

    Parameters
    ----------
    question
        Machine, wear and seed.
    delivery
        Format and device.

    Returns
    -------
    int
        Exit status: 1 where a level differs by more than the bound.
    """
    devices = open_devices(delivery.device)
    sys.stderr.write(device_line(devices, delivery.device))
    fabric = question.machine.fabric
    worn = fabric.model_copy(update={"failed_links": question.wear.failed or fabric.failed_links})
    machine = question.machine.model_copy(update={"fabric": worn})
    rows = check_levels(machine, question.rule.seed + 1)
    fine = holds(rows)
    found = {"fabric": fabric.name, "levels": rows, "bound": BOUND, "holds": fine}
    if delivery.format == "json":
        wall = time.perf_counter() - delivery.started
        sys.stdout.write(json_text(found | {"wall_s": wall}) + "\n")
    elif delivery.format == "csv":
        sys.stdout.write(csv_text(columns_of(rows)))
    else:
        heads = ["level", "pattern", "closed form", "flows", "difference"]
        title = f"{fabric.name}: share of its bandwidth that a level keeps, both ways"
        cells = [[*list(row.values())[:4], f"{row['difference']:+.1%}"] for row in rows]
        show(table(title, heads, cells))
    return 0 if fine else 1
