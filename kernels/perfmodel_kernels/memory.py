"""Bytes resident on one chip, part by part, on the stage that holds most."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from perfmodel_kernels._typing import Real, Scalar, Stages
from perfmodel_kernels.in_flight import activations_in_flight, parameter_copies
from perfmodel_kernels.layout import ATTENTION, FULL, NONE, PARTS, ZERO1, ZERO2, ZERO3, Layout
from perfmodel_kernels.operators import KernelSet
from perfmodel_kernels.placement import Placement, one_hot_of_largest, sharded
from perfmodel_kernels.schedule import layout_pipeline, on_chips
from perfmodel_kernels.transformer import Model, Share


class Widths(NamedTuple):
    """Bytes of one stored element."""

    weight: Scalar
    """Weight that the forward pass reads. [B]"""
    gradient: Scalar
    """Accumulated gradient. [B]"""
    optimizer: Scalar
    """Master weight and moments. [B]"""
    resident: Scalar
    """Weight that stays beside the master weight; 0 where it is cast from that as it is
    gathered. [B]"""
    fresh: Scalar
    """Gradient of one micro-batch that stays beside the accumulated one. [B]"""


class Kept(NamedTuple):
    """What a layer keeps for its backward pass: widths, and whether outputs of experts stay."""

    product_input: Scalar
    """Input of a matrix product, kept for the weight gradient. [B]"""
    activation_input: Scalar
    """Input of an activation function. [B]"""
    attention_output: Scalar
    """Output of attention, kept for attention and for the product behind it. [B]"""
    expert_outputs: Scalar
    """1 where outputs of experts stay for the gradient of the router's weights, 0 where those
    weights enter ahead of an expert's second product."""


class Reserve(NamedTuple):
    """What the software keeps beside the states and the activations that it needs."""

    framework: Scalar
    """Context and workspace. [B]"""
    bucket: Scalar
    """Bucket of the gradient reduction. [B]"""
    fragmentation: Scalar
    """Memory that the allocator cannot use over what is in use."""
    logit: Scalar
    """Logit and its gradient, in all the formats that the loss keeps at once. [B]"""
    gathered: Scalar
    """Layers whose sharded weights are whole on the chip at once."""
    copies: Scalar
    """1 where results are kept beside their inputs, as :func:`copied_activation_bytes` says."""


class MemorySplit(NamedTuple):
    """Bytes of one chip by use, on the fullest stage or on each kind of stage."""

    weights: Real | Stages
    gradients: Real | Stages
    optimizer: Real | Stages
    activations: Real | Stages
    logits: Real | Stages
    buffers: Real | Stages
    reserve: Real | Stages


def layer_activation_bytes(
    model: Model, share: Share, recompute: Scalar, kernels: KernelSet, kept: Kept
) -> Float[Array, "2"]:
    r"""Activations that one dense and one expert layer keep per micro-batch.

    Multi-head attention, plain feed-forward of width 4h, unfused, with dropout, nothing recomputed:
    16 bits: :math:`s b h (10 + 24/t + 5 a s/(h t))`, the form of the reference. Software that
    computes the up-projections of latent attention again with the parts keeps none of the queries,
    keys and values of its heads then.

    Parameters
    ----------
    model
        Architecture.
    share
        What the chip holds of a micro-batch.
    recompute
        Code of the recompute mode.
    kernels
        Whether attention writes the score matrix, and what is computed again with the parts.
    kept
        Widths, and whether outputs of experts stay.

    Returns
    -------
    Float[Array, "2"]
        Bytes of a dense and of an expert layer. [B]

    References
    ----------
    Korthikanti et al., "Reducing Activation Recomputation in Large Transformer Models",
    arXiv 2205.05198, equations 1 to 4.
    """
    fused, product_input = kernels.fused, kept.product_input
    parts_stay = recompute < PARTS - 0.5  # norm outputs and activation outputs stay
    expanded = 1.0 - jnp.where(parts_stay, 0.0, model.latent * kernels.latent)
    scores_kept = recompute < ATTENTION - 0.5
    masks = (1.0 - fused) * 2.0 * model.hidden  # dropout masks, one byte, two places
    normed = 2.0 * product_input * model.hidden
    residual = 4.0 * model.hidden + masks + jnp.where(parts_stay, normed, 0.0)
    queries = model.heads * (2.0 * model.qk_dim * expanded + kept.attention_output * model.v_dim)
    keys = 2.0 * jnp.maximum(model.kv_heads, share.tp) * (model.qk_dim + model.v_dim)
    low_rank = 2.0 * model.latent * (model.q_rank * model.q_compressed + model.kv_rank)
    scores = jnp.where(scores_kept, 5.0 * model.heads * share.length, 0.0)
    attention = queries + keys * expanded + fused * 4.0 * model.heads + (1.0 - fused) * scores
    up = kept.activation_input * (1.0 + model.gate) + jnp.where(parts_stay, product_input, 0.0)
    output = 2.0 * kept.expert_outputs
    moved = (output + product_input * share.etp) * model.hidden  # gathered where ranks split them
    routed = model.top_k * model.imbalance * (moved + up * model.expert_ffn)
    expert = routed + up * model.shared_ffn + 8.0 * model.experts
    common = residual / share.sequence_split + attention / share.tp + low_rank
    whole = jnp.stack([common + up * model.ffn / share.tp, common + expert / share.tp])
    checkpoint = 2.0 * model.hidden / share.sequence_split
    return share.tokens * jnp.where(recompute > FULL - 0.5, checkpoint, whole)


