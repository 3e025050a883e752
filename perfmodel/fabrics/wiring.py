"""A machine as links, and the routes of pairs over them: domain, rails, tree or dragonfly."""

from typing import NamedTuple

import numpy as np

from perfmodel.config.schema.fabric import Fabric
from perfmodel.config.schema.scenario import Machine
from perfmodel.fabrics import clos, dragonfly, scaleup
from perfmodel.fabrics.links import Cables, Links, Wear, table
from perfmodel.fabrics.routing import Method, Pairs, Routes, Rule, repeated

CANDIDATES = 8
"""Paths that adaptive routing and spraying weigh on a dragonfly, of each kind; more change the mean
rate of a permutation by less than 2 %."""

NOWHERE = "unreachable"
"""Level of the one link without capacity that flows without a path are routed to."""


class Wiring(NamedTuple):
    """Links of a machine and what is needed to route over them."""

    links: Links
    domain: scaleup.Domain
    outside: clos.Clos | dragonfly.Dragonfly
    planes: int
    """Rails that meet in the scale-up domain alone."""


def rails(machine: Machine) -> int:
    """Rails of a rail-optimised fabric: leaf switches that the chips of one leaf unit are dealt to.

    Parameters
    ----------
    machine
        Fabric, cards, scale-up domain.

    Returns
    -------
    int
        One where the fabric has no rails, or where no domain joins them.
    """
    fabric, leaf = machine.fabric, machine.fabric.level[0]
    if fabric.kind != "rail-fat-tree" or leaf.chips == "unlimited":
        return 1
    taper = fabric.level[1].oversubscription if len(fabric.level) > 1 else np.inf
    ports = fabric.switch.ports * taper / (1.0 + taper) if np.isfinite(taper) else 0.0
    under = ports * fabric.switch.port_bandwidth / machine.node.nic_bandwidth
    found = round(leaf.chips / under) if under else 1
    fits = found > 1 and leaf.chips % found == 0 and machine.chip.scaleup.domain % found == 0
    return found if fits else 1


