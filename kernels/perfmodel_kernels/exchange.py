"""Everyone to everyone: all-to-all by algorithm, and tokens on their way to experts."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from perfmodel_kernels._typing import AlgorithmCalls, CallLevels, Calls, Levels, Real, Scalar
from perfmodel_kernels.collectives import Costs, Library, costs_of, times_of
from perfmodel_kernels.level_methods import Method, level_units, single_units, used_levels
from perfmodel_kernels.topology import EDGE, UNIFORM, Groups, Network, Reach, lay

POWERS = 2.0 ** np.arange(20)
"""Bits of the distance of two ranks, of a million at most."""

PAIRWISE, BRUCK, DIRECT, FORWARDED = range(4)
"""Rows of the algorithm axis of an all-to-all."""


def uniform_loads(reach: Reach, network: Network) -> CallLevels:
    r"""Time that each level needs for a byte per rank, spread evenly over all pairs of a group.

    A card carries all that leaves the units below its level, a scale-up domain what stays in it.
    An axis of :math:`X` chips in a torus carries over its middle what either half of it sends to
    the other; a ring has two middles, :math:`v = 2`, a line one:

    .. math:: w_l = \frac{1}{B_l} \left(1 - \frac{g_{l-1}}{n}\right), \quad
        w_0 = \max\left(\frac{g_0 - 1}{n B_0}, \max_i \frac{g_0}{n}
        \frac{\lfloor X_i^2 / 4 \rfloor}{v_i X_i B_{pair}}\right)

    Parameters
    ----------
    reach
        How the groups lie.
    network
        What collisions leave.

    Returns
    -------
    CallLevels
        Times; the largest is the bound of the network. [s/B]
    """
    size, inside = reach.within[:, -1:], reach.inner[None, :] > 0.5
    leaves = jnp.where(inside, reach.within - reach.below, size - reach.below) / size
    units = reach.below * level_units(reach, UNIFORM, network)
    loads = used_levels(reach) * leaves * units
    middle = reach.middle[:, None] * reach.within / size
    return jnp.where(inside, jnp.maximum(loads, middle), loads)


def pairwise_exchange(reach: Reach, units: CallLevels) -> Method:
    r"""All-to-all in rounds, one partner after the other.

    All ranks cross the same level in a round.

    .. math:: t = \sum_l (g_l - g_{l-1}) \left(\alpha_l + \frac{S}{n B_l}\right)

    On a torus the hops and the time of :class:`~perfmodel_kernels.topology.Apart` take their place.

    Parameters
    ----------
    reach
        How the groups lie.
    units
        Time of a byte of one rank over each level. [s/B]

    Returns
    -------
    Method
        Steps and loads.
    """
    rounds, size = reach.within - reach.below, reach.within[:, -1:]
    torus = reach.inner[None, :] * reach.apart.round_hops[:, None]
    shared = reach.apart.rounds[:, None] / size
    loads = jnp.where(torus > 0.5, shared, rounds / size * units)
    return Method(jnp.where(torus > 0.5, torus, rounds), loads, 0.0)


def bruck_exchange(reach: Reach, units: CallLevels) -> Method:
    r"""All-to-all that moves half of the buffer at each of few steps.

    Some rank crosses the outermost level at every step, and all wait for it. Step :math:`k` moves
    the blocks whose distance has the bit :math:`k`, half of the buffer where :math:`n` is a power
    of two.

    .. math:: t = \lceil \log_2 n \rceil \alpha_l + \sum_k c_k \frac{S}{n B_l}, \quad
        c_k = 2^k \left\lfloor \frac{n}{2^{k+1}} \right\rfloor
        + \max(0, n \bmod 2^{k+1} - 2^k), \quad l\ outermost

    Parameters
    ----------
    reach
        How the groups lie.
    units
        Time of a byte of one rank over each level. [s/B]

    Returns
    -------
    Method
        Steps and loads.

    References
    ----------
    Bruck et al., "Efficient algorithms for all-to-all communications in multiport message-passing
    systems", IEEE Trans. Parallel Distrib. Syst. 8, 1997.
    """
    size = reach.within[:, -1:]
    steps = jnp.ceil(jnp.log2(size) - EDGE) * _outermost(reach)
    bit = jnp.asarray(POWERS, size.dtype)[None, :]
    pairs = jnp.floor(size / (2.0 * bit) + EDGE / bit)
    blocks = bit * pairs + jnp.maximum(size - 2.0 * bit * pairs - bit, 0.0)
    return Method(steps, _outermost(reach) * (blocks.sum(1)[:, None] / size) * units, 0.0)


def _outermost(reach: Reach) -> CallLevels:
    """1 at the outermost level that a group crosses, else 0."""
    return jnp.where(reach.within > reach.within[:, -1:] - 0.5, used_levels(reach), 0.0)


def direct_exchange(reach: Reach, loads: CallLevels) -> Method:
    r"""All-to-all whose messages all travel at once.

    .. math:: t = \alpha_l + \max_l w_l, \quad l\ outermost

    Parameters
    ----------
    reach
        How the groups lie.
    loads
        Time :math:`w_l` that each level needs. [s/B]

    Returns
    -------
    Method
        Steps and loads.
    """
    return Method(_outermost(reach), loads, 1.0)


def forwarded_exchange(reach: Reach, units: CallLevels, pipelining: Scalar) -> Method:
    r"""All-to-all that gathers in the domain what leaves it along each rail.

    .. math:: w_0 = \frac{g_0 - 1}{g_0} \frac{S}{B_0}, \quad
        w = \max_{l > 0} \left(1 - \frac{g_{l-1}}{n}\right) \frac{S}{B_l}

    Parameters
    ----------
    reach
        How the groups lie.
    units
        Time of a byte of one rank over each level. [s/B]
    pipelining
        Share in which the domain and the cards work at the same time.

    Returns
    -------
    Method
        Steps and loads; what leaves the domain stands at the outermost level.
    """
    inside = reach.inner[None, :] > 0.5
    stays = (1.0 - reach.below / reach.within) * units
    leaves = used_levels(reach) * (1.0 - reach.below / reach.within[:, -1:]) * units
    beyond = jnp.where(inside, 0.0, leaves).max(1)
    loads = jnp.where(inside, stays, _outermost(reach) * beyond[:, None])
    steps = jnp.where(inside, used_levels(reach), _outermost(reach))
    return Method(steps, loads, pipelining)


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
    units = reach.below * level_units(reach, UNIFORM, network)
    single = single_units(units, reach, network)
    methods = (
        pairwise_exchange(reach, single),
        bruck_exchange(reach, single),
        direct_exchange(reach, uniform_loads(reach, network)),
        forwarded_exchange(reach, units, library.pipelining),
    )
    times = times_of(payload, costs_of(methods, network)) + library.launch
    times = times.at[DIRECT].add(issue_time(reach, library))
    return jnp.where(groups.size[None, :] > 1.0 + EDGE, times, 0.0)


def issue_time(reach: Reach, library: Library) -> Calls:
    r"""Time in which a rank issues a message to each of its peers.

    .. math:: t = (n - 1) t_m

    Parameters
    ----------
    reach
        How the groups lie.
    library
        Time to issue a message, :math:`t_m`.

    Returns
    -------
    Calls
        Times. [s]
    """
    return (reach.within[:, -1] - 1.0) * library.message


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


class Routing(NamedTuple):
    """How tokens find their experts."""

    copies: Scalar
    """Experts that a token visits."""
    limit: Scalar
    """Outer units that a token's experts may lie on."""
    merged: Scalar
    """1 where a token travels once to all of its experts on one unit, 0 where once to each."""


