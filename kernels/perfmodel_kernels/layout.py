"""How a job is spread over chips: parallel degrees, group strides, blocks per stage."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from perfmodel_kernels._typing import Real, Scalar
from perfmodel_kernels.transformer import Model

DDP, ZERO1, ZERO2, ZERO3 = 0.0, 1.0, 2.0, 3.0
"""Codes of the sharding: nothing, optimiser states, gradients too, weights too."""

NONE, ATTENTION, PARTS, FULL = 0.0, 1.0, 2.0, 3.0
"""Codes of the recompute mode: nothing, core attention, norms and activation functions with core
attention, whole layers."""


class Layout(NamedTuple):
    """One way to spread a job; ranks are ordered tensor, context, data, pipeline."""

    tp: Scalar
    """Tensor parallel ranks."""
    cp: Scalar
    """Context parallel ranks."""
    pp: Scalar
    """Pipeline stages."""
    vpp: Scalar
    """Model chunks per stage."""
    ep: Scalar
    """Expert parallel ranks, laid over tensor, context and data ranks."""
    dp: Scalar
    """Data parallel replicas."""
    micro_batch: Scalar
    """Sequences of one micro-batch."""
    micro_batches: Scalar
    """Micro-batches per step and replica."""
    sequence_parallel: Scalar
    """1 where tensor ranks split norms and residuals by sequence, else 0."""
    sharding: Scalar
    """Code of the sharding."""
    recompute: Scalar
    """Code of the recompute mode."""


def chips_used(layout: Layout) -> Real:
    """Chips that a layout keeps busy.

    Returns
    -------
    Real
        Chips; the rest of a partition are spares.
    """
    return layout.tp * layout.cp * layout.pp * layout.dp


def tokens_per_chip(layout: Layout, sequence_length: Scalar) -> Real:
    """Tokens of one micro-batch on the ranks of one tensor group.

    Returns
    -------
    Real
        Tokens. [token]
    """
    return layout.micro_batch * sequence_length / layout.cp


def stage_blocks(model: Model, layout: Layout) -> Float[Array, "block stage"]:
    r"""Blocks of each kind on the first, a middle and the last stage.

    A chunk holds :math:`\lceil L/(p v) \rceil` layers; what is missing to a full grid is taken from
    the ends of the pipeline, where embedding and output need the room. Leading dense layers lie on
    the first stage. A single stage is described by the last one, which then holds everything.

    Returns
    -------
    Float[Array, "block stage"]
        Dense layers, expert layers, prediction projections, embeddings, outputs.
    """
    single = layout.pp < 1.5
    chunk = jnp.ceil(model.layers / (layout.pp * layout.vpp))
    full = chunk * layout.vpp
    missing = layout.pp * full - model.layers
    at_end = jnp.ceil(missing / 2.0)
    first = jnp.maximum(full - (missing - at_end), 0.0)
    last = jnp.where(single, model.layers, jnp.maximum(full - at_end, 0.0))
    layers = jnp.stack([first, full, last])
    zero, one = jnp.zeros_like(last), jnp.ones_like(last)
    ends = jnp.stack([one, zero, jnp.where(single, one, zero)])
    leading = jnp.minimum(model.leading_dense * ends, layers)
    experts = (layers - leading) * model.expert_share
    extra = jnp.stack([zero, zero, model.prediction_layers * one])
    return jnp.stack(
        [
            layers - experts + extra * (1.0 - model.expert_share),
            experts + extra * model.expert_share,
            extra,
            ends,
            jnp.stack([zero, zero, one]) + extra,
        ]
    )
