"""Architecture of a transformer."""

from typing import Literal, Self

from pydantic import model_validator

from perfmodel.config.faults import Problem
from perfmodel.config.schema._model import Config, Count, CountOrZero, Named, Positive


class Attention(Config):
    """Heads and their widths."""

    heads: Count
    """Query heads."""
    kv_heads: Count
    """Key and value heads: equal to heads (MHA), fewer (GQA), one (MQA)."""
    head_dim: Count
    """Width of a query, key and value head; with latent attention that of the value head."""
    window: CountOrZero = 0
    """Sliding window in tokens, 0 for none."""
    window_layers: CountOrZero = 0
    """Layers that use the window."""

    @model_validator(mode="after")
    def _whole_groups(self) -> Self:
        if self.heads % self.kv_heads:
            divisor = f"a divisor of the {self.heads} query heads"
            raise Problem("query heads do not share them evenly", divisor, "kv_heads")
        return self


class Latent(Config):
    """Multi-head latent attention."""

    q_rank: CountOrZero
    """Low-rank width of the queries, 0 where they are not compressed."""
    kv_rank: Count
    """Low-rank width of keys and values."""
    rope_dim: Count
    """Rotary part of a head."""
    nope_dim: Count
    """Other part of a head."""


class Experts(Config):
    """Mixture of experts."""

    count: Count
    """Routed experts per layer."""
    top_k: Count
    """Experts that a token visits."""
    ffn: Count
    """Width of one expert."""
    shared_ffn: CountOrZero = 0
    """Total width of the shared experts."""
    dense_layers: CountOrZero = 0
    """Leading layers without experts."""
    layer_period: Count = 1
    """1: every layer after the dense ones has experts; 2: every other one."""
    node_limit: CountOrZero = 0
    """Nodes (or groups) that a token's experts may lie on, 0 for any."""
    imbalance: Positive = 1.0
    """Tokens of the busiest rank over the mean."""
    capacity: Positive | None = None
    """Tokens that an expert takes over the mean, padded to that number and the rest dropped; none
    is dropped when it is left out."""

    @model_validator(mode="after")
    def _enough_experts(self) -> Self:
        if self.top_k > self.count:
            raise Problem("more experts than there are", f"at most {self.count}", "top_k")
        return self


class Model(Named):
    """A decoder-only transformer."""

    layers: Count
    """Transformer layers, prediction layers apart."""
    hidden: Count
    """Width of the residual stream."""
    ffn: CountOrZero
    """Width of the dense feed-forward; 0 where every layer has experts."""
    gated: bool
    """Gated feed-forward: three matrices, not two."""
    vocabulary: Count
    """Tokens in the vocabulary."""
    tied_embeddings: bool
    """Input and output embedding share one matrix."""
    positions: CountOrZero = 0
    """Rows of a learned position embedding, 0 for rotary or none."""
    biases: bool = False
    """Linear layers carry a bias."""
    norm: Literal["rmsnorm", "layernorm"] = "rmsnorm"
    """Kind of normalisation."""
    qk_norm: bool = False
    """Queries and keys are normalised per head."""
    prediction_layers: CountOrZero = 0
    """Multi-token-prediction layers that are trained along."""
    attention: Attention
    latent: Latent | None = None
    experts: Experts | None = None
    published_parameters: Positive
    """Total parameters as published; a check, never an input. [billions]"""
    published_active_parameters: Positive | None = None
    """Parameters that one token uses, as published. [billions]"""

    @model_validator(mode="after")
    def _layers_hold_their_parts(self) -> Self:
        if self.ffn == 0 and self.experts is None:
            raise Problem("no feed-forward and no experts", "a whole number from 1", "ffn")
        if self.attention.window_layers > self.layers:
            raise Problem(
                "more than all layers", f"at most {self.layers}", "attention.window_layers"
            )
        if self.experts is not None and self.experts.dense_layers > self.layers:
            raise Problem("more than all layers", f"at most {self.layers}", "experts.dense_layers")
        return self
