"""Operators of the blocks of a transformer as tables: shapes, FLOP and bytes."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from perfmodel_kernels._typing import Elementwise, Gemms, Real, Scalar
from perfmodel_kernels.roofline import Shape


class Model(NamedTuple):
    """Architecture of a decoder-only transformer, counts and widths as numbers."""

    layers: Scalar
    hidden: Scalar
    heads: Scalar
    kv_heads: Scalar
    qk_dim: Scalar
    """Width of a query or key head."""
    v_dim: Scalar
    """Width of a value head."""
    latent: Scalar
    """1 with multi-head latent attention, else 0."""
    q_rank: Scalar
    """Low-rank width of the queries; the hidden width where they are not compressed."""
    q_compressed: Scalar
    """1 where queries are compressed, else 0."""
    kv_rank: Scalar
    """Low-rank width of keys and values."""
    rope_dim: Scalar
    """Rotary width that all heads share under latent attention."""
    ffn: Scalar
    gate: Scalar
    """1 with a gated feed-forward, else 0."""
    vocabulary: Scalar
    tied: Scalar
    """1 where input and output embedding are one matrix, else 0."""
    positions: Scalar
    biases: Scalar
    norm_vectors: Scalar
    """Vectors of the hidden width that one norm learns: 1 scale, 2 scale and shift."""
    qk_norm: Scalar
    """1 where queries and keys are normalised per head, else 0."""
    experts: Scalar
    top_k: Scalar
    expert_ffn: Scalar
    shared_ffn: Scalar
    leading_dense: Scalar
    """Layers before the first expert layer."""
    expert_share: Scalar
    """Share of the layers behind them that have experts."""
    unit_limit: Scalar
    """Outer units that a token's experts may lie on."""
    imbalance: Scalar
    """Tokens of the busiest expert rank over the mean."""
    prediction_layers: Scalar
    window: Scalar
    """Sliding window, the sequence length where there is none. [token]"""
    window_share: Scalar
    """Share of the layers that use it."""
    causal: Scalar
    """1 where a token attends to those before it, 0 where it attends to all."""


BLOCKS = ("dense", "expert", "prediction", "embedding", "output")
"""Kinds of block: dense layer, expert layer, prediction projection, embedding, output."""

IS_LAYER = np.array([name in ("dense", "expert") for name in BLOCKS])
"""Blocks that hold attention and that recompute repeats."""

HAS_EXPERTS = np.array([name == "expert" for name in BLOCKS])
"""Blocks whose tokens travel to experts."""

_LAYER = (1, 1, 0, 0, 0)
_DENSE = (1, 0, 0, 0, 0)
_EXPERT = (0, 1, 0, 0, 0)
_PREDICTION = (0, 0, 1, 0, 0)
_EMBEDDING = (0, 0, 0, 1, 0)
_OUTPUT = (0, 0, 0, 0, 1)

_GEMM_TABLE = (
    # name, columns split by tensor rank, rows (summed) split, kind, blocks
    ("qkv", 1, 0, "weight", _LAYER),
    ("q_down", 0, 0, "weight", _LAYER),
    ("q_up", 1, 0, "weight", _LAYER),
    ("kv_down", 0, 0, "weight", _LAYER),
    ("kv_up", 1, 0, "weight", _LAYER),
    ("scores", 0, 0, "score", _LAYER),
    ("context", 0, 0, "score", _LAYER),
    ("attention_out", 0, 1, "weight", _LAYER),
    ("ffn_up", 1, 0, "weight", _DENSE),
    ("ffn_down", 0, 1, "weight", _DENSE),
    ("router", 0, 0, "weight", _EXPERT),
    ("expert_up", 0, 0, "expert", _EXPERT),
    ("expert_down", 0, 0, "expert", _EXPERT),
    ("shared_up", 1, 0, "weight", _EXPERT),
    ("shared_down", 0, 1, "weight", _EXPERT),
    ("prediction", 0, 0, "weight", _PREDICTION),
    ("output", 1, 0, "weight", _OUTPUT),
)

GEMMS = tuple(row[0] for row in _GEMM_TABLE)
SPLIT_N = np.array([row[1] for row in _GEMM_TABLE], bool)
SPLIT_K = np.array([row[2] for row in _GEMM_TABLE], bool)
IS_EXPERT = np.array([row[3] == "expert" for row in _GEMM_TABLE])
IS_OUTPUT = np.array([row[0] == "output" for row in _GEMM_TABLE])
"""The projection onto the vocabulary."""
IS_LATENT_UP = np.array([row[0] in ("q_up", "kv_up") for row in _GEMM_TABLE])
"""Queries, keys and values of the heads out of their low-rank forms under latent attention."""
IS_SCORE = np.array([row[3] == "score" for row in _GEMM_TABLE])
HAS_WEIGHT = ~IS_SCORE
LOW_PRECISION = np.array(
    [row[3] != "score" and row[0] not in ("router", "output", "prediction") for row in _GEMM_TABLE]
)
"""Products that run in FP8 or FP4 where the recipe says so; the rest stays in 16 bits."""
GEMM_BLOCKS = np.array([row[4] for row in _GEMM_TABLE], float)

