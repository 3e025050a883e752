"""The collectives of one training step: who sends what over which level, and how long it takes."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array

from perfmodel_kernels._typing import AlgorithmCalls, CallLevels, Calls, Levels, Real, Scalar
from perfmodel_kernels.collectives import Cost, Costs, Library, collectives_of, send_time, times_of
from perfmodel_kernels.exchange import (
    Routing,
    exchange_costs,
    expert_exchange_traffic,
    uniform_exchange_costs,
)
from perfmodel_kernels.layout import HEADS, Layout, shard_ranks
from perfmodel_kernels.level_methods import gather_sent_shares
from perfmodel_kernels.topology import Apart, Groups, Network, Reach, lay

TENSOR, CONTEXT, GRADIENT, WEIGHT, EXPERT_GRADIENT, EXPERT_WEIGHT, COPIES, EXPERT_TENSOR = range(8)
"""Rows of the call axis."""

EXPERTS = 6
"""Row of the group of experts behind those of the gathers."""


class Payloads(NamedTuple):
    """Bytes of every collective of a step, in the convention of collectives.py."""

    gathers: Calls
    """By row of the call axis. [B]"""
    heads: Scalar
    """Queries, keys, values and outputs of one chip that trade heads for sequence. [B]"""
    tokens: Scalar
    """Tokens that one chip routes to experts."""
    routing: Routing
    """How they find them."""
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
    heads: Real
    """Trading heads for sequence before and after attention. [s]"""
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
    """Groups of the collectives: tensor, context, shard, replicas of experts, copies of a shard,
    expert tensor, experts.

    Ranks are ordered tensor, context, data, pipeline; gradients are shared over context and data
    ranks, copies of a shard lie outermost among them. Experts are ordered expert tensor, expert,
    replica.

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
    replicas, shard = layout.cp * layout.dp, shard_ranks(layout)
    copies = jnp.maximum(replicas / shard, 1.0)
    experts = layout.ep * layout.etp
    expert_replicas = jnp.maximum(layout.tp * replicas / experts, 1.0)
    size = [layout.tp, layout.cp, shard, expert_replicas, copies, layout.etp, layout.ep]
    stride = [1.0, layout.tp, layout.tp, experts, layout.tp * shard, 1.0, layout.etp]
    return Groups(
        size=jnp.stack([one * s for s in size]),
        stride=jnp.stack([one * s for s in stride]),
    )


def _by_call(groups: Calls | AlgorithmCalls) -> Array:
    """Rows of the call axis from those of the groups: gradients and weights share a group."""
    data, experts = groups[..., 2:3], groups[..., 3:4]
    return jnp.concatenate([groups[..., :3], data, experts, experts, groups[..., 4:]], axis=-1)


def _rows(reach: Reach, rows: slice) -> Reach:
    """How some of the groups lie."""
    return Reach(
        within=reach.within[rows],
        below=reach.below[rows],
        bandwidth=reach.bandwidth[rows],
        inner_hops=reach.inner_hops[rows],
        inner=reach.inner,
        middle=reach.middle[rows],
        apart=Apart(*(part[rows] for part in reach.apart)),
    )


def _calls(costs: Costs) -> Costs:
    """Costs of the calls from those of the groups."""
    return Costs(*(Cost(*(_by_call(part) for part in one)) for one in costs))


def _sent_shares(reach: Reach, context: Scalar) -> CallLevels:
    """Bytes over each level per byte of payload; heads go to all ranks of a context group alike."""
    gathered = gather_sent_shares(reach)
    alike = (reach.within - reach.below) / reach.within[:, -1:]
    row = jnp.arange(gathered.shape[0])[:, None] == CONTEXT
    return jnp.where(row & (context > HEADS - 0.5), alike, gathered)


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
    reach = lay(groups, network)
    context, experts = _rows(reach, slice(CONTEXT, 2)), _rows(reach, slice(EXPERTS, 7))
    copies = expert_exchange_traffic(payloads.tokens, payloads.routing, experts, network)
    gathering = _rows(reach, slice(0, EXPERTS))
    costs = collectives_of(gathering, network, library)
    one = jnp.ones_like(layout.tp * layout.ep)
    widths = jnp.stack([payloads.dispatch * one, payloads.combine * one])
    exchanges = times_of(widths, exchange_costs(copies, experts, network, library))[0]
    traded = times_of(
        jnp.stack([payloads.heads * one]), uniform_exchange_costs(context, network, library)
    )
    sent = _sent_shares(gathering, layout.context)
    inside = network.scaleup[None, :] > 0.5
    outside = jnp.where(network.scaleup > 0.5, 0.0, network.bandwidth)
    return StepTraffic(
        gathers=times_of(payloads.gathers, _calls(costs.gather)).min(0),
        reduces=times_of(payloads.gathers, _calls(costs.all_reduce)).min(0),
        dispatch=exchanges[0],
        combine=exchanges[1],
        send=send_time(payloads.boundary, layout.tp * layout.cp * layout.dp, network),
        heads=traded[0, 0],
        sent_scaleup=payloads.gathers * _by_call(jnp.where(inside, sent, 0.0).sum(1)),
        sent_scaleout=payloads.gathers * _by_call(jnp.where(inside, 0.0, sent).sum(1)),
        forward_bytes=copies * (payloads.dispatch + payloads.combine),
        backward_bytes=copies * (2.0 * payloads.combine),
        outside=1.0 - network.scaleup,
        card=outside.max(),
    )
