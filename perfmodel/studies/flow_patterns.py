"""Traffic patterns by the names that users give them, sized by the levels of a fabric."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from perfmodel.config.schema.scenario import Machine
from perfmodel.fabrics import traffic
from perfmodel.fabrics.routing import Pairs

PARTNERS = 16
"""Partners of a chip at once in a sample of everyone with everyone."""

SAMPLED = 12
"""Steps of a collective that are looked at where it has more."""


class Shape(NamedTuple):
    """What a pattern needs to know."""

    hosts: int
    leaf: int
    """Chips of a leaf unit."""
    pod: int
    """Chips of the unit above it."""
    node: int
    """Chips of a node."""
    seed: int
    jobs: int
    """Jobs that share the fabric."""
    degrees: tuple[int, ...]
    """Ranks of the dimensions of a layout, the innermost first."""


def shape_of(
    machine: Machine, hosts: int, seed: int, jobs: int = 8, degrees: Sequence[int] = ()
) -> Shape:
    """What patterns need to know of a machine.

    Parameters
    ----------
    machine
        Fabric and node.
    hosts
        Chips in use.
    seed
        Of what is drawn at random.
    jobs
        Jobs that share the fabric.
    degrees
        Ranks of the dimensions of a layout.

    Returns
    -------
    Shape
        Sizes.
    """
    sizes = [hosts if one.chips == "unlimited" else one.chips for one in machine.fabric.level]
    leaf, pod = int(sizes[0]), int(sizes[min(1, len(sizes) - 1)])
    return Shape(hosts, leaf, pod, machine.node.chips, seed, jobs, tuple(degrees))


def _random(shape: Shape) -> np.random.Generator:
    return np.random.default_rng((shape.seed, 1))


def _groups(shape: Shape) -> list[Pairs]:
    return [traffic.groups(shape.degrees, [1.0] * len(shape.degrees))]


PATTERNS: dict[str, tuple[str, Callable[[Shape], list[Pairs]]]] = {
    "permutation": (
        "every chip sends to another, drawn at random",
        lambda s: [traffic.permutation(s.hosts, _random(s))],
    ),
    "node-permutation": (
        "every chip sends to its place in another node, drawn at random",
        lambda s: [traffic.node_permutation(s.hosts, s.node, _random(s))],
    ),
    "leaf-shift": (
        "every chip sends to its place under the next leaf",
        lambda s: [traffic.shift(s.hosts, s.leaf)],
    ),
    "pod-shift": (
        "every chip sends to its place in the next pod",
        lambda s: [traffic.shift(s.hosts, s.pod)],
    ),
    "ring": ("every chip sends to the next", lambda s: traffic.steps_of("ring", s.hosts, SAMPLED)),
    "rail-ring": (
        "every chip sends to its place in the next node",
        lambda s: [traffic.shift(s.hosts, s.node)],
    ),
    "doubling": (
        "the steps of recursive halving and doubling",
        lambda s: traffic.steps_of("doubling", s.hosts, SAMPLED),
    ),
    "pairwise": (
        "steps of a pairwise all-to-all, from near to far",
        lambda s: traffic.steps_of("pairwise", s.hosts, SAMPLED),
    ),
    "rail-all-to-all": (
        f"every chip sends to {PARTNERS} of its rail at once",
        lambda s: [traffic.all_to_all(s.hosts, PARTNERS, s.node)],
    ),
    "all-to-all": (
        f"every chip sends to {PARTNERS} chips at once, evenly far apart",
        lambda s: [traffic.all_to_all(s.hosts, PARTNERS)],
    ),
    "incast": ("all chips send to one", lambda s: [traffic.incast(s.hosts, 1)]),
    "tenants": (
        "jobs on chips dealt at random, each with a permutation of its own",
        lambda s: [traffic.tenants(s.hosts, s.jobs, _random(s))],
    ),
    "groups": ("all rings of a layout at once, with equal bytes", _groups),
}
"""Name to what it means and the pairs of each of its steps."""
