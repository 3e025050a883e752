"""Scale-up domain, network cards and fabric to the levels that a chip sees, and their power."""

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


def fabric_power(fabric: Fabric, nic_bandwidth: float) -> float:
    r"""Switches and optics of the scale-out network per chip.

    A chip's traffic takes one port at its leaf and two at each tier above, fewer above a level that
    is oversubscribed; each optical link has a module at both ends.

    .. math:: P = \frac{B}{b} \left[ n_{ports} \frac{P_{switch}}{radix}
        + 2 n_{links} f_{optical} P_{optics} \right]

    Parameters
    ----------
    fabric
        Switch, optics and levels.
    nic_bandwidth
        Injection per chip :math:`B`. [B/s]

    Returns
    -------
    float
        Power per chip. [W]
    """
    switch = fabric.switch
    upper = fabric.level[-1].oversubscription
    above = sum(
        1.0 / (fabric.level[min(tier, len(fabric.level) - 1)].oversubscription if upper > 1 else 1)
        for tier in range(1, switch.tiers)
    )
    ports, links = 1.0 + 2.0 * above, 1.0 + above
    optics = 2.0 * links * switch.optical_share * switch.optics_power
    lanes = nic_bandwidth / switch.port_bandwidth
    return lanes * (ports * switch.power / switch.ports + optics)
