"""A generation of training software: what it overlaps, fuses and wastes."""

from typing import Annotated, Literal

from pydantic import Field

from perfmodel.config.schema._model import (
    Bandwidth,
    Bytes,
    Config,
    Count,
    Fraction,
    Named,
    Positive,
    Seconds,
    SecondsOrZero,
    Share,
)

Algorithm = Literal["ring", "recursive", "rail", "tree", "in-network"]
"""Rings; doubling level by level; rings in the domain and doubling along rails; a pair of binary
trees; switches that add up."""

Multiplier = Annotated[float, Field(gt=0.0, le=1.5)]


class Overlap(Config):
    """Share of a communication that can hide behind computation."""

    tensor: Fraction
    """Tensor-parallel collectives behind the matrix products of their layer."""
    context: Fraction
    """Key and value exchange behind attention."""
    expert: Fraction
    """Dispatch and combine behind computation."""
    pipeline: Fraction
    """Sends of the steady state."""
    data: Fraction
    """Gradient and parameter collectives behind the backward and forward passes."""
    compute_slowdown: Fraction
    """Share of the compute rate that a running collective takes (SM tax)."""


class Collectives(Config):
    """The communication library."""

    algorithms: tuple[Algorithm, ...] = Field(min_length=1)
    """Algorithms that it may choose, call by call."""
    launch: SecondsOrZero
    """Start of one collective on the device. [s]"""
    pipelining: Fraction
    """Share of the stages of a collective on different links that run at the same time."""
    merged_copies: bool
    """A token travels once to all of its experts on one rank or node, not once to each."""
    tree_share: Share
    """Bandwidth of a tree over that of a ring."""
    domain_exit: Bandwidth | Literal["unlimited"]
    """Most that one collective moves out of a scale-up domain, each way: each of its channels uses
    one network card. [B/s]"""
    chunk: Bytes
    """What a chip hands at once to switches that add up. [B]"""
    message: SecondsOrZero
    """Time to issue one of many messages that travel at once. [s]"""
    hidden_steps: Fraction
    """Share of the steps of rings and trees that hide behind bytes on their way: 1 where a link
    never waits for a chunk that could travel."""


class Stack(Named):
    """Framework, release and settings."""

    framework: str
    """What it is called."""
    year: Count
    """Year of the release."""
    kernel_launch: Seconds
    """Gap that one kernel adds on the device. [s]"""
    host_dispatch: SecondsOrZero
    """Time in which the host issues one kernel; it shows where kernels are shorter. [s]"""
    expert_dispatch: SecondsOrZero
    """Time in which the host issues the kernels of one local expert in a forward pass; the device
    waits for it, since the host learns from the device how many tokens an expert has. [s]"""
    cuda_graphs: bool
    """Kernels are captured once and replayed, so that no host issues them."""
    step_overhead: Seconds
    """Host work per step that nothing hides: data, logging, synchronisation. [s]"""
    gemm_multiplier: Multiplier
    """Matrix products relative to the chip's best kernels."""
    grouped_multiplier: Multiplier
    """Grouped products of experts relative to other products."""
    attention_multiplier: Multiplier
    """Attention relative to the chip's best kernels."""
    fused_attention: bool
    """Attention in one kernel that never writes the score matrix."""
    native_attention: bool
    """That kernel is written for the generation of the chip, not for the one before."""
    elementwise_passes: Positive
    """Trips of the hidden state through HBM that norms, residuals and activations cost,
    relative to perfectly fused kernels."""
    gradient_bytes: Count
    """Bytes of an accumulated and reduced gradient element."""
    half_gradient_bytes: Count
    """The same where products take FP16."""
    fresh_gradient: bool
    """The 16-bit gradient of a micro-batch stays beside a sum in 32 bits."""
    resident_weights: bool
    """16-bit weights stay beside the master weights; else they are cast as they are gathered."""
    gathered_layers: Positive
    """Layers whose weights are whole on a chip at once where weights are sharded."""
    logit_bytes: Positive
    """Bytes that the loss keeps at once of one logit and its gradient."""
    eager_copies: bool
    """Rotated queries and keys and the activated gate are kept beside what they come from."""
    expert_outputs: bool
    """Outputs of experts are kept for the gradient of the router's weights; else these enter ahead
    of an expert's second product."""
    recompute_latent: bool
    """Recompute of parts covers the up-projections of latent attention."""
    narrow_activation_inputs: bool
    """Inputs of activation functions are kept in the format of the products."""
    attention_output_bytes: Positive
    """Fewest bytes in which an element of the output of attention is kept."""
    bucket: Bytes
    """Bucket of the gradient reduction. [B]"""
    memory_reserve: Bytes
    """Context and workspace per chip. [B]"""
    fragmentation: Fraction
    """Memory that the allocator cannot use, over what is in use."""
    straggler_between: Fraction
    """Standard deviation of the speed of healthy workers over its mean."""
    straggler_within: Fraction
    """Standard deviation of one micro-batch's time over its mean."""
    overlap: Overlap
    collectives: Collectives
