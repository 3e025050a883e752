"""What the network of a site is worth: taper, load balancing, failed links, cards, domain."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from perfmodel.config.schema.scenario import Scenario
from perfmodel.spaces.layouts import Axes
from perfmodel.studies.best_layout import Row, best_row

GIGABIT = 1e9 / 8
"""Bandwidth of a gigabit per second. [B/s]"""


class Axis(NamedTuple):
    """One property of a network and the values that are tried."""

    name: str
    values: tuple[float, ...]
    """In SI units."""
    labels: tuple[str, ...]
    """The same as people write them."""
    own: Callable[[Scenario], float]
    """Value of a scenario."""
    change: Callable[[Scenario, float], Scenario]
    """The scenario with another value."""


def _tapered(scenario: Scenario, ratio: float) -> Scenario:
    """Another oversubscription at every level above the leaf."""
    leaf, *above = scenario.machine.fabric.level
    tapered = [level.model_copy(update={"oversubscription": ratio}) for level in above]
    fabric = scenario.machine.fabric.model_copy(update={"level": (leaf, *tapered)})
    return _machine(scenario, fabric=fabric)


def _injected(scenario: Scenario, bandwidth: float) -> Scenario:
    """Other network cards."""
    node = scenario.machine.node.model_copy(update={"nic_bandwidth": bandwidth})
    return _machine(scenario, node=node)


def _joined(scenario: Scenario, chips: float) -> Scenario:
    """Another scale-up domain, all of it behind switches."""
    chip = scenario.machine.chip
    switched = {"domain": int(chips), "pair_bandwidth": chip.scaleup.bandwidth, "torus": ()}
    scaleup = chip.scaleup.model_copy(update=switched)
    return _machine(scenario, chip=chip.model_copy(update={"scaleup": scaleup}))


def _hashed(scenario: Scenario, sub_flows: float) -> Scenario:
    """Flows hashed over the paths, none of them standing for adaptive routing."""
    routing = {"load_balancing": "ecmp", "sub_flows": int(sub_flows)}
    adaptive = {"load_balancing": "adaptive", "sub_flows": 1}
    fabric = scenario.machine.fabric
    update = routing if sub_flows else adaptive
    levels = tuple(level.model_copy(update=update) for level in fabric.level)
    return _machine(scenario, fabric=fabric.model_copy(update={"level": levels}))


def _sub_flows(scenario: Scenario) -> float:
    outer = scenario.machine.fabric.level[-1]
    routed = outer.load_balancing in ("adaptive", "spray")
    return 0.0 if routed else float(outer.sub_flows)


def _failing(scenario: Scenario, share: float) -> Scenario:
    """Links down for good, as between two repairs."""
    fabric = scenario.machine.fabric.model_copy(update={"failed_links": share})
    return _machine(scenario, fabric=fabric)


def _machine(scenario: Scenario, **parts: object) -> Scenario:
    machine = scenario.machine.model_copy(update=parts)
    return scenario.model_copy(update={"machine": machine})


AXES = (
    Axis(
        "oversubscription",
        (1.0, 2.0, 4.0, 7.0),
        ("1:1", "2:1", "4:1", "7:1"),
        lambda scenario: scenario.machine.fabric.level[-1].oversubscription,
        _tapered,
    ),
    Axis(
        "load balancing",
        (0.0, 8.0, 1.0),
        ("adaptive", "ECMP, 8 sub-flows", "ECMP"),
        _sub_flows,
        _hashed,
    ),
    Axis(
        "failed links",
        (0.0, 0.01),
        ("none", "1 %"),
        lambda scenario: scenario.machine.fabric.failed_links,
        _failing,
    ),
    Axis(
        "network card",
        tuple(rate * GIGABIT for rate in (200, 400, 800, 1600)),
        ("200 Gb/s", "400 Gb/s", "800 Gb/s", "1600 Gb/s"),
        lambda scenario: scenario.machine.node.nic_bandwidth,
        _injected,
    ),
    Axis(
        "scale-up domain",
        (8.0, 72.0, 576.0),
        ("8 chips", "72 chips", "576 chips"),
        lambda scenario: float(scenario.machine.chip.scaleup.domain),
        _joined,
    ),
)
"""What the comparison tries: the levels above the leaf, their routing, cards, the domain."""

STEPS = sum(len(axis.values) for axis in AXES)
"""Searches that one site takes."""


def network_sensitivity(
    name: str, scenario: Scenario, axes: Axes, done: Callable[[int], None] = lambda _: None
) -> list[Row]:
    """Throughput of a site whose network has other values, each with its own best layout.

    Parameters
    ----------
    name
        Config name of the site.
    scenario
        The site and the job.
    axes
        Values of the layout's axes.
    done
        Told after each search.

    Returns
    -------
    list[Row]
        One row per axis and value, with the throughput over that at the first value.
    """
    rows: list[Row] = []
    own: Row | None = None  # the site as configured is searched once for all axes
    for axis in AXES:
        found: list[Row] = []
        for value, label in zip(axis.values, axis.labels, strict=True):
            configured = _is_own(axis, value, scenario)
            best = own if configured else None
            if best is None:
                changed = scenario if configured else axis.change(scenario, value)
                best = best_row(changed, axes=axes)
            own = best if configured else own
            found.append(_row(name, axis, (value, label), best) | {"own": configured})
            done(1)
        rows += _over_first(found)
    return rows


def _row(name: str, axis: Axis, value: tuple[float, str], best: Row) -> Row:
    kept = ("workload", "tokens_per_s", "mfu", "layout", "feasible")
    own = {"name": name, "axis": axis.name, "value": value[0], "label": value[1]}
    return own | {key: best[key] for key in kept}


def _is_own(axis: Axis, value: float, scenario: Scenario) -> bool:
    return abs(axis.own(scenario) - value) <= 1e-6 * abs(value)


def _over_first(rows: Sequence[Row]) -> list[Row]:
    first = rows[0]["tokens_per_s"]
    return [row | {"over_first": row["tokens_per_s"] / first} for row in rows]


def told(rows: Sequence[Row]) -> str:
    """What the network is worth, in a sentence per site.

    Parameters
    ----------
    rows
        Rows of :func:`network_sensitivity`, of one or more sites.

    Returns
    -------
    str
        Sentences; empty without rows.
    """
    sentences = []
    for name in dict.fromkeys(row["name"] for row in rows):
        parts = []
        for axis in AXES:
            last = [row for row in rows if row["name"] == name and row["axis"] == axis.name][-1]
            span = f"from {axis.labels[0]} to {last['label']}"
            parts.append(f"{axis.name} {span} {last['over_first'] - 1.0:+.1%}")
        sentences.append(f"Throughput of {name} moves with its network: {', '.join(parts)}.")
    return " ".join(sentences)
