"""A generation of training software: what it overlaps, fuses and wastes."""

from typing import Annotated

from pydantic import Field

from perfmodel.config.schema._model import Bytes, Config, Count, Fraction, Named, Positive, Seconds

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


class Stack(Named):
    """Framework, release and settings."""

    framework: str
    """What it is called."""
    year: Count
    """Year of the release."""
    kernel_launch: Seconds
    """Gap that one kernel adds on the device. [s]"""
    step_overhead: Seconds
    """Host work per step that nothing hides: data, logging, synchronisation. [s]"""
    gemm_multiplier: Multiplier
    """Matrix products relative to the chip's best kernels."""
    attention_multiplier: Multiplier
    """Attention relative to the chip's best kernels."""
    fused_attention: bool
    """Attention in one kernel that never writes the score matrix."""
    elementwise_passes: Positive
    """Trips of the hidden state through HBM that norms, residuals and activations cost,
    relative to perfectly fused kernels."""
    gradient_bytes: Count
    """Bytes of an accumulated gradient element."""
    bucket: Bytes
    """Bucket of the gradient reduction. [B]"""
    memory_reserve: Bytes
    """Context, workspace and fragmentation per chip. [B]"""
    straggler_between: Fraction
    """Standard deviation of the speed of healthy workers over its mean."""
    straggler_within: Fraction
    """Standard deviation of one micro-batch's time over its mean."""
    overlap: Overlap
