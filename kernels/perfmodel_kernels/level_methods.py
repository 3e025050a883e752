"""What each algorithm of a gather or all-reduce does at each level: steps and loads."""

from typing import NamedTuple

import jax.numpy as jnp

from perfmodel_kernels._typing import CallLevels, Calls, Scalar
from perfmodel_kernels.topology import EDGE, Network, Reach, congested_share


class Method(NamedTuple):
    """A collective by one algorithm: what it does at each level."""

    steps: CallLevels
    """Messages that follow each other over a level."""
    loads: CallLevels
    """Time that a level needs for a byte of payload, bulk protocol. [s/B]"""
    overlap: Scalar
    """1 where all levels work at the same time, 0 where one follows the other."""
    fill: Calls | Scalar = 0.0
    """Time until the last link of a chain of large chunks has its first one. [s]"""
    path: CallLevels | None = None
    """Time of a byte of payload along the longest chain of messages, where links work on others
    meanwhile; none where they wait for it. [s/B]"""


def level_units(reach: Reach, pattern: int, network: Network) -> CallLevels:
    r"""Time in which all ranks below a level put a byte on it, in a synchronised pattern.

    .. math:: u_l = \frac{1}{g_{l-1} \gamma_l B_l}

    Parameters
    ----------
    reach
        How the groups lie: ranks below :math:`g`, bandwidth :math:`B`.
    pattern
        Row of the pattern axis.
    network
        What collisions leave, :math:`\gamma`.

    Returns
    -------
    CallLevels
        Times. [s/B]
    """
    share = congested_share(reach, pattern, network)
    return 1.0 / (reach.below * reach.bandwidth * share)


def channel_units(units: CallLevels, reach: Reach, leaving: Scalar) -> CallLevels:
    r"""The same for what leaves a scale-up domain through the channels of one collective.

    Each channel enters and leaves a domain through one card, so that no domain of :math:`g_0`
    ranks moves more than its channels do, :math:`B_c`, however many cards it has.

    .. math:: u_l = \max\left(u_l, \frac{g_0}{g_{l-1} B_c}\right), \quad l > 0

    Parameters
    ----------
    units
        From :func:`level_units`.
    reach
        How the groups lie.
    leaving
        What the channels of a collective move out of a domain, :math:`B_c`. [B/s]

    Returns
    -------
    CallLevels
        Times. [s/B]
    """
    least = domain_ranks(reach)[:, None] / (reach.below * leaving)
    outside = (1.0 - reach.inner)[None, :] * used_levels(reach)
    return jnp.maximum(units, outside * least)


def domain_ranks(reach: Reach) -> Calls:
    """Ranks of a group inside one scale-up domain.

    Parameters
    ----------
    reach
        How the groups lie.

    Returns
    -------
    Calls
        Ranks; 0 where the network has no such domain.
    """
    return (reach.within * reach.inner[None, :]).sum(1)


def single_units(units: CallLevels, reach: Reach, network: Network) -> CallLevels:
    r"""The same where a rank talks to one peer at a time: over the link to it alone.

    .. math:: u_0 = \max(u_0, 1 / B_{pair})

    Parameters
    ----------
    units
        From :func:`level_units`.
    reach
        How the groups lie.
    network
        Bandwidth of the links to one peer.

    Returns
    -------
    CallLevels
        Times. [s/B]
    """
    single = (reach.inner / network.pair)[None, :]
    slower = single > units * (1.0 + EDGE)  # behind a switch the link to one is that to all
    return jnp.where(slower, single, units)


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
    straight = jnp.maximum(reach.within - 1.0, 1.0)
    turned = jnp.where(reach.inner[None, :] > 0.5, reach.inner_hops[:, None] / straight, 1.0)
    return _ring_edges(reach) * jnp.where(used_levels(reach) > 0.5, turned, 1.0)


def _ring_edges(reach: Reach) -> CallLevels:
    """Edges of a single ring that the slowest chunk crosses, by level."""
    size, used = reach.within[:, -1:], used_levels(reach)
    outermost = jnp.where(reach.within > size - 0.5, used, 0.0)
    innermost = jnp.where(reach.below < 1.0 + EDGE, used, 0.0)
    return size / reach.below - size / reach.within + outermost - innermost


