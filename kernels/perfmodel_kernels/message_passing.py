"""Time of message-passing collectives between ranks of equal standing, from a table of methods.

Payload as at the head of :mod:`perfmodel_kernels.collectives`.
"""

from typing import NamedTuple

import jax.numpy as jnp

from perfmodel_kernels._typing import Bases, Quantities, Real, Scalar, Table
from perfmodel_kernels.schedule import expected_maximum

QUANTITIES = 9
"""Columns of a method, in the order of :class:`Method`."""

ONE, RANKS, INVERSE, DOUBLINGS, SQUARE, QUADRUPLINGS = range(6)
"""Functions of the number of ranks that the quantities of a method are sums of."""

EDGE = 1e-4
"""Rounding allowed in a logarithm before it counts as another step."""


class Method(NamedTuple):
    """What an algorithm does on its longest path, by the number of ranks."""

    steps: Scalar
    """Messages one after the other."""
    issued: Scalar
    """Messages of one rank under way at once; each costs its issue alone."""
    sent: Scalar
    """Bytes through the busiest port over the payload."""
    largest: Scalar
    """Largest message over the payload."""
    reduced: Scalar
    """Bytes reduced over the payload."""
    copied: Scalar
    """Bytes copied in memory over the payload; copies within the cache hide behind the wire."""
    spans: Scalar
    """Sizes that messages go through, each twice the last; 1 where all are equal."""
    apart: Scalar
    """1 where partners are far apart in rank order, 0 for neighbours."""
    crowded: Scalar
    """1 where all ranks send far at the same time, 0 for neighbours and trees with a root."""


class Host(NamedTuple):
    """A node as its message-passing software uses it."""

    launch: Scalar
    """Start of one collective. [s]"""
    issue: Scalar
    """Time to issue or match one of many messages under way. [s]"""
    latency: Scalar
    """Step between neighbours. [s]"""
    apart: Scalar
    """Step between ranks far apart over one between neighbours."""
    rendezvous: Scalar
    """Added to a step whose message waits for its receiver. [s]"""
    eager: Scalar
    """Message above which it does. [B]"""
    bandwidth: Scalar
    """Of a node and direction. [B/s]"""
    spread: Scalar
    """Spread of the flows between ranks far apart, over their mean."""
    cached_rate: Scalar
    """Reduction of payloads within the cache. [B/s]"""
    memory_rate: Scalar
    """Reduction and copies of payloads far beyond it. [B/s]"""
    cache: Scalar
    """Payload at which half of the excess is paid. [B]"""


class Ranks(NamedTuple):
    """Who takes part."""

    number: Scalar
    """Ranks."""
    per_node: Scalar
    """Ranks that share a node's card."""


def count_bases(count: Scalar) -> Bases:
    r"""Functions of the number of ranks.

    .. math:: (1,\; n,\; 1 / n,\; k,\; k^2,\; \lceil \log_4 n \rceil),
        \quad k = \lceil \log_2 n \rceil

    Parameters
    ----------
    count
        Ranks :math:`n`, two or more.

    Returns
    -------
    Bases
        One value per function.
    """
    ranks = jnp.asarray(count) * 1.0
    exact = jnp.log2(ranks)
    doublings = jnp.ceil(exact - EDGE)
    quadruplings = jnp.ceil(0.5 * exact - EDGE)
    one = jnp.ones_like(ranks)
    return jnp.stack([one, ranks, 1.0 / ranks, doublings, doublings * doublings, quadruplings])


def method_of(table: Table, count: Scalar) -> Method:
    r"""Quantities of a method at a number of ranks.

    .. math:: q_i = \sum_j c_{ij} b_j(n)

    Parameters
    ----------
    table
        Coefficients by quantity and function of the number of ranks.
    count
        Ranks, two or more.

    Returns
    -------
    Method
        Steps, bytes and pattern.
    """
    found: Quantities = (table * count_bases(count)[None, :]).sum(1)
    return Method(*(found[place] for place in range(QUANTITIES)))


