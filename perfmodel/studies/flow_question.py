"""From the words of `perfmodel network --pattern` to a machine, a pattern and a routing."""

import math
from typing import NamedTuple

from perfmodel.config.faults import Fault, Faults, attempt, one_of, refuse
from perfmodel.config.library import Library
from perfmodel.config.schema.scenario import Machine
from perfmodel.config.series import every_count, quantities
from perfmodel.fabrics.links import Wear
from perfmodel.fabrics.routing import Method, Rule
from perfmodel.studies.flow_patterns import PATTERNS, shape_of
from perfmodel.studies.network_flows import FlowQuestion
from perfmodel.studies.network_question import Asked, carried

METHODS: tuple[Method, ...] = ("ecmp", "static", "spray", "adaptive", "minimal", "valiant")

MOST_FLOWS = 20_000_000
"""Flows of one step; more take more memory than the machines that run this have."""


class FlowAsked(NamedTuple):
    """What the user wrote, beside the names of configs."""

    pattern: str = "permutation"
    hosts: int | None = None
    """Chips; all of the site unless given."""
    sub_flows: int | None = None
    routing: str | None = None
    failed_links: float = 0.0
    slow_links: float = 0.0
    seed: int = 0
    jobs: int = 8
    degrees: str | None = None
    size: str | None = None
    black_hole: bool = False


def ask_flows(asked: Asked, flows: FlowAsked, library: Library) -> FlowQuestion:
    """Resolves names and reads numbers, and says everything that is wrong with them at once.

    Parameters
    ----------
    asked
        Names of configs.
    flows
        Pattern and routing.
    library
        Where configs come from.

    Returns
    -------
    FlowQuestion
        All that the rates depend on.

    Raises
    ------
    Faults
        Unknown names, wrong numbers, more chips than the fabric joins.
    """
    found: list[Fault] = list(_number_faults(flows))
    degrees = attempt(found, every_count, flows.degrees, "--degrees") if flows.degrees else []
    size = attempt(found, quantities, flows.size, "--size", "B") if flows.size else None
    if size and len(size) > 1:
        found.append(Fault(problem="more than one", field="--size", value=flows.size or ""))
    _, built = carried(asked, library, found)
    refuse(found)
    if built is None:
        raise Faults(found)
    machine = built.machine
    hosts = flows.hosts or machine.chips
    if flows.pattern == "groups":
        hosts = _laid_out(list(degrees or []), flows.hosts)
    refuse(_reach_faults(machine, hosts))
    outer = machine.fabric.level[-1]
    method = flows.routing or outer.load_balancing
    rule = Rule(
        _method(method, machine, flows.black_hole),
        flows.sub_flows or outer.sub_flows,
        flows.seed,
        not flows.black_hole,
    )
    shape = shape_of(machine, hosts, flows.seed, flows.jobs, degrees or ())
    wear = Wear(flows.failed_links, flows.slow_links, 0.0, flows.seed)
    return FlowQuestion(machine, flows.pattern, shape, rule, wear, size[0] if size else None)


def _number_faults(flows: FlowAsked) -> list[Fault]:
    found = []
    for field, value in (
        ("--failed-links", flows.failed_links),
        ("--slow-links", flows.slow_links),
    ):
        if not 0.0 <= value <= 1.0:
            fault = Fault(problem="not a share", field=field, value=str(value), expected="0 to 1")
            found.append(fault)
    wholes = (
        ("--hosts", flows.hosts, 2), ("--subflows", flows.sub_flows, 1),
        ("--jobs", flows.jobs, 1), ("--seed", flows.seed, 0),
    )  # fmt: skip
    for field, value, least in wholes:
        if value is not None and value < least:
            expected = f"a whole number from {least}"
            found.append(
                Fault(problem="too small", field=field, value=str(value), expected=expected)
            )
    if flows.pattern not in PATTERNS:
        fault = Fault(problem="no such pattern", field="--pattern", value=flows.pattern)
        found.append(Fault(**{**vars(fault), "expected": one_of(PATTERNS)}))
    if flows.pattern == "groups" and not flows.degrees:
        fault = Fault(problem="missing", field="--degrees", expected="8,16,64, innermost first")
        found.append(fault)
    return found


def _laid_out(degrees: list[int], hosts: int | None) -> int:
    """Chips of a layout."""
    chips = math.prod(degrees)
    if hosts is not None and hosts != chips:
        problem = f"the degrees take {chips:,} chips"
        raise Faults([Fault(problem=problem, field="--hosts", value=str(hosts))])
    return chips


def _method(method: str, machine: Machine, black_hole: bool) -> Method:
    tree = machine.fabric.kind not in ("dragonfly", "dragonfly+")
    if tree and method in ("minimal", "valiant"):
        problem, expected = "is a routing of dragonflies", "ecmp, static, spray or adaptive"
        fault = Fault(problem=problem, field="--routing", value=method, expected=expected)
        raise Faults([fault])
    if black_hole and method in ("spray", "adaptive"):
        problem = f"the fabric routes by {method}, which sees dead links at once"
        expected = "--routing ecmp or static beside it"
        raise Faults([Fault(problem=problem, field="--black-hole", expected=expected)])
    return next(known for known in METHODS if known == method)


def chips_joined(machine: Machine) -> float:
    """Chips that a fabric can join: as its outermost level says, or the ports of its top switches.

    Parameters
    ----------
    machine
        Fabric and cards.

    Returns
    -------
    float
        Chips; without end for a dragonfly whose outermost level has no size.
    """
    fabric = machine.fabric
    last = fabric.level[-1]
    if last.chips != "unlimited":
        return float(last.chips)
    if fabric.kind in ("dragonfly", "dragonfly+", "torus") or len(fabric.level) < 2:
        return math.inf
    return float(fabric.level[-2].chips) * fabric.switch.ports


def _reach_faults(machine: Machine, hosts: int) -> list[Fault]:
    most = max(chips_joined(machine), float(machine.chips))
    if hosts <= most:
        return []
    expected = f"at most the {most:,.0f} chips that {machine.fabric.name} joins"
    value = str(hosts)
    return [
        Fault(problem="more chips than there are", field="--hosts", value=value, expected=expected)
    ]
