"""Time of a collective over the levels of a network.

Payload means: all-gather, the gathered output; reduce-scatter, the full input; all-reduce,
the buffer on every rank; exchange (all-to-all), the send buffer of one rank; send, the message.
"""

import jax.numpy as jnp

from perfmodel_kernels._typing import CallLevels, Calls, Levels, Real, Scalar
from perfmodel_kernels.topology import Groups, Network, ranks_below, ranks_within


def ring_gather_time(payload: Calls, groups: Groups, network: Network) -> Calls:
    r"""Time of a ring all-gather or reduce-scatter that uses every network card.

    One ring per card: a unit of level :math:`l` with :math:`g` ranks below it carries the payload
    once over its :math:`g` cards, and all levels work at the same time.

    .. math:: t = \sum_l h_l \alpha_l + \max_{l: h_l > 0} \rho_l \frac{S}{g_{l-1} B_l},
        \quad h_l = \frac{n}{g_{l-1}} - \frac{n}{g_l} + [l\ outermost] - [l\ innermost]

    A chunk crosses every unit of the outermost level that the group reaches and misses one edge of
    the innermost. Each level carries :math:`\rho = (n-1)/n` of the payload; the links of a scale-up
    domain that the ring leaves spare what goes out through the card, a factor :math:`1 - 1/g`.

    Parameters
    ----------
    payload
        Gathered output :math:`S`. [B]
    groups
        Ranks that take part; one rank takes no time.
    network
        The levels that join them.

    Returns
    -------
    Calls
        Completion time. [s]

    References
    ----------
    Patarasuk, Yuan, "Bandwidth optimal all-reduce algorithms for clusters of workstations",
    J. Parallel Distrib. Comput. 69, 2009.
    """
    within = ranks_within(groups, network)
    below = ranks_below(within)
    size = groups.size[:, None]
    used = within > below + 1e-3  # a level that no edge of the ring crosses carries nothing
    outermost = jnp.where(used & (within > size - 1e-3), 1.0, 0.0)
    innermost = jnp.where(used & (below < 1.0 + 1e-3), 1.0, 0.0)
    hops = size / below - size / within + outermost - innermost
    scale_up = jnp.arange(network.domain.shape[0])[None, :] == 0
    spared = scale_up & (within < size - 1e-3)
    share = (size - 1.0) / size * jnp.where(spared, 1.0 - below / within, 1.0)
    pace = jnp.where(used, share * payload[:, None] / (below * network.bandwidth[None, :]), 0.0)
    return (hops * network.latency[None, :]).sum(1) + pace.max(1)


def hierarchical_gather_time(payload: Calls, groups: Groups, network: Network) -> Calls:
    r"""Time of an all-gather or reduce-scatter done level by level, logarithmic in each.

    .. math:: t = \sum_l \left[ \lceil \log_2 q_l \rceil \alpha_l
        + \frac{q_l - 1}{q_l} \frac{S}{g_{l-1} B_l} \right], \quad q_l = g_l / g_{l-1}

    Parameters
    ----------
    payload
        Gathered output :math:`S`. [B]
    groups
        Ranks that take part; one rank takes no time.
    network
        The levels that join them.

    Returns
    -------
    Calls
        Completion time. [s]

    References
    ----------
    Thakur, Rabenseifner, Gropp, "Optimization of collective communication operations in MPICH",
    Int. J. High Perform. Comput. Appl. 19, 2005.
    """
    within = ranks_within(groups, network)
    below = ranks_below(within)
    peers = jnp.maximum(within / below, 1.0)
    steps = jnp.ceil(jnp.log2(peers) - 1e-3)  # 1e-3: float32 log2 of a power of two
    share = (peers - 1.0) / peers * payload[:, None] / (below * network.bandwidth[None, :])
    return (steps * network.latency[None, :] + share).sum(1)


def gather_time(payload: Calls, groups: Groups, network: Network) -> Calls:
    """Time of an all-gather or reduce-scatter by the faster algorithm.

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
    Calls
        Completion time. [s]
    """
    return jnp.minimum(
        ring_gather_time(payload, groups, network),
        hierarchical_gather_time(payload, groups, network),
    )


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
    within = ranks_within(group, network)
    inside, below = within[0], ranks_below(within)[0]
    size = group.size[0]
    domains = distinct_units(copies, size / inside[0], limit)
    outside = tokens * domains * (inside - below) / size
    copied = tokens * distinct_units(copies, size, copies) * (1.0 - 1.0 / inside[0])
    innermost = jnp.arange(network.domain.shape[0]) == 0
    return jnp.where(innermost, copied, outside)


def exchange_time(sent: Levels, group: Groups, network: Network) -> Real:
    r"""Time of an all-to-all from the bytes that each chip sends over each level.

    The scale-up links work beside the network card, which all outer levels share.

    .. math:: t = \max\left(\frac{x_0}{B_0}, \sum_{l>0} \frac{x_l}{B_l}\right)
        + \sum_l \lceil \log_2 q_l \rceil \alpha_l

    Parameters
    ----------
    sent
        Bytes :math:`x_l` per chip and level. [B]
    group
        The group, an axis of one call.
    network
        The levels that join it.

    Returns
    -------
    Real
        Completion time. [s]
    """
    within = ranks_within(group, network)
    peers = jnp.maximum(within / ranks_below(within), 1.0)[0]
    start = jnp.ceil(jnp.log2(peers) - 1e-3) * network.latency
    paces = sent / network.bandwidth
    return jnp.maximum(paces[0], paces[1:].sum()) + start.sum()


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
        Completion time. [s]
    """
    reached = network.domain > stride
    outermost = jnp.arange(network.domain.shape[0]) == network.domain.shape[0] - 1
    candidates = jnp.where(
        reached | outermost, network.latency + message / network.bandwidth, jnp.inf
    )
    return jnp.min(candidates)
