"""Measures our own speed and prints it as table, JSON or CSV."""

import datetime
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from perfmodel.config.faults import Fault, refuse
from perfmodel.config.schema.scenario import Scenario
from perfmodel.engine.devices import Device, device_line, divide_cpu, open_devices
from perfmodel.results.atomic import whole_file
from perfmodel.results.canonical import csv_text, json_text
from perfmodel.results.columns import Column
from perfmodel.results.provenance import installed_versions
from perfmodel.views.comparison import columns_of
from perfmodel.views.quantities import engineering
from perfmodel.views.terminal import show, table

_RATE = Column("rate", "", "full evaluations/s")
_CORE = Column("rate", "", "full evaluations/core-s")
_WALL = Column("search", "s", "wall time")


class Delivery(NamedTuple):
    """How the user wants it."""

    out: Path | None
    format: str
    device: Device
    virtual: int
    gradient: bool = False
    """Whether derivatives are timed as well, whose programs take a minute to compile."""


def deliver(scenario: Scenario, sizes: Sequence[int], delivery: Delivery) -> int:
    """Measures, stores, prints.

    Parameters
    ----------
    scenario
        Whose layouts are evaluated.
    sizes
        Numbers of points.
    delivery
        File, format, device.

    Returns
    -------
    int
        Exit status.
    """
    refuse(_faults(sizes, delivery.virtual))
    divide_cpu(delivery.virtual)
    devices = open_devices(delivery.device)
    sys.stderr.write(device_line(devices, delivery.device))
    from perfmodel.studies.bench import speed

    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    told = document(speed(scenario, sizes, delivery.gradient), devices)
    told["load_average"] = load
    if delivery.out is not None:
        kept = joined(delivery.out, told)
        with whole_file(delivery.out) as file:
            file.write((json_text(told | {"curve": kept}) + "\n").encode())
    if delivery.format == "json":
        sys.stdout.write(json_text(told) + "\n")
    elif delivery.format == "csv":
        sys.stdout.write(csv_text(columns_of(told["curve"])))
    else:
        show(*_tables(told))
    return 0


def joined(path: Path, told: dict[str, Any]) -> list[dict[str, Any]]:
    """Rows of a curve with those of a file for other numbers of devices.

    Parameters
    ----------
    path
        File with figures; need not exist. Those of other versions or devices do not count.
    told
        What was measured.

    Returns
    -------
    list[dict[str, Any]]
        By devices and points.
    """
    rows = list(told["curve"])
    if path.exists():
        known = json.loads(path.read_text(encoding="utf-8"))
        if known.get("versions") == told["versions"] and known.get("device") == told["device"]:
            rows += [row for row in known["curve"] if row.get("devices") != told["devices"]]
    return sorted(rows, key=lambda row: (row["devices"], row["points"]))


def _faults(sizes: Sequence[int], virtual: int) -> list[Fault]:
    bad = [size for size in sizes if not 1 <= size <= 10**12]
    faults = [
        Fault(field="--points", value=str(size), problem="is out of range", expected="1 to 10^12")
        for size in bad
    ]
    if not 0 <= virtual <= 64:
        problem = "is out of range"
        faults.append(
            Fault(field="--virtual", value=str(virtual), problem=problem, expected="1 to 64")
        )
    return faults


def document(found: Any, devices: Sequence[Any]) -> dict[str, Any]:
    """The figures as JSON values, SI units.

    Parameters
    ----------
    found
        What was measured.
    devices
        Where.

    Returns
    -------
    dict
        See the schema of the verb.
    """
    rate = max(row["points_per_core_s"] for row in found.curve)
    flop, data = rate * found.work["flop_shared"], rate * found.work["bytes"]
    return {
        "device": devices[0].device_kind,
        "devices": len(devices),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "versions": installed_versions(),
        "points_per_second": max(row["points_per_s"] for row in found.curve),
        "points_per_core_second": rate,
        "curve": [{"devices": len(devices)} | row for row in found.curve],
        "first_search_s": found.first_s,
        "flop_per_evaluation": found.work["flop_alone"],
        "flop_per_point": found.work["flop_shared"],
        "bytes_per_point": found.work["bytes"],
        "temporary_bytes": found.work["temporary_bytes"],
        "gradient_over_forward": found.gradient,
        "flop_per_s": flop,
        "bytes_per_s": data,
        "copy_bytes_per_s": found.ceilings.copy,
        "multiply_add_flop_per_s": found.ceilings.multiply_add,
        "matrix_product_flop_per_s": found.ceilings.product,
        "share_of_ceiling": max(flop / found.ceilings.multiply_add, data / found.ceilings.copy),
    }


def _tables(told: dict[str, Any]) -> list[Any]:
    keys = ("points", "search_s", "points_per_s", "points_per_core_s")
    curve = [[row[key] for key in keys] for row in told["curve"]]
    name = f"{told['devices']} x {told['device']}"
    flop, data, ratio = "FLOP/s", "B/s", told["gradient_over_forward"]
    rates = [
        ["operations of the search", engineering(told["flop_per_s"], flop)],
        ["multiply-adds in a loop, in cache", engineering(told["multiply_add_flop_per_s"], flop)],
        ["matrix products", engineering(told["matrix_product_flop_per_s"], flop)],
        ["bytes of the search, at least", engineering(told["bytes_per_s"], data)],
        ["a copy", engineering(told["copy_bytes_per_s"], data)],
        ["share of the tighter limit", f"{told['share_of_ceiling']:.0%}"],
        ["operations of one evaluation alone", f"{told['flop_per_evaluation']:,.0f}"],
        ["operations of one point, shared parts once", f"{told['flop_per_point']:,.0f}"],
        *([["gradient over evaluation", f"{ratio:.1f}"]] if ratio else []),
        ["first search of the process", f"{told['first_search_s']:.1f} s"],
    ]
    return [
        table(f"Search on {name}", ["layouts", _WALL, _RATE, _CORE], curve),
        table("Against what the device sustains, per core-second", ["", "rate"], rates),
    ]