def expert_exchange_traffic(
    tokens: Scalar, routing: Routing, reach: Reach, network: Network
) -> Levels:
    r"""Token copies per chip that cross each level when tokens travel to their experts.

    A token leaves its scale-up domain once per other domain that holds one of its experts and is
    multiplied there: only a domain forwards, switches outside do not. Software that does not merge
    the copies of a token sends one to each of its :math:`c` experts, :math:`u = c`. Combine is the
    mirror image.

    .. math:: x_0 = T u(n) \left(1 - \frac{1}{g_0}\right),\quad
        x_l = T u(n / g_0) \frac{g_l - g_{l-1}}{n}

    With copies apart, :math:`x_0 = T c (g_0 - 1) / n`.

    Parameters
    ----------
    tokens
        Tokens :math:`T` that one chip holds.
    routing
        Experts of a token, and whether its copies are merged.
    reach
        How the expert-parallel group lies, an axis of one call.
    network
        The levels that join it.

    Returns
    -------
    Levels
        Token copies; those inside the domain stand at the level that :class:`Reach` calls inner.

    References
    ----------
    DeepSeek-AI, "DeepSeek-V3 Technical Report", arXiv 2412.19437, section 3.2.2.
    """
    size = reach.within[0, -1]
    domain = (reach.within[0] * reach.inner).sum()
    copies, merged = routing.copies, routing.merged > 0.5
    domains = jnp.where(merged, distinct_units(copies, size / domain, routing.limit), copies)
    outside = tokens * domains * (reach.within - reach.below)[0] / size
    forwarded = distinct_units(copies, size, copies) * (1.0 - 1.0 / domain)
    copied = tokens * jnp.where(merged, forwarded, copies * (domain - 1.0) / size)
    return jnp.where(reach.inner > 0.5, copied, jnp.where(network.scaleup > 0.5, 0.0, outside))


