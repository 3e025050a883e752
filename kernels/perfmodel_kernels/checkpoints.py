"""Checkpoints: their times, their best interval, and the goodput of a job that restarts."""

from typing import NamedTuple

import jax.numpy as jnp

from perfmodel_kernels._typing import Real, Scalar

SHORTEST = 1e-6
"""Least blocking time: below it the best interval has no finite slope. [s]"""

NEVER = 40.0
"""Exponent beyond which no work is kept; single precision ends at 88."""

LEAST_GOODPUT = 1e-12
"""Goodput below which a job does not run."""

SERIES_BELOW = 1e-2
"""Argument below which three terms of a series hold to 1e-10."""


class Interruption(NamedTuple):
    """How often a job stops, and for how long."""

    mtti: Scalar
    """Mean time to interrupt. [s]"""
    restart: Scalar
    """Time from a failure until steps go on; a further failure can strike it. [s]"""


class Saving(NamedTuple):
    """What one checkpoint costs and when it counts.

    A synchronous one blocks for its whole time and has no lag. An asynchronous one blocks for the
    copy off the chips and counts once storage has it. One in the memory of a peer counts at once,
    but a failure that takes the peer too falls back to storage.
    """

    blocking: Scalar
    """Time that the step waits. [s]"""
    lag: Scalar
    """Time from the end of the blocking part until a restart can use it. [s]"""
    lost: Scalar
    """Chance that a failure destroys the copy; 0 for copies in storage."""
    far_interval: Scalar
    """Work between the copies in storage that are left then. [s]"""


def transfer_time(payload: Scalar, bandwidth: Scalar) -> Real:
    r"""Time that bytes need, .. math:: t = S / B.

    Parameters
    ----------
    payload
        Bytes :math:`S`: of the whole state to storage, of a chip's share to its host. [B]
    bandwidth
        Bandwidth :math:`B` of the same scope. [B/s]

    Returns
    -------
    Real
        Time. [s]
    """
    return payload / bandwidth


def restart_read(state: Scalar, weights: Scalar, readers: Scalar) -> Real:
    r"""Bytes that a restart reads from storage.

    .. math:: S + (r - 1) W

    The state is read once, in shards; the weights once more by every further replica that reads
    them itself instead of receiving them from another: the read storm.

    Parameters
    ----------
    state
        Bytes :math:`S` of the checkpoint. [B]
    weights
        Bytes :math:`W` of the weights alone. [B]
    readers
        Replicas :math:`r` that read weights, at least 1.

    Returns
    -------
    Real
        Bytes. [B]
    """
    return state + (jnp.maximum(readers, 1.0) - 1.0) * weights


def daly_interval(blocking: Scalar, mtti: Scalar) -> Real:
    r"""Work between two synchronous checkpoints that leaves the most goodput.

    .. math:: \tau = \sqrt{2 d M} \left[1 + \frac{1}{3} \sqrt{\frac{d}{2 M}}
        + \frac{1}{9} \frac{d}{2 M}\right] - d

    for d < 2 M, else M.

    Parameters
    ----------
    blocking
        Time :math:`d` of a checkpoint. [s]
    mtti
        Mean time to interrupt :math:`M`. [s]

    Returns
    -------
    Real
        Interval :math:`\tau`. [s]

    References
    ----------
    Daly, "A higher order estimate of the optimum checkpoint interval for restart dumps", Future
    Generation Computer Systems 22, 2006.
    """
    blocking = jnp.maximum(blocking, SHORTEST)
    ratio = jnp.sqrt(jnp.minimum(blocking / (2.0 * mtti), 1.0))
    series = 2.0 * mtti * ratio * (1.0 + ratio / 3.0 + ratio**2 / 9.0) - blocking
    return jnp.where(blocking < 2.0 * mtti, series, mtti)


def overlapped_interval(saving: Saving, mtti: Scalar) -> Real:
    r"""Work between two checkpoints that are written while steps go on.

    .. math:: \tau = \max(\sqrt{2 b M},\; F - b)

    One write ends before the next begins.

    Parameters
    ----------
    saving
        Blocking part :math:`b` and lag :math:`F`.
    mtti
        Mean time to interrupt :math:`M`. [s]

    Returns
    -------
    Real
        Interval. [s]

    References
    ----------
    Young, "A first order approximation to the optimum checkpoint interval", Communications of the
    ACM 17, 1974, for the first term.
    """
    blocking = jnp.maximum(saving.blocking, SHORTEST)
    return jnp.maximum(jnp.sqrt(2.0 * blocking) * jnp.sqrt(mtti), saving.lag - blocking)


def goodput(interval: Scalar, saving: Saving, interruption: Interruption) -> Real:
    r"""Share of the time that becomes work which is kept, with exponential failures.

    .. math:: G_1 = \frac{\tau}{M e^{(R + F) / M} \left[e^{(\tau + b) / M} - 1\right]}, \quad
        G = G_1 \frac{x}{e^x - 1}, \quad x = \frac{p K}{M G_1}

    The first factor is exact, also where a failure strikes a restart and with a lag of up to a
    whole interval. The second applies it again to the copies in storage, one per work
    :math:`K`, that a share :math:`p` of the failures falls back to; it takes those failures as
    independent of the work since the last one.

    Parameters
    ----------
    interval
        Work :math:`\tau` between two checkpoints. [s]
    saving
        Blocking part :math:`b`, lag :math:`F`, chance :math:`p` and far interval :math:`K`.
    interruption
        :math:`M` and restart :math:`R`.

    Returns
    -------
    Real
        Goodput, at most 1.

    References
    ----------
    Daly, "A higher order estimate of the optimum checkpoint interval for restart dumps", Future
    Generation Computer Systems 22, 2006.
    """
    mtti = interruption.mtti
    segment = jnp.minimum((interval + saving.blocking) / mtti, NEVER)
    left = jnp.exp(-jnp.minimum((interruption.restart + saving.lag) / mtti, NEVER))
    near = (interval / mtti) * left / jnp.expm1(segment)
    fallen = saving.lost * (saving.far_interval / mtti) / jnp.maximum(near, LEAST_GOODPUT)
    return near * _kept_share(jnp.minimum(fallen, NEVER))


def _kept_share(fallen: Scalar) -> Real:
    """The function x / (e^x - 1), by its series next to 0 where the quotient loses its digits."""
    small = jnp.asarray(fallen) < SERIES_BELOW
    safe = jnp.where(small, 1.0, fallen)
    return jnp.where(small, 1.0 - 0.5 * fallen + fallen * fallen / 12.0, safe / jnp.expm1(safe))
