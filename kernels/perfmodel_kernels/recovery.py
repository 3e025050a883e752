"""What happens after a failure: a restart by parts, or a job that goes on with fewer replicas."""

from typing import NamedTuple

from perfmodel_kernels._typing import Real, Scalar


class Restart(NamedTuple):
    """Parts of a restart without reading the checkpoint."""

    detect: Scalar
    """Until the failure is noticed and its place known. [s]"""
    evict: Scalar
    """Until the failed node is out of the job. [s]"""
    reschedule: Scalar
    """Until a spare is in and processes have started. [s]"""
    initialize: Scalar
    """Communicators and first step, whatever the scale. [s]"""
    initialize_per_chip: Scalar
    """What each chip of the job adds to that. [s]"""


class Elastic(NamedTuple):
    """A job whose replicas leave and come back."""

    rejoin: Scalar
    """Time until a lost replica takes part again. [s]"""
    stall: Scalar
    """Time that all replicas stand still at a failure. [s]"""


def restart_time(restart: Restart, chips: Scalar, load: Scalar) -> Real:
    r"""Time from a failure until steps go on.

    .. math:: R = t_{detect} + t_{evict} + t_{reschedule} + t_{init} + N t_{chip} + t_{load}

    Parameters
    ----------
    restart
        Its parts.
    chips
        Chips :math:`N` of the job.
    load
        Time to read the checkpoint. [s]

    Returns
    -------
    Real
        Time. [s]
    """
    found = restart.detect + restart.evict + restart.reschedule
    return found + restart.initialize + chips * restart.initialize_per_chip + load


def elastic_goodput(lost_share: Scalar, mtti: Scalar, elastic: Elastic) -> Real:
    r"""Goodput of elastic data parallelism: a failure costs its replicas alone, and a stall.

    .. math:: G = A_r (1 - s / M), \quad A_r = \frac{M_r}{M_r + T}, \quad M_r = M N / L

    The negative side of the second factor is cut off: a job that stalls longer than it runs.

    Parameters
    ----------
    lost_share
        Chips that leave with a failure over those of the job, :math:`L / N`.
    mtti
        Mean time to interrupt :math:`M` of the whole job. [s]
    elastic
        Time to rejoin :math:`T` and stall :math:`s`.

    Returns
    -------
    Real
        Goodput.
    """
    available = 1.0 / (1.0 + lost_share * (elastic.rejoin / mtti))
    running = 1.0 - elastic.stall / mtti
    return available * (0.5 * (running + abs(running)))
