"""How a job is spread over chips: parallel degrees and modes."""

from typing import NamedTuple

import jax.numpy as jnp

from perfmodel_kernels._typing import Real, Scalar

DDP, ZERO1, ZERO2, ZERO3 = 0.0, 1.0, 2.0, 3.0
"""Codes of the sharding: nothing, optimiser states, gradients too, weights too."""

NONE, ATTENTION, PARTS, FULL = 0.0, 1.0, 2.0, 3.0
"""Codes of the recompute mode: nothing, core attention, norms and activation functions with core
attention, whole layers."""

KEYS, HEADS = 0.0, 1.0
"""Codes of context parallelism: keys and values travel round a ring; heads for sequence by an
all-to-all before and after attention."""


class Layout(NamedTuple):
    """One way to spread a job; ranks are ordered tensor, context, data, pipeline.

    Experts lie over the same ranks in another order: expert tensor, expert, replicas of experts.
    """

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
    etp: Scalar
    """Ranks that split each expert."""
    dp: Scalar
    """Data parallel replicas."""
    micro_batch: Scalar
    """Sequences of one micro-batch."""
    micro_batches: Scalar
    """Micro-batches per step and replica."""
    sequence_parallel: Scalar
    """1 where tensor ranks split norms and residuals by sequence, else 0."""
    context: Scalar
    """Code of context parallelism."""
    schedule: Scalar
    """Code of the pipeline schedule."""
    sharding: Scalar
    """Code of the sharding."""
    replicas: Scalar
    """Copies of the sharded states (HSDP); 1 shards them over all data and context ranks, and is
    also right where nothing is sharded."""
    recompute: Scalar
    """Code of the recompute mode."""
    recomputed: Scalar
    """Share of the layers that it applies to."""
    offload_states: Scalar
    """Share of the optimiser states that live in host memory and are updated there."""
    offload_activations: Scalar
    """Share of the kept activations that wait in host memory."""


def chips_used(layout: Layout) -> Real:
    """Chips that a layout keeps busy.

    Returns
    -------
    Real
        Chips; the rest of a partition are spares.
    """
    return layout.tp * layout.cp * layout.pp * layout.dp


def shard_ranks(layout: Layout) -> Real:
    """Ranks over which states are sharded; all of them reduce together without sharding.

    Parameters
    ----------
    layout
        Degrees and copies.

    Returns
    -------
    Real
        Context times data ranks, over the copies.
    """
    return jnp.maximum(layout.cp * layout.dp / layout.replicas, 1.0)


def model_chips(layout: Layout) -> Real:
    r"""Chips that hold the model once: the least that a job can leave out.

    .. math:: g = \max(p_t p_c, p_e p_x)\, p_p

    Parameters
    ----------
    layout
        Degrees.

    Returns
    -------
    Real
        Chips.
    """
    return jnp.maximum(layout.tp * layout.cp, layout.ep * layout.etp) * layout.pp


def elastic_chips(layout: Layout) -> Real:
    r"""Chips that an elastic job loses together: those that hold one copy of the weights.

    Up to ZeRO-2 that is one copy of the model, and shards of optimiser states come back from the
    copies of peers; with weights sharded it is the group that shards them.

    Parameters
    ----------
    layout
        Degrees, sharding and copies.

    Returns
    -------
    Real
        Chips.
    """
    model = model_chips(layout)
    group = jnp.maximum(model, chips_used(layout) / layout.replicas)
    return jnp.where(layout.sharding > ZERO2, group, model)
