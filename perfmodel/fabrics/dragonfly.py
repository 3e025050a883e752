"""Dragonflies, plain and plus: groups, and cables between every two of them."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from perfmodel.fabrics.hashing import spread
from perfmodel.fabrics.links import Cables, Wear, worn
from perfmodel.fabrics.routing import Pairs, Rule

RETRIES = 40
"""Hashes tried before a flow counts as cut off."""

DETOUR = 0.5
"""Weight of a detour over a shortest path in adaptive routing: it takes twice the global links."""


class Plan(NamedTuple):
    """Sizes of a dragonfly. Groups of switches that chips hang on; in a dragonfly+ these are
    leaves, joined by the spines of their group, which hold the cables to other groups.
    """

    names: tuple[str, str, str]
    """Levels: switch, group, between groups."""
    hosts: int
    per_switch: int
    """Chips on one switch."""
    per_group: int
    """Chips of one group."""
    spines: int
    """Spines of a group; zero in a plain dragonfly, whose switches are all joined."""
    chip: float
    """Link of a chip. [B/s]"""
    local: float
    """All cables between two switches of a group that are joined. [B/s]"""
    cable: float
    """One cable between groups. [B/s]"""
    cables: int
    """Cables between each two groups."""


class Dragonfly(NamedTuple):
    """A dragonfly and the state of its cables."""

    plan: Plan
    local: np.ndarray
    """Bandwidth by group, switch and peer (a switch, or a spine). [B/s]"""
    between: np.ndarray
    """Bandwidth by group, other group and cable, the same in both directions. [B/s]"""
    first: int
    """Number of the first link in the table of the fabric."""


def build(plan: Plan, wear: Wear, first: int = 0) -> tuple[Dragonfly, list[Cables]]:
    """Lays the cables.

    Parameters
    ----------
    plan
        Sizes.
    wear
        State of the cables between switches.
    first
        Number of the first link.

    Returns
    -------
    tuple
        The dragonfly and its links: from and to chips, inside groups in both directions, between.
    """
    groups, switches = _groups(plan), plan.per_group // plan.per_switch
    peers = plan.spines or switches
    local = worn(groups * switches * peers, plan.local, wear, 1)
    table = worn(groups * groups * plan.cables, plan.cable, wear, 2)
    grid = table.reshape(groups, groups, plan.cables)
    lower = np.tril_indices(groups, -1)
    grid[lower] = grid.transpose(1, 0, 2)[lower]  # one cable serves both directions
    if not plan.spines:
        square = local.reshape(groups, switches, switches)
        under = np.tril_indices(switches, -1)
        square[:, under[0], under[1]] = square[:, under[1], under[0]]
    chips = np.full(plan.hosts, plan.chip)
    kinds = [
        Cables(plan.names[0], chips),
        Cables(plan.names[0], chips),
        Cables(plan.names[1], local),
        Cables(plan.names[1], local if plan.spines else local[:0]),
        Cables(plan.names[2], grid.ravel()),
    ]
    return Dragonfly(plan, local.reshape(groups, switches, peers), grid, first), kinds


def _groups(plan: Plan) -> int:
    return -(-plan.hosts // plan.per_group)


class _Legs(NamedTuple):
    """Hops through one group: from a switch or gateway to another."""

    links: list[np.ndarray]
    alive: np.ndarray


def climb(fly: Dragonfly, pairs: Pairs, rule: Rule, key: np.ndarray) -> np.ndarray:
    """Links of flows: the shortest path, or one over another group.

    Between two groups a flow takes one of their cables by hash, and inside a group one hop to the
    switch that holds it (over the spine, in a dragonfly+). A Valiant path goes to a hashed group
    first, in the group of both ends to a hashed switch. A hash whose path is down is drawn again.

    Parameters
    ----------
    fly
        The dragonfly.
    pairs
        Flows.
    rule
        ``valiant`` takes detours, anything else the shortest path.
    key
        What is hashed.

    Returns
    -------
    np.ndarray
        Links by flow and hop, -1 where a flow crosses no more, -2 where no path was found.
    """
    every = np.arange(len(key))
    hops, alive = _path(fly, pairs, (key, rule), 0)
    dead = every[~alive] if rule.converged else every[:0]
    for time in range(1, RETRIES):
        if not len(dead):
            break
        again = Pairs(*(part[dead] for part in pairs))
        hops[dead], alive[dead] = _path(fly, again, (key[dead], rule), time)
        dead = dead[~alive[dead]]
    if rule.converged:
        hops[~alive] = -1
        hops[~alive, 0] = -2
    return hops


def _path(
    fly: Dragonfly, pairs: Pairs, hashed: tuple[np.ndarray, Rule], time: int
) -> tuple[np.ndarray, np.ndarray]:
    plan, (key, rule) = fly.plan, hashed
    salt = (rule.seed * RETRIES + time) * 8
    switches = plan.per_group // plan.per_switch
    source, target = pairs.source // plan.per_switch, pairs.target // plan.per_switch
    here, there = source // switches, target // switches
    stops = [here, there]
    if rule.method == "valiant" and _groups(plan) > 2:
        detour = spread(key, _groups(plan), salt)
        elsewhere = (detour != here) & (detour != there) & (here != there)
        stops = [here, np.where(elsewhere, detour, here), there]
    starts = _starts(fly)
    columns, alive = [pairs.source + starts[0]], np.ones(len(key), bool)
    place = source % switches  # switch of the group, or spine counted behind the switches
    for leg, (one, other) in enumerate(pairwise(stops)):
        cable = spread(key, plan.cables, salt + 2 + leg)
        moves = one != other
        leaves, arrives = _gateways(fly, one, other, cable)
        inside = _inside(fly, one, place, np.where(moves, leaves, place), key + salt + leg)
        between = (one * _groups(plan) + other) * plan.cables + cable
        columns += [*inside.links, np.where(moves, between + starts[4], -1)]
        alive &= inside.alive & (~moves | (fly.between[one, other, cable] > 0.0))
        place = np.where(moves, arrives, place)
    if rule.method == "valiant" and not plan.spines:  # inside a group, over any of its switches
        turn = np.where(here == there, spread(key, switches, salt + 6), place)
        aside = _inside(fly, there, place, turn, key)
        columns, alive, place = [*columns, *aside.links], alive & aside.alive, turn
    last = _inside(fly, there, place, target % switches, key + salt + 5)
    columns += [*last.links, pairs.target + starts[1]]
    hops = np.stack(columns, 1).astype(np.int32)
    same = source == target
    hops[same, 1:-1] = -1
    return hops, (alive & last.alive) | same


def _starts(fly: Dragonfly) -> np.ndarray:
    sizes = [fly.plan.hosts, fly.plan.hosts, fly.local.size]
    sizes.append(fly.local.size if fly.plan.spines else 0)
    return fly.first + np.cumsum([0, *sizes])


def _gateways(
    fly: Dragonfly, one: np.ndarray, other: np.ndarray, cable: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Where the ends of a cable are plugged: dealt in turn over the switches, or the spines."""
    plan = fly.plan
    switches = plan.per_group // plan.per_switch
    holders = plan.spines or switches
    base = switches if plan.spines else 0
    turn = [(far - near - 1) % _groups(plan) for near, far in ((one, other), (other, one))]
    ends = ((step * plan.cables + cable) % holders + base for step in turn)
    return next(ends), next(ends)