def tree(machine: Machine) -> list[clos.Tier]:
    """Tiers of a fat tree: as many switches above as the levels' bandwidth takes at a port each.

    Parameters
    ----------
    machine
        Fabric and cards.

    Returns
    -------
    list[clos.Tier]
        From the leaf outwards.
    """
    fabric, nic = machine.fabric, machine.node.nic_bandwidth
    planes, below, paths = rails(machine), 1, 1
    tiers: list[clos.Tier] = []
    for position, level in enumerate(fabric.level):
        out = below * nic / level.oversubscription / paths
        ways = max(1, round(out / fabric.switch.port_bandwidth)) if position else 1
        chips = _whole(machine) if level.chips == "unlimited" else level.chips
        tiers.append(clos.Tier(level.name, max(chips // planes, 1), ways, out / ways))
        below, paths = max(chips // planes, 1), paths * ways
    return tiers


def _whole(machine: Machine) -> int:
    """A unit without end, as large as any machine."""
    return 1 << 40


def group_plan(machine: Machine, hosts: int) -> dragonfly.Plan:
    """Sizes of a dragonfly: groups as they are, cables as the levels' bandwidth takes.

    Parameters
    ----------
    machine
        Fabric and cards.
    hosts
        Chips that are there.

    Returns
    -------
    dragonfly.Plan
        Sizes.
    """
    fabric, nic, port = machine.fabric, machine.node.nic_bandwidth, _port(machine.fabric)
    switch, group, outer = fabric.level
    per_switch, per_group = int(switch.chips), int(group.chips)
    switches = per_group // per_switch
    up = per_switch * nic / group.oversubscription
    out = per_group * nic / outer.oversubscription
    spines = 0
    if fabric.kind == "dragonfly+":
        links = (switches * up + out) / port
        spines = max(1, round(links / fabric.switch.ports))
    local = up / spines if spines else max(up / max(switches - 1, 1), port)
    others = max(-(-hosts // per_group) - 1, 1)
    cables = max(1, round(out / others / port))
    return dragonfly.Plan(
        (switch.name, group.name, outer.name), hosts, per_switch, per_group, spines,
        nic / switch.oversubscription, local, out / others / cables, cables,
    )  # fmt: skip


def _port(fabric: Fabric) -> float:
    return fabric.switch.port_bandwidth


def wire(machine: Machine, hosts: int, wear: Wear, method: Method) -> Wiring:
    """Lays all links that some chips of a machine may use.

    Parameters
    ----------
    machine
        Chip, node and fabric. A dragonfly has all of the partition's groups, used or not.
    hosts
        Chips in use.
    wear
        State of the cables between switches.
    method
        Load balancing; spraying and adaptive routing see the links of a unit of a tree as one.

    Returns
    -------
    Wiring
        Links.
    """
    up = machine.chip.scaleup
    domain = scaleup.Domain(
        hosts, up.domain, up.bandwidth, up.pair_bandwidth, up.torus, up.wrap or 0
    )
    kinds = scaleup.links(domain) if up.domain > 1 else []
    first = sum(len(kind.capacity) for kind in kinds)
    if machine.fabric.kind in ("dragonfly", "dragonfly+"):
        plan = group_plan(machine, max(hosts, machine.chips))
        outside, more = dragonfly.build(plan, wear, first)
        return Wiring(table([*kinds, *more, _nowhere()]), domain, outside, 1)
    planes = rails(machine)
    outside, more = clos.build(tree(machine), hosts, planes, wear, first)
    if method in ("spray", "adaptive"):
        outside, more = clos.pooled(outside, method)
    return Wiring(table([*kinds, *more, _nowhere()]), domain, outside, planes)


def _nowhere() -> Cables:
    return Cables(NOWHERE, np.zeros(1))


def route(wiring: Wiring, pairs: Pairs, rule: Rule) -> Routes:
    """Routes of all pairs: inside the domain over its links, outside over the fabric.

    A pair whose ends are on different rails goes to the chip of its own domain that is on the
    target's rail first.

    Parameters
    ----------
    wiring
        Links.
    pairs
        Who sends to whom.
    rule
        How it is spread.

    Returns
    -------
    Routes
        Flows.
    """
    size = wiring.domain.chips
    near = (pairs.source // size == pairs.target // size) & (size > 1)
    parts = []
    for chosen, routed in ((near, _near), (~near, _far)):
        if chosen.any():
            found = routed(wiring, Pairs(*(part[chosen] for part in pairs)), rule)
            parts.append(found._replace(pair=np.flatnonzero(chosen)[found.pair]))
    return _joined(parts, len(wiring.links.capacity))


def _joined(parts: list[Routes], count: int) -> Routes:
    """One table of routes, with numbers of links in place of the marks."""
    width = max((part.link.shape[1] for part in parts), default=1)
    tables = [
        np.pad(part.link, ((0, 0), (0, width - part.link.shape[1])), constant_values=-1)
        for part in parts
    ]
    if not tables:
        return Routes(np.empty((0, 1), np.int32), np.empty(0), np.empty(0, np.int64))
    link = tables[0] if len(tables) == 1 else np.concatenate(tables)
    used = (link != -1).any(0)
    link = link[:, used] if used.any() and not used.all() else link
    link = np.where(link == -1, np.int32(count), link)
    link[link == -2] = count - 1
    weight, pair = (np.concatenate([getattr(p, k) for p in parts]) for k in ("weight", "pair"))
    return Routes(link.astype(np.int32), weight, pair)


def _near(wiring: Wiring, pairs: Pairs, rule: Rule) -> Routes:
    del rule  # a domain knows one way
    if wiring.domain.torus:
        link, weight, pair = scaleup.around(wiring.domain, pairs)
        return Routes(link.astype(np.int32), weight, pair)
    link = scaleup.inside(wiring.domain, pairs.source, pairs.target)
    return Routes(link.astype(np.int32), pairs.weight, np.arange(len(pairs.source)))


def _far(wiring: Wiring, pairs: Pairs, rule: Rule) -> Routes:
    outside = wiring.outside
    if isinstance(outside, dragonfly.Dragonfly):
        return _over_groups(outside, pairs, rule)
    times = 1 if rule.method in ("spray", "adaptive", "static") else rule.sub_flows
    flows, pair, key = repeated(pairs, times)
    planes = wiring.planes
    if planes == 1:
        return Routes(clos.climb(outside, flows, rule, key), flows.weight, pair)
    entry = flows.source - flows.source % planes + flows.target % planes
    inside = scaleup.inside(wiring.domain, flows.source, entry).astype(np.int32)
    climbed = clos.climb(outside, flows._replace(source=entry), rule, key)
    return Routes(np.concatenate([climbed, inside], 1), flows.weight, pair)


def _over_groups(outside: dragonfly.Dragonfly, pairs: Pairs, rule: Rule) -> Routes:
    """Hashed paths; under adaptive routing shortest ones and detours of half the weight."""
    spreads = rule.method in ("spray", "adaptive")
    flows, pair, key = repeated(pairs, CANDIDATES if spreads else rule.sub_flows)
    direct = dragonfly.climb(outside, flows, rule, key)
    if rule.method != "adaptive":
        return Routes(direct, flows.weight, pair)
    detour = dragonfly.climb(outside, flows, rule._replace(method="valiant"), key)
    width = max(direct.shape[1], detour.shape[1])
    link = np.concatenate(
        [
            np.pad(part, ((0, 0), (0, width - part.shape[1])), constant_values=-1)
            for part in (direct, detour)
        ]
    )
    share = dragonfly.DETOUR / (1.0 + dragonfly.DETOUR)
    weight = np.concatenate([flows.weight * (1.0 - share), flows.weight * share])
    return Routes(link, weight, np.concatenate([pair, pair]))
