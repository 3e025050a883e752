"""Failures of a job: rates by class, what each takes down, spares, corruption and slow nodes."""

from typing import NamedTuple

import jax.numpy as jnp
from jax import lax
from jax.scipy.special import gammainc, gammaincc, gammaln

from perfmodel_kernels._typing import Classes, Real, Scalar

HALVINGS = 40
"""Halvings of the bracket of a quantile: more than the digits of a count of nodes."""

FEWEST = 1e-12
"""Least mean of nodes in repair whose logarithm is taken."""


class Failures(NamedTuple):
    """How a machine fails, by class of failure."""

    rate: Classes
    """Interruptions per chip and second. [1/s]"""
    blast: Classes
    """Chips that one failure takes away."""


class SlowNodes(NamedTuple):
    """Nodes that run, but not at the pace of the others."""

    rate: Scalar
    """Nodes that become slow, per chip of the job and second. [1/s]"""
    stay: Scalar
    """Time until a slow node is found and taken out. [s]"""
    slow_down: Scalar
    """Step time of a job that waits for one, over that of a healthy one."""


def interrupt_rate(chips: Scalar, failures: Failures) -> Real:
    r"""Interruptions of a job that any failure stops.

    .. math:: \lambda = N \sum_c \lambda_c

    Parameters
    ----------
    chips
        Chips :math:`N` of the job.
    failures
        Rates :math:`\lambda_c` per chip.

    Returns
    -------
    Real
        Rate. [1/s]
    """
    return chips * jnp.sum(failures.rate)


def mean_time_to_interrupt(chips: Scalar, failures: Failures) -> Real:
    r"""Mean time between the interruptions of a job.

    .. math:: M = 1 / \lambda

    Parameters
    ----------
    chips
        Chips of the job.
    failures
        Rates per chip.

    Returns
    -------
    Real
        Time. [s]
    """
    return 1.0 / interrupt_rate(chips, failures)


def chips_lost(replica: Scalar, failures: Failures) -> Real:
    r"""Chips that leave an elastic job with one failure: whole replicas.

    .. math:: L = \frac{\sum_c \lambda_c\, g \lceil b_c / g \rceil}{\sum_c \lambda_c}

    Parameters
    ----------
    replica
        Chips :math:`g` of one data-parallel replica: tensor times context times pipeline ranks.
    failures
        Rates, and chips :math:`b_c` that each class takes away.

    Returns
    -------
    Real
        Chips, in the mean over the classes.
    """
    share = failures.rate / jnp.sum(failures.rate)
    return jnp.sum(share * replica * jnp.ceil(failures.blast / replica))


def chips_in_repair(chips: Scalar, repair: Scalar, failures: Failures) -> Real:
    r"""Chips that wait for a repair, in the mean.

    .. math:: N T \sum_c \lambda_c b_c

    Parameters
    ----------
    chips
        Chips :math:`N` of the job.
    repair
        Time :math:`T` from a failure until the hardware is back. [s]
    failures
        Rates and chips taken away.

    Returns
    -------
    Real
        Chips.
    """
    return chips * (repair * jnp.sum(failures.rate * failures.blast))


def poisson_quantile(mean: Scalar, probability: Scalar) -> Real:
    r"""Smallest count that a Poisson variable does not pass with a probability.

    .. math:: \min \{k : Q(k + 1, m) \ge q\}

    with the regularised upper incomplete gamma function; found by halving. As a spare pool: nodes
    that cover those in repair all but a share 1 - q of the time.

    Parameters
    ----------
    mean
        Mean :math:`m`, up to about 10,000.
    probability
        Probability :math:`q`, below 1.

    Returns
    -------
    Real
        Count; a step function, so that its gradient is zero.
    """
    mean = lax.stop_gradient(jnp.asarray(mean) + 0.0)
    high = jnp.ceil(mean + 12.0 * jnp.sqrt(mean) + 12.0)

    def halve(_: int, ends: tuple) -> tuple:
        low, high = ends
        middle = jnp.floor(0.5 * (low + high))
        enough = gammaincc(middle + 1.0, mean) >= probability
        return jnp.where(enough, low, middle), jnp.where(enough, middle, high)

    return lax.fori_loop(0, HALVINGS, halve, (-jnp.ones_like(high), high))[1]


