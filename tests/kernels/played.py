"""Fabrics of the message simulations as networks of the kernels, in the limits of interest."""

import numpy as np

from perfmodel_kernels.collectives import Library
from perfmodel_kernels.topology import Groups, Network
from tests.kernels.messages import Fabric

FANS = [(8,), (5,), (4, 2), (8, 2), (4, 3), (2, 8), (4, 5), (4, 2, 3), (2, 2, 4)]
FREE, INSTANT = 1e18, 1e-15
"""A bandwidth and a latency that cost nothing here."""

LATENCY = (2e-6, 5e-6, 8e-6)
SLOW_LINKS = (1e9, 5e10, 5e10)
SLOW_CARDS = (1e13, 5e10, 5e10)
SLOW_OUTSIDE = (1e13, 5e10, 5e8)
BANDWIDTHS = [SLOW_LINKS, SLOW_CARDS, SLOW_OUTSIDE]
"""Unequal levels, one of which sets the pace."""

BETWEEN = (400e9, 50e9, 25e9)
PAYLOADS = [1e5, 3e5, 1e6, 3e6, 1e7]
"""Bytes for which steps and links of these levels take about as long as each other."""


def group(size: float, stride: float = 1.0) -> Groups:
    return Groups(np.array([float(size)]), np.array([float(stride)]))


def latency_bound(fan: tuple[int, ...]) -> Fabric:
    return Fabric(fan, (FREE,) * len(fan), LATENCY[: len(fan)])


def bandwidth_bound(fan: tuple[int, ...], bandwidth: tuple[float, ...]) -> Fabric:
    return Fabric(fan, bandwidth[: len(fan)], (INSTANT,) * len(fan))


def between(fan: tuple[int, ...]) -> Fabric:
    return Fabric(fan, BETWEEN[: len(fan)], LATENCY[: len(fan)])


def network_of(fabric: Fabric, reduction: float = 0.0) -> Network:
    """One protocol, no collisions, all peers of a domain behind one switch."""
    levels, one = len(fabric.fan), np.ones(len(fabric.fan))
    return Network(
        domain=np.cumprod(fabric.fan).astype(float),
        bandwidth=np.array(fabric.bandwidth),
        latency=np.array(fabric.latency),
        bulk_latency=0.0 * one,
        short_fraction=1e-12 * one,
        share=np.ones((3, levels)),
        spread=np.zeros((3, levels)),
        reduction=reduction * one,
        scaleup=np.eye(levels)[0],
        wrap=0.0 * one,
        pair=np.float64(fabric.bandwidth[0]),
    )


def library(pipelining: float = 0.0) -> Library:
    """Every algorithm, without a launch."""
    return Library(
        allowed=np.ones(5),
        launch=np.float64(0.0),
        pipelining=np.float64(pipelining),
        tree_share=np.float64(1.0),
        leaving=np.float64(FREE),
        chunk=np.float64(0.0),
        message=np.float64(0.0),
        hidden=np.float64(1.0),
    )