def copied_activation_bytes(model: Model, share: Share, recompute: Scalar) -> Float[Array, "2"]:
    r"""What software that runs one operator after the other keeps beside.

    The rotated queries and keys beside those before the rotation, and the activated gate beside
    the gate and the product, 16 bits each: :math:`2 b s (2 a d_q + f)/t` for multi-head attention
    and a gated feed-forward.

    Parameters
    ----------
    model
        Architecture.
    share
        What the chip holds of a micro-batch.
    recompute
        Code of the recompute mode.

    Returns
    -------
    Float[Array, "2"]
        Bytes of a dense and of an expert layer. [B]
    """
    rotated = (model.heads + jnp.maximum(model.kv_heads, share.tp)) * model.qk_dim
    routed = model.top_k * model.imbalance * model.expert_ffn
    widths = jnp.stack([model.ffn * jnp.ones_like(routed), routed + model.shared_ffn])
    gate = jnp.where(recompute < PARTS - 0.5, model.gate * widths, 0.0)
    copies = 2.0 * share.tokens * (rotated + gate) / share.tp
    return jnp.where(recompute > FULL - 0.5, 0.0, copies)


def memory_split(
    placement: Placement, widths: Widths, reserve: Reserve, kernels: KernelSet, kept: Kept
) -> MemorySplit:
    """Memory of the fullest chip of the pipeline.

    Parameters
    ----------
    placement, widths, reserve, kernels, kept
        As in :func:`memory_by_stage`.

    Returns
    -------
    MemorySplit
        Bytes by use on the fullest stage. [B]
    """
    parts = memory_by_stage(placement, widths, reserve, kernels, kept)
    fullest = one_hot_of_largest(jnp.stack(parts).sum(0), placement.layout.pp)
    return MemorySplit(*((part * fullest).sum() for part in parts))


def memory_by_stage(
    placement: Placement, widths: Widths, reserve: Reserve, kernels: KernelSet, kept: Kept
) -> MemorySplit:
    """Memory of a chip on the first, a middle and the last stage of the pipeline.

    Parameters
    ----------
    placement
        What each chip holds of the model and of a micro-batch.
    widths
        Bytes of stored elements.
    reserve
        Framework and bucket.
    kernels
        Whether attention writes the score matrix, and what is computed again with the parts.
    kept
        What a layer keeps for its backward pass.

    Returns
    -------
    MemorySplit
        Bytes by use and kind of stage. [B]
    """
    model, layout, share, blocks, held = placement
    working = layer_activation_bytes(model, share, NONE, kernels, kept)
    working += reserve.copies * copied_activation_bytes(model, share, NONE)
    reduced = layer_activation_bytes(model, share, layout.recompute, kernels, kept)
    reduced += reserve.copies * copied_activation_bytes(model, share, layout.recompute)
    stay = kept_bytes(layout, working, reduced)
    pipeline = layout_pipeline(layout)
    flight = activations_in_flight(blocks[0] * stay[0] + blocks[1] * stay[1], pipeline)
    copies = parameter_copies(layout.schedule)
    again = jnp.where(layout.recompute > PARTS - 0.5, working.max() - reduced.max(), 0.0)
    away = 2.0 * layout.offload_activations * stay.max()  # one layer leaves, one comes back
    used = MemorySplit(
        weights=copies
        * widths.resident
        * on_chips(sharded(held, ZERO3, layout.sharding), pipeline),
        gradients=copies
        * (widths.gradient + widths.fresh)
        * on_chips(sharded(held, ZERO2, layout.sharding), pipeline),
        optimizer=widths.optimizer
        * sharded(held, ZERO1, layout.sharding)
        * (1.0 - layout.offload_states),
        activations=flight * (1.0 - layout.offload_activations) + jnp.maximum(again, 0.0),
        logits=share.tokens * model.vocabulary / share.tp * reserve.logit * blocks[4],
        buffers=away + buffer_bytes(placement, widths.weight, reserve),
        reserve=reserve.framework * jnp.ones_like(flight),
    )
    lost = reserve.fragmentation * jnp.stack(used[:-1]).sum(0)
    return used._replace(reserve=used.reserve + lost)


def kept_bytes(
    layout: Layout, whole: Float[Array, "2"], reduced: Float[Array, "2"]
) -> Float[Array, "2"]:
    """Activations that a dense and an expert layer keep when some layers recompute.

    Parameters
    ----------
    layout
        Share of the layers that recompute.
    whole, reduced
        Bytes without and with recompute. [B]

    Returns
    -------
    Float[Array, "2"]
        Mean over the layers. [B]
    """
    return layout.recomputed * reduced + (1.0 - layout.recomputed) * whole


def buffer_bytes(placement: Placement, weight: Scalar, reserve: Reserve) -> Stages:
    """Room for what is on its way: buckets, gathered layers, gathered hidden states, tokens.

    Parameters
    ----------
    placement
        What each chip holds.
    weight
        Width of a weight. [B]
    reserve
        Bucket of the gradient reduction, two of them, and gathered layers.

    Returns
    -------
    Stages
        Bytes. [B]
    """
    model, layout, share, blocks, held = placement
    layer = jnp.maximum(held.shared, held.routed) / jnp.maximum(blocks[0] + blocks[1], 1.0)
    gathered = jnp.where(layout.sharding > ZERO3 - 0.5, reserve.gathered * weight * layer, 0.0)
    several = jnp.where(layout.tp > 1.5, 4.0 * share.tokens * model.hidden, 0.0)
    dispatch = 4.0 * share.tokens / share.tp * model.hidden * model.top_k * model.imbalance
    routed = jnp.where(model.experts > 0.5, dispatch, 0.0)
    return gathered + (2.0 * reserve.bucket + several + routed) * jnp.ones_like(layer)
