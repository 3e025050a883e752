"""Levels of a network, and how a group of ranks lies across them."""

from typing import NamedTuple

import jax.numpy as jnp

from perfmodel_kernels._typing import CallLevels, Calls, Levels, PatternLevels, Scalar
from perfmodel_kernels.extremes import expected_maximum

NEIGHBOUR, PERMUTATION, UNIFORM = range(3)
"""Rows of the pattern axis: rings, exchanges with one partner, everyone with everyone."""

EDGE = 1e-3
"""Margin of a comparison between counts of ranks, above the rounding of float32 quotients."""


class Network(NamedTuple):
    """The network as one chip sees it: an ordered list of levels, innermost first.

    A scale-up domain behind a switch, or a full mesh, is one level; a torus is one level per axis.
    """

    domain: Levels
    """Chips in one unit of the level; the outermost holds all."""
    bandwidth: Levels
    """Sustained bandwidth per chip and direction for traffic that crosses the level. [B/s]"""
    latency: Levels
    """One step of the low-latency protocol between chips that meet at the level. [s]"""
    bulk_latency: Levels
    """What the bulk protocol adds to a step: slots, flags, fences. [s]"""
    short_fraction: Levels
    """Bandwidth of the low-latency protocol over that of the bulk protocol."""
    share: PatternLevels
    """Mean rate that collisions of flows leave, by traffic pattern."""
    spread: PatternLevels
    """Standard deviation over the mean of the time of a flow, by traffic pattern."""
    reduction: Levels
    """Share of the bandwidth at which the level reduces in the network; 0 where it can't."""
    scaleup: Levels
    """1 where the level belongs to the scale-up domain, else 0."""
    wrap: Levels
    """Chips whose multiples close an axis of a torus to a ring; 0 where the level is no axis."""
    pair: Scalar
    """Bandwidth of the links to one peer, or to one neighbour of a torus. [B/s]"""


class Groups(NamedTuple):
    """Communication groups: who talks to whom."""

    size: Calls
    """Ranks that take part."""
    stride: Calls
    """Distance between neighbouring ranks of the group. [chips]"""


class Apart(NamedTuple):
    """What messages to partners that are no neighbours cost on a torus; 0 where there is none."""

    doubling_hops: Calls
    """Hops, one after the other, of messages whose distance doubles along each axis."""
    doubling: Calls
    """Time of a byte of payload that they gather. [s/B]"""
    round_hops: Calls
    """Hops of messages to every other chip, one chip after the other."""
    rounds: Calls
    """Time of a byte that goes to each. [s/B]"""


class Reach(NamedTuple):
    """How groups lie over the levels, the axes of a torus folded into one level."""

    within: CallLevels
    """Ranks of the group inside one unit of the level."""
    below: CallLevels
    """Ranks inside one unit of the level below."""
    bandwidth: CallLevels
    """Sustained bandwidth per rank and direction, links that the group leaves idle apart. [B/s]"""
    inner_hops: Calls
    """Steps of a ring inside the scale-up domain."""
    inner: Levels
    """1 at the level that stands for the scale-up domain, else 0."""
    middle: Calls
    """Time over the middle of the longest axis of a torus for a byte that each rank sends to all;
    0 where there is none. [s/B]"""
    apart: Apart
    """Partners that are no neighbours inside the domain."""


def ranks_within(groups: Groups, network: Network) -> CallLevels:
    r"""Ranks of a group inside one unit of each level.

    .. math:: g_l = \mathrm{clip}(\lfloor D_l / s \rfloor, 1, n)

    Parameters
    ----------
    groups
        Sizes :math:`n` and strides :math:`s`.
    network
        Domains :math:`D_l`.

    Returns
    -------
    CallLevels
        Ranks, growing from level to level up to the whole group.
    """
    reach = jnp.floor(network.domain[None, :] / groups.stride[:, None])
    inner = jnp.clip(reach, 1.0, groups.size[:, None])
    outermost = jnp.arange(network.domain.shape[0]) == network.domain.shape[0] - 1
    return jnp.where(outermost[None, :], groups.size[:, None], inner)


def ranks_below(within: CallLevels) -> CallLevels:
    """Ranks of a group inside one unit of the level below; one below the innermost.

    Parameters
    ----------
    within
        Ranks inside one unit of each level, from :func:`ranks_within`.

    Returns
    -------
    CallLevels
        The same, shifted outwards by one level.
    """
    return jnp.concatenate([jnp.ones_like(within[:, :1]), within[:, :-1]], axis=1)


def axis_ways(extent: CallLevels, network: Network) -> CallLevels:
    """Directions in which a group can use an axis of a torus: two where it closes to a ring.

    Parameters
    ----------
    extent
        Ranks of the group along each level.
    network
        Multiples at which an axis closes.

    Returns
    -------
    CallLevels
        2, 1, or 0 where the group has one rank along the level.
    """
    turns = extent / jnp.maximum(network.wrap[None, :], 1.0)
    closed = jnp.abs(turns - jnp.maximum(jnp.round(turns), 1.0)) < EDGE
    ways = jnp.where(closed, 2.0, jnp.ones_like(extent))
    return jnp.where(extent > 1.0 + EDGE, ways, 0.0)


