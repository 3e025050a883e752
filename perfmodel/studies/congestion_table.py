"""The congestion table: what flows that share links leave of each level of every fabric."""

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import numpy as np

from perfmodel.config.library import Library
from perfmodel.config.schema.fabric import Level
from perfmodel.config.schema.scenario import Machine
from perfmodel.engine.flows import rates_of
from perfmodel.fabrics import traffic
from perfmodel.fabrics.links import Wear
from perfmodel.fabrics.routing import Method, Pairs, Routes, Rule
from perfmodel.fabrics.wiring import rails, route, wire
from perfmodel.lowering.congestion import HEADS, PARTNER, RING, Shape, Share, shape_of
from perfmodel.studies.network_flows import fractions_of
from perfmodel_kernels.flows import Flows

SUB_FLOWS = (1, 2, 4, 8, 16, 32)
"""Numbers of sub-flows at which hashed routing is solved on a sound fabric."""

FAILED = (0.01, 0.05)
"""Shares of failed links at which every routing is solved."""

USUAL = 8
"""Sub-flows of hashed routing with failed links, where the fabric does not hash."""

UNITS = 4
"""Units of the level below that an instance holds at least."""

SMALLEST, LARGEST = 2048, 40_000
"""Chips of an instance: more change the mean rate of a permutation by less than 1 %; the units of a
level may need more."""

MOST_FLOWS = 700_000
"""Flows of an instance, unless the fabric itself has as many."""

LOW = 0.01
"""Quantile of the rates that is kept beside their mean."""


class Case(NamedTuple):
    """One instance."""

    machine: Machine
    level: int
    """Which level its flows cross."""
    pattern: str
    rule: Rule
    failed: float


def machines(library: Library) -> dict[Shape, Machine]:
    """Every shape of a fabric that a shipped site has, by its name.

    Parameters
    ----------
    library
        Configs.

    Returns
    -------
    dict[Shape, Machine]
        The first machine that has it.
    """
    found: dict[Shape, Machine] = {}
    for site in library.names("sites"):
        for machine in library.machines(site):
            found.setdefault(shape_of(machine), machine)
    return found


def cases(machine: Machine) -> Iterator[Case]:
    """The instances of one fabric.

    Parameters
    ----------
    machine
        Its machine.

    Yields
    ------
    Case
        By level above the leaf, pattern, routing and failed links.
    """
    for position, level in enumerate(machine.fabric.level):
        if position == 0:
            continue
        for pattern in (RING, PARTNER):
            for rule, failed in _states(own_rule(level)):
                case = Case(machine, position, pattern, rule, failed)
                crossing = hosts_of(case) // rails(machine) * rule.sub_flows
                if rule.sub_flows <= level.sub_flows or crossing <= MOST_FLOWS:
                    yield case


def _states(own: Rule) -> Iterator[tuple[Rule, float]]:
    """Routings and shares of failed links: fabrics of one shape differ in their load balancing."""
    for flows in sorted({*SUB_FLOWS, own.sub_flows}):
        yield Rule("ecmp", flows), 0.0
    for failed in FAILED:
        yield Rule("ecmp", own.sub_flows if own.method == "ecmp" else USUAL), failed
    methods: tuple[Method, ...] = ("adaptive", "spray")
    for method in methods:
        for failed in (0.0, *FAILED):
            yield Rule(method), failed


def own_rule(level: Level) -> Rule:
    """Routing of a level; what is set by destination counts as one hashed flow.

    Parameters
    ----------
    level
        Level of a fabric.

    Returns
    -------
    Rule
        Rule.
    """
    method: Method = level.load_balancing
    if method in ("ecmp", "static"):
        return Rule("ecmp", level.sub_flows if method == "ecmp" else 1)
    return Rule(method)


