"""Fat trees of any number of tiers, in planes of rails or in one: up over a choice, down again."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from perfmodel.fabrics.hashing import spread
from perfmodel.fabrics.links import Cables, Wear, worn
from perfmodel.fabrics.routing import Pairs, Rule

RETRIES = 40
"""Hashes tried before all paths of a flow are looked at."""


class Tier(NamedTuple):
    """A tier of switches and the links from the tier below to it."""

    name: str
    chips: int
    """Chips of one plane under one unit of the tier."""
    ways: int
    """Switches of the tier that a switch below is linked to; one for a chip."""
    bandwidth: float
    """One link, per direction. [B/s]"""


class Clos(NamedTuple):
    """A fat tree and the state of its cables."""

    tiers: tuple[Tier, ...]
    hosts: int
    planes: int
    """Rails, each a tree of its own; a chip is in the plane of its place in the node."""
    cables: tuple[np.ndarray, ...]
    """Bandwidth of the cables by tier: plane, unit below, way taken, with the ways so far. [B/s]"""
    first: int
    """Number of the first link in the table of the fabric."""


def build(
    tiers: Sequence[Tier], hosts: int, planes: int, wear: Wear, first: int = 0
) -> tuple[Clos, list[Cables]]:
    """Lays the cables of a tree that holds some hosts.

    Parameters
    ----------
    tiers
        From the leaf outwards.
    hosts
        Chips in use.
    planes
        Rails.
    wear
        State of the cables between switches; those to chips are sound.
    first
        Number of the first link.

    Returns
    -------
    tuple
        The tree and its links: all upwards, then all downwards.
    """
    places, below, paths = -(-hosts // planes), 1, 1
    cables: list[np.ndarray] = []
    for position, tier in enumerate(tiers):
        paths *= tier.ways
        count = planes * -(-places // below) * paths
        state = wear if position else Wear()
        cables.append(worn(count, tier.bandwidth, state, position))
        below = tier.chips
    clos = Clos(tuple(tiers), hosts, planes, tuple(cables), first)
    kinds = [Cables(tier.name, carries) for tier, carries in zip(tiers, cables, strict=True)]
    return clos, [*kinds, *kinds]


def _starts(clos: Clos) -> np.ndarray:
    """Number of the first link of every kind: upwards by tier, downwards by tier."""
    sizes = [len(carries) for carries in clos.cables]
    return clos.first + np.cumsum([0, *sizes, *sizes])[:-1]


class _Ends(NamedTuple):
    """Where flows begin and end in the tree."""

    source: list[np.ndarray]
    """Unit of the source below each tier, numbered over the planes."""
    target: list[np.ndarray]
    meet: np.ndarray
    """Tiers that a flow climbs."""


def _ends(clos: Clos, pairs: Pairs) -> _Ends:
    plane = pairs.target % clos.planes
    places = -(-clos.hosts // clos.planes)
    source, target = pairs.source // clos.planes, pairs.target // clos.planes
    meet = np.zeros(len(source), np.int64)
    below, sides = 1, ([], [])
    for position, tier in enumerate(clos.tiers):
        units = -(-places // below)
        apart = source // below != target // below
        meet = np.where(apart, position + 1, meet)
        for side, place in zip(sides, (source, target), strict=True):
            side.append(plane * units + place // below)
        below = tier.chips
    return _Ends(*sides, meet)


def climb(clos: Clos, pairs: Pairs, rule: Rule, key: np.ndarray) -> np.ndarray:
    """Links of flows that all start and end in one plane.

    A flow climbs to the lowest tier that joins its ends, by a path that is hashed, or set by the
    destination (D-mod-k), among those whose links are up. Spraying and adaptive routing use all of
    a unit's links at once, which are one link of :func:`pooled`.

    Parameters
    ----------
    clos
        The tree.
    pairs
        Flows; source and target in one plane.
    rule
        How they are spread.
    key
        What is hashed.

    Returns
    -------
    np.ndarray
        Links by flow and hop, -1 where a flow crosses no more, -2 where no path is up.
    """
    ends = _ends(clos, pairs)
    number, alive = _path_numbers(clos, pairs, rule, (ends, key))
    hops = np.full((len(key), 2 * len(clos.tiers)), -1, np.int32)
    starts, up, down = _starts(clos), *_crossed(clos, ends, number)
    depth = len(clos.tiers)
    for tier in range(depth):
        crosses = ends.meet > tier
        hops[:, tier] = np.where(crosses, up[tier] + starts[tier], -1)
        hops[:, 2 * depth - 1 - tier] = np.where(crosses, down[tier] + starts[depth + tier], -1)
    hops[~alive] = -1
    hops[~alive, 0] = -2
    return hops


def _crossed(clos: Clos, ends: _Ends, number: np.ndarray) -> tuple[list, list]:
    """Cables by tier for numbered paths: the ways of all tiers so far are digits of the number."""
    up, down, paths = [], [], 1
    for tier, source, target in zip(clos.tiers, ends.source, ends.target, strict=True):
        paths *= tier.ways
        way = number % paths
        up.append(source * paths + way)
        down.append(target * paths + way)
    return up, down


def _usable(clos: Clos, ends: _Ends, number: np.ndarray) -> np.ndarray:
    """Whether all cables of numbered paths are up."""
    fine = np.ones(len(number), bool)
    for tier, sides in enumerate(zip(*_crossed(clos, ends, number), strict=True)):
        carries = clos.cables[tier]
        if tier == 0 or carries.all():
            continue
        for cable in sides:
            crosses = ends.meet > tier
            fine &= ~crosses | (carries[np.where(crosses, cable, 0)] > 0.0)
    return fine


def _path_numbers(
    clos: Clos, pairs: Pairs, rule: Rule, at: tuple[_Ends, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """A path for every flow, tried again until its links are up; whether there is one."""
    ends, key = at
    ways = int(np.prod([tier.ways for tier in clos.tiers]))

    def attempt(chosen: np.ndarray, time: int) -> np.ndarray:
        if rule.method == "static":
            return (pairs.target[chosen] // clos.planes + time) % ways
        return spread(key[chosen], ways, rule.seed * RETRIES + time)

    every = np.arange(len(key))
    number = attempt(every, 0)
    if not rule.converged:
        return number, np.ones(len(key), bool)
    dead = every[~_usable(clos, ends, number)]
    for time in range(1, RETRIES):
        if not len(dead):
            break
        number[dead] = attempt(dead, time)
        dead = dead[~_usable(clos, _at(ends, dead), number[dead])]
    alive = np.ones(len(key), bool)
    for flow in dead:
        number[flow], alive[flow] = _any_path(clos, _at(ends, np.array([flow])), ways)
    return number, alive


def _at(ends: _Ends, chosen: np.ndarray) -> _Ends:
    source, target = ([unit[chosen] for unit in side] for side in (ends.source, ends.target))
    return _Ends(source, target, ends.meet[chosen])


def _any_path(clos: Clos, end: _Ends, ways: int) -> tuple[int, bool]:
    """The first path of one flow that is up, if there is one."""
    repeated = _at(end, np.zeros(ways, np.int64))
    fine = _usable(clos, repeated, np.arange(ways))
    return int(fine.argmax()), bool(fine.any())


def pooled(clos: Clos, method: str) -> tuple[Clos, list[Cables]]:
    """The tree whose every unit has one link upwards, for spraying and adaptive routing.

    Adaptive routing fills links by what they carry, so that they count by their sum. Spraying sends
    as much over each live link, so that the slowest sets the pace of all.

    Parameters
    ----------
    clos
        The tree.
    method
        ``spray`` or ``adaptive``.

    Returns
    -------
    tuple
        The tree and its links, as from :func:`build`.
    """
    paths, cables = 1, []
    for tier, carries in zip(clos.tiers, clos.cables, strict=True):
        paths *= tier.ways
        bundle = carries.reshape(-1, paths)
        if method == "spray":
            live = bundle > 0.0
            slowest = np.where(live, bundle, np.inf).min(1)
            cables.append(np.where(live.any(1), live.sum(1) * np.minimum(slowest, 1e300), 0.0))
        else:
            cables.append(bundle.sum(1))
    tiers = tuple(tier._replace(ways=1) for tier in clos.tiers)
    kinds = [Cables(tier.name, carries) for tier, carries in zip(tiers, cables, strict=True)]
    return clos._replace(tiers=tiers, cables=tuple(cables)), [*kinds, *kinds]
