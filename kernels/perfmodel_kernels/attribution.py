"""Which level of a network a collective's time goes to, and whether to steps or to bytes."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array

from perfmodel_kernels._typing import (
    AlgorithmCalls,
    Levels,
    PartAlgorithmCalls,
    PartLevels,
    Scalar,
)
from perfmodel_kernels.collectives import Library
from perfmodel_kernels.topology import Network

Timing = Callable[[Network, Library], AlgorithmCalls]
"""Times of collectives by algorithm, as a function of the network and the software."""


STEP = 1.0 / 256.0
"""Relative change of a resource; float32 then leaves an error of 2e-5 of the time."""

FLOOR = 1e-4
"""Parts below this share of the time are not told from rounding."""


class Attribution(NamedTuple):
    """A time and parts that add up to it."""

    time: AlgorithmCalls
    """Completion time. [s]"""
    launch: AlgorithmCalls
    """Start on the device. [s]"""
    latency: PartAlgorithmCalls
    """Steps over each part of the network. [s]"""
    transfer: PartAlgorithmCalls
    """Bytes over each part of the network. [s]"""


class Slowdown(NamedTuple):
    """How many times longer each resource takes."""

    launch: Scalar
    """Start of a collective."""
    latency: Levels
    """A step over each level, by either protocol."""
    transfer: Levels
    """A byte over each level; that of the innermost holds for the links between two chips too."""


def slowed(network: Network, slowdown: Slowdown) -> Network:
    """A network whose resources take longer.

    Parameters
    ----------
    network
        The levels.
    slowdown
        Factors.

    Returns
    -------
    Network
        Longer latencies, smaller bandwidths.
    """
    return network._replace(
        latency=network.latency * slowdown.latency,
        bulk_latency=network.bulk_latency * slowdown.latency,
        bandwidth=network.bandwidth / slowdown.transfer,
        pair=network.pair / slowdown.transfer[0],
    )


def attributed(
    times: Timing, network: Network, library: Library, members: PartLevels
) -> Attribution:
    r"""Parts of a time by level and cause, from what it gains and loses with one resource.

    A time is homogeneous of degree one in what it is made of: launch, the latencies and the
    inverse bandwidths. By Euler's theorem the elasticities then are shares of it:

    .. math:: t = \sum_i x_i \frac{\partial t}{\partial x_i}, \quad
        x \in \{t_0, \alpha_l, 1 / B_l\}

    A level that another one hides has no part; two as slow as each other have half each. Of a
    blend of two protocols each gets the share :math:`w_p = (t / t_p)^4`, and these sum to one.
    Central differences, not derivatives: a compiler that computes the operand of a maximum twice,
    in two roundings, finds it equal to neither and loses the derivative. What the differences miss
    of the time goes to the transfers.

    Parameters
    ----------
    times
        The collectives.
    network
        The levels.
    library
        The software.
    members
        Levels of each part of the network, 1 or 0: axes of one torus, a level and its padding.

    Returns
    -------
    Attribution
        Time, launch, latency and transfer.
    """
    nothing = jnp.zeros_like(members)
    launch = jnp.concatenate([jnp.ones_like(members[:1, 0]), nothing[:, 0], nothing[:, 0]])
    latency = jnp.concatenate([nothing[:1], members, nothing])
    transfer = jnp.concatenate([nothing[:1], nothing, members])

    def under(change: float) -> PartAlgorithmCalls:
        def one(*resources: Array) -> AlgorithmCalls:
            slowdown = Slowdown(*(1.0 + change * resource for resource in resources))
            started = library._replace(launch=library.launch * slowdown.launch)
            return times(slowed(network, slowdown), started)

        return jax.vmap(one)(launch, latency, transfer)

    time = times(network, library)
    changed = (under(STEP) - under(-STEP)) / (2.0 * STEP)
    parts = jnp.where(changed > FLOOR * time[None, :, :], changed, 0.0)
    count = members.shape[0]
    waiting, sent = parts[: 1 + count], parts[1 + count :]
    left = jnp.maximum(time - waiting.sum(0), 0.0)
    whole = jnp.concatenate([waiting, sent * _ratio(left, sent.sum(0))[None, :, :]])
    whole = whole * _ratio(time, whole.sum(0))[None, :, :]
    return Attribution(time, whole[0], whole[1 : 1 + count], whole[1 + count :])


def _ratio(part: AlgorithmCalls, whole: AlgorithmCalls) -> AlgorithmCalls:
    """What a part is of a whole, nothing where there is none."""
    some = whole > 0.0
    return jnp.where(some, part / jnp.where(some, whole, 1.0), 0.0)
