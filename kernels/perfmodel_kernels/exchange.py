"""Everyone to everyone: all-to-all by algorithm, and tokens on their way to experts."""

import jax.numpy as jnp

from perfmodel_kernels._typing import AlgorithmCalls, CallLevels, Calls, Levels, Real, Scalar
from perfmodel_kernels.collectives import (
    Cost,
    Costs,
    Library,
    Protocol,
    faster,
    overlapped,
    protocols,
    times_of,
    used_levels,
)
from perfmodel_kernels.topology import (
    EDGE,
    UNIFORM,
    Groups,
    Network,
    Reach,
    axis_ways,
    congested_share,
    lay,
    ranks_below,
    ranks_within,
)

PAIRWISE, BRUCK, DIRECT, FORWARDED = range(4)
"""Rows of the algorithm axis of an all-to-all."""


def uniform_paces(payload: Calls, groups: Groups, network: Network) -> CallLevels:
    r"""Time that each level needs for traffic spread evenly over all pairs of a group.

    A level carries all that leaves the units below it; an axis of :math:`X` chips in a torus
    carries half of that over its middle, twice over the links of a ring:

    .. math:: w_l = \frac{S}{B_l} \left(1 - \frac{g_{l-1}}{n}\right), \quad
        w_l = \frac{S X_l}{4 w B_{pair}}

    Parameters
    ----------
    payload
        Send buffer :math:`S` of one rank. [B]
    groups
        Ranks that take part.
    network
        The levels; :math:`w` is 2 on an axis that closes to a ring, else 1.

    Returns
    -------
    CallLevels
        Times; the largest is the bound of the network. [s]
    """
    raw, reach = ranks_within(groups, network), lay(groups, network)
    size = groups.size[:, None]
    extent = raw / ranks_below(raw)
    ways = axis_ways(extent, network)
    axis = (network.wrap[None, :] > 0.5) & (network.scaleup[None, :] > 0.5)
    leaves = 1.0 - reach.below / size
    stays = jnp.where(reach.inner[None, :] > 0.5, leaves - (1.0 - reach.within / size), leaves)
    crossing = jnp.where(reach.within > reach.below + EDGE, stays, 0.0)
    bandwidth = reach.bandwidth * congested_share(reach, UNIFORM, network)
    straight = crossing * payload[:, None] / bandwidth
    middle = payload[:, None] * extent / (4.0 * jnp.maximum(ways, 1.0) * network.pair)
    return jnp.where(axis, jnp.where(ways > 0.5, middle, 0.0), straight)


def pairwise_exchange_time(payload: Calls, reach: Reach, protocol: Protocol) -> Calls:
    r"""Time of an all-to-all in rounds, one partner after the other.

    .. math:: t = \sum_l (g_l - g_{l-1}) \left(\alpha_l + \frac{S}{n B_l}\right)

    Parameters
    ----------
    payload
        Send buffer :math:`S` of one rank. [B]
    reach
        How the groups lie.
    protocol
        Step time and bandwidth.

    Returns
    -------
    Calls
        Completion time. [s]
    """
    block = payload[:, None] / reach.within[:, -1:]
    rounds = reach.within - reach.below
    return (rounds * (protocol.latency + block / protocol.bandwidth)).sum(1)


def bruck_exchange_time(payload: Calls, reach: Reach, protocol: Protocol) -> Calls:
    r"""Time of an all-to-all that moves half of the buffer at each of few steps.

    Some rank crosses the outermost level at every step, and all wait for it.

    .. math:: t = \lceil \log_2 n \rceil \max_l \left(\alpha_l + \frac{S}{2 B_l}\right)

    Parameters
    ----------
    payload
        Send buffer :math:`S` of one rank. [B]
    reach
        How the groups lie.
    protocol
        Step time and bandwidth.

    Returns
    -------
    Calls
        Completion time. [s]

    References
    ----------
    Bruck et al., "Efficient algorithms for all-to-all communications in multiport message-passing
    systems", IEEE Trans. Parallel Distrib. Syst. 8, 1997.
    """
    steps = jnp.ceil(jnp.log2(reach.within[:, -1]) - EDGE)
    step = protocol.latency + 0.5 * payload[:, None] / protocol.bandwidth
    return steps * jnp.where(used_levels(reach) > 0.5, step, 0.0).max(1)


