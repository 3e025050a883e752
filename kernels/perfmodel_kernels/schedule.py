"""Pipeline schedules in closed form, and the slowest of many workers."""

from typing import NamedTuple

import jax.numpy as jnp

from perfmodel_kernels._typing import Real, Scalar, Stages
from perfmodel_kernels.extremes import expected_maximum
from perfmodel_kernels.placement import stage_counts

ONE_F_ONE_B, GPIPE, ZERO_BUBBLE, DUALPIPE = 0.0, 1.0, 2.0, 3.0


class Pipeline(NamedTuple):
    """Shape of a pipeline."""

    stages: Scalar
    """Stages in a row."""
    chunks: Scalar
    """Model chunks per stage: 1 is 1F1B, more is interleaved."""
    micro_batches: Scalar
    """Micro-batches of one step and replica."""


def bubble_time(period: Stages, pipeline: Pipeline) -> Real:
    r"""Time in which the slowest stage waits while the pipeline fills and drains.

    .. math:: t = \frac{1}{v} \left( \sum_i (F_i + B_i) - \max_i (F_i + B_i) \right)

    The even limit is :math:`(p-1)(F+B)/v`: 1F1B at one chunk, interleaved above.

    Parameters
    ----------
    period
        Forward and backward time of one micro-batch by kind of stage. [s]
    pipeline
        Stages, chunks and micro-batches.

    Returns
    -------
    Real
        Idle time of the slowest stage. [s]

    References
    ----------
    Narayanan et al., "Efficient Large-Scale Language Model Training on GPU Clusters Using
    Megatron-LM", SC'21, arXiv 2104.04473, section 2.2.
    """
    counts = stage_counts(pipeline.stages)
    present = jnp.where(counts > 0.0, period, 0.0)
    return jnp.maximum((counts * period).sum() - present.max(), 0.0) / pipeline.chunks


def send_exposure(one_send: Scalar, overlap: Scalar, pipeline: Pipeline) -> Real:
    r"""Time that activations and gradients on the way between stages add to a step.

    .. math:: t = 2 c\, [\,m (1 - \omega)\,[v = 1] + (p v - 1)\,]

    1F1B waits for two sends per micro-batch in the steady state, as far as they are not hidden;
    interleaved chunks leave them slack. Every send of the fill and the drain counts.

    Parameters
    ----------
    one_send
        One message between neighbouring stages :math:`c`. [s]
    overlap
        Share :math:`\omega` that hides behind computation.
    pipeline
        Stages, chunks and micro-batches; one stage sends nothing.

    Returns
    -------
    Real
        Exposed time. [s]
    """
    plain = pipeline.micro_batches * (1.0 - overlap)
    steady = jnp.where(pipeline.chunks > 1.5, 0.0, plain)
    sends = 2.0 * one_send * (steady + pipeline.stages * pipeline.chunks - 1.0)
    return jnp.where(pipeline.stages > 1.0, sends, 0.0)


class Spread(NamedTuple):
    """Speed differences between healthy workers."""

    between: Scalar
    """Standard deviation between workers over the mean."""
    within: Scalar
    """Standard deviation of one micro-batch over the mean."""


def straggler_fraction(workers: Scalar, micro_batches: Scalar, spread: Spread) -> Real:
    r"""Share that waiting for the slowest worker adds to the computation of a step.

    .. math:: \sqrt{\sigma_b^2 + \sigma_w^2 / m}\; E[\max_N]

    Parameters
    ----------
    workers
        Workers :math:`N` that step together.
    micro_batches
        Micro-batches :math:`m` that average the variation within a worker.
    spread
        Standard deviations.

    Returns
    -------
    Real
        Share of the mean computation time.
    """
    variance = spread.between**2 + spread.within**2 / jnp.maximum(micro_batches, 1.0)
    return jnp.sqrt(variance + 1e-16) * expected_maximum(workers)
