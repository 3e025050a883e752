"""Traffic patterns: who sends to whom at one moment."""

from collections.abc import Callable, Sequence

import numpy as np

from perfmodel.fabrics.routing import Pairs, pairs_of


def permutation(hosts: int, random: np.random.Generator) -> Pairs:
    """Every chip sends to one and receives from one, drawn at random.

    Parameters
    ----------
    hosts
        Chips.
    random
        Source of the draw.

    Returns
    -------
    Pairs
        Pairs; a chip that draws itself is silent.
    """
    return pairs_of(np.arange(hosts), random.permutation(hosts))


def node_permutation(hosts: int, node: int, random: np.random.Generator) -> Pairs:
    """Every chip sends to its place in another node; which node is drawn at random for all of it.

    Parameters
    ----------
    hosts
        Chips.
    node
        Chips of a node.
    random
        Source of the draw.

    Returns
    -------
    Pairs
        Pairs; a node that draws itself is silent, as are chips of one that is not whole.
    """
    target = random.permutation(hosts // node)
    chips = np.arange(len(target) * node)
    return pairs_of(chips, target[chips // node] * node + chips % node)


def crossing(units: int, nodes: int, node: int, random: np.random.Generator) -> Pairs:
    """A permutation of nodes of which every one sends out of its unit and receives from outside.

    Parameters
    ----------
    units
        Units of a level.
    nodes
        Nodes of each.
    node
        Chips of a node, which all go to their place in the other node.
    random
        Source of the draw.

    Returns
    -------
    Pairs
        Pairs.
    """
    steps = random.integers(1, max(units, 2), nodes)
    places = np.stack([random.permutation(nodes) for _ in range(units)])
    unit, place = np.divmod(np.arange(units * nodes), nodes)
    other = (unit + steps[place]) % units
    target = other * nodes + places[other, place]
    chips = np.arange(units * nodes * node)
    return pairs_of(chips, target[chips // node] * node + chips % node)


def shift(hosts: int, distance: int) -> Pairs:
    """Every chip sends to the one some places further: a step of a ring, or of an all-to-all.

    Parameters
    ----------
    hosts
        Chips.
    distance
        Places.

    Returns
    -------
    Pairs
        Pairs.
    """
    chips = np.arange(hosts)
    return pairs_of(chips, (chips + distance) % hosts)


def exchange(hosts: int, distance: int) -> Pairs:
    """Chips swap with the one whose number differs in one digit: a step of recursive doubling.

    Parameters
    ----------
    hosts
        Chips.
    distance
        Power of two.

    Returns
    -------
    Pairs
        Pairs; chips whose partner is not there are silent.
    """
    chips = np.arange(hosts)
    partner = chips ^ distance
    there = partner < hosts
    return pairs_of(chips[there], partner[there])


def incast(hosts: int, receivers: int) -> Pairs:
    """All chips send to a few, dealt out in turn.

    Parameters
    ----------
    hosts
        Chips.
    receivers
        How many are sent to, spread over all.

    Returns
    -------
    Pairs
        Pairs.
    """
    chips = np.arange(hosts)
    return pairs_of(chips, (chips % receivers) * (hosts // receivers))


def all_to_all(hosts: int, partners: int, stride: int = 1) -> Pairs:
    """Every chip sends to many at once, evenly far apart: a sample of everyone with everyone.

    Parameters
    ----------
    hosts
        Chips.
    partners
        Partners of a chip.
    stride
        Chips whose distance is a multiple of it talk; the chips of a node, for rails.

    Returns
    -------
    Pairs
        Pairs.
    """
    chips = np.arange(hosts)
    places = max(hosts // stride, 1)
    count = min(partners, places - 1)
    steps = 1 + np.arange(count) * (places - 1) // max(count, 1)
    target = (chips[:, None] + steps[None, :] * stride) % hosts
    return pairs_of(np.repeat(chips, count), target.ravel())


def tenants(hosts: int, jobs: int, random: np.random.Generator) -> Pairs:
    """Several jobs of equal size on chips dealt at random, each with a permutation of its own.

    Parameters
    ----------
    hosts
        Chips.
    jobs
        Jobs.
    random
        Source of the draws.

    Returns
    -------
    Pairs
        Pairs of all jobs.
    """
    parts = np.array_split(random.permutation(hosts), jobs)
    source = np.concatenate(parts)
    return pairs_of(source, np.concatenate([random.permutation(part) for part in parts]))


def groups(degrees: Sequence[int], shares: Sequence[float]) -> Pairs:
    """All groups of a layout at once: in every dimension each chip sends to the next of its ring.

    Parameters
    ----------
    degrees
        Ranks of each dimension, the innermost first: tensor, context, data, pipeline.
    shares
        Bytes of each dimension over those of the others.

    Returns
    -------
    Pairs
        Pairs, weighted by bytes.
    """
    chips = np.arange(int(np.prod(degrees)))
    source, target, weight, stride = [], [], [], 1
    for degree, share in zip(degrees, shares, strict=True):
        place = chips // stride % degree
        following = chips + ((place + 1) % degree - place) * stride
        if degree > 1 and share > 0.0:
            source.append(chips)
            target.append(following)
            weight.append(np.full(len(chips), share))
        stride *= degree
    if not source:
        return pairs_of(chips[:0], chips[:0])
    return pairs_of(*(np.concatenate(part) for part in (source, target, weight)))


def steps_of(collective: str, hosts: int, most: int) -> list[Pairs]:
    """The steps of a collective one after another, a sample of them where there are many.

    Parameters
    ----------
    collective
        ``ring``, ``doubling`` (recursive halving and doubling) or ``pairwise`` (all-to-all).
    hosts
        Chips.
    most
        Steps at most.

    Returns
    -------
    list[Pairs]
        Pairs of each step.
    """
    build: dict[str, Callable[[], list[Pairs]]] = {
        "ring": lambda: [shift(hosts, 1)],
        "doubling": lambda: [exchange(hosts, 1 << bit) for bit in range((hosts - 1).bit_length())],
        "pairwise": lambda: [
            shift(hosts, int(step)) for step in np.unique(np.geomspace(1, hosts - 1, most).round())
        ],
    }
    return build[collective]()