def direct_exchange_time(paces: CallLevels, reach: Reach, protocol: Protocol) -> Calls:
    r"""Time of an all-to-all whose messages all travel at once.

    .. math:: t = \max_l \alpha_l + \max_l w_l

    Parameters
    ----------
    paces
        Time :math:`w_l` that each level needs. [s]
    reach
        How the groups lie.
    protocol
        Step time.

    Returns
    -------
    Calls
        Completion time. [s]
    """
    far = jnp.where(used_levels(reach) > 0.5, protocol.latency, 0.0).max(1)
    return far + paces.max(1)


def forwarded_exchange_time(
    payload: Calls, reach: Reach, protocol: Protocol, pipelining: Scalar
) -> Calls:
    r"""Time of an all-to-all that gathers in the domain what leaves it along each rail.

    .. math:: w_0 = \frac{g_0 - 1}{g_0} \frac{S}{B_0}, \quad
        w_l = \left(1 - \frac{g_{l-1}}{n}\right) \frac{S}{B_l}

    The domain and the cards overlap as in :func:`rail_gather_time`.

    Parameters
    ----------
    payload
        Send buffer :math:`S` of one rank. [B]
    reach
        How the groups lie.
    protocol
        Step time and bandwidth.
    pipelining
        Share of the stages that run at the same time.

    Returns
    -------
    Calls
        Completion time. [s]
    """
    inside = reach.inner[None, :] > 0.5
    used = used_levels(reach)
    stays = 1.0 - reach.below / reach.within
    leaves = 1.0 - reach.below / reach.within[:, -1:]
    share = used * jnp.where(inside, stays, leaves)
    paces = share * payload[:, None] / protocol.bandwidth
    outside = jnp.where(inside, 0.0, paces).max(1)
    within = jnp.where(inside, paces, 0.0).max(1)
    stages = jnp.stack([within, outside], axis=1)
    return (used * protocol.latency).sum(1) + overlapped(stages, pipelining)


def all_to_all_times(
    payload: Calls, groups: Groups, network: Network, library: Library
) -> AlgorithmCalls:
    """Time of an all-to-all by each algorithm.

    Parameters
    ----------
    payload
        Send buffer of one rank. [B]
    groups
        Ranks that take part.
    network
        The levels that join them.
    library
        The software.

    Returns
    -------
    AlgorithmCalls
        Pairwise, Bruck, direct and forwarded, launch included; one rank takes none. [s]
    """
    reach = lay(groups, network)
    ways = protocols(reach, UNIFORM, network)
    paces = uniform_paces(payload, groups, network)
    slower = paces / jnp.maximum(network.short_fraction[None, :], EDGE**2)
    phi = library.pipelining
    times = jnp.stack([
        faster(*(pairwise_exchange_time(payload, reach, way) for way in ways)),
        faster(*(bruck_exchange_time(payload, reach, way) for way in ways)),
        faster(
            direct_exchange_time(slower, reach, ways[0]),
            direct_exchange_time(paces, reach, ways[1]),
        ),
        faster(*(forwarded_exchange_time(payload, reach, way, phi) for way in ways)),
    ])  # fmt: skip
    return jnp.where(groups.size[None, :] > 1.0 + EDGE, times + library.launch, 0.0)


def distinct_units(copies: Scalar, units: Scalar, limit: Scalar) -> Real:
    r"""Units that hold at least one of a token's experts, at most `limit` of them.

    .. math:: u = \min(D [1 - (1 - 1/D)^c], limit)

    Parameters
    ----------
    copies
        Experts :math:`c` that a token visits.
    units
        Units :math:`D` among which the experts lie, uniformly.
    limit
        Units that the router allows.

    Returns
    -------
    Real
        Expected number of units.
    """
    missed = jnp.exp(copies * jnp.log1p(-1.0 / jnp.maximum(units, 1.0 + 1e-6)))
    return jnp.minimum(units * (1.0 - missed), limit)


