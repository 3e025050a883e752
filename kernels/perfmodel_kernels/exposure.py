"""What communication adds to a step: how much hides behind computation, how much stays exposed."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from perfmodel_kernels._typing import Blocks, Real, Scalar
from perfmodel_kernels.layout import ATTENTION, FULL, HEADS, PARTS, ZERO1, ZERO2, ZERO3, Layout
from perfmodel_kernels.operators import BlockTimes
from perfmodel_kernels.placement import Placement
from perfmodel_kernels.traffic import (
    CONTEXT,
    COPIES,
    EXPERT_GRADIENT,
    EXPERT_TENSOR,
    EXPERT_WEIGHT,
    GRADIENT,
    TENSOR,
    WEIGHT,
    StepTraffic,
)
from perfmodel_kernels.transformer import HAS_EXPERTS, IS_LAYER, Model


def context_rounds(layout: Layout) -> Real:
    """Exchanges of the context ranks in a backward pass, per one in the forward pass.

    Gradients of keys and values travel beside these once more; heads are traded as before.

    Returns
    -------
    Real
        2 in a ring, 1 where heads are traded.
    """
    return jnp.where(layout.context > HEADS - 0.5, 1.0, 2.0)


TENSOR_CALLS = np.array([4, 2, 0, 1, 1])
"""Gathers and scatters of the hidden state per block in a forward pass, shared experts apart."""

RECOMPUTE, EXPERT = 3, 6
"""Rows of the kind axis that hold what is computed again and the exchanges between experts."""


class Overlap(NamedTuple):
    """Share of a communication that can hide behind computation."""

    tensor: Scalar
    context: Scalar
    expert: Scalar
    pipeline: Scalar
    data: Scalar
    slowdown: Scalar
    """Compute rate that a running collective takes."""


class PassTimes(NamedTuple):
    """Time of one micro-batch by kind and block, exposed communication included."""

    forward: Float[Array, "kind block"]
    """Matrix, attention, memory-bound, recompute, tensor, context, expert, host. [s]"""
    backward: Float[Array, "kind block"]
    """The same kinds. [s]"""


def tensor_calls(model: Model) -> Blocks:
    """Gathers and scatters of the hidden state in one forward pass, by kind of block.

    Attention and feed-forward begin with a gather and end with a scatter; routed experts need
    none, shared ones do; embedding and output have one.

    Parameters
    ----------
    model
        Architecture.

    Returns
    -------
    Blocks
        Calls.
    """
    has_shared = jnp.where(HAS_EXPERTS, jnp.minimum(model.shared_ffn, 1.0), 0.0)
    return jnp.asarray(TENSOR_CALLS, has_shared.dtype) + 2.0 * has_shared


def _hide(communication: Blocks, share: Scalar, behind: Blocks, slowdown: Scalar) -> Blocks:
    """What a communication adds to the time when it may hide behind a computation."""
    hidden = jnp.minimum(share * communication, behind)
    return communication - hidden * (1.0 - slowdown)


class _Pass(NamedTuple):
    """One pass of a micro-batch by kind of block: computation, then what it waits for."""

    matrix: Blocks
    attention: Blocks
    elementwise: Blocks
    tensor: Blocks
    context: Blocks
    expert: Blocks
    host: Blocks
    """Time in which the host issues the kernels."""

    def exposed(self, overlap: Overlap, late: Blocks) -> "_Pass":
        """The same with communication behind computation, as far as it can hide, and the host
        behind the device, but for what it issues once the device has counted the tokens.
        """
        compute, slowdown = self.matrix + self.attention, overlap.slowdown
        shown = self._replace(
            tensor=_hide(self.tensor, overlap.tensor, self.matrix, slowdown),
            context=_hide(self.context, overlap.context, self.attention, slowdown),
            expert=_hide(self.expert, overlap.expert, compute, slowdown),
            host=jnp.zeros_like(self.host),
        )
        ahead = jnp.maximum(self.host - jnp.stack(shown).sum(0), 0.0)
        return shown._replace(host=ahead + late)


def pass_times(
    placement: Placement, times: BlockTimes, traffic: StepTraffic, overlap: Overlap, fused: Scalar
) -> PassTimes:
    """Time of one micro-batch by kind and block, exposed communication included.

    Parameters
    ----------
    placement
        What each chip holds.
    times
        Operators by block.
    traffic
        Collectives, each once.
    overlap
        How much of a communication hides.
    fused
        1 where attention is one kernel, else 0.

    Returns
    -------
    PassTimes
        Forward and backward times. [s]
    """
    half = jnp.where(  # an all-reduce stands for a gather and a scatter
        placement.layout.sequence_parallel > 0.5,
        traffic.gathers[TENSOR],
        0.5 * traffic.reduces[TENSOR],
    )
    layout = placement.layout
    tensor = tensor_calls(placement.model) * half
    trades = layout.context > HEADS - 0.5
    context = jnp.where(IS_LAYER, jnp.where(trades, traffic.heads, traffic.gathers[CONTEXT]), 0.0)
    overlap = overlap._replace(context=jnp.where(trades, 0.0, overlap.context))
    split = 2.0 * traffic.gathers[EXPERT_TENSOR]  # in before the experts, out behind them
    ahead = _Pass(
        times.matrix_forward,
        times.attention_forward,
        times.elementwise_forward,
        tensor,
        context,
        jnp.where(HAS_EXPERTS, traffic.dispatch + traffic.combine + split, 0.0),
        times.issue_forward,
    ).exposed(overlap, times.experts_forward)
    behind = _Pass(
        times.matrix_backward,
        times.attention_backward,
        times.elementwise_backward,
        tensor,
        context_rounds(layout) * context,
        jnp.where(HAS_EXPERTS, 2.0 * traffic.combine + split, 0.0),  # gradients: 16 bits both ways
        times.issue_backward,
    ).exposed(overlap, times.experts_backward)
    again = layout.recomputed * _recomputed(layout.recompute, ahead, fused, times.latent_forward)
    return PassTimes(
        forward=jnp.stack([*ahead[:3], jnp.zeros_like(again), *ahead[3:]]),
        backward=jnp.stack([*behind[:3], again, *behind[3:]]),
    )


def _recomputed(mode: Scalar, ahead: _Pass, fused: Scalar, latent: Blocks) -> Blocks:
    """Time that the backward pass spends on computing a forward pass again."""
    attention = jnp.where(mode > ATTENTION - 0.5, ahead.attention, 0.0)
    parts = ahead.elementwise + (1.0 - fused) * ahead.attention + latent
    partly = jnp.where(mode > PARTS - 0.5, parts, attention)
    again = jnp.where(mode > FULL - 0.5, jnp.stack(ahead).sum(0), partly)
    return jnp.where(IS_LAYER, again, 0.0)


class CardTimes(NamedTuple):
    """Time in which one micro-batch holds the network card, by block."""

    forward: Blocks
    """Forward pass. [s]"""
    backward: Blocks
    """Backward pass. [s]"""


def card_times(model: Model, layout: Layout, traffic: StepTraffic) -> CardTimes:
    r"""Time in which tensor, context and expert groups hold the network card.

    Parameters
    ----------
    model
        Architecture.
    layout
        Kind of context parallelism.
    traffic
        Bytes of the collectives that leave the scale-up domain.

    Returns
    -------
    CardTimes
        Per micro-batch and block. [s]
    """
    tensor = tensor_calls(model) * traffic.sent_scaleout[TENSOR]
    context = jnp.where(IS_LAYER, traffic.sent_scaleout[CONTEXT], 0.0)
    split = 2.0 * traffic.sent_scaleout[EXPERT_TENSOR]
    ahead = split + jnp.where(traffic.outside > 0.5, traffic.forward_bytes, 0.0).sum()
    behind = split + jnp.where(traffic.outside > 0.5, traffic.backward_bytes, 0.0).sum()
    after = context_rounds(layout) * context
    return CardTimes(
        forward=(tensor + context + jnp.where(HAS_EXPERTS, ahead, 0.0)) / traffic.card,
        backward=(tensor + after + jnp.where(HAS_EXPERTS, behind, 0.0)) / traffic.card,
    )


class Window(NamedTuple):
    """What a collective of the data-parallel ranks can hide behind."""

    forward: Scalar
    """Forward time of one micro-batch on the slowest stage. [s]"""
    backward: Scalar
    """Backward time of it. [s]"""
    layers: Scalar
    """Layers of that stage."""
    bucket_share: Scalar
    """One bucket over all gradients."""
    card_forward: Scalar
    """Time in the forward pass in which other groups hold the network card. [s]"""
    card_backward: Scalar
    """The same in the backward pass. [s]"""


def data_exposure(layout: Layout, traffic: StepTraffic, window: Window, overlap: Overlap) -> Real:
    r"""Time that gradient and weight collectives add to a step.

    Replicas reduce gradients once per step (DDP, ZeRO-1) or per micro-batch (ZeRO-2, ZeRO-3) behind
    the backward pass, and gather weights once (ZeRO-1, ZeRO-2) or twice per micro-batch (ZeRO-3)
    behind the passes that need them. One bucket, or one layer with ZeRO-3, stays exposed. While
    other groups hold the network card, a collective that leaves the scale-up domain waits, so the
    window :math:`w` is what they leave of the pass:

    .. math:: t = t_c - (1 - \sigma) \min(\omega w, (1 - \beta) t_c)

    Parameters
    ----------
    layout
        Sharding and micro-batches.
    traffic
        Times of the collectives.
    window
        Computation to hide behind, and what can't.
    overlap
        Share that hides, and what it costs.

    Returns
    -------
    Real
        Exposed time. [s]
    """
    count = layout.micro_batches
    zero2, zero3 = layout.sharding > ZERO2 - 0.5, layout.sharding > ZERO3 - 0.5
    ddp = layout.sharding < ZERO1 - 0.5
    scattered = traffic.gathers[GRADIENT] + traffic.gathers[EXPERT_GRADIENT]
    reduced = traffic.reduces[GRADIENT] + traffic.reduces[EXPERT_GRADIENT]
    gather = traffic.gathers[WEIGHT] + traffic.gathers[EXPERT_WEIGHT]
    last = jnp.where(zero3, 1.0 / jnp.maximum(window.layers, 1.0), window.bucket_share)

    beyond = traffic.sent_scaleout
    outside = beyond[GRADIENT] + beyond[EXPERT_GRADIENT] + beyond[COPIES] > 0.0

    def exposed(time: Real, behind: Real, card: Real) -> Real:
        free = jnp.maximum(behind - jnp.where(outside, card, 0.0), 0.0)
        covered = jnp.minimum(overlap.data * free, time * (1.0 - last))
        return time - (1.0 - overlap.slowdown) * covered

    back = jnp.where(ddp, reduced, scattered) + jnp.where(zero3, gather, 0.0)
    back_times = jnp.where(zero2, count, 1.0)
    # copies of a shard reduce once per step, behind the last backward pass
    once = traffic.reduces[COPIES]
    ahead_times = jnp.where(zero3, count, jnp.where(ddp, 0.0, 1.0))
    last_pass = exposed(back + once, window.backward, window.card_backward)
    return (
        last_pass
        + (back_times - 1.0) * exposed(back, window.backward, window.card_backward)
        + ahead_times * exposed(gather, window.forward, window.card_forward)
    )