def waiting_steps(payload: Scalar, method: Method, host: Host) -> Real:
    r"""Steps whose message waits for its receiver.

    .. math:: \frac{s}{g} \min\left(g, \max\left(0,
        \log_2 \frac{S \ell}{m_e} + \frac{1}{2}\right)\right)

    Of messages that double :math:`g` times, those above the threshold :math:`m_e`; where all are
    equal, all or none, with an octave between.

    Parameters
    ----------
    payload
        Payload :math:`S`. [B]
    method
        Steps :math:`s`, sizes :math:`g`, largest message :math:`\ell`.
    host
        Threshold.

    Returns
    -------
    Real
        Steps, issued messages apart.
    """
    octaves = jnp.log2(payload * method.largest / host.eager) + 0.5
    return method.steps / method.spans * jnp.clip(octaves, 0.0, method.spans)


def memory_time(payload: Scalar, method: Method, host: Host) -> Real:
    r"""Time of reductions and copies, at the rate of the cache or of the memory.

    .. math:: t = S \left[\frac{(1 - x) r}{\gamma_c} + \frac{x (r + c)}{\gamma_m}\right],
        \quad x = \frac{S}{S + C}

    Parameters
    ----------
    payload
        Payload :math:`S`. [B]
    method
        Bytes reduced :math:`r` and copied :math:`c`.
    host
        Rates :math:`\gamma_c`, :math:`\gamma_m` and cache :math:`C`.

    Returns
    -------
    Real
        Time. [s]
    """
    beyond = payload / (payload + host.cache)
    within = (1.0 - beyond) * method.reduced / host.cached_rate
    return payload * (within + beyond * (method.reduced + method.copied) / host.memory_rate)


def message_passing_time(payload: Scalar, ranks: Ranks, table: Table, host: Host) -> Real:
    r"""Time of a collective by one method.

    .. math:: t = a_0 + s \alpha + o\, i + w \alpha_r
        + f S \frac{[1 + p (g - 1)] (1 + q \sigma E[\max_n])}{B} + t_m

    A step far apart (:math:`p = 1`) takes :math:`\alpha` times a factor, and its ranks share the
    card of their node among :math:`g`; where all send far at once (:math:`q = 1`), the slowest of
    :math:`n` flows sets the pace.

    Parameters
    ----------
    payload
        What the module calls the payload of a collective. [B]
    ranks
        Ranks :math:`n`, :math:`g` of them on a node; one rank takes no time.
    table
        Coefficients of the method; see :func:`method_of`.
    host
        What the software and the node can do.

    Returns
    -------
    Real
        Completion time. [s]

    References
    ----------
    Thakur, Rabenseifner, Gropp, "Optimization of collective communication operations in MPICH",
    Int. J. High Perform. Comput. Appl. 19, 2005.
    Bruck et al., "Efficient algorithms for all-to-all communications in multiport message-passing
    systems", IEEE Trans. Parallel Distrib. Syst. 8, 1997.
    Chan et al., "Collective communication: theory, practice, and experience", Concurrency and
    Computation 19, 2007.
    """
    count = jnp.maximum(jnp.asarray(ranks.number) * 1.0, 2.0)
    method = method_of(table, count)
    far = method.apart
    step = host.latency * (1.0 + far * (host.apart - 1.0))
    waiting = waiting_steps(payload, method, host) * host.rendezvous
    slowest = 1.0 + method.crowded * host.spread * expected_maximum(count)
    shared = 1.0 + far * (ranks.per_node - 1.0)
    wire = method.sent * payload * slowest * shared / host.bandwidth
    moves = memory_time(payload, method, host)
    steps = host.launch + method.steps * step + method.issued * host.issue + waiting
    return jnp.where(jnp.asarray(ranks.number) * 1.0 > 1.5, steps + wire + moves, 0.0)
