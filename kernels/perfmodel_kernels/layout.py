"""How a job is spread over chips: parallel degrees and modes."""

from typing import NamedTuple

from perfmodel_kernels._typing import Real, Scalar

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