def ring_gather(reach: Reach, units: CallLevels) -> Method:
    r"""Ring all-gather or reduce-scatter that uses every network card.

    One ring per card: a unit of level :math:`l` with :math:`g` ranks below it carries the payload
    once over its :math:`g` cards, and all levels work at the same time.

    .. math:: t = \max\left[\sum_l h_l \left(\alpha_l + \frac{S}{n R B_l}\right),
        \max_{l: h_l > 0} \rho_l \frac{S}{g_{l-1} B_l}\right]

    The slowest chunk goes its way, one of :math:`R` for each card of the largest unit, while
    cards work on the chunks before it. Each level carries :math:`\rho = (n-1)/n` of the
    payload; the links of a scale-up domain that the ring leaves spare what goes out through the
    card, a factor :math:`1 - 1/g`.

    Parameters
    ----------
    reach
        How the groups lie; one rank takes no time.
    units
        From :func:`level_units`.

    Returns
    -------
    Method
        Steps and loads.

    References
    ----------
    Patarasuk, Yuan, "Bandwidth optimal all-reduce algorithms for clusters of workstations",
    J. Parallel Distrib. Comput. 69, 2009.
    """
    size = reach.within[:, -1:]
    spared = (reach.inner[None, :] > 0.5) & (reach.within < size - 0.5)
    share = (size - 1.0) / size * jnp.where(spared, 1.0 - reach.below / reach.within, 1.0)
    rings = jnp.maximum((used_levels(reach) * reach.below).max(1), 1.0)[:, None]
    path = _ring_edges(reach) * reach.below * units / (size * rings)
    return Method(ring_hops(reach), used_levels(reach) * share * units, 1.0, path=path)


def doubling_steps(reach: Reach) -> CallLevels:
    """Steps of an algorithm that doubles what a rank holds at each step, level by level.

    Returns
    -------
    CallLevels
        Steps.
    """
    peers = jnp.maximum(reach.within / reach.below, 1.0)
    return jnp.ceil(jnp.log2(peers) - EDGE)


def recursive_gather(reach: Reach, units: CallLevels) -> Method:
    r"""All-gather or reduce-scatter by doubling, one level after the other.

    .. math:: t = \sum_l \left[ \lceil \log_2 q_l \rceil \alpha_l
        + \frac{q_l - 1}{q_l} \frac{S}{g_{l-1} B_l} \right], \quad q_l = g_l / g_{l-1}

    On a torus the hops and the time of :class:`~perfmodel_kernels.topology.Apart` take their place.

    Parameters
    ----------
    reach
        How the groups lie; one rank takes no time.
    units
        From :func:`single_units`.

    Returns
    -------
    Method
        Steps and loads.

    References
    ----------
    Thakur, Rabenseifner, Gropp, "Optimization of collective communication operations in MPICH",
    Int. J. High Perform. Comput. Appl. 19, 2005.
    """
    loads = (1.0 - reach.below / reach.within) * units
    torus = reach.inner[None, :] * reach.apart.doubling_hops[:, None]
    steps = jnp.where(torus > 0.5, torus, doubling_steps(reach))
    return Method(steps, jnp.where(torus > 0.5, reach.apart.doubling[:, None], loads), 0.0)


def rail_gather(reach: Reach, units: CallLevels, pipelining: Scalar) -> Method:
    r"""All-gather or reduce-scatter along rails, chunks pipelined through the levels.

    A ring inside the scale-up domain, doubling between domains on every card. Loads as
    :func:`recursive_gather`; the domain and the cards overlap.

    Parameters
    ----------
    reach
        How the groups lie.
    units
        From :func:`level_units`.
    pipelining
        Share of the stages that run at the same time.

    Returns
    -------
    Method
        Steps and loads; what leaves the domain stands at the first level outside.
    """
    inside = reach.inner[None, :] > 0.5
    each = (1.0 - reach.below / reach.within) * units
    beyond = jnp.where(inside, 0.0, each).sum(1)
    loads = jnp.where(inside, each, _on_cards(reach, beyond))
    return Method(rail_steps(reach), loads, pipelining)


def _on_cards(reach: Reach, beyond: Calls) -> CallLevels:
    """A load of the cards, at the first level outside the domain."""
    first = jnp.concatenate([jnp.zeros_like(reach.inner[:1]), reach.inner[:-1]])
    return first[None, :] * beyond[:, None]


def rail_steps(reach: Reach) -> CallLevels:
    """Steps along a ring or chain in the scale-up domain and by doubling outside.

    Returns
    -------
    CallLevels
        Steps.
    """
    inside = reach.inner[None, :] > 0.5
    return jnp.where(inside, reach.inner_hops[:, None], doubling_steps(reach))


