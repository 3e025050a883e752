"""Scale-up domain, network cards and fabric to the levels that a chip sees."""

from typing import NamedTuple

import numpy as np

from perfmodel.config.schema.chip import Chip
from perfmodel.config.schema.fabric import Level
from perfmodel.config.schema.scenario import Machine
from perfmodel.lowering.congestion import (
    PARTNER,
    RING,
    Points,
    Share,
    digest,
    interpolated,
    shipped_table,
)
from perfmodel_kernels.topology import Network

LEVELS = 5
"""Levels of every lowered network: axes of the scale-up domain, then the fabric."""

UNLIMITED = 1e9
"""Chips of a level without end, beyond any site. [chips]"""

_ROUTED_SPREAD = 0.05
"""Spread of flows under adaptive routing or packet spraying; estimate: the slowest of 1,024 then
keeps 0.86 of the fluid rate, packet simulations of a permutation of 1,024 hosts give 0.82-0.88."""


class _Flows(NamedTuple):
    """Rate of flows that hashing spreads over equal paths: mean and first percentile by sub-flows,
    over the line rate; 16,384 hosts on a three-tier non-blocking Clos, max-min fair fluid
    simulation of ten draws; result of a simulation, not a measurement.
    """

    mean: tuple[float, ...]
    low: tuple[float, ...]


_SUB_FLOWS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
_SHIFT = _Flows(
    mean=(0.4993, 0.6559, 0.7973, 0.8946, 0.9503, 0.9781),
    low=(0.2000, 0.3333, 0.5049, 0.6714, 0.8026, 0.8894),
)
"""Every host sends to the same place of the next pod: edges of a ring."""
_RANDOM = _Flows(
    mean=(0.4102, 0.5663, 0.7163, 0.8346, 0.9137, 0.9602),
    low=(0.1893, 0.3095, 0.4659, 0.6259, 0.7626, 0.8604),
)
"""Every host sends to another, drawn at random."""

_FIRST_PERCENTILE = 2.326
"""Standard deviations below the mean of a normal value."""


_FAILED = ((0.0, 0.01, 0.05, 0.10), (1.0, 0.98, 0.93, 0.87))
"""Share of failed links to the mean rate of a permutation under ideal adaptive routing; result of a
fluid simulation of 16,384 hosts, as above."""


class Collisions(NamedTuple):
    """What spreading flows over paths leaves of the bandwidth, by traffic pattern."""

    share: tuple[float, float, float]
    """Mean rate over the line rate: ring, one partner, all with all."""
    spread: tuple[float, float, float]
    """Standard deviation over the mean of the time of a flow."""


class Crossing(NamedTuple):
    """A level outside the scale-up domain, and the state of the fabric."""

    level: Level
    position: int
    """0 is the leaf, which has one path to each card."""
    spread: float | None
    """Measured spread of the fabric, if there is one."""
    failed: float
    """Share of the cables between switches that are down."""
    solved: dict[tuple[str, str], Points]
    """Solved instances of the level by pattern and routing; none for a fabric of the user's own."""


def collisions(crossing: Crossing) -> Collisions:
    r"""Mean rate and spread of the flows that cross a level.

    The spread is the one whose slowest of a hundred flows has the rate of the first percentile,
    :math:`\sigma = (m / p_1 - 1) / 2.326`. All-to-all takes every partner in turn, which averages
    the spread away. What adaptive routing and spraying leave of a sound fabric is part of its
    measured ``link_fraction``; here it counts what failed links leave of that.

    Parameters
    ----------
    crossing
        Load balancing, position, solved instances.

    Returns
    -------
    Collisions
        Shares and spreads.
    """
    level, spread = crossing.level, crossing.spread
    if crossing.position == 0:
        sigma = _ROUTED_SPREAD if spread is None else spread
        return Collisions((1.0, 1.0, 1.0), (sigma, sigma, 0.0))
    if level.load_balancing in ("adaptive", "spray"):
        sigma = _ROUTED_SPREAD if spread is None else spread
        ring, partner = (_left(crossing, pattern) for pattern in (RING, PARTNER))
        return Collisions((ring, partner, partner), (sigma, sigma, 0.0))
    ring, partner = (_hashed(crossing, pattern) for pattern in (RING, PARTNER))
    sigmas = tuple(
        (share.mean / share.low - 1.0) / _FIRST_PERCENTILE if spread is None else spread
        for share in (ring, partner)
    )
    return Collisions((ring.mean, partner.mean, partner.mean), (sigmas[0], sigmas[1], 0.0))


