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
    precision: Literal["bf16", "fp16", "fp8", "fp8-current", "fp8-block", "mxfp8", "nvfp4"]
    """Format of the matrix products; FP8 with scales of the steps before (`fp8`), of the tensor at
    hand (`fp8-current`), or of its blocks (`fp8-block`)."""
    optimizer: Literal["adam", "adam-bf16-moments"]
    """Optimiser and the width of its states."""
    tokens: Positive
    """Tokens to train in all."""
    causal: bool = True
    """Causal attention."""
    length_imbalance: Fraction = 0.0
    """Standard deviation over the mean of the work of a micro-batch where lengths vary."""


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
    etp: Count = 1
    """Ranks that split each expert (expert tensor parallel)."""
    dp: Count | Literal["fill"] = "fill"
    """Data parallel; `fill` takes as many replicas as fit."""
    micro_batch: Count = 1
    """Sequences of one micro-batch and replica."""
    sequence_parallel: bool = True
    """Tensor ranks split norms and residuals by sequence."""
    cp_kind: Literal["ring", "all-to-all"] = "ring"
    """Context ranks pass keys and values round, or trade heads for sequence."""
    schedule: Literal["1f1b", "gpipe", "zero-bubble", "dualpipe"] = "1f1b"
    """Order of the micro-batches in the pipeline; interleaved with vpp above 1."""
    sharding: Literal["ddp", "zero1", "zero2", "zero3"] = "zero1"
    """What data-parallel ranks shard."""
    shard_group: Count | Literal["all"] = "all"
    """Ranks over which states are sharded; groups hold copies (HSDP)."""
    recompute: Literal["none", "attention", "parts", "full"] = "none"
    """What the backward pass computes again: nothing, core attention, norms and activation
    functions, whole layers."""
    recompute_layers: Count | Literal["all"] = "all"
    """Layers of the model that recompute."""
    offload_optimizer: Fraction = 0.0
    """Share of the optimiser states in host memory, updated there."""
    offload_activations: Fraction = 0.0
    """Share of the kept activations that wait in host memory."""
