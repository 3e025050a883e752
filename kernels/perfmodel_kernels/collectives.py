"""Time of a gather, scatter or all-reduce over the levels of a network, by algorithm.

Payload means: all-gather, the gathered output; reduce-scatter, the full input; all-reduce,
the buffer on every rank; exchange (all-to-all), the send buffer of one rank; send, the message;
broadcast and reduce, the message; gather and scatter with a root, what the root holds.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array

from perfmodel_kernels._typing import (
    AlgorithmCalls,
    Algorithms,
    CallLevels,
    Calls,
    CallStages,
    Real,
    Scalar,
    Times,
)
from perfmodel_kernels.topology import (
    EDGE,
    NEIGHBOUR,
    PERMUTATION,
    Groups,
    Network,
    Reach,
    congested_share,
    lay,
    ranks_below,
    ranks_within,
)

RING, RECURSIVE, RAIL, TREE, IN_NETWORK = range(5)
"""Rows of the algorithm axis; gathers and scatters have the first three."""

GATHERS = 3
"""Algorithms of a gather or scatter."""

NEVER = 1e9
"""Time of an algorithm that the software does not have. [s]"""


class Library(NamedTuple):
    """What the communication software does."""

    allowed: Algorithms
    """1 for each algorithm that may be chosen, else 0."""
    launch: Scalar
    """Start of one collective on the device. [s]"""
    pipelining: Scalar
    """Share of the stages of an all-reduce on different links that run at the same time."""
    tree_share: Scalar
    """Bandwidth of a tree over that of a ring."""


class Protocol(NamedTuple):
    """One way to put messages on the links: little waiting or full bandwidth."""

    latency: CallLevels
    """Time of one step. [s]"""
    bandwidth: CallLevels
    """Per rank and direction. [B/s]"""


class Cost(NamedTuple):
    """A collective by one algorithm: its time is latency plus payload times pace."""

    latency: Calls | AlgorithmCalls
    """Time of an empty payload. [s]"""
    pace: Calls | AlgorithmCalls
    """Time that a byte of payload adds. [s/B]"""


class Costs(NamedTuple):
    """A collective by every algorithm, under both protocols."""

    short: Cost
    """Low-latency protocol, algorithm by call."""
    bulk: Cost
    """Bulk protocol, algorithm by call."""


def protocols(reach: Reach, pattern: int, network: Network) -> tuple[Protocol, Protocol]:
    """The low-latency and the bulk protocol of a synchronised pattern.

    Parameters
    ----------
    reach
        How the groups lie.
    pattern
        Row of the pattern axis.
    network
        Latencies and shares.

    Returns
    -------
    tuple[Protocol, Protocol]
        Low latency, bulk.
    """
    bandwidth = reach.bandwidth * congested_share(reach, pattern, network)
    latency = network.latency[None, :]
    short = Protocol(latency, bandwidth * network.short_fraction[None, :])
    return short, Protocol(latency + network.bulk_latency[None, :], bandwidth)


def faster(short: Times, bulk: Times) -> Times:
    r"""Time under the better of two protocols, a smooth minimum.

    .. math:: t = (t_s^{-4} + t_b^{-4})^{-1/4}

    The exponent is an estimate: rings and trees of MareNostrum 5 switch within a factor of four of
    the payload at which both protocols take the same time.

    Parameters
    ----------
    short
        Time under the low-latency protocol. [s]
    bulk
        Time under the bulk protocol. [s]

    Returns
    -------
    Times
        Never more than either. [s]
    """
    least, most = jnp.minimum(short, bulk), jnp.maximum(short, bulk)
    squared = (least / jnp.maximum(most, 1e-12)) ** 2
    return least / jnp.sqrt(jnp.sqrt(1.0 + squared**2))


def used_levels(reach: Reach) -> CallLevels:
    """1 where edges of a group cross a level, else 0.

    Returns
    -------
    CallLevels
        0 or 1.
    """
    return jnp.where(reach.within > reach.below + EDGE, 1.0, 0.0)


def ring_hops(reach: Reach) -> CallLevels:
    r"""Steps of a ring all-gather over each level.

    A chunk crosses every unit of the outermost level that the group reaches and misses one edge of
    the innermost.

    .. math:: h_l = \frac{n}{g_{l-1}} - \frac{n}{g_l} + [l\ outermost] - [l\ innermost]

    Parameters
    ----------
    reach
        How the groups lie.

    Returns
    -------
    CallLevels
        Steps; both ways round a closed axis of a torus.
    """
    size, used = reach.within[:, -1:], used_levels(reach)
    outermost = jnp.where(reach.within > size - EDGE, used, 0.0)
    innermost = jnp.where(reach.below < 1.0 + EDGE, used, 0.0)
    hops = size / reach.below - size / reach.within + outermost - innermost
    straight = jnp.maximum(reach.within - 1.0, 1.0)
    turned = jnp.where(reach.inner[None, :] > 0.5, reach.inner_hops[:, None] / straight, 1.0)
    return hops * jnp.where(used > 0.5, turned, 1.0)


def ring_gather_cost(reach: Reach, protocol: Protocol) -> Cost:
    r"""Time of a ring all-gather or reduce-scatter that uses every network card.

    One ring per card: a unit of level :math:`l` with :math:`g` ranks below it carries the payload
    once over its :math:`g` cards, and all levels work at the same time.

    .. math:: t = \sum_l h_l \alpha_l + \max_{l: h_l > 0} \rho_l \frac{S}{g_{l-1} B_l}

    Each level carries :math:`\rho = (n-1)/n` of the payload; the links of a scale-up domain that
    the ring leaves spare what goes out through the card, a factor :math:`1 - 1/g`.

    Parameters
    ----------
    reach
        How the groups lie; one rank takes no time.
    protocol
        Step time :math:`\alpha` and bandwidth :math:`B`.

    Returns
    -------
    Cost
        Latency and pace.

    References
    ----------
    Patarasuk, Yuan, "Bandwidth optimal all-reduce algorithms for clusters of workstations",
    J. Parallel Distrib. Comput. 69, 2009.
    """
    size = reach.within[:, -1:]
    used = used_levels(reach) > 0.5
    spared = (reach.inner[None, :] > 0.5) & (reach.within < size - EDGE)
    share = (size - 1.0) / size * jnp.where(spared, 1.0 - reach.below / reach.within, 1.0)
    carried = share / (reach.below * protocol.bandwidth)
    pace = jnp.where(used, carried, 0.0).max(1)
    return Cost((ring_hops(reach) * protocol.latency).sum(1), pace)


def doubling_steps(reach: Reach) -> CallLevels:
    """Steps of an algorithm that doubles what a rank holds at each step, level by level.

    Returns
    -------
    CallLevels
        Steps.
    """
    peers = jnp.maximum(reach.within / reach.below, 1.0)
    return jnp.ceil(jnp.log2(peers) - EDGE)


def level_paces(reach: Reach, protocol: Protocol) -> CallLevels:
    r"""Time that each level takes to carry its part of a gather done level by level.

    .. math:: \frac{q_l - 1}{q_l} \frac{S}{g_{l-1} B_l}, \quad q_l = g_l / g_{l-1}

    Parameters
    ----------
    reach
        How the groups lie.
    protocol
        Bandwidth :math:`B`.

    Returns
    -------
    CallLevels
        Time of a byte of payload. [s/B]
    """
    share = 1.0 - reach.below / reach.within
    return share / (reach.below * protocol.bandwidth)


def recursive_gather_cost(reach: Reach, protocol: Protocol) -> Cost:
    r"""Time of an all-gather or reduce-scatter by doubling, one level after the other.

    .. math:: t = \sum_l \left[ \lceil \log_2 q_l \rceil \alpha_l
        + \frac{q_l - 1}{q_l} \frac{S}{g_{l-1} B_l} \right], \quad q_l = g_l / g_{l-1}

    Parameters
    ----------
    reach
        How the groups lie; one rank takes no time.
    protocol
        Step time and bandwidth.

    Returns
    -------
    Cost
        Latency and pace.

    References
    ----------
    Thakur, Rabenseifner, Gropp, "Optimization of collective communication operations in MPICH",
    Int. J. High Perform. Comput. Appl. 19, 2005.
    """
    steps = doubling_steps(reach) * protocol.latency
    return Cost(steps.sum(1), level_paces(reach, protocol).sum(1))


def rail_gather_cost(reach: Reach, protocol: Protocol, pipelining: Scalar) -> Cost:
    r"""Time of an all-gather or reduce-scatter along rails, chunks pipelined through the levels.

    A ring inside the scale-up domain, doubling between domains on every card. Stages on different
    links overlap; with the share :math:`\varphi` that does,

    .. math:: t = \sum_l s_l \alpha_l + M + (1 - \varphi) \left(\sum_l w_l - M\right),
        \quad M = \max_l w_l

    Parameters
    ----------
    reach
        How the groups lie.
    protocol
        Step time and bandwidth.
    pipelining
        Share :math:`\varphi` of stages that run at the same time.

    Returns
    -------
    Cost
        Latency and pace.
    """
    paces = level_paces(reach, protocol)
    steps = rail_steps(reach) * protocol.latency
    return Cost(steps.sum(1), overlapped(paces, pipelining))


def rail_steps(reach: Reach) -> CallLevels:
    """Steps of the rail algorithm: a ring in the scale-up domain, doubling outside.

    Returns
    -------
    CallLevels
        Steps.
    """
    inside = reach.inner[None, :] > 0.5
    return jnp.where(inside, reach.inner_hops[:, None], doubling_steps(reach))


def overlapped(paces: CallStages, pipelining: Scalar) -> Calls:
    """Time of stages on different links of which a share runs at the same time.

    Parameters
    ----------
    paces
        Time of each stage alone. [s]
    pipelining
        1 when the slowest stage hides all others, 0 when they follow each other.

    Returns
    -------
    Calls
        Time. [s]
    """
    slowest = paces.max(1)
    return slowest + (1.0 - pipelining) * (paces.sum(1) - slowest)


def tree_reduce_cost(reach: Reach, protocol: Protocol, share: Scalar) -> Cost:
    r"""Time of an all-reduce over a pair of pipelined binary trees between units.

    A chain inside the scale-up domain, trees between domains; every rank sends the buffer up and
    down, spread over the cards of its unit.

    .. math:: t = 2 \left[(g_0 - 1) \alpha_0 + \sum_{l > 0} \log_2 q_l\, \alpha_l\right]
        + \frac{2 S}{\tau} \max_l \frac{1}{g_{l-1} B_l}

    Parameters
    ----------
    reach
        How the groups lie; one rank takes no time.
    protocol
        Step time and bandwidth.
    share
        Bandwidth :math:`\tau` of a tree over that of a ring.

    Returns
    -------
    Cost
        Latency and pace.

    References
    ----------
    Sanders, Speck, Traeff, "Two-tree algorithms for full bandwidth broadcast, reduction and scan",
    Parallel Computing 35, 2009.
    """
    inside = reach.inner[None, :] > 0.5
    peers = jnp.maximum(reach.within / reach.below, 1.0)
    steps = jnp.where(inside, reach.inner_hops[:, None], jnp.log2(peers))
    carried = jnp.where(inside, 1.0 - reach.below / reach.within, 1.0)
    each = carried / (reach.below * protocol.bandwidth)
    pace = jnp.where(used_levels(reach) > 0.5, each, 0.0).max(1)
    return Cost(2.0 * (steps * protocol.latency).sum(1), 2.0 * pace / share)


def in_network_reduce_cost(
    reach: Reach, protocol: Protocol, network: Network, pipelining: Scalar
) -> Cost:
    r"""Time of an all-reduce in which switches add up where they can.

    A level that reduces carries the buffer once up and once down at the same time; levels outside
    the domain that all reduce are one tree of switches, as fast as the slowest of them. A level
    that can't reduces along rails. Stages overlap as in :func:`rail_gather_cost`.

    .. math:: w_l = \frac{S}{g_{l-1} \eta_l B_l}

    Parameters
    ----------
    reach
        How the groups lie.
    protocol
        Step time and bandwidth.
    network
        Share of the bandwidth :math:`\eta` at which its levels reduce.
    pipelining
        Share of the stages that run at the same time.

    Returns
    -------
    Cost
        Latency and pace.

    References
    ----------
    Graham et al., "Scalable Hierarchical Aggregation Protocol (SHARP)", COM-HPC 2016.
    """
    able = network.reduction[None, :] > 0.0
    inside = reach.inner[None, :] > 0.5
    share = jnp.where(able, network.reduction[None, :], 1.0)
    once = 1.0 / (reach.below * share * protocol.bandwidth)
    used = used_levels(reach) > 0.5
    tree = jnp.where(used & able & ~inside, once, 0.0).max(1)
    along = 2.0 * level_paces(reach, protocol)
    stages = jnp.where(able, jnp.where(inside & used, once, 0.0), along)
    paces = jnp.concatenate([stages, tree[:, None]], axis=1)
    climbs = jnp.where(used, 1.0, 0.0)
    steps = 2.0 * jnp.where(able, climbs, rail_steps(reach))
    return Cost((steps * protocol.latency).sum(1), overlapped(paces, pipelining))


class Collectives(NamedTuple):
    """Costs of the collectives of groups."""

    gather: Costs
    """All-gather or reduce-scatter by ring, recursive and rail."""
    all_reduce: Costs
    """All-reduce by every algorithm."""


def collective_costs(groups: Groups, network: Network, library: Library) -> Collectives:
    """Latency and pace of gathers and all-reduces by each algorithm.

    Parameters
    ----------
    groups
        Ranks that take part.
    network
        The levels that join them.
    library
        The software; what it does not have takes for ever.

    Returns
    -------
    Collectives
        By algorithm and group, launch included; one rank takes no time.
    """
    reach = lay(groups, network)
    several = reach.within[:, -1] > 1.0 + EDGE
    reduces = (used_levels(reach) > 0.5) & (network.reduction > 0.0)[None, :]
    able = jnp.where(reduces, 1.0, 0.0).sum(1) > 0.5
    gathers, all_reduces = [], []
    for ring, pair in zip(
        protocols(reach, NEIGHBOUR, network), protocols(reach, PERMUTATION, network), strict=True
    ):
        gather = _stacked(
            ring_gather_cost(reach, ring),
            recursive_gather_cost(reach, pair),
            rail_gather_cost(reach, pair, library.pipelining),
        )
        reduce = _stacked(
            tree_reduce_cost(reach, ring, library.tree_share),
            _where(able, in_network_reduce_cost(reach, ring, network, library.pipelining)),
        )
        both = Cost(
            jnp.concatenate([2.0 * gather.latency, reduce.latency]),
            jnp.concatenate([2.0 * gather.pace, reduce.pace]),
        )
        gathers.append(_started(gather, library.allowed[:GATHERS], several, library))
        all_reduces.append(_started(both, library.allowed, several, library))
    return Collectives(Costs(*gathers), Costs(*all_reduces))


def _stacked(*costs: Cost) -> Cost:
    """Costs of several algorithms."""
    return Cost(*(jnp.stack(parts) for parts in zip(*costs, strict=True)))


def _where(able: Array, cost: Cost) -> Cost:
    """The cost where an algorithm applies."""
    return cost._replace(latency=jnp.where(able, cost.latency, NEVER))


def _started(cost: Cost, allowed: Algorithms, several: Array, library: Library) -> Cost:
    """Adds the launch, takes out what the software lacks, and lets one rank pass."""
    possible = jnp.where(allowed[:, None] > 0.5, cost.latency + library.launch, NEVER)
    return cost._replace(latency=jnp.where(several[None, :], possible, 0.0))


def times_of(payload: Calls, costs: Costs) -> AlgorithmCalls:
    """Time of each algorithm under the better protocol.

    Parameters
    ----------
    payload
        What the module calls the payload of a collective. [B]
    costs
        Latency and pace by algorithm and call.

    Returns
    -------
    AlgorithmCalls
        Completion times. [s]
    """
    short, bulk = (cost.latency + payload[None, :] * cost.pace for cost in costs)
    return faster(short, bulk)


def gather_times(
    payload: Calls, groups: Groups, network: Network, library: Library
) -> AlgorithmCalls:
    """Time of an all-gather or reduce-scatter by each algorithm.

    Parameters
    ----------
    payload
        Gathered output, or full input of a reduce-scatter. [B]
    groups
        Ranks that take part.
    network
        The levels that join them.
    library
        The software; what it does not have takes for ever.

    Returns
    -------
    AlgorithmCalls
        Completion times by ring, recursive and rail, launch included; one rank takes none. [s]
    """
    return times_of(payload, collective_costs(groups, network, library).gather)


def all_reduce_times(
    payload: Calls, groups: Groups, network: Network, library: Library
) -> AlgorithmCalls:
    """Time of an all-reduce by each algorithm.

    Parameters
    ----------
    payload
        Buffer on every rank. [B]
    groups
        Ranks that take part.
    network
        The levels that join them.
    library
        The software; what it does not have takes for ever.

    Returns
    -------
    AlgorithmCalls
        Completion times, launch included; one rank takes none. [s]
    """
    return times_of(payload, collective_costs(groups, network, library).all_reduce)


def gather_time(payload: Calls, groups: Groups, network: Network, library: Library) -> Calls:
    """Time of an all-gather or reduce-scatter by the fastest algorithm that the software has.

    Parameters
    ----------
    payload
        Gathered output, or full input of a reduce-scatter. [B]
    groups
        Ranks that take part.
    network
        The levels that join them.
    library
        The software.

    Returns
    -------
    Calls
        Completion time. [s]
    """
    return gather_times(payload, groups, network, library).min(0)


def all_reduce_time(payload: Calls, groups: Groups, network: Network, library: Library) -> Calls:
    """Time of an all-reduce by the fastest algorithm that the software has.

    Parameters
    ----------
    payload
        Buffer on every rank. [B]
    groups
        Ranks that take part.
    network
        The levels that join them.
    library
        The software.

    Returns
    -------
    Calls
        Completion time. [s]
    """
    return all_reduce_times(payload, groups, network, library).min(0)


def gather_sent(payload: Calls, groups: Groups, network: Network) -> CallLevels:
    r"""Bytes per chip that an all-gather or reduce-scatter sends over each level.

    .. math:: b_l = \frac{q_l - 1}{q_l} \frac{S}{g_{l-1}}

    Returns
    -------
    CallLevels
        Bytes. [B]
    """
    within = ranks_within(groups, network)
    below = ranks_below(within)
    return (1.0 - below / within) * payload[:, None] / below


def send_time(message: Scalar, stride: Scalar, network: Network) -> Real:
    r"""Time of one message to the chip `stride` away.

    .. math:: t = \alpha_l + S / B_l, \quad l = \min \{ l : D_l > stride \}

    Parameters
    ----------
    message
        Message :math:`S`. [B]
    stride
        Distance in rank order. [chips]
    network
        The levels.

    Returns
    -------
    Real
        Completion time by the faster protocol. [s]
    """
    reached = network.domain > stride
    outermost = jnp.arange(network.domain.shape[0]) == network.domain.shape[0] - 1
    aggregate = network.bandwidth * network.share[PERMUTATION]
    bandwidth = jnp.where(network.scaleup > 0.5, jnp.minimum(aggregate, network.pair), aggregate)
    short = network.latency + message / (bandwidth * network.short_fraction)
    times = faster(short, network.latency + network.bulk_latency + message / bandwidth)
    return jnp.min(jnp.where(reached | outermost, times, jnp.inf))