def _left(crossing: Crossing, pattern: str) -> float:
    """What failed links leave of a level that is routed adaptively."""
    points = crossing.solved.get((pattern, crossing.level.load_balancing))
    if points is None:
        return np.interp(crossing.failed, *_FAILED)
    sound = interpolated(points, 1.0, 0.0).mean
    return interpolated(points, 1.0, crossing.failed).mean / sound


def _hashed(crossing: Crossing, pattern: str) -> Share:
    """Mean rate and first percentile of hashed flows."""
    level = crossing.level
    sub_flows = 1.0 if level.load_balancing == "static" else float(level.sub_flows)
    points = crossing.solved.get((pattern, "ecmp"))
    if points is not None:
        return interpolated(points, sub_flows, crossing.failed)
    at, flows = np.log2(sub_flows), _SHIFT if pattern == RING else _RANDOM
    left = np.interp(crossing.failed, *_FAILED)
    mean = float(np.interp(at, np.log2(_SUB_FLOWS), flows.mean))
    low = float(np.interp(at, np.log2(_SUB_FLOWS), flows.low))
    return Share(mean * left, low * left)


class _Row(NamedTuple):
    """One level of a network."""

    domain: float
    bandwidth: float
    latency: float
    bulk_latency: float
    short_fraction: float
    collisions: Collisions
    reduction: float
    scaleup: float
    wrap: float


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

    Raises
    ------
    ValueError
        When the axes of a torus and the levels of the fabric are more than fit.
    """
    rows = [*_scaleup_rows(machine.chip), *_fabric_rows(machine)]
    if len(rows) > LEVELS:
        raise ValueError(
            f"fabric {machine.fabric.name!r}: {len(machine.fabric.level)} levels above "
            f"{len(rows) - len(machine.fabric.level)} of the scale-up domain; at most {LEVELS}"
        )
    while len(rows) < LEVELS:  # a repeated level joins nobody new and costs nothing
        rows.append(rows[-1])
    columns = {name: np.array([getattr(row, name) for row in rows]) for name in _PLAIN}
    growing = np.maximum.accumulate(columns.pop("domain"))
    return Network(
        domain=growing,
        share=np.array([row.collisions.share for row in rows]).T,
        spread=np.array([row.collisions.spread for row in rows]).T,
        pair=machine.chip.scaleup.pair_bandwidth * machine.chip.efficiency.scaleup,
        **columns,
    )


_PLAIN = tuple(name for name in _Row._fields if name != "collisions")


def _scaleup_rows(chip: Chip) -> list[_Row]:
    """The scale-up domain: one level, or one per axis of a torus."""
    scaleup = chip.scaleup
    axes = scaleup.torus or (scaleup.domain,)
    wrap = float(scaleup.wrap or 0) if scaleup.torus else 0.0
    return [
        _Row(
            domain=float(reach),
            bandwidth=scaleup.bandwidth * chip.efficiency.scaleup,
            latency=scaleup.latency,
            bulk_latency=scaleup.bulk_latency,
            short_fraction=max(scaleup.short_fraction, _ONE_PROTOCOL),
            collisions=Collisions((1.0, 1.0, 1.0), (0.0, 0.0, 0.0)),
            reduction=scaleup.reduction / chip.efficiency.scaleup,
            scaleup=1.0,
            wrap=wrap,
        )
        for reach in np.cumprod(axes)
    ]


def _fabric_rows(machine: Machine) -> list[_Row]:
    """The levels outside the scale-up domain."""
    fabric = machine.fabric
    injection = machine.node.nic_bandwidth * fabric.link_fraction
    table, name = shipped_table(), digest(machine)
    return [
        _Row(
            domain=_chips(level),
            bandwidth=injection / level.oversubscription,
            latency=level.latency,
            bulk_latency=fabric.bulk_latency,
            short_fraction=max(fabric.short_fraction, _ONE_PROTOCOL),
            collisions=collisions(
                Crossing(
                    level,
                    position,
                    fabric.spread,
                    fabric.failed_links,
                    {
                        key[2:]: points
                        for key, points in table.items()
                        if key[:2] == (name, level.name)
                    },
                )
            ),
            reduction=fabric.reduction,
            scaleup=0.0,
            wrap=0.0,
        )
        for position, level in enumerate(fabric.level)
    ]


_ONE_PROTOCOL = 1e-6
"""Share of the bandwidth at which the low-latency protocol is never chosen."""


def _chips(level: Level) -> float:
    return UNLIMITED if level.chips == "unlimited" else float(level.chips)
