"""Which level of a network a collective's time goes to, and whether to steps or to bytes."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from perfmodel_kernels._typing import (
    AlgorithmCallLevels,
    AlgorithmCalls,
    Levels,
    Scalar,
)
from perfmodel_kernels.collectives import Library
from perfmodel_kernels.topology import Network

Timing = Callable[[Network, Library], AlgorithmCalls]
"""Times of collectives by algorithm, as a function of the network and the software."""


class Attribution(NamedTuple):
    """Parts that add up to a time."""

    launch: AlgorithmCalls
    """Start on the device. [s]"""
    latency: AlgorithmCallLevels
    """Steps over each level. [s]"""
    transfer: AlgorithmCallLevels
    """Bytes over each level. [s]"""


class Slowdown(NamedTuple):
    """How many times longer each resource takes."""

    launch: Scalar
    """Start of a collective."""
    latency: Levels
    """A step over each level, by either protocol."""
    transfer: Levels
    """A byte over each level."""
    pair: Scalar
    """A byte over the links between two chips of the scale-up domain."""


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
        pair=network.pair / slowdown.pair,
    )


def attributed(times: Timing, network: Network, library: Library) -> Attribution:
    r"""Parts of a time by level and cause, from what it loses when one resource gets slower.

    A time is homogeneous of degree one in what it is made of: launch, the latencies and the
    inverse bandwidths. By Euler's theorem the elasticities then are shares of it:

    .. math:: t = \sum_i x_i \frac{\partial t}{\partial x_i}, \quad
        x \in \{t_0, \alpha_l, 1 / B_l\}

    A level that another one hides has no part. Of a blend of two protocols each gets the share
    :math:`w_p = (t / t_p)^4`, and these sum to one.

    Parameters
    ----------
    times
        The collectives.
    network
        The levels.
    library
        The software.

    Returns
    -------
    Attribution
        Launch, latency and transfer; what the links between two chips take stands at the innermost
        level.
    """

    def under(slowdown: Slowdown) -> AlgorithmCalls:
        started = library._replace(launch=library.launch * slowdown.launch)
        return times(slowed(network, slowdown), started)

    levels = jnp.ones_like(network.latency)
    one = levels[0]
    parts = jax.jacfwd(under)(Slowdown(one, levels, levels, one))
    innermost = jnp.arange(levels.shape[0]) == 0
    inside = jnp.where(innermost[None, None, :], parts.pair[:, :, None], 0.0)
    return Attribution(parts.launch, parts.latency, parts.transfer + inside)
