"""Time of a gather, scatter or all-reduce over the levels of a network, by algorithm.

Payload means: all-gather, the gathered output; reduce-scatter, the full input; all-reduce,
the buffer on every rank; exchange (all-to-all), the send buffer of one rank; send, the message;
broadcast and reduce, the message; gather and scatter with a root, what the root holds.
"""

from collections.abc import Sequence
from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array

from perfmodel_kernels._typing import (
    AlgorithmCalls,
    Algorithms,
    CallLevels,
    Calls,
    Levels,
    Real,
    Scalar,
    Times,
)
from perfmodel_kernels.level_methods import (
    Method,
    channel_units,
    gather_sent_shares,
    in_network_reduce,
    level_units,
    rail_gather,
    recursive_gather,
    ring_gather,
    single_units,
    tree_reduce,
    used_levels,
)
from perfmodel_kernels.topology import (
    EDGE,
    NEIGHBOUR,
    PERMUTATION,
    Groups,
    Network,
    Reach,
    lay,
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
    leaving: Scalar
    """Most that the channels of one collective move out of a scale-up domain. [B/s]"""
    chunk: Scalar
    """What a rank hands at once to switches that add up. [B]"""
    message: Scalar
    """Time to issue one of many messages that travel at once. [s]"""
    hidden: Scalar
    """Share of the steps of rings and trees that hide behind bytes on their way."""


class Cost(NamedTuple):
    """A collective by one algorithm: latency plus payload times path, or payload times pace."""

    latency: Calls | AlgorithmCalls
    """Time of an empty payload. [s]"""
    path: Calls | AlgorithmCalls
    """Time that a byte of payload adds to the longest chain of messages. [s/B]"""
    pace: Calls | AlgorithmCalls
    """Time that a byte of payload takes of the busiest link. [s/B]"""


class Costs(NamedTuple):
    """A collective by every algorithm, under both protocols."""

    short: Cost
    """Low-latency protocol, algorithm by call."""
    bulk: Cost
    """Bulk protocol, algorithm by call."""


def costs_of(methods: Sequence[Method], network: Network, hidden: Scalar = 0.0) -> Costs:
    r"""Latency and pace of methods under both protocols.

    Under the bulk protocol the first chunk takes :math:`f` to the end of its chain.

    .. math:: t = \max\left(f + \sum_l s_l \alpha_l + S P, S W\right), \quad
        W = M + (1 - \varphi) \left(\sum_l w_l - M\right), \quad M = \max_l w_l

    The longest chain of messages takes :math:`P = \sum_l p_l` where a method has one beside its
    busiest links, else :math:`P = W`: links wait for messages, and the times add up.

    Parameters
    ----------
    methods
        Steps :math:`s`, loads :math:`w`, overlap :math:`\varphi`, chain :math:`p` and fill
        :math:`f` of each.
    network
        Time of a step; bandwidth of the low-latency protocol.
    hidden
        Share of the difference between chain and links that the software hides.

    Returns
    -------
    Costs
        By method and call.
    """
    steps = jnp.stack([method.steps for method in methods])
    loads = jnp.stack([method.loads for method in methods])
    each = jnp.zeros_like(loads[0, :, 0])
    apart = jnp.stack([1.0 - method.overlap + each for method in methods])
    fill = jnp.stack([method.fill + each for method in methods])

    def cost(latency: Array, fraction: Levels) -> Cost:
        slower = loads / fraction[None, None, :]
        slowest = slower.max(2)
        pace = slowest + apart * (slower.sum(2) - slowest)
        paths = [
            pace[row]
            if method.path is None
            else pace[row] + hidden * ((method.path / fraction[None, :]).sum(1) - pace[row])
            for row, method in enumerate(methods)
        ]
        return Cost(latency, jnp.stack(paths), pace)

    latency = (steps * network.latency[None, None, :]).sum(2)
    more = fill + (steps * network.bulk_latency[None, None, :]).sum(2)
    whole = jnp.ones_like(network.short_fraction)
    return Costs(cost(latency, network.short_fraction), cost(latency + more, whole))


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
    return collectives_of(lay(groups, network), network, library)


def collectives_of(reach: Reach, network: Network, library: Library) -> Collectives:
    """Latency and pace of gathers and all-reduces of groups that lie as they do.

    Parameters
    ----------
    reach
        How the groups lie.
    network
        The levels.
    library
        The software; what it does not have takes for ever.

    Returns
    -------
    Collectives
        By algorithm and group, launch included; one rank takes no time.
    """
    ring = channel_units(level_units(reach, NEIGHBOUR, network), reach, library.leaving)
    pair = level_units(reach, PERMUTATION, network)
    methods = (
        ring_gather(reach, ring),
        recursive_gather(reach, single_units(pair, reach, network)),
        rail_gather(reach, pair, library.pipelining),
        tree_reduce(reach, ring, library.tree_share),
        in_network_reduce(reach, ring, network, library.chunk),
    )
    reduces = used_levels(reach) * (jnp.where(network.reduction > 0.0, 1.0, 0.0))[None, :]
    lacking = jnp.where(reduces.sum(1) > 0.5, 0.0, NEVER)
    several = jnp.asarray(reach.within[:, -1] > 1.0 + EDGE)
    gathers, all_reduces = [], []
    for cost in costs_of(methods, network, library.hidden):
        gather = Cost(*(part[:GATHERS] for part in cost))
        doubled = Cost(
            jnp.concatenate([
                2.0 * gather.latency,
                cost.latency[TREE:IN_NETWORK],
                (cost.latency[IN_NETWORK] + lacking)[None, :],
            ]),
            jnp.concatenate([2.0 * gather.path, cost.path[GATHERS:]]),
            jnp.concatenate([2.0 * gather.pace, cost.pace[GATHERS:]]),
        )  # fmt: skip
        gathers.append(_started(gather, library.allowed[:GATHERS], several, library))
        all_reduces.append(_started(doubled, library.allowed, several, library))
    return Collectives(Costs(*gathers), Costs(*all_reduces))


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
    short, bulk = (
        jnp.maximum(cost.latency + payload[None, :] * cost.path, payload[None, :] * cost.pace)
        for cost in costs
    )
    return jnp.asarray(faster(short, bulk))


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
    """Bytes per chip that an all-gather or reduce-scatter sends over each level.

    Parameters
    ----------
    payload
        Gathered output, or full input of a reduce-scatter. [B]
    groups
        Ranks that take part.
    network
        The levels that join them.

    Returns
    -------
    CallLevels
        Bytes; those on any axis of a torus stand at its outermost one. [B]
    """
    return payload[:, None] * gather_sent_shares(lay(groups, network))


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
    single = (network.scaleup > 0.5) & (network.pair < aggregate * (1.0 - EDGE))
    bandwidth = jnp.where(single, network.pair, aggregate)
    short = network.latency + message / (bandwidth * network.short_fraction)
    times = faster(short, network.latency + network.bulk_latency + message / bandwidth)
    return jnp.min(jnp.where(reached | outermost, times, jnp.inf))
