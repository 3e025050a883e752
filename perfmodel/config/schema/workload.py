"""What is trained: model, sequence length, batch, precision, optimiser."""

from typing import Annotated, Literal

from perfmodel.config.schema._model import Config, Count, Fraction, Named, Positive, Reference


class Batch(Config):
    """How the global batch depends on the size of the machine."""

    sequences: Count
    """Global batch at the reference size. [sequences]"""
    critical_tokens: Positive
    """Batch beyond which more samples stop to help: cap of the growing-batch rule. [tokens]"""
    tolerance: Fraction = 0.05
    """How far the global batch may move so that it divides over the replicas."""


class Workload(Named):
    """A training job."""

    model: Annotated[str, Reference("models")]
    """Model config."""
    sequence_length: Count
    """Tokens of one sequence."""
    batch: Batch
    precision: Literal["bf16", "fp16", "fp8", "mxfp8", "nvfp4"]
    """Format of the matrix products."""
    optimizer: Literal["adam", "adam-bf16-moments"]
    """Optimiser and the width of its states."""
    tokens: Positive
    """Tokens to train in all."""
    causal: bool = True
    """Causal attention."""


class Layout(Config):
    """How a job is spread over chips."""

    tp: Count = 1
    """Tensor parallel."""
    cp: Count = 1
    """Context parallel."""
    pp: Count = 1
    """Pipeline stages."""
    vpp: Count = 1
    """Model chunks per stage (interleaving)."""
    ep: Count = 1
    """Expert parallel."""
    dp: Count | Literal["fill"] = "fill"
    """Data parallel; `fill` takes as many replicas as fit."""
    micro_batch: Count = 1
    """Sequences of one micro-batch and replica."""
    sequence_parallel: bool = True
    """Tensor ranks split norms and residuals by sequence."""
    sharding: Literal["ddp", "zero1", "zero2", "zero3"] = "zero1"
    """What data-parallel ranks shard."""
    recompute: Literal["none", "attention", "parts", "full"] = "none"
    """What the backward pass computes again: nothing, core attention, norms and activation
    functions, whole layers."""
