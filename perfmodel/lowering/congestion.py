"""What flows that share links leave of the bandwidth: the shipped table of solved instances."""

import csv
import hashlib
import json
from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

import numpy as np

from perfmodel.config.library import shipped
from perfmodel.config.schema.scenario import Machine
from perfmodel.lowering.dual import plain

FILE = "congestion.csv"
"""Name of the table beside the folders of configs."""

HEADS = (
    *("digest", "fabric", "level", "pattern", "routing", "sub_flows", "failed_links", "hosts"),
    *("mean", "low"),
)
"""Columns: the key, and over the bandwidth of the level the mean rate and its first percentile."""

RING, PARTNER = "ring", "partner"
"""Patterns: every chip to its place in the next unit of the level below; a random partner."""


class Share(NamedTuple):
    """Rates of flows over the bandwidth of the level that they cross."""

    mean: float
    low: float
    """First percentile."""


Points = dict[tuple[float, float], Share]
"""Rates by sub-flows and share of failed links."""

Table = Mapping[tuple[str, str, str, str], Points]
"""Points by digest, level, pattern and routing."""


def digest(machine: Machine) -> str:
    """Names the shape of a fabric: what routes and capacities follow from, load balancing apart.

    Parameters
    ----------
    machine
        Fabric, cards and scale-up domain.

    Returns
    -------
    str
        Twelve letters.
    """
    fabric, nic = machine.fabric, machine.node.nic_bandwidth
    groups = machine.chips if fabric.kind in ("dragonfly", "dragonfly+") else None
    shape = {
        "kind": fabric.kind,
        "levels": [(level.chips, plain(level.oversubscription)) for level in fabric.level],
        "ports": fabric.switch.ports,
        "port": round(fabric.switch.port_bandwidth / nic, 6),
        "domain": machine.chip.scaleup.domain,
        "node": machine.node.chips,
        "chips": groups,
    }
    return hashlib.sha256(json.dumps(shape, sort_keys=True).encode()).hexdigest()[:12]


@cache
def shipped_table() -> Table:
    """The table that ships; empty where there is none.

    Returns
    -------
    Table
        Points.
    """
    path = shipped() / FILE
    found: dict[tuple[str, str, str, str], Points] = {}
    if not path.exists():
        return found
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(line for line in file if not line.startswith("#")):
            key = row["digest"], row["level"], row["pattern"], row["routing"]
            at = float(row["sub_flows"]), float(row["failed_links"])
            found.setdefault(key, {})[at] = Share(float(row["mean"]), float(row["low"]))
    return found


def interpolated(points: Points, sub_flows: float, failed: float) -> Share:
    r"""Rates between solved instances.

    Sub-flows on a logarithmic scale, in a sound fabric; times what failed links leave of that, on a
    linear one, at the number of sub-flows that was solved with them and is nearest.

    Parameters
    ----------
    points
        Solved instances.
    sub_flows
        Flows of a pair.
    failed
        Share of the links that are down.

    Returns
    -------
    Share
        Rates; beyond the last instance those of the last.
    """
    sound = sorted(at for at in points if at[1] == 0.0)
    spread = [np.log2(flows) for flows, _ in sound]
    worn = {flows for flows, share in points if share > 0.0}
    near = min(worn, key=lambda flows: abs(np.log2(flows / sub_flows)), default=sub_flows)
    shares = sorted(at for at in points if at[0] == near)
    values = []
    for part in Share._fields:
        whole = float(
            np.interp(np.log2(sub_flows), spread, [getattr(points[at], part) for at in sound])
        )
        first = getattr(points[near, 0.0], part) if worn else 1.0
        left = [getattr(points[at], part) / first for at in shares] if worn else [1.0]
        values.append(whole * np.interp(failed, [at[1] for at in shares] or [0.0], left))
    return Share(*values)