def _inside(
    fly: Dragonfly, group: np.ndarray, start: np.ndarray, end: np.ndarray, key: np.ndarray
) -> _Legs:
    """Hops inside a group, two at most."""
    starts, plan = _starts(fly), fly.plan
    switches, peers = fly.local.shape[1:]
    moves = start != end
    if not plan.spines:
        link = (group * switches + start) * peers + end
        up = fly.local[group, start, end] > 0.0
        return _Legs([np.where(moves, link + starts[2], -1)], up | ~moves)
    hashed = spread(key, peers, 7)
    # from a spine to a spine the way leads over a leaf, from a leaf to a leaf over a spine
    leaf_in, leaf_out = start < switches, end < switches
    spine = np.where(leaf_in, np.where(leaf_out, hashed, end - switches), start - switches)
    over = np.where(leaf_in | leaf_out, 0, spread(key, switches, 6))
    climbs = moves & (leaf_in | ~leaf_out)
    falls = moves & (leaf_out | ~leaf_in)
    up_leaf, up_spine = np.where(leaf_in, start, over), np.where(leaf_in, spine, end - switches)
    down_leaf = np.where(leaf_out, end, over)
    up_leaf, up_spine = np.where(climbs, up_leaf, 0), np.where(climbs, up_spine, 0)
    down_leaf, down_spine = np.where(falls, down_leaf, 0), np.where(falls, spine, 0)
    up = (group * switches + up_leaf) * peers + up_spine
    down = (group * switches + down_leaf) * peers + down_spine
    alive = ~climbs | (fly.local[group, up_leaf, up_spine] > 0.0)
    alive &= ~falls | (fly.local[group, down_leaf, down_spine] > 0.0)
    hops = [np.where(climbs, up + starts[2], -1), np.where(falls, down + starts[3], -1)]
    between_spines = ~leaf_in & ~leaf_out
    swapped = [
        np.where(between_spines, hops[1], hops[0]),
        np.where(between_spines, hops[0], hops[1]),
    ]
    return _Legs(swapped, alive)
