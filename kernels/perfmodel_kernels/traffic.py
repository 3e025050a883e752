"""The collectives of one training step: who sends what over which level, and how long it takes."""

from typing import NamedTuple

import jax.numpy as jnp

from perfmodel_kernels._typing import Calls, Levels, Real, Scalar
from perfmodel_kernels.collectives import (
    Library,
    all_reduce_time,
    gather_sent,
    gather_time,
    send_time,
)
from perfmodel_kernels.exchange import exchange_time, expert_exchange_traffic
from perfmodel_kernels.layout import Layout
from perfmodel_kernels.topology import Groups, Network

TENSOR, CONTEXT, GRADIENT, WEIGHT, EXPERT_GRADIENT, EXPERT_WEIGHT = range(6)
"""Rows of the call axis."""


class Payloads(NamedTuple):
    """Bytes of every collective of a step, in the convention of collectives.py."""

    gathers: Calls
    """Tensor, context, gradient, weight, expert gradient, expert weight. [B]"""
    tokens: Scalar
    """Tokens that one chip routes to experts."""
    copies: Scalar
    """Experts that a token visits."""
    unit_limit: Scalar
    """Outer units that they may lie on."""
    dispatch: Scalar
    """Bytes of a token on its way to an expert. [B]"""
    combine: Scalar
    """Bytes of a token on its way back. [B]"""
    boundary: Scalar
    """Activations that cross from stage to stage. [B]"""


class StepTraffic(NamedTuple):
    """Times and bytes of the collectives, each once."""

    gathers: Calls
    """Time of each gather. [s]"""
    reduces: Calls
    """Time of an all-reduce of the same payload. [s]"""
    dispatch: Real
    """Tokens to experts. [s]"""
    combine: Real
    """Tokens back. [s]"""
    send: Real
    """One message between neighbouring stages. [s]"""
    sent_scaleup: Calls
    """Bytes per chip of each gather inside the scale-up domain. [B]"""
    sent_scaleout: Calls
    """Bytes per chip of each gather outside. [B]"""
    forward_bytes: Levels
    """Bytes per chip and level of one dispatch with its combine. [B]"""
    backward_bytes: Levels
    """Bytes per chip and level of their gradients. [B]"""
    outside: Levels
    """1 where a level lies outside the scale-up domain, else 0."""
    card: Scalar
    """Bandwidth of the network card of a chip. [B/s]"""


def step_groups(layout: Layout) -> Groups:
    """Groups of the gathers, in the order of the call axis.

    Ranks are ordered tensor, context, data, pipeline; gradients are shared over context and data
    ranks, those of experts over what expert parallelism leaves.

    Parameters
    ----------
    layout
        Degrees.

    Returns
    -------
    Groups
        Sizes and strides.
    """
    one = jnp.ones_like(layout.tp * layout.cp)
    replicas = layout.cp * layout.dp
    expert_replicas = jnp.maximum(layout.tp * replicas / layout.ep, 1.0)
    size = [layout.tp, layout.cp, replicas, replicas, expert_replicas, expert_replicas]
    stride = [1.0, layout.tp, layout.tp, layout.tp, layout.ep, layout.ep]
    return Groups(
        size=jnp.stack([one * s for s in size]),
        stride=jnp.stack([one * s for s in stride]),
    )


def step_traffic(
    payloads: Payloads, layout: Layout, network: Network, library: Library
) -> StepTraffic:
    """Time of each collective of a step when it runs once.

    Parameters
    ----------
    payloads
        Bytes.
    layout
        Degrees, from which groups and strides follow.
    network
        Levels.
    library
        Communication software.

    Returns
    -------
    StepTraffic
        Times and bytes.
    """
    groups = step_groups(layout)
    one = jnp.ones_like(layout.tp * layout.ep)
    experts = Groups(size=(layout.ep * one)[None], stride=one[None])
    copies = expert_exchange_traffic(
        payloads.tokens, payloads.copies, payloads.unit_limit, experts, network
    )
    sent = gather_sent(payloads.gathers, groups, network)
    inside = network.scaleup[None, :] > 0.5
    outside = jnp.where(network.scaleup > 0.5, 0.0, network.bandwidth)
    return StepTraffic(
        gathers=gather_time(payloads.gathers, groups, network, library),
        reduces=all_reduce_time(payloads.gathers, groups, network, library),
        dispatch=exchange_time(copies * payloads.dispatch, experts, network, library),
        combine=exchange_time(copies * payloads.combine, experts, network, library),
        send=send_time(payloads.boundary, layout.tp * layout.cp * layout.dp, network),
        sent_scaleup=jnp.where(inside, sent, 0.0).sum(1),
        sent_scaleout=jnp.where(inside, 0.0, sent).sum(1),
        forward_bytes=copies * (payloads.dispatch + payloads.combine),
        backward_bytes=copies * (2.0 * payloads.combine),
        outside=1.0 - network.scaleup,
        card=outside.max(),
    )
