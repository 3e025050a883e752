"""Switches and optics that a fabric takes for a number of chips, whole boxes, and their power."""

import math
from itertools import pairwise
from typing import NamedTuple

from perfmodel.config.schema.fabric import Fabric
from perfmodel.config.schema.scenario import Machine

_ROUNDING = 1e-6
"""Share of a box that rounding of the counts may leave over."""


class Boxes(NamedTuple):
    """What a fabric is built of."""

    switches: int
    """Switches of all tiers."""
    optics: int
    """Optical modules, both ends of every optical link."""


def fabric_boxes(machine: Machine, chips: float) -> Boxes:
    r"""Switches and optics for a number of chips, from radix, tiers and oversubscription.

    Tiers are built as far as the chips need them, a leaf group of a rail fabric is built whole, and
    every tier is rounded up to whole switches. Tier :math:`t` has :math:`p_t` ports for each chip,
    :math:`o_t` being the oversubscription above it; each optical link has a module at both ends.

    .. math:: n_t = \left\lceil \frac{N p_t}{k} \right\rceil, \quad
        p_t = \frac{B}{b} \left(\frac{1}{o_t} + \frac{1}{o_{t+1}}\right)

    Parameters
    ----------
    machine
        Fabric and node; the chips of one node need no fabric.
    chips
        Chips :math:`N` that are connected.

    Returns
    -------
    Boxes
        Counts.
    """
    fabric, switch = machine.fabric, machine.fabric.switch
    if chips <= machine.node.chips:
        return Boxes(0, 0)
    lanes = machine.node.nic_bandwidth / switch.port_bandwidth
    tiers = _tiers(fabric, chips)
    up = [1.0, *(1.0 / _taper(fabric, tier) for tier in range(1, tiers)), 0.0]
    ports = [lanes * (below + above) for below, above in pairwise(up)]
    leaves = _whole(_leaf_chips(fabric, chips) * _leaf_ports(fabric, lanes, ports) / switch.ports)
    above_leaf = sum(_whole(chips * number / switch.ports) for number in ports[1:])
    links = chips * lanes * sum(up)
    return Boxes(leaves + above_leaf, _whole(2.0 * links * switch.optical_share))


def fabric_power(machine: Machine, chips: float) -> float:
    """Switches and optics of the scale-out network per chip.

    Parameters
    ----------
    machine
        Fabric and node.
    chips
        Chips that are connected.

    Returns
    -------
    float
        Power per chip. [W]
    """
    boxes, switch = fabric_boxes(machine, chips), machine.fabric.switch
    return (boxes.switches * switch.power + boxes.optics * switch.optics_power) / chips


def _tiers(fabric: Fabric, chips: float) -> int:
    """Tiers up to the first level that holds all chips."""
    bounded = [level.chips for level in fabric.level if level.chips != "unlimited"]
    for tier, size in enumerate(bounded[: fabric.switch.tiers - 1], start=1):
        if chips <= size:
            return tier
    return fabric.switch.tiers


def _leaf_chips(fabric: Fabric, chips: float) -> float:
    """Chips that the leaves are built for: each rail has a leaf of its own, used or not."""
    group = fabric.level[0].chips
    if fabric.kind != "rail-fat-tree" or group == "unlimited":
        return chips
    return math.ceil(chips / group) * group


def _leaf_ports(fabric: Fabric, lanes: float, ports: list[float]) -> float:
    """Ports of a leaf for each chip; a rail's leaf has its upper half though nothing is above."""
    if fabric.kind != "rail-fat-tree" or fabric.switch.tiers == 1:
        return ports[0]
    return lanes * (1.0 + 1.0 / _taper(fabric, 1))


def _taper(fabric: Fabric, tier: int) -> float:
    """Injection over the bandwidth that reaches a tier."""
    return fabric.level[min(tier, len(fabric.level) - 1)].oversubscription


def _whole(number: float) -> int:
    return math.ceil(number - _ROUNDING)