def expert_exchange_traffic(
    tokens: Scalar, copies: Scalar, limit: Scalar, group: Groups, network: Network
) -> Levels:
    r"""Token copies per chip that cross each level when tokens travel to their experts.

    A token leaves its scale-up domain once per other domain that holds one of its experts and is
    multiplied there: only a domain forwards, switches outside do not. Combine is the mirror image.

    .. math:: x_0 = T\,u(n) \left(1 - \frac{1}{g_0}\right),\quad
        x_l = T\,u(n / g_0)\,\frac{g_l - g_{l-1}}{n}

    Parameters
    ----------
    tokens
        Tokens :math:`T` that one chip holds.
    copies
        Experts that a token visits.
    limit
        Outer units that a token's experts may lie on.
    group
        The expert-parallel group, an axis of one call.
    network
        The levels that join it.

    Returns
    -------
    Levels
        Token copies.

    References
    ----------
    DeepSeek-AI, "DeepSeek-V3 Technical Report", arXiv 2412.19437, section 3.2.2.
    """
    reach = lay(group, network)
    size = group.size[0]
    domain = (reach.within[0] * reach.inner).sum()
    domains = distinct_units(copies, size / domain, limit)
    outside = tokens * domains * (reach.within - reach.below)[0] / size
    copied = tokens * distinct_units(copies, size, copies) * (1.0 - 1.0 / domain)
    return jnp.where(reach.inner > 0.5, copied, jnp.where(network.scaleup > 0.5, 0.0, outside))


def exchange_costs(sent: Levels, group: Groups, network: Network, library: Library) -> Costs:
    r"""Latency and pace of an exchange of tokens from the copies that cross each level.

    The scale-up links work beside the network card, which carries all that leaves the domain;
    an outer level carries what goes at least that far.

    .. math:: t = \max\left(\frac{x_0}{B_0}, \max_{l > 0} \frac{\sum_{k \geq l} x_k}{B_l}\right) w
        + \max_l \alpha_l + t_0

    Parameters
    ----------
    sent
        Copies :math:`x_l` per chip and level; the payload is the width :math:`w` of one, in [B].
    group
        The group, an axis of one call.
    network
        The levels that join it.
    library
        The software.

    Returns
    -------
    Costs
        Latency and pace, one algorithm and one call; one rank takes no time.
    """
    reach = lay(group, network)
    short, bulk = protocols(reach, UNIFORM, network)
    even = uniform_paces(jnp.ones_like(group.size), group, network)[0]
    inside = (even * network.scaleup).max()  # of one byte spread over all peers
    domain = (reach.within[0] * reach.inner).sum()
    kept = jnp.maximum(1.0 - 1.0 / domain, EDGE)
    beyond = jnp.stack([sent[level:].sum() for level in range(sent.shape[0])])
    paces = jnp.where(
        network.scaleup > 0.5,
        reach.inner * sent * inside / kept,
        beyond / bulk.bandwidth[0],
    )
    slower = paces / jnp.maximum(network.short_fraction, EDGE**2)
    several = group.size[0] > 1.0 + EDGE

    def cost(protocol: Protocol, each: Levels) -> Cost:
        far = jnp.where(used_levels(reach) > 0.5, protocol.latency, 0.0).max()
        latency = jnp.where(several, far + library.launch, 0.0)
        return Cost(latency[None, None], each.max()[None, None])

    return Costs(cost(short, slower), cost(bulk, paces))


def exchange_time(sent: Levels, group: Groups, network: Network, library: Library) -> Real:
    """Time of an exchange from the bytes that each chip sends over each level.

    Parameters
    ----------
    sent
        Bytes per chip and level. [B]
    group
        The group, an axis of one call.
    network
        The levels that join it.
    library
        The software.

    Returns
    -------
    Real
        Completion time; one rank takes none. [s]
    """
    costs = exchange_costs(sent, group, network, library)
    return times_of(jnp.ones_like(group.size), costs)[0, 0]
