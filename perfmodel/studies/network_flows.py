"""Flows on a fabric, solved one by one: rates of chips, load of links, by step of a pattern."""

import time
from typing import Any, NamedTuple

import numpy as np

from perfmodel.config.schema.scenario import Machine
from perfmodel.engine.flows import Solved, finish, solve_all
from perfmodel.fabrics.links import Wear
from perfmodel.fabrics.routing import Pairs, Routes, Rule
from perfmodel.fabrics.wiring import NOWHERE, Wiring, route, wire
from perfmodel.results.columns import FLOWS
from perfmodel.studies.flow_patterns import PATTERNS, Shape
from perfmodel_kernels.flows import Flows

Row = dict[str, Any]

QUANTILES = (0.0, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0)
"""Points of the distribution of rates that are stored."""


class FlowQuestion(NamedTuple):
    """All that the rates depend on."""

    machine: Machine
    pattern: str
    shape: Shape
    rule: Rule
    wear: Wear
    size: float | None = None
    """What each pair sends, where its time is asked for. [B]"""


COLLECTIVES = ("rail-ring", "doubling", "pairwise")
"""Patterns whose slow-down is followed over scales."""

SMALLEST, SCALES = 256, 5
"""Least scale of that curve, and how many there are."""


class FlowAnswer(NamedTuple):
    """Tables."""

    summary: Row
    steps: list[Row]
    """One row per step of the pattern."""
    rates: list[Row]
    """Distribution of the rates of chips, all steps together."""
    levels: list[Row]
    """Load of the links by level and direction, in the step that loads them most."""


class Step(NamedTuple):
    """One step, solved."""

    pairs: Pairs
    flows: Flows
    solved: Solved
    fractions: np.ndarray
    """Rate of each sending chip over what its link carries."""
    unreachable: int
    """Pairs without a path."""


def answer_flows(question: FlowQuestion) -> FlowAnswer:
    """Solves every step of a pattern.

    Parameters
    ----------
    question
        Machine, pattern, routing, wear.

    Returns
    -------
    FlowAnswer
        Tables.
    """
    begun = time.perf_counter()
    wiring = wire(question.machine, question.shape.hosts, question.wear, question.rule.method)
    steps = PATTERNS[question.pattern][1](question.shape)
    routed = [(pairs, route(wiring, pairs, question.rule)) for pairs in steps]
    setup = time.perf_counter() - begun
    solved = solve_steps(wiring, question.machine, routed)
    fractions = np.concatenate([step.fractions for step in solved])
    summary = _summary(solved, fractions) | {
        "hosts": question.shape.hosts,
        "links": len(wiring.links.capacity) - 1,
        FLOWS["setup_wall"].key: setup,
    }
    if question.size is not None:
        summary |= _times(solved, question.size)
    rows = [{"step": number} | _row(step) for number, step in enumerate(solved)]
    return FlowAnswer(summary, rows, _distribution(fractions), _levels(wiring, solved))


def solve_steps(wiring: Wiring, machine: Machine, routed: list[tuple[Pairs, Routes]]) -> list[Step]:
    """Rates of the pairs of every step.

    Parameters
    ----------
    wiring
        Links.
    machine
        What a chip's links carry.
    routed
        Who sends to whom in each step, and over what.

    Returns
    -------
    list[Step]
        Rates.
    """
    instances = [
        Flows(
            wiring.links.capacity, routes.link, routes.weight, np.full(len(routes.weight), np.inf)
        )
        for _, routes in routed
    ]
    return [
        _step(machine, one, flows, solved)
        for one, flows, solved in zip(routed, instances, solve_all(instances), strict=True)
    ]


def _step(machine: Machine, routed: tuple[Pairs, Routes], flows: Flows, solved: Solved) -> Step:
    pairs, routes = routed
    by_pair = np.bincount(routes.pair, solved.rate, minlength=len(pairs.source))
    lost = (routes.link == len(flows.capacity) - 1).any(1)
    unreachable = len(np.unique(routes.pair[lost]))
    return Step(pairs, flows, solved, fractions_of(machine, pairs, by_pair), unreachable)