_ELEMENTWISE_TABLE = (
    # name, split by tensor rank: always (1) or only with sequence parallelism (0), blocks
    ("attention_norm", 0, _LAYER),
    ("ffn_norm", 0, _LAYER),
    ("rotary", 1, _LAYER),
    ("softmax", 1, _LAYER),
    ("activation", 1, _DENSE),
    ("router", 0, _EXPERT),
    ("permute", 1, _EXPERT),
    ("expert_activation", 1, _EXPERT),
    ("embedding", 0, _EMBEDDING),
    ("final_norm", 0, _OUTPUT),
    ("cross_entropy", 1, _OUTPUT),
)
ELEMENTWISE = tuple(row[0] for row in _ELEMENTWISE_TABLE)
IS_SOFTMAX = np.array([name == "softmax" for name in ELEMENTWISE])
"""The one operator that fused attention does without."""
SPLIT_ALWAYS = np.array([row[1] for row in _ELEMENTWISE_TABLE], bool)
ELEMENTWISE_BLOCKS = np.array([row[2] for row in _ELEMENTWISE_TABLE], float)


def contract(
    table: np.ndarray, values: Float[Array, "column"] | Float[np.ndarray, "column"]
) -> Float[Array, "row"]:
    """Sums of a table's rows, weighted by one value per column.

    Parameters
    ----------
    table
        Constant table of shape row x column.
    values
        One value per column.

    Returns
    -------
    Float[Array, "row"]
        One value per row.
    """
    return jnp.matmul(jnp.asarray(table, values.dtype), values, precision="highest")


def gemm_widths(model: Model) -> tuple[Gemms, Gemms]:
    """Output and summed width of every weight matrix, unsplit; zero where the model has none.

    Parameters
    ----------
    model
        Architecture.

    Returns
    -------
    tuple[Gemms, Gemms]
        Widths n and k by row of the table; score products are left at zero.
    """
    one = jnp.ones_like(jnp.asarray(model.hidden))
    plain = 1.0 - model.latent
    compressed = model.latent * model.q_compressed
    queries = model.heads * model.qk_dim
    keys = model.kv_heads * (model.qk_dim + model.v_dim)
    key_values = model.heads * (model.qk_dim - model.rope_dim + model.v_dim)
    up, routed = 1.0 + model.gate, jnp.minimum(model.experts, 1.0)
    shared = jnp.minimum(model.shared_ffn, 1.0)
    columns = [
        plain * (queries + keys),
        compressed * model.q_rank,
        model.latent * queries,
        model.latent * (model.kv_rank + model.rope_dim),
        model.latent * key_values,
        0.0,
        0.0,
        model.hidden,
        up * model.ffn,
        jnp.minimum(model.ffn, 1.0) * model.hidden,
        model.experts,
        routed * up * model.expert_ffn,
        routed * model.hidden,
        up * model.shared_ffn,
        shared * model.hidden,
        model.hidden,
        model.vocabulary,
    ]
    summed = [
        model.hidden,
        model.hidden,
        model.q_rank,
        model.hidden,
        model.kv_rank,
        0.0,
        0.0,
        model.heads * model.v_dim,
        model.hidden,
        model.ffn,
        model.hidden,
        model.hidden,
        model.expert_ffn,
        model.hidden,
        model.shared_ffn,
        2.0 * model.hidden,
        model.hidden,
    ]
    return jnp.stack([one * n for n in columns]), jnp.stack([one * k for k in summed])


class Share(NamedTuple):
    """What one chip holds of a micro-batch and of the matrices."""

    tokens: Scalar
    """Tokens of a tensor group. [token]"""
    sequences: Scalar
    """Sequences of the micro-batch."""
    length: Scalar
    """Tokens of a sequence. [token]"""
    tp: Scalar
    """Tensor ranks."""
    cp: Scalar
    """Context ranks."""
    ep: Scalar
    """Expert ranks."""
    etp: Scalar
    """Ranks that split an expert."""
    span: Scalar
    """Keys that one attention kernel sees: a chunk of a ring, or the sequence. [token]"""
    sequence_split: Scalar
    """Ranks that split norms and residuals."""


def gemm_shapes(model: Model, share: Share) -> Shape:
    r"""Matrix products of one micro-batch on one chip, forward and two backward passes.

    Forward :math:`(m, n, k)`, data gradient :math:`(m, k, n)`, weight gradient :math:`(n, k, m)`.

    Parameters
    ----------
    model
        Architecture.
    share
        What the chip holds.

    Returns
    -------
    Shape
        Dimensions by row of the table and pass.
    """
    n, k = gemm_widths(model)
    columns, rows = tensor_splits(share.tp, share.etp)
    n = (n + repeated_keys(model, share.tp)) / columns
    k = k / rows
    queries = share.length / share.cp
    experts = jnp.maximum(model.experts, 1.0)
    arriving = share.tokens / share.tp * model.top_k * model.imbalance * share.etp
    routed = arriving * share.ep / experts
    m = jnp.where(IS_EXPERT, routed, jnp.where(IS_SCORE, queries, share.tokens))
    n = n + jnp.where(_row("scores"), share.length, jnp.where(_row("context"), model.v_dim, 0.0))
    k = k + jnp.where(_row("scores"), model.qk_dim, jnp.where(_row("context"), share.length, 0.0))
    heads = share.sequences * model.heads / share.tp
    groups = jnp.where(IS_EXPERT, experts / share.ep, jnp.where(IS_SCORE, heads, 1.0))
    return Shape(
        m=jnp.stack([m, m, n], axis=1),
        n=jnp.stack([n, k, k], axis=1),
        k=jnp.stack([k, n, m], axis=1),
        groups=jnp.stack([groups, groups, groups], axis=1),
    )


