"""Machine of a published run: chip, node and fabric of the library that stand for its words."""

import math
import re
from collections.abc import Mapping
from typing import NamedTuple

from perfmodel.config.library import Library
from perfmodel.config.measurements import read_rows, shipped_measurements
from perfmodel.config.schema.alias import AliasRow
from perfmodel.config.schema.chip import Chip
from perfmodel.config.schema.node import Node
from perfmodel.config.schema.run import RunRow
from perfmodel.config.schema.scenario import Machine

SITE = "eos"
"""Site whose chips, nodes and fabric are replaced by those of a row."""

ANY_NODE = "dgx-h100"
"""Node around a chip that no node of the library has; its chip is replaced."""

GIGABIT = 1.25e8
"""Unit of the columns that end in ``_gbps``, times a second. [B]"""

NETWORKS: Mapping[str, str] = {
    "nvl72+roce": "spectrum-x-800g",
    "nvl72": "nvl72-ndr",
    "ib-ndr400": "ndr-rail-3tier",
    "ib-ndr200": "ndr200-fat-tree",
    "ib-hdr": "hdr-rail",
    "ib-xdr": "xdr-fat-tree",
    "ib": "ndr-rail-3tier",
    "opa": "omnipath-fat-tree",
    "efa": "efa",
    "gaudi": "gaudi-roce",
    "slingshot": "slingshot-lumi",
    "ro": "roce-clos",
    "rdma": "roce-clos",
    "eth": "roce-clos",
    "tcp": "roce-clos",
}
"""Beginning of the name of a network to a fabric; the longest that fits counts."""

CHIP_NETWORKS: Mapping[str, str] = {
    "tpu-v3": "ici-v3",
    "tpu-v4": "ici-v4",
    "tpu-v5e": "ici-v5e",
    "tpu-v5p": "ici-v5p",
    "tpu-v6e": "ici-v6e",
    "tpu-v7": "ici-v7",
    "gb200": "nvl72-ndr",
    "gb300": "nvl72-clos-800g",
    "gh200": "slingshot-alps",
    "a100": "hdr-rail",
    "a800": "hdr-rail",
    "v100": "hdr-fat-tree",
    "mi250": "slingshot-lumi",
    "mi3": "roce-clos",
    "trainium": "efa-100g",
    "gaudi": "gaudi-roce",
    "b300": "xdr-fat-tree",
}
"""Beginning of the name of a chip to the fabric that its clusters usually have."""

USUAL_NETWORK = "ndr-rail-3tier"
"""Fabric where neither network nor chip says more."""

SLOW_CARD = 100.0
"""Injection per chip up to which an EFA is that of its first generation. [Gb/s]"""


class Parts(NamedTuple):
    """What tells the machines of rows apart."""

    chip: str
    """Chip of the library."""
    per_device: bool
    """Whether a die or a core is what a rank runs on."""
    domain: int
    """Ranks of the scale-up domain, 0 for that of the chip."""
    fabric: str
    """Fabric of the library."""
    injection: float
    """Per rank and direction, 0 for that of the node. [Gb/s]"""


def aliases() -> dict[str, AliasRow]:
    """Spellings of chips, as :func:`plain` writes them."""
    path = shipped_measurements("chips_aliases.csv")
    return {plain(row.alias): row for row in read_rows(path, AliasRow)}


def plain(name: str) -> str:
    """A name without case, blanks and marks."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


class Chips(NamedTuple):
    """Names of chips that rows may use."""

    library: frozenset[str]
    """Chips of the library."""
    aliases: Mapping[str, AliasRow]
    """Other spellings."""

    def of(self, row: RunRow) -> AliasRow | None:
        """Chip of a row, and what share of it one of the row's is; none for an unknown name.

        A name that none knows stands for the longest known one that it begins with.
        """
        stated = [name for name in (row.chip_id, row.chip) if name]
        units = [self.aliases.get(plain(name)) for name in reversed(stated)]
        share = next((unit.chips_per_unit for unit in units if unit), 1.0)
        for name in stated:
            if name in self.library:
                return _unit(name, share)
        for name in stated:
            known = self._longest(plain(name))
            if known:
                return _unit(known.chip_id, min(share, known.chips_per_unit))
        return None

    def _longest(self, name: str) -> AliasRow | None:
        """Longest spelling of a chip of the library that a plain name begins with."""
        found = [
            alias
            for alias, row in self.aliases.items()
            if name.startswith(alias) and row.chip_id in self.library
        ]
        return self.aliases[max(found, key=len)] if found else None


def _unit(name: str, share: float) -> AliasRow:
    return AliasRow(id=name, alias=name, chip_id=name, chips_per_unit=share)


def machine_parts(row: RunRow, chips: Chips, library: Library) -> Parts | str:
    """Chip and network of a row.

    Parameters
    ----------
    row
        Completed row.
    chips
        Names of chips.
    library
        Configs.

    Returns
    -------
    Parts | str
        What its machine is made of, or why there is none.
    """
    named = chips.of(row)
    if named is None:
        stated = row.chip_id or row.chip
        return f"no chip of the library is called {stated}" if stated else "no chip is named"
    name = named.chip_id
    config = library.load("chips", name)
    dies = row.chips_counted_as in ("die", "core") or (
        row.chips_counted_as is None and named.chips_per_unit < 1.0
    )
    per_device = config.devices > 1 and (dies or row.layout_counts == "devices")
    count = config.devices if per_device and not dies else 1  # ranks of what the row counts
    return Parts(
        chip=name,
        per_device=per_device,
        domain=_domain(row, config) * count,
        fabric=fabric_of(row, name),
        injection=(row.nic_gbps_per_chip or 0.0) / count,
    )


def _domain(row: RunRow, chip: Chip) -> int:
    """Chips of the scale-up domain of a row: a torus is cut to the slice that the job holds."""
    stated = row.scaleup_domain or 0
    if not chip.scaleup.torus:
        return stated
    return min(stated or chip.scaleup.domain, row.chips or chip.scaleup.domain)


def slice_axes(chips: int, axes: int) -> tuple[int, ...]:
    """Sides of the most even torus of some chips, shortest first.

    Parameters
    ----------
    chips
        Chips of the slice.
    axes
        Dimensions of the torus.

    Returns
    -------
    tuple[int, ...]
        Sides whose product is the number of chips.
    """
    if axes == 1:
        return (chips,)
    most = round(chips ** (1.0 / axes) + 1e-9)
    side = max(size for size in range(1, most + 1) if chips % size == 0)
    return tuple(sorted((side, *slice_axes(chips // side, axes - 1))))


def fabric_of(row: RunRow, chip: str) -> str:
    """Fabric by the name of a row's network, else by its chip."""
    words = (row.interconnect_id or row.interconnect or "").lower()
    if words.startswith("efa"):
        return "efa-100g" if 0.0 < (row.nic_gbps_per_chip or 0.0) <= SLOW_CARD else "efa"
    if words.startswith("nvl72+ib") and chip.startswith("gb300"):
        return "nvl72-clos-800g"
    return _longest(words, NETWORKS) or _longest(chip, CHIP_NETWORKS) or USUAL_NETWORK