def tree_reduce(reach: Reach, units: CallLevels, share: Scalar) -> Method:
    r"""All-reduce over a pair of pipelined binary trees between units.

    A chain inside the scale-up domain, trees between domains; every unit sends the buffer up and
    down over all its cards, less where so few units :math:`u_l` take part that none has two
    children.

    .. math:: t = \max\left\{2 \left[(g_0 - 1) \alpha_0
        + \sum_{l > 0} \lceil\log_2 q_l\rceil \alpha_l\right]
        + \frac{2 S}{\tau} \left(\frac{c_0}{(g_0 - 1) B_0}
        + \max_{l > 0} \frac{c_l}{g_{l-1} B_l}\right),
        \frac{2 S}{\tau} \max_l \frac{c_l}{g_{l-1} B_l}\right\}

    Chains of many trees hide their bytes behind each other's steps, streams between domains do not;
    with :math:`c_0 = 1 - 1 / g_0` and :math:`c_l = \min(1, u_l / 4)`, :math:`u_l = n / g_{l-1}`.

    Parameters
    ----------
    reach
        How the groups lie; one rank takes no time.
    units
        From :func:`level_units`.
    share
        Bandwidth :math:`\tau` of a tree over that of a ring.

    Returns
    -------
    Method
        Steps and loads.

    References
    ----------
    Sanders, Speck, Traeff, "Two-tree algorithms for full bandwidth broadcast, reduction and scan",
    Parallel Computing 35, 2009.
    """
    inside = reach.inner[None, :] > 0.5
    carried = jnp.where(inside, 1.0 - reach.below / reach.within, tree_shares(reach))
    loads = carried * units * (2.0 / share)
    chains = loads / jnp.maximum(reach.within - 1.0, 1.0)
    streams = _on_cards(reach, jnp.where(inside, 0.0, loads).max(1))
    alone = inside & (reach.within > reach.within[:, -1:] - 0.5)
    path = jnp.where(alone, chains, streams)
    return Method(2.0 * rail_steps(reach), loads, 1.0, path=path)


def in_network_reduce(reach: Reach, units: CallLevels, network: Network, chunk: Scalar) -> Method:
    r"""All-reduce in which switches add up where they can.

    A level that reduces carries the buffer once up and once down at the same time. Levels outside
    the domain are one tree, as fast as the slowest of them, and stand at the first: of switches
    where they reduce, else a pair of binary trees with :func:`tree_shares`. A domain that can't
    reduces along a ring. All stages work at the same time on chunks :math:`c` of each rank of a
    domain, which travel whole from domain to domain:

    .. math:: w_l = \frac{S}{g_{l-1} \eta_l B_l}, \quad
        t_{fill} = 2 \left(1 + \lceil \log_2 (n / g_0) \rceil\right) \frac{c}{B_1}

    Parameters
    ----------
    reach
        How the groups lie.
    units
        From :func:`channel_units`.
    network
        Share of the bandwidth :math:`\eta` at which its levels reduce.
    chunk
        What a rank hands to a switch at once. [B]

    Returns
    -------
    Method
        Steps and loads; no steps and no loads where no level reduces.

    References
    ----------
    Graham et al., "Scalable Hierarchical Aggregation Protocol (SHARP)", COM-HPC 2016.
    """
    able = (network.reduction > 0.0)[None, :]
    inside = reach.inner[None, :] > 0.5
    used = used_levels(reach)
    once = used * units / jnp.where(able, network.reduction[None, :], 1.0)
    along = 2.0 * (1.0 - reach.below / reach.within) * units
    beyond = jnp.where(inside, 0.0, jnp.where(able, once, 2.0 * tree_shares(reach) * units)).max(1)
    loads = jnp.where(inside, jnp.where(able, once, along), _on_cards(reach, beyond))
    steps = 2.0 * jnp.where(able, used, rail_steps(reach))
    domain = jnp.maximum(domain_ranks(reach), 1.0)
    depth = jnp.ceil(jnp.log2(reach.within[:, -1] / domain) - EDGE)
    hops = jnp.where(depth > 0.5, 2.0 + 2.0 * depth, 0.0)
    return Method(steps, loads, 1.0, chunk * domain * (_on_cards(reach, hops) * units).sum(1))


def tree_shares(reach: Reach) -> CallLevels:
    """Share of the buffer that a unit sends up a tree, less than 1 where few units take part.

    Returns
    -------
    CallLevels
        Shares, between units of each level.
    """
    return used_levels(reach) * jnp.minimum(0.25 * reach.within[:, -1:] / reach.below, 1.0)


def gather_sent_shares(reach: Reach) -> CallLevels:
    r"""Share of the payload that a chip sends over each level in an all-gather or reduce-scatter.

    .. math:: \frac{b_l}{S} = \frac{q_l - 1}{q_l} \frac{1}{g_{l-1}}

    Parameters
    ----------
    reach
        How the groups lie.

    Returns
    -------
    CallLevels
        Shares.
    """
    return (1.0 - reach.below / reach.within) / reach.below