def tensor_splits(tp: Scalar, etp: Scalar) -> tuple[Gemms, Gemms]:
    """Ranks that split the columns and the summed dimension of each matrix.

    Parameters
    ----------
    tp
        Tensor ranks.
    etp
        Ranks that split an expert.

    Returns
    -------
    tuple[Gemms, Gemms]
        Divisors of n and of k.
    """
    up, down = _row("expert_up"), _row("expert_down")
    columns = jnp.where(SPLIT_N, tp, jnp.where(up, etp, 1.0))
    return columns, jnp.where(SPLIT_K, tp, jnp.where(down, etp, 1.0))


def repeated_keys(model: Model, tp: Scalar) -> Gemms:
    """Key and value columns that tensor ranks beyond the number of heads compute once more.

    Parameters
    ----------
    model
        Architecture.
    tp
        Tensor ranks.

    Returns
    -------
    Gemms
        Columns, zero but for the first row.
    """
    repeated = jnp.maximum(tp - model.kv_heads, 0.0) * (model.qk_dim + model.v_dim)
    return jnp.where(_row("qkv"), (1.0 - model.latent) * repeated, 0.0)


def _row(name: str) -> np.ndarray:
    return np.array([gemm == name for gemm in GEMMS])


def mean_keys(model: Model, length: Scalar) -> Real:
    r"""Keys that a query attends to on average, over layers with and without a window.

    .. math:: \bar{k} = f_w \left(w - \frac{c w^2}{2 s}\right)
        + (1 - f_w) s \left(1 - \frac{c}{2}\right)

    with :math:`c = 1` under causal attention and 0 without.

    Returns
    -------
    Real
        Keys. [token]
    """
    window = jnp.minimum(model.window, length)
    half = 0.5 * model.causal
    local = window * (1.0 - half * window / length)
    return model.window_share * local + (1.0 - model.window_share) * length * (1.0 - half)


def attention_flop(model: Model, share: Share) -> Real:
    """FLOP of attention in one layer, one micro-batch, one chip, forward pass.

    Returns
    -------
    Real
        FLOP of the two products. [FLOP]
    """
    width = (model.qk_dim + model.v_dim) * model.heads / share.tp
    return 2.0 * share.tokens * mean_keys(model, share.length) * width


def elementwise_bytes(model: Model, share: Share) -> tuple[Elementwise, Elementwise]:
    """Bytes through HBM of the memory-bound operators of one micro-batch on one chip.

    16-bit activations, each operator one fused kernel; softmax is the unfused one.

    Returns
    -------
    tuple[Elementwise, Elementwise]
        Forward and backward bytes by row of the table. [B]
    """
    one = jnp.ones_like(jnp.asarray(model.hidden))
    scores = model.heads * share.length
    routed = model.top_k * model.expert_ffn + model.shared_ffn
    rotary = model.heads * model.qk_dim + model.kv_heads * model.qk_dim
    moved = model.top_k * model.hidden
    inputs = 2.0 * (1.0 + model.gate)
    forward = [
        8.0 * model.hidden,  # residual and branch in, sum and normalised out
        8.0 * model.hidden,
        4.0 * rotary,
        9.0 * scores,  # softmax in and out, dropout in, out and mask byte
        (inputs + 2.0) * model.ffn,
        12.0 * model.experts,  # scores in 32 bits: in, softmax, selection
        8.0 * moved,  # permute and unpermute, read and write
        (inputs + 2.0) * routed,
        4.0 * model.hidden,
        4.0 * model.hidden,
        12.0 * model.vocabulary,  # 32-bit logits: out, maximum, sum of exponentials
    ]
    backward = [
        10.0 * model.hidden,
        10.0 * model.hidden,
        4.0 * rotary,
        13.0 * scores,
        (2.0 * inputs + 2.0) * model.ffn,
        12.0 * model.experts,
        8.0 * moved,
        (2.0 * inputs + 2.0) * routed,
        6.0 * model.hidden,
        6.0 * model.hidden,
        6.0 * model.vocabulary,
    ]
    split = jnp.where(SPLIT_ALWAYS, share.tp, share.sequence_split)
    tokens = share.tokens / split
    return (
        jnp.stack([one * b for b in forward]) * tokens,
        jnp.stack([one * b for b in backward]) * tokens,
    )