def _longest(name: str, known: Mapping[str, str]) -> str:
    """Value of the longest beginning that a name has, empty for none."""
    found = [beginning for beginning in known if name.startswith(beginning)]
    return known[max(found, key=len)] if found else ""


class Machines(NamedTuple):
    """Builds machines from the configs of a library."""

    library: Library
    frame: Machine
    """Machine whose parts are replaced."""
    nodes: Mapping[str, str]
    """Chip to the first node that has it."""

    def of(self, parts: Parts, chip: Chip) -> Machine:
        """Machine of some parts.

        Parameters
        ----------
        parts
            Names and extents.
        chip
            The chip that :attr:`Parts.chip` names, or one changed.

        Returns
        -------
        Machine
            As ranks see it.
        """
        node: Node = self.library.load("nodes", self.nodes.get(parts.chip, ANY_NODE))
        count = chip.devices if parts.per_device else 1
        injection = parts.injection * GIGABIT or node.nic_bandwidth / count
        unit = device_of(chip) if parts.per_device else chip
        return self.frame.model_copy(
            update={
                "chip": _within(unit, parts.domain),
                "node": node.model_copy(
                    update={
                        "nic_bandwidth": injection,
                        "host_link": node.host_link / count,
                        "chips": node.chips * count,
                    }
                ),
                "fabric": self.library.load("fabrics", parts.fabric),
            }
        )


def machines(library: Library) -> Machines:
    """What builds the machines of rows.

    Parameters
    ----------
    library
        Configs.

    Returns
    -------
    Machines
        Over the nodes of the library.
    """
    nodes: dict[str, str] = {}
    for name in library.names("nodes"):
        nodes.setdefault(library.load("nodes", name).chip, name)
    return Machines(library, library.machine(SITE), nodes)


def _within(chip: Chip, domain: int) -> Chip:
    """The chip in a scale-up domain of another size."""
    if not domain or domain == chip.scaleup.domain:
        return chip
    torus = chip.scaleup.torus
    update = {"domain": domain, "torus": slice_axes(domain, len(torus)) if torus else ()}
    scaleup = chip.scaleup.model_copy(update=update)
    return chip.model_copy(update={"scaleup": scaleup})


def device_of(chip: Chip) -> Chip:
    """One die or core of a package as a chip of its own: an equal share of all that it has.

    Parameters
    ----------
    chip
        The package.

    Returns
    -------
    Chip
        The share; the first axis of a torus is longer by the devices.
    """
    count = chip.devices
    peak = {name: rate / count for name, rate in chip.peak if rate is not None}
    power = {
        name: getattr(chip.power, name) / count
        for name in ("tdp", "power_cap", "highest_cap", "idle", "host", "host_idle")
        if getattr(chip.power, name) is not None
    }
    torus = chip.scaleup.torus
    scaleup = {
        "bandwidth": chip.scaleup.bandwidth / count,
        "pair_bandwidth": chip.scaleup.pair_bandwidth / count,
        "domain": chip.scaleup.domain * count,
        "torus": (torus[0] * count, *torus[1:]) if torus else (),
    }
    memory = {
        "capacity": chip.memory.capacity / count,
        "bandwidth": chip.memory.bandwidth / count,
    }
    units = {"units": max(1, math.ceil(chip.compute.units / count))}
    clock = {"clock_power": chip.energy.clock_power / count}
    return chip.model_copy(
        update={
            "devices": 1,
            "compute": chip.compute.model_copy(update=units),
            "peak": chip.peak.model_copy(update=peak),
            "memory": chip.memory.model_copy(update=memory),
            "scaleup": chip.scaleup.model_copy(update=scaleup),
            "power": chip.power.model_copy(update=power),
            "energy": chip.energy.model_copy(update=clock),
        }
    )
