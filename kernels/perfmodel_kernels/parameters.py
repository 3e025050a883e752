"""Parameters of a transformer, and the FLOP of a token that follow from them."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from perfmodel_kernels._typing import Blocks, Real, Scalar
from perfmodel_kernels.transformer import (
    GEMM_BLOCKS,
    IS_EXPERT,
    IS_OUTPUT,
    Model,
    contract,
    gemm_widths,
    mean_keys,
    repeated_keys,
    tensor_splits,
)


class ParameterCounts(NamedTuple):
    """Parameters that one chip holds, before data-parallel sharding."""

    shared: Blocks
    """Per block, outside the routed experts."""
    routed: Blocks
    """Per block, in the routed experts."""


def block_parameters(model: Model, tp: Scalar, ep: Scalar, etp: Scalar) -> ParameterCounts:
    """Counts the parameters that one chip holds, by kind of block.

    Parameters
    ----------
    model
        Architecture.
    tp
        Tensor ranks that split columns and rows.
    ep
        Ranks over which the experts are dealt.
    etp
        Ranks that split each expert.

    Returns
    -------
    ParameterCounts
        Counts by kind of block.
    """
    n, k = gemm_widths(model)
    n = n + repeated_keys(model, tp)
    columns, rows = tensor_splits(tp, etp)
    elements = (n * k + model.biases * n) / (columns * rows)
    dense = jnp.where(IS_EXPERT, 0.0, elements)
    routed = jnp.where(IS_EXPERT, elements * model.experts / ep, 0.0)
    shared = contract(GEMM_BLOCKS.T, dense)
    return ParameterCounts(
        shared=shared + _vector_parameters(model, tp),
        routed=contract(GEMM_BLOCKS.T, routed),
    )


def _vector_parameters(model: Model, tp: Scalar) -> Blocks:
    """Embedding, positions and norms of each kind of block."""
    norm = model.norm_vectors * model.hidden
    per_head = model.qk_norm * 2.0 * model.qk_dim
    latent_norms = model.latent * (model.q_compressed * model.q_rank + model.kv_rank)
    layer = 2.0 * norm + per_head + latent_norms
    embedding = (model.vocabulary + model.positions) * model.hidden / tp
    return jnp.stack([layer, layer, 2.0 * norm, embedding, norm])


def model_blocks(model: Model) -> Float[Array, "block"]:
    """Blocks of each kind in the whole model; prediction layers share embedding and output.

    Returns
    -------
    Float[Array, "block"]
        Counts.
    """
    behind = model.layers - model.leading_dense
    experts = behind * model.expert_share
    one = jnp.ones_like(experts)
    return jnp.stack([model.layers - experts, experts, 0.0 * one, one, one])


def parameter_count(model: Model) -> Real:
    """Parameters of the model, prediction layers apart, tied embeddings once.

    Returns
    -------
    Real
        Parameters.
    """
    held = block_parameters(model, 1.0, 1.0, 1.0)
    tied = model.tied * model.vocabulary * model.hidden
    return (model_blocks(model) * (held.shared + held.routed)).sum() - tied


def active_parameter_count(model: Model) -> Real:
    """Parameters that one token passes through; input embedding included once.

    Returns
    -------
    Real
        Parameters.
    """
    held = block_parameters(model, 1.0, 1.0, 1.0)
    used = model.top_k / jnp.maximum(model.experts, 1.0)
    tied = model.tied * model.vocabulary * model.hidden
    return (model_blocks(model) * (held.shared + held.routed * used)).sum() - tied


class Convention(NamedTuple):
    """What a published count of FLOP includes."""

    attention: Scalar
    """Share of the score matrix that counts: 0 none, 1/2 the causal half, 1 all of it."""
    vocabulary: Scalar
    """1 where the projection onto the vocabulary counts, else 0."""
    embedding: Scalar
    """1 where the look-up of the embedding counts as a product, else 0."""
    passes: Scalar
    """Forward passes that a training step counts as: 3, or 4 where every layer is computed twice.
    The output counts as 3 in any case."""


def convention_flop_per_token(model: Model, length: Scalar, convention: Convention) -> Real:
    r"""FLOP of one token as a source counts them.

    .. math:: 2 p \left(\sum_{layers} n k + f\, 2\, s\, a (d_{qk} + d_v) L / 2\right)
        + 6 (f_v + f_e) V h

    Parameters
    ----------
    model
        Architecture.
    length
        Tokens of a sequence :math:`s`. [token]
    convention
        Passes :math:`p`, share of the scores :math:`f`, vocabulary and embedding.

    Returns
    -------
    Real
        FLOP per token. [FLOP]

    References
    ----------
    Narayanan et al., arXiv 2104.04473, appendix; Chowdhery et al., arXiv 2204.02311, appendix B.
    """
    n, k = gemm_widths(model)
    copies = jnp.where(IS_EXPERT, model.top_k, 1.0)
    products = n * k * copies * contract(GEMM_BLOCKS, model_blocks(model))
    output = jnp.asarray(IS_OUTPUT)
    layers = jnp.where(output, 0.0, products).sum()
    width = model.heads * (model.qk_dim + model.v_dim)
    scores = convention.attention * length * width * model.layers
    once = convention.embedding * model.vocabulary * model.hidden
    ends = once + convention.vocabulary * jnp.where(output, products, 0.0).sum()
    return 2.0 * convention.passes * (layers + scores) + 6.0 * ends


def model_flop_per_token(model: Model, length: Scalar) -> Real:
    r"""FLOP of one token, forward and backward, without recompute; causal attention halved.

    .. math:: 6 \sum n k + 3 \cdot 2 \bar{k} \, a (d_{qk} + d_v) L

    Vocabulary projection included, embedding look-up free.

    Parameters
    ----------
    model
        Architecture.
    length
        Tokens of a sequence. [token]

    Returns
    -------
    Real
        FLOP per token. [FLOP]

    References
    ----------
    Chowdhery et al., "PaLM", arXiv 2204.02311, appendix B, with the causal half.
    """
    n, k = gemm_widths(model)
    copies = jnp.where(IS_EXPERT, model.top_k, 1.0)
    predictions = model.prediction_layers
    blocks = model_blocks(model) + predictions * jnp.stack(
        [1.0 - model.expert_share, model.expert_share, 1.0, 0.0, 1.0]
    )
    products = (n * k * copies * contract(GEMM_BLOCKS, blocks)).sum()
    layers = model.layers + predictions
    attention = mean_keys(model, length) * model.heads * (model.qk_dim + model.v_dim) * layers
    return 6.0 * products + 6.0 * attention