def fractions_of(machine: Machine, pairs: Pairs, rate: np.ndarray) -> np.ndarray:
    """Rate of each sending chip over its line rate, inside the domain and outside apart.

    Parameters
    ----------
    machine
        Card and scale-up domain.
    pairs
        Who sends to whom.
    rate
        Rate of each pair. [B/s]

    Returns
    -------
    np.ndarray
        One share per chip and medium that sends.
    """
    domain = machine.chip.scaleup.domain
    near = (pairs.source // domain == pairs.target // domain) & (domain > 1)
    lines = machine.chip.scaleup.pair_bandwidth, machine.node.nic_bandwidth
    lines = (lines[0], lines[1] / machine.fabric.level[0].oversubscription)
    parts = []
    for chosen, line in ((near, lines[0]), (~near, lines[1])):
        sent = np.bincount(pairs.source[chosen], rate[chosen] / line)
        talks = np.bincount(pairs.source[chosen]) > 0
        parts.append(sent[talks])
    return np.concatenate(parts)


def _summary(solved: list[Step], fractions: np.ndarray) -> Row:
    empty = not len(fractions)
    spread = (0.0, 0.0, 0.0) if empty else (fractions.mean(), *np.quantile(fractions, (0.01, 0.0)))
    keys = ("mean_rate_fraction", "p1_rate_fraction", "min_rate_fraction")
    return {
        "flows": sum(len(step.solved.rate) for step in solved),
        "rounds": sum(step.solved.rounds for step in solved),
        FLOWS["solve_wall"].key: sum(step.solved.wall for step in solved),
        **{key: float(value) for key, value in zip(keys, spread, strict=True)},
        "unreachable_pairs": sum(step.unreachable for step in solved),
        "verified": all(step.solved.verified for step in solved),
    }


def _row(step: Step) -> Row:
    row = _summary([step], step.fractions)
    ideal = step.fractions.max(initial=0.0)
    slowest = row["min_rate_fraction"]
    return row | {"slow_down": float(ideal / slowest) if slowest > 0.0 else float("inf")}


def _distribution(fractions: np.ndarray) -> list[Row]:
    """Shares of chips at or below a rate, at even steps."""
    if not len(fractions):
        return []
    points = np.linspace(0.0, 1.0, 201)
    values = np.quantile(fractions, points)
    return [
        {"quantile": float(point), "rate_fraction": float(value)}
        for point, value in zip(points, values, strict=True)
    ]


def _levels(wiring: Wiring, solved: list[Step]) -> list[Row]:
    """How full the links of each level are, those that carry anything."""
    links = wiring.links
    most = np.zeros(len(links.capacity))
    for step in solved:
        hops = step.flows.route.shape[1]
        carried = np.repeat(step.solved.rate, hops)
        load = np.bincount(step.flows.route.ravel(), carried, minlength=len(most) + 1)[:-1]
        most = np.maximum(most, load)
    up = links.capacity > 0.0
    share = most / np.where(up, links.capacity, 1.0)
    return [
        _level_row(name, share[(links.level == row) & up], (~up & (links.level == row)).sum())
        for row, name in enumerate(links.names)
        if name != NOWHERE
    ]


def _level_row(name: str, share: np.ndarray, down: Any) -> Row:
    used = share[share > 0.0]
    return {
        "level": name,
        "links": len(share) + int(down),
        "down": int(down),
        "used": len(used),
        "mean_load": float(used.mean()) if len(used) else 0.0,
        "max_load": float(used.max()) if len(used) else 0.0,
        "full": int((used > 1.0 - 1e-4).sum()),
    }


def _times(solved: list[Step], size: float) -> Row:
    """When all that is sent has arrived, step after step."""
    makespan, mean, wall = 0.0, 0.0, 0.0
    for step in solved:
        weight = np.asarray(step.flows.weight)
        share = weight / weight.max(initial=1.0)
        done = finish(step.flows, size * share)
        ends = done.time[np.isfinite(done.time)]
        makespan, wall = makespan + done.time.max(initial=0.0), wall + done.wall
        mean += float(ends.mean()) if len(ends) else 0.0
    names = ("makespan", "mean_completion", "drain_wall")
    values = (float(makespan), mean, wall)
    return {FLOWS[name].key: value for name, value in zip(names, values, strict=True)}


def slow_downs(question: FlowQuestion) -> list[Row]:
    """How much the slowest flow holds up collectives, by scale.

    A step ends with its slowest flow: the mean over steps of the rate of the fastest over that of
    the slowest. Scales end with the chips of the question.

    Parameters
    ----------
    question
        Machine, routing, wear.

    Returns
    -------
    list[Row]
        One row per collective and number of chips.
    """
    hosts = question.shape.hosts
    node = question.shape.node
    nodes = np.geomspace(min(SMALLEST, hosts) / node, hosts / node, SCALES).round().astype(int)
    scales = np.unique(np.maximum(nodes, 2)) * node
    labels, routed = [], []
    wiring = wire(question.machine, hosts, question.wear, question.rule.method)
    for scale in scales.tolist():
        for name in COLLECTIVES:
            steps = PATTERNS[name][1](question.shape._replace(hosts=scale))
            for pairs in steps[:: max(len(steps) // 4, 1)]:
                labels.append((name, scale))
                routed.append((pairs, route(wiring, pairs, question.rule)))
    found: dict[tuple[str, int], list[float]] = {}
    for label, step in zip(labels, solve_steps(wiring, question.machine, routed), strict=True):
        if len(step.fractions):
            found.setdefault(label, []).append(_row(step)["slow_down"])
    return [
        {"collective": name, "ranks": scale, "slow_down": float(np.mean(values))}
        for (name, scale), values in found.items()
    ]
