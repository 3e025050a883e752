"""Rows of measured collectives to networks, groups and software, by stated rules."""

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from perfmodel.config.faults import nearest
from perfmodel.config.library import Library as Configs
from perfmodel.config.schema.measured_system import MeasuredSystem
from perfmodel.config.schema.measurement import CollectiveRow
from perfmodel.config.schema.scenario import Machine, Platform
from perfmodel.lowering.fabric import lower_network
from perfmodel.lowering.stack import ALGORITHMS, lower_library
from perfmodel_kernels.collectives import Library
from perfmodel_kernels.topology import Groups, Network

SITE = "eos"
"""Site whose nodes and fabric are replaced by those of a measured system."""

COLLECTIVES = {
    "allreduce": "all-reduce",
    "allgather": "all-gather",
    "reducescatter": "reduce-scatter",
    "alltoall": "all-to-all",
    "sendrecv": "send",
}
"""Operation in letters alone to the collective. The size that benchmarks print is what the kernels
call the payload: the buffer of an all-reduce, the gathered output, the full input of a scatter, the
send buffer of one rank, the message (nccl-tests; PICO's gathers move so much, too)."""

NAMED = {
    "ring": ("ring",),
    "tree": ("tree",),
    "nvls": ("in-network",),
    "sharp": ("in-network",),
    "recursive_doubling": ("recursive",),
    "recursive_halving": ("recursive",),
    "hierarchical": ("rail",),
}
"""Algorithm of a row to those of the model; ``auto`` takes those of the system."""

AUTO = "auto"
"""Algorithm of rows where the library took its own choice."""


class Call(NamedTuple):
    """One measured call as the kernels take it, without the row's time."""

    payload: np.ndarray
    """What the collective calls its payload, one call. [B]"""
    groups: Groups
    """The ranks."""
    network: Network
    """The levels."""
    library: Library
    """The software, its algorithms among it."""


class Measured(NamedTuple):
    """A row and what stands for it."""

    row: CollectiveRow
    """The row."""
    collective: str
    """Collective as the model calls it."""
    system: MeasuredSystem
    """Entry of the system."""
    platform: Platform
    """Chip, node, fabric and software."""
    call: Call
    """The same as numbers."""


def measured(
    row: CollectiveRow, systems: Sequence[MeasuredSystem], configs: Configs
) -> Measured | str:
    """What stands for a row.

    Parameters
    ----------
    row
        The row.
    systems
        Systems that are known, the first that fits is taken.
    configs
        The library that they name configs of.

    Returns
    -------
    Measured | str
        The call, or why there is none.
    """
    collective = COLLECTIVES.get(_letters(row.collective))
    if collective is None:
        return f"no formula for {row.collective} over device memory"
    if row.algorithm not in NAMED and row.algorithm != AUTO:
        return f"no formula for the algorithm {row.algorithm or 'that the row leaves out'}"
    if not row.size_bytes or not row.ranks or not row.time:
        return "no size, number of ranks or time"
    if row.ranks < 2:
        return "one rank alone"
    system = system_of(row, systems, configs)
    if isinstance(system, str):
        return system
    platform = platform_of(system, configs)
    call = _lowered(row, system, platform)
    return Measured(row, collective, system, platform, call)