def hosts_of(case: Case) -> int:
    """Chips of an instance: some units of the level below, all in one unit of the level.

    Parameters
    ----------
    case
        The instance.

    Returns
    -------
    int
        Chips.
    """
    levels = case.machine.fabric.level
    below = int(levels[case.level - 1].chips)
    own = levels[case.level].chips
    most = LARGEST if own == "unlimited" else int(own)
    hosts = min(max(UNITS * below, SMALLEST), max(most, 2 * below), max(LARGEST, 2 * below))
    return max(hosts // below, 2) * below


def pairs_of_case(case: Case, seed: int) -> Pairs:
    """Flows that cross a level.

    Parameters
    ----------
    case
        The instance.
    seed
        Of the draw.

    Returns
    -------
    Pairs
        Every chip to its place in the next unit of the level below, or in a random node elsewhere.
    """
    hosts, levels = hosts_of(case), case.machine.fabric.level
    below = int(levels[case.level - 1].chips)
    if case.pattern == RING:
        drawn = traffic.shift(hosts, below)
    else:
        random, node = np.random.default_rng((seed, 1)), min(case.machine.node.chips, below)
        drawn = traffic.crossing(hosts // below, below // node, node, random)
    crosses = drawn.source // below != drawn.target // below
    crosses &= drawn.source % rails(case.machine) == 0  # rails are trees of their own, all alike
    return Pairs(*(part[crosses] for part in drawn))


def instance(case: Case, seed: int) -> tuple[Flows, Pairs, Routes]:
    """Links and routes of a case.

    Parameters
    ----------
    case
        The instance.
    seed
        Of pattern, hashes and failed links.

    Returns
    -------
    tuple
        Flows; pairs; routes.
    """
    wiring = wire(case.machine, hosts_of(case), Wear(case.failed, seed=seed), case.rule.method)
    pairs = pairs_of_case(case, seed)
    routes = route(wiring, pairs, case.rule._replace(seed=seed))
    endless = np.full(len(routes.weight), np.inf)
    return Flows(wiring.links.capacity, routes.link, routes.weight, endless), pairs, routes


def share_of(case: Case, pairs: Pairs, routes: Routes, rate: np.ndarray) -> Share:
    """Rates over the bandwidth of the level.

    Parameters
    ----------
    case
        The instance.
    pairs, routes
        Who sends to whom over what.
    rate
        Rate of each flow. [B/s]

    Returns
    -------
    Share
        Mean and first percentile, one at most.
    """
    levels = case.machine.fabric.level
    taper = max(level.oversubscription for level in levels[: case.level + 1])
    by_pair = np.bincount(routes.pair, rate, minlength=len(pairs.source))
    line = taper / levels[0].oversubscription
    shares = fractions_of(case.machine, pairs, by_pair) * line
    return Share(min(float(shares.mean()), 1.0), min(float(np.quantile(shares, LOW)), 1.0))


def solve_case(case: Case, seed: int = 0) -> Share:
    """Solves one instance.

    Parameters
    ----------
    case
        The instance.
    seed
        Of pattern, hashes and failed links.

    Returns
    -------
    Share
        Rates over the bandwidth of the level.
    """
    flows, pairs, routes = instance(case, seed)
    return share_of(case, pairs, routes, rates_of([flows])[0])


def rows_of(machine: Machine, done: Callable[[int], None] = lambda _: None) -> list[dict]:
    """Rows of the table for one fabric.

    Parameters
    ----------
    machine
        Its machine.
    done
        Told after each instance.

    Returns
    -------
    list[dict]
        Rows.
    """
    found = []
    listed = list(cases(machine))
    built = [instance(case, 0) for case in listed]
    for case, (_, pairs, routes), rate in zip(
        listed, built, rates_of([flows for flows, _, _ in built]), strict=True
    ):
        share = share_of(case, pairs, routes, rate)
        found.append({
            "shape": str(shape_of(machine)),
            "fabric": machine.fabric.name,
            "level": machine.fabric.level[case.level].name,
            "pattern": case.pattern,
            "routing": case.rule.method,
            "sub_flows": case.rule.sub_flows,
            "failed_links": case.failed,
            "hosts": hosts_of(case),
            "mean": f"{share.mean:.4f}",
            "low": f"{share.low:.4f}",
        })  # fmt: skip
        done(1)
    return found


HEADER = (
    "# What colliding flows and failed links leave of each level: max-min fair fluid solutions,\n"
    "# results of a simulation, not measurements. `perfmodel calibrate --congestion --write`.\n"
)


def table_text(rows: Iterable[dict]) -> str:
    """The table as it ships.

    Parameters
    ----------
    rows
        Rows of all fabrics.

    Returns
    -------
    str
        Comma-separated values under a comment.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, HEADS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return HEADER + text.getvalue()
