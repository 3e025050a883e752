"""What each chip holds of a model under a layout: blocks per stage, parameters, tokens."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from perfmodel_kernels._typing import Blocks, Scalar, Stages
from perfmodel_kernels.layout import HEADS, Layout, shard_ranks
from perfmodel_kernels.parameters import ParameterCounts, block_parameters
from perfmodel_kernels.transformer import Model, Share


class Held(NamedTuple):
    """Parameters per stage and the ranks that can share their states."""

    shared: Stages
    """Outside the routed experts, on one chip before sharding."""
    routed: Stages
    """In the routed experts."""
    shared_ranks: Scalar
    """Ranks that share the states of the same parameters; copies of hybrid sharding apart."""
    routed_ranks: Scalar
    """Ranks that hold the same experts and share their states; copies apart."""


def held_parameters(
    parameters: ParameterCounts,
    blocks: Float[Array, "block stage"],
    layout: Layout,
    tied: Scalar = 0.0,
) -> Held:
    """Parameters of each kind of stage on one chip.

    Parameters
    ----------
    parameters
        By kind of block.
    blocks
        Blocks per stage; prediction layers reuse the output of the model.
    layout
        Degrees.
    tied
        Parameters that embedding and output share where they lie on one stage.

    Returns
    -------
    Held
        Counts and the ranks that replicate them.
    """
    outputs = jnp.minimum(blocks[4:], 1.0)  # the output matrix is held once
    own = jnp.concatenate([blocks[:4], outputs], axis=0)
    shared = (parameters.shared[:, None] * own).sum(0) - tied * own[3] * own[4]
    replicas = layout.cp * layout.dp
    held_by = layout.tp * replicas / (layout.ep * layout.etp * layout.replicas)
    return Held(
        shared=present_stages(shared, layout.pp),
        routed=present_stages((parameters.routed[:, None] * own).sum(0), layout.pp),
        shared_ranks=shard_ranks(layout),
        routed_ranks=jnp.maximum(held_by, 1.0),
    )


def sharded(held: Held, stage: Scalar, sharding: Scalar) -> Stages:
    """Parameters per stage whose states a chip keeps, from the given stage of sharding on.

    Parameters
    ----------
    held
        Parameters and the ranks that replicate them.
    stage
        Sharding code from which on they are split.
    sharding
        Sharding code of the layout.

    Returns
    -------
    Stages
        Parameters.
    """
    split = sharding > stage - 0.5
    shared = held.shared / jnp.where(split, held.shared_ranks, 1.0)
    return shared + held.routed / jnp.where(split, held.routed_ranks, 1.0)


class Placement(NamedTuple):
    """A model under a layout, as its chips see it."""

    model: Model
    layout: Layout
    share: Share
    """What a chip holds of a micro-batch."""
    blocks: Float[Array, "block stage"]
    """Blocks of each kind on the first, a middle and the last stage."""
    held: Held
    """Parameters on one chip."""


def place(model: Model, layout: Layout, length: Scalar) -> Placement:
    """Lays a model over chips.

    Parameters
    ----------
    model
        Architecture.
    layout
        Degrees and modes.
    length
        Tokens of a sequence. [token]

    Returns
    -------
    Placement
        What each chip holds.
    """
    blocks = stage_blocks(model, layout)
    counts = block_parameters(model, layout.tp, layout.ep, layout.etp)
    chunks = jnp.where(layout.context > HEADS - 0.5, 1.0, layout.cp)
    shared_matrix = model.tied * model.vocabulary * model.hidden / layout.tp
    share = Share(
        tokens=layout.micro_batch * length / layout.cp,
        sequences=layout.micro_batch,
        length=length,
        tp=layout.tp,
        cp=layout.cp,
        ep=layout.ep,
        etp=layout.etp,
        span=length / chunks,
        sequence_split=jnp.where(layout.sequence_parallel > 0.5, layout.tp, 1.0),
    )
    return Placement(
        model, layout, share, blocks, held_parameters(counts, blocks, layout, shared_matrix)
    )


def stage_blocks(model: Model, layout: Layout) -> Float[Array, "block stage"]:
    r"""Blocks of each kind on the first, a middle and the last stage.

    A chunk holds :math:`\lceil L/(p v) \rceil` layers; what is missing to a full grid is taken from
    the ends of the pipeline, where embedding and output need the room. Leading dense layers lie on
    the first stage, what it cannot hold on the middle ones. A single stage is described by the
    last one, which then holds everything.

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
    ahead = jnp.minimum(model.leading_dense * ends, layers)
    rest = (model.leading_dense - ahead.max()) / jnp.maximum(layout.pp - 2.0, 1.0)
    leading = ahead + jnp.minimum(jnp.stack([zero, jnp.maximum(rest, 0.0), zero]), layers)
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


def stage_counts(stages: Scalar) -> Stages:
    """How many stages are a first, a middle and a last one; a single stage counts as the last.

    Parameters
    ----------
    stages
        Stages in a row.

    Returns
    -------
    Stages
        Counts that add up to the stages.
    """
    first = jnp.where(stages > 1.0, 1.0, 0.0)
    return jnp.stack([first, jnp.maximum(stages - 2.0, 0.0), jnp.ones_like(first)])


def mean_over_stages(placement: Placement) -> Blocks:
    """Blocks of each kind on the mean chip of a pipeline.

    Parameters
    ----------
    placement
        Blocks per stage.

    Returns
    -------
    Blocks
        Counts, fractions among them.
    """
    stages = placement.layout.pp
    return (placement.blocks * stage_counts(stages)[None, :]).sum(1) / stages


def present_stages(values: Stages, stages: Scalar) -> Stages:
    """Values of the kinds of stage that a pipeline has, zero for the others.

    Parameters
    ----------
    values
        One value per kind of stage, none negative.
    stages
        Stages in a row.

    Returns
    -------
    Stages
        The same, absent kinds at zero.
    """
    present = jnp.stack([stages > 1.5, stages > 2.5, stages > 0.5])
    return jnp.where(present, values, 0.0)


def one_hot_of_largest(total: Stages, stages: Scalar) -> Stages:
    """Marks the kind of stage with the largest value among those that the pipeline has.

    Parameters
    ----------
    total
        One value per kind of stage.
    stages
        Stages in a row.

    Returns
    -------
    Stages
        Weights that add up to one.
    """
    shown = present_stages(total, stages)
    largest = jnp.where(shown >= shown.max(), jnp.ones_like(shown), jnp.zeros_like(shown))
    return largest / largest.sum()