def system_of(
    row: CollectiveRow, systems: Sequence[MeasuredSystem], configs: Configs
) -> MeasuredSystem | str:
    """Entry that stands for the system of a row.

    An entry of the row's own machine, whose words its network's name holds. For a machine that no
    entry has: one with the same chip, whose network shares most words with the row's; inside one
    scale-up domain, where the network takes no part, the first with the chip.

    Parameters
    ----------
    row
        The row.
    systems
        Known systems.
    configs
        The library that they name configs of.

    Returns
    -------
    MeasuredSystem | str
        The entry, or why there is none.
    """
    chip = row.chip_id
    own = (one for one in systems if _names(one, row) and _has_chip(one, chip, configs))
    if found := next(own, None):
        return found
    if not chip:
        return f"system {row.system} is not known and no chip is named"
    same = [one for one in systems if _chip(one, configs) == chip]
    alike = same or [one for one in systems if _has_chip(one, chip, configs)]
    if not alike:
        close = nearest(chip, {_chip(one, configs) for one in systems})
        advice = f'did you mean "{close}"?' if close else "add one to validation/systems.toml"
        return f"no known system has the chip {chip}; {advice}"
    if (row.ranks or 0) <= configs.load("chips", _chip(alike[0], configs)).scaleup.domain:
        return alike[0]
    words = _words(row.fabric or "")
    shared = [len(words & _network_words(one, configs)) for one in alike]
    if not max(shared):
        return (
            f"no known system joins {chip} by {row.fabric or 'a network that the row leaves out'}"
        )
    return alike[shared.index(max(shared))]


def platform_of(system: MeasuredSystem, configs: Configs) -> Platform:
    """Chip, node, fabric and software of an entry.

    Parameters
    ----------
    system
        The entry.
    configs
        The library that it names configs of.

    Returns
    -------
    Platform
        All that it names, in SI.
    """
    names = (f"node={system.node}", f"fabric={system.fabric}", *system.overrides)
    return configs.platform(SITE, stack=system.stack, overrides=names)


def algorithms_of(row: CollectiveRow, system: MeasuredSystem) -> tuple[str, ...]:
    """Algorithms that a row may have run with.

    Parameters
    ----------
    row
        The row.
    system
        Entry of its system.

    Returns
    -------
    tuple[str, ...]
        Names as configs have them.
    """
    return NAMED.get(row.algorithm or "", system.algorithms)


def _lowered(row: CollectiveRow, system: MeasuredSystem, platform: Platform) -> Call:
    counted = system.counted or platform.machine.node.chips
    ranks = float(row.ranks or 0)
    per_node = min(ranks / max(row.nodes or 1, 1), float(counted))
    stride = counted // per_node if (row.nodes or 1) > 1 else 1.0
    collectives = platform.stack.collectives.model_copy(update={"launch": system.launch})
    allowed = {ALGORITHMS[name] for name in algorithms_of(row, system)}
    marks = np.array([float(place in allowed) for place in sorted(ALGORITHMS.values())])
    return Call(
        payload=np.array([float(row.size_bytes or 0)]),
        groups=Groups(np.array([ranks]), np.array([float(stride)])),
        network=lower_network(_machine(system, platform, per_node)),
        library=lower_library(collectives)._replace(allowed=marks),
    )


def _machine(system: MeasuredSystem, platform: Platform, per_node: float) -> Machine:
    """The machine, its cards as far as the software reaches them."""
    machine = platform.machine
    if system.injection is None:
        return machine
    node = machine.node.model_copy(update={"nic_bandwidth": system.injection / per_node})
    return machine.model_copy(update={"node": node})


def _letters(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())


def _names(system: MeasuredSystem, row: CollectiveRow) -> bool:
    """Whether an entry names the machine of a row, and its network where it names one."""
    network = _letters(system.network or "") in _letters(row.fabric or "")
    return _letters(system.system) == _letters(row.system) and network


def _words(text: str) -> set[str]:
    """Words of a name, without its numbers."""
    return {word for word in re.findall(r"[a-z]+", text.lower()) if len(word) > 1}


def _network_words(system: MeasuredSystem, configs: Configs) -> set[str]:
    fabric = configs.load("fabrics", system.fabric)
    return _words(f"{system.network or ''} {system.fabric} {fabric.name}")


def _chip(system: MeasuredSystem, configs: Configs) -> str:
    return configs.load("nodes", system.node).chip


def _has_chip(system: MeasuredSystem, chip: str | None, configs: Configs) -> bool:
    """Whether its chip is the one named, or extends it; a row may name none."""
    document = configs.document("chips", _chip(system, configs))
    while chip and document.name != chip:
        if document.parent is None:
            return False
        document = document.parent
    return True
