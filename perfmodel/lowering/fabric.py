"""Scale-up domain, network cards and fabric to the levels that a chip sees, and their power."""

from typing import NamedTuple

import numpy as np

from perfmodel.config.schema.fabric import Fabric, Level
from perfmodel.config.schema.scenario import Machine
from perfmodel_kernels.topology import Network

LEVELS = 5
"""Levels of every lowered network: one scale-up domain and at most four above."""

UNLIMITED = 1e9
"""Chips of a level without end, beyond any site. [chips]"""

_ECMP_SUB_FLOWS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
_ECMP_MEAN_RATE = (0.410, 0.566, 0.716, 0.835, 0.914, 0.960)
"""Mean rate of a random permutation over line rate, 16,384 hosts on a three-tier non-blocking Clos,
max-min fair fluid simulation of ten draws; result of a simulation, not a measurement."""

_STATIC_RATE = _ECMP_MEAN_RATE[0]
"""One fixed path per pair is hashed like a single sub-flow."""


def lower_network(machine: Machine) -> Network:
    """Levels of the network, innermost first, padded to one length.

    Parameters
    ----------
    machine
        Chip (scale-up domain), node (network cards) and fabric.

    Returns
    -------
    Network
        Domains in chips, bandwidth per chip and direction [B/s], latency [s].
    """
    chip, fabric = machine.chip, machine.fabric
    injection = machine.node.nic_bandwidth * fabric.link_fraction
    domain = [float(chip.scaleup.domain)]
    bandwidth = [chip.scaleup.bandwidth * chip.efficiency.scaleup]
    latency = [chip.scaleup.latency]
    for position, level in enumerate(fabric.level):
        domain.append(max(_chips(level), domain[-1]))
        bandwidth.append(injection / level.oversubscription * _balance(level, position))
        latency.append(level.latency)
    while len(domain) < LEVELS:  # a repeated level joins nobody new and costs nothing
        domain.append(domain[-1])
        bandwidth.append(bandwidth[-1])
        latency.append(latency[-1])
    return Network(np.array(domain), np.array(bandwidth), np.array(latency))


def _chips(level: Level) -> float:
    return UNLIMITED if level.chips == "unlimited" else float(level.chips)


def _balance(level: Level, position: int) -> float:
    """Share of the bandwidth that load balancing leaves; a leaf has one path and loses nothing."""
    if position == 0 or level.load_balancing in ("adaptive", "spray"):
        return 1.0
    if level.load_balancing == "static":
        return _STATIC_RATE
    return float(np.interp(np.log2(level.sub_flows), np.log2(_ECMP_SUB_FLOWS), _ECMP_MEAN_RATE))


class PerChip(NamedTuple):
    """What a fabric spends on one chip, fractions of a box among it."""

    ports: float
    """Switch ports."""
    switches: float
    """Switches."""
    optics: float
    """Optical modules, both ends of every optical link."""


def fabric_parts(fabric: Fabric, nic_bandwidth: float) -> PerChip:
    r"""Ports, switches and optics per chip, from radix, tiers and oversubscription.

    A chip's traffic takes one port at its leaf and two at each tier above, fewer above a level that
    is oversubscribed; each optical link has a module at both ends.

    .. math:: n_{ports} = \frac{B}{b} \left(1 + 2 \sum_{t > 1} \frac{1}{o_t}\right)

    Parameters
    ----------
    fabric
        Switch, tiers and levels.
    nic_bandwidth
        Injection per chip :math:`B`. [B/s]

    Returns
    -------
    PerChip
        Counts.
    """
    switch = fabric.switch
    above = sum(1.0 / _taper(fabric, tier) for tier in range(1, switch.tiers))
    lanes = nic_bandwidth / switch.port_bandwidth
    ports = lanes * (1.0 + 2.0 * above)
    links = lanes * (1.0 + above)
    return PerChip(ports, ports / switch.ports, 2.0 * links * switch.optical_share)


def _taper(fabric: Fabric, tier: int) -> float:
    """Injection over the bandwidth that reaches a tier."""
    return fabric.level[min(tier, len(fabric.level) - 1)].oversubscription


def fabric_power(fabric: Fabric, nic_bandwidth: float) -> float:
    """Switches and optics of the scale-out network per chip.

    Parameters
    ----------
    fabric
        Switch, optics and levels.
    nic_bandwidth
        Injection per chip. [B/s]

    Returns
    -------
    float
        Power per chip. [W]
    """
    parts = fabric_parts(fabric, nic_bandwidth)
    return parts.switches * fabric.switch.power + parts.optics * fabric.switch.optics_power