class Shortage(NamedTuple):
    """Nodes that wait for a repair beyond the spares."""

    chance: Real
    """Share of the time in which some are missing."""
    missing: Real
    """Nodes missing, in the mean over all time."""


def spare_shortage(mean: Scalar, spares: Scalar) -> Shortage:
    r"""How far the nodes in repair pass the spares.

    .. math:: p = P(X > S) = 1 - Q(S + 1, m), \quad
        E[(X - S)^+] = (m - S) p + m \frac{m^S e^{-m}}{S!}

    Parameters
    ----------
    mean
        Nodes in repair in the mean, :math:`m`.
    spares
        Spare nodes :math:`S`; whole ones count.

    Returns
    -------
    Shortage
        Its chance and size. No slope over the spares.
    """
    mean = jnp.maximum(jnp.asarray(mean) + 0.0, FEWEST)
    spares = lax.stop_gradient(jnp.floor(jnp.maximum(jnp.asarray(spares) + 0.0, 0.0)))
    chance = gammainc(spares + 1.0, mean)
    exactly = jnp.exp(spares * jnp.log(mean) - mean - gammaln(spares + 1.0))
    return Shortage(chance, jnp.maximum((mean - spares) * chance + mean * exactly, 0.0))


def shortage_factor(shortage: Shortage, replica: Scalar, unit: Scalar, chips: Scalar) -> Real:
    r"""Share of the throughput that a lack of spares leaves.

    The job goes on without the replicas that cannot be filled; nodes move between replicas, so
    that at most one of them is left in part:

    .. math:: f = \max\left(0, 1 - \frac{\mu u + p \max(g - u, 0)}{N}\right)

    Parameters
    ----------
    shortage
        Chance :math:`p`, and nodes missing :math:`\mu`.
    replica
        Chips :math:`g` of a model replica.
    unit
        Chips :math:`u` of a node.
    chips
        Chips :math:`N` of the job.

    Returns
    -------
    Real
        Share.
    """
    rest = jnp.maximum(jnp.asarray(replica) - unit, 0.0)
    lost = shortage.missing * (unit / chips) + shortage.chance * (rest / chips)
    return jnp.maximum(1.0 - lost, 0.0)


def corruption_factor(chips: Scalar, rate: Scalar, latency: Scalar) -> Real:
    r"""Share of the work that silent corruption leaves.

    Each corruption that is found only after a time throws the work since then away:

    .. math:: f = \frac{1}{1 + N \lambda_s T_s}

    Parameters
    ----------
    chips
        Chips :math:`N` of the job.
    rate
        Silent corruptions :math:`\lambda_s` per chip and second. [1/s]
    latency
        Time :math:`T_s` until one is seen in the loss or by a check. [s]

    Returns
    -------
    Real
        Share.
    """
    return 1.0 / (1.0 + chips * (rate * latency))


def slow_node_factor(chips: Scalar, slow: SlowNodes) -> Real:
    r"""Throughput of a synchronous job with slow nodes over that of a healthy one.

    .. math:: f = \frac{1}{1 + P (s - 1)}, \quad P = 1 - e^{-N \lambda_w T_w}

    One slow node holds the whole job; :math:`P` is the chance that there is one.

    Parameters
    ----------
    chips
        Chips :math:`N` of the job.
    slow
        Rate :math:`\lambda_w`, stay :math:`T_w` and slow-down :math:`s`.

    Returns
    -------
    Real
        Share.
    """
    present = -jnp.expm1(-chips * (slow.rate * slow.stay))
    return 1.0 / (1.0 + present * (slow.slow_down - 1.0))


def maintenance_factor(stop: Scalar, interval: Scalar) -> Real:
    r"""Share of the time that planned stops leave.

    .. math:: f = \frac{1}{1 + R / T_p}

    Parameters
    ----------
    stop
        Time :math:`R` of one stop; work is saved before it. [s]
    interval
        Running time :math:`T_p` between planned stops. [s]

    Returns
    -------
    Real
        Share.
    """
    return 1.0 / (1.0 + stop / interval)