def exchange_costs(sent: Levels, reach: Reach, network: Network, library: Library) -> Costs:
    r"""Latency and pace of an exchange of tokens from the copies that cross each level.

    The scale-up links work beside the network card, which carries all that leaves the domain;
    an outer level carries what goes at least that far.

    .. math:: t = w \max\left(\frac{x_0}{B_0}, \max_{l > 0} \frac{\sum_{k \geq l} x_k}{B_l}\right)
        + \alpha_l + t_0, \quad l\ outermost

    Parameters
    ----------
    sent
        Copies :math:`x_l` per chip and level; the payload is the width :math:`w` of one, in [B].
    reach
        How the group lies, an axis of one call.
    network
        The levels that join it.
    library
        The software.

    Returns
    -------
    Costs
        Latency and pace, one algorithm and one call; one rank takes no time.
    """
    units = (reach.below * level_units(reach, UNIFORM, network))[0]
    domain = (reach.within[0] * reach.inner).sum()
    even = jnp.maximum(1.0 - 1.0 / domain, EDGE)
    inside = jnp.maximum(units, reach.middle[0] / even)  # a torus is bound by its middle
    beyond = jnp.stack([sent[level:].sum() for level in range(sent.shape[0])])
    outside = jnp.where(network.scaleup > 0.5, 0.0, beyond * units)
    loads = jnp.where(reach.inner > 0.5, sent * inside, outside)
    return _direct_costs(loads[None, :], reach, network, library.launch)


def _direct_costs(
    loads: CallLevels, reach: Reach, network: Network, start: AlgorithmCalls | Calls | Scalar
) -> Costs:
    """Costs of messages that all travel at once; one rank takes no time."""
    several = reach.within[:, -1] > 1.0 + EDGE
    return Costs(*(
        cost._replace(latency=jnp.where(several[None, :], cost.latency + start, 0.0))
        for cost in costs_of((direct_exchange(reach, loads),), network)
    ))  # fmt: skip


def uniform_exchange_costs(reach: Reach, network: Network, library: Library) -> Costs:
    """Latency and pace of an all-to-all whose messages travel at once.

    Parameters
    ----------
    reach
        How the groups lie.
    network
        The levels that join them.
    library
        The software.

    Returns
    -------
    Costs
        One algorithm; the payload is the send buffer of one rank, and one rank takes no time.
    """
    start = library.launch + issue_time(reach, library)
    return _direct_costs(uniform_loads(reach, network), reach, network, start[None, :])


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
    costs = exchange_costs(sent, lay(group, network), network, library)
    return times_of(jnp.ones_like(group.size), costs)[0, 0]
