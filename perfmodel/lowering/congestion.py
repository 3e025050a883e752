"""What flows that share links leave of the bandwidth: the shipped table of solved instances."""

import csv
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from perfmodel.config.library import shipped
from perfmodel.config.schema.scenario import Machine

FILE = "congestion.csv"
"""Name of the table beside the folders of configs."""

HEADS = (
    *("shape", "fabric", "level", "pattern", "routing", "sub_flows", "failed_links", "hosts"),
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

Solved = dict[tuple[str, str, str], Points]
"""Points by level, pattern and routing."""


class Shape(NamedTuple):
    """What the routes and capacities of a fabric follow from, load balancing apart."""

    kind: str
    levels: tuple[tuple[Any, Any], ...]
    """Chips and oversubscription of each level."""
    ports: Any
    """Ports of a switch."""
    port: Any
    """Bandwidth of a port over that of a chip's card, to six digits behind the point."""
    domain: Any
    """Chips of the scale-up domain."""
    node: Any
    """Chips of a node."""
    groups: Any
    """Chips of the machine, which decide the groups of a dragonfly; 0 for any other kind."""

    def __str__(self) -> str:
        """Key of the table, such as `fat-tree 64:1.0 unlimited:1.0 64x1.0 8 8 0`."""
        levels = " ".join(f"{chips}:{float(taper)}" for chips, taper in self.levels)
        switch = f"{self.ports}x{float(self.port)}"
        return f"{self.kind} {levels} {switch} {self.domain} {self.node} {self.groups}"


def shape_of(machine: Machine) -> Shape:
    """Shape of a fabric.

    Parameters
    ----------
    machine
        Fabric, cards and scale-up domain.

    Returns
    -------
    Shape
        Numbers.
    """
    fabric = machine.fabric
    return Shape(
        fabric.kind,
        tuple((level.chips, level.oversubscription) for level in fabric.level),
        fabric.switch.ports,
        round(fabric.switch.port_bandwidth / machine.node.nic_bandwidth, 6),
        machine.chip.scaleup.domain,
        machine.node.chips,
        machine.chips if fabric.kind in ("dragonfly", "dragonfly+") else 0,
    )


def solved(machine: Machine) -> Solved:
    """The solved instances of a fabric.

    Parameters
    ----------
    machine
        Fabric, cards and scale-up domain.

    Returns
    -------
    Solved
        Points by level, pattern and routing; empty for a shape that is not in the table.
    """
    shape = shape_of(machine)
    return next((found for known, found in shipped_table().items() if known == shape), {})


@cache
def shipped_table() -> dict[Shape, Solved]:
    """The table that ships; empty where there is none.

    Returns
    -------
    dict[Shape, Solved]
        By shape of the fabric.
    """
    path = shipped() / FILE
    found: dict[Shape, Solved] = {}
    if not path.exists():
        return found
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(line for line in file if not line.startswith("#")):
            levels = found.setdefault(_shape(row["shape"]), {})
            points = levels.setdefault((row["level"], row["pattern"], row["routing"]), {})
            at = float(row["sub_flows"]), float(row["failed_links"])
            points[at] = Share(float(row["mean"]), float(row["low"]))
    return found


def _shape(text: str) -> Shape:
    """Reads the key of a row."""
    kind, *levels, switch, domain, node, groups = text.split(" ")
    ports, _, port = switch.partition("x")
    return Shape(
        kind,
        tuple(_level(level) for level in levels),
        int(ports),
        float(port),
        int(domain),
        int(node),
        int(groups),
    )


def _level(text: str) -> tuple[Any, float]:
    chips, _, taper = text.partition(":")
    return chips if chips == "unlimited" else int(chips), float(taper)


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
        whole = np.interp(np.log2(sub_flows), spread, [getattr(points[at], part) for at in sound])
        first = getattr(points[near, 0.0], part) if worn else 1.0
        left = [getattr(points[at], part) / first for at in shares] if worn else [1.0]
        values.append(whole * np.interp(failed, [at[1] for at in shares] or [0.0], left))
    return Share(*values)