def lay(groups: Groups, network: Network) -> Reach:
    r"""How groups lie over the levels, and what bandwidth the links they use give.

    In a scale-up domain a rank uses the links to its peers alone: :math:`(g - 1) B_{pair}` of a
    mesh, :math:`\sum_i w_i B_{pair}` over the axes of a torus, :math:`w_i` two where the axis
    closes to a ring and one where it does not; never more than the aggregate.

    Parameters
    ----------
    groups
        Sizes and strides.
    network
        The levels.

    Returns
    -------
    Reach
        Ranks, bandwidth and ring steps.
    """
    raw = ranks_within(groups, network)
    extent = raw / ranks_below(raw)
    scaleup, axis = network.scaleup[None, :] > 0.5, network.wrap[None, :] > 0.5
    next_out = jnp.concatenate([network.scaleup[1:], jnp.zeros_like(network.scaleup[:1])])
    inner = network.scaleup - next_out
    folded = scaleup & (inner[None, :] < 0.5)
    within = jnp.where(folded, jnp.ones_like(raw), raw)
    ways = axis_ways(extent, network)
    lines = jnp.where(axis, ways, jnp.maximum(extent - 1.0, 0.0))
    links = jnp.where(scaleup, lines, 0.0).sum(1) * network.pair
    halfway = jnp.floor(0.5 * extent + EDGE)  # the farthest chip of a closed axis
    hops = jnp.where(axis & (ways > 1.5), halfway, extent - 1.0)
    aggregate = network.bandwidth[None, :] + jnp.zeros_like(raw)
    fewer = links[:, None] < aggregate * (1.0 - EDGE)  # all links of a chip are the aggregate
    at_inner = (inner[None, :] > 0.5) & (links > 0.0)[:, None]
    halves = jnp.floor(0.25 * extent * extent + EDGE) / extent  # of a line, one sends to the other
    crossing = halves / (jnp.maximum(ways, 1.0) * network.pair)
    return Reach(
        within=within,
        below=ranks_below(within),
        bandwidth=jnp.where(at_inner & fewer, links[:, None], aggregate),
        inner_hops=jnp.where(scaleup, hops, 0.0).sum(1),
        inner=inner,
        middle=jnp.where(axis & (ways > 0.5), crossing, 0.0).max(1),
        apart=_apart(raw, jnp.where(axis, extent, 1.0), ways, network),
    )


def _apart(within: CallLevels, extent: CallLevels, ways: CallLevels, network: Network) -> Apart:
    r"""Partners apart on axes of :math:`X` chips, messages along one axis after the other.

    A doubling moves :math:`\min(2^k, X - 2^k)` blocks as many hops, and as many messages share
    each link; rounds with all distances load a link :math:`\lfloor X^2 / 4 \rfloor` times. On a
    line a message may have to go back all the way.
    """
    chips = jnp.max(jnp.where(network.scaleup[None, :] > 0.5, within, 1.0), axis=1)
    several = jnp.where(extent > 1.0 + EDGE, 1.0, 0.0)
    last = jnp.exp2(jnp.ceil(jnp.log2(extent) - EDGE) - 1.0)  # blocks held before the last step
    squares = (last * last - 1.0) / 3.0 + (extent - last) ** 2
    outside = chips[:, None] / jnp.where(several > 0.5, within, chips[:, None])
    halves = jnp.floor(0.25 * extent * extent + EDGE)
    hops = jnp.where(ways > 1.5, halves, extent * (extent - 1.0) - halves)
    lines = chips[:, None] / extent
    return Apart(
        doubling_hops=(several * (extent - 1.0)).sum(1),
        doubling=(several * outside * squares).sum(1) / (chips * network.pair),
        round_hops=(several * lines * hops).sum(1),
        rounds=(several * lines * halves).sum(1) / network.pair,
    )


def congested_share(reach: Reach, pattern: int, network: Network) -> CallLevels:
    r"""Share of the bandwidth that a synchronised pattern keeps: its slowest flow sets the pace.

    .. math:: \gamma_l = \frac{m_l}{1 + \sigma_l E[\max_{u_l}]}, \quad u_l = n / g_{l-1}

    with :math:`E[\max_u]` the expected largest of :math:`u` standard normal values.

    Parameters
    ----------
    reach
        How the groups lie; :math:`u_l` units take part in the traffic of a level.
    pattern
        Row of the pattern axis.
    network
        Mean rate :math:`m` and spread :math:`\sigma` of flows.

    Returns
    -------
    CallLevels
        Share between 0 and 1.
    """
    units = reach.within[:, -1:] / reach.below
    late = jnp.where(units > 1.0 + EDGE, expected_maximum(jnp.maximum(units, 2.0)), 0.0)
    return network.share[pattern][None, :] / (1.0 + network.spread[pattern][None, :] * late)
