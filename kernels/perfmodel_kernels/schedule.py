"""Pipeline schedules in closed form, and the slowest of many workers."""

from typing import NamedTuple

import jax.numpy as jnp

from perfmodel_kernels._typing import Real, Scalar, Stages
from perfmodel_kernels.extremes import expected_maximum
from perfmodel_kernels.layout import Layout
from perfmodel_kernels.placement import one_hot_of_largest, stage_counts

ONE_F_ONE_B, GPIPE, ZERO_BUBBLE, DUALPIPE = 0.0, 1.0, 2.0, 3.0
"""Codes of the schedule: one forward, one backward, interleaved where a stage has several chunks;
all forward passes first; weight gradients last (ZB-H1); micro-batches from both ends."""


class Pipeline(NamedTuple):
    """Shape of a pipeline."""

    stages: Scalar
    """Stages in a row."""
    chunks: Scalar
    """Model chunks per stage: 1 is 1F1B, more is interleaved."""
    micro_batches: Scalar
    """Micro-batches of one step and replica."""
    schedule: Scalar
    """Code of the schedule; all but 1F1B have one chunk."""


def layout_pipeline(layout: Layout) -> Pipeline:
    """The pipeline of a layout.

    Parameters
    ----------
    layout
        Degrees and schedule.

    Returns
    -------
    Pipeline
        Stages, chunks, micro-batches and schedule.
    """
    return Pipeline(layout.pp, layout.vpp, layout.micro_batches, layout.schedule)


class Passes(NamedTuple):
    """Time of one micro-batch by kind of stage, communication included."""

    forward: Stages
    """Forward pass. [s]"""
    backward: Stages
    """Gradient of the input, with what is computed again. [s]"""
    weight: Stages
    """Gradient of the weights. [s]"""
    hidden: Stages
    """What a forward and a backward pass save where they run together (DualPipe), such as the
    exchange of tokens between experts; zero elsewhere. [s]"""


def bubble_time(period: Stages, pipeline: Pipeline) -> Real:
    r"""Time in which the slowest stage waits while a 1F1B pipeline fills and drains.

    .. math::
        t = \frac{1}{v} \left( 1 + (v - 1) \frac{\max(0, p - m)}{p - 1} \right)
            \left( \sum_i (F_i + B_i) - \max_i (F_i + B_i) \right)

    The even limit is :math:`(p-1)(F+B)/v`: 1F1B at one chunk, interleaved above. Micro-batches that
    fill no group of p go with the first group and add nothing; fewer than p leave each chunk
    waiting for the last stage.

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
    slowest = jnp.where(counts > 0.0, period, 0.0).max()
    others = jnp.maximum((counts * period).sum() - slowest, 0.0)
    missing = jnp.maximum(pipeline.stages - pipeline.micro_batches, 0.0)
    turns = (pipeline.chunks - 1.0) * missing / jnp.maximum(pipeline.stages - 1.0, 1.0)
    return others * (1.0 + turns) / pipeline.chunks


def on_chips(values: Stages, pipeline: Pipeline) -> Stages:
    """What a chip has of a quantity of the stages: DualPipe gives it two stages, half of each.

    Stage i of the micro-batches from one end shares its chip with stage p - i + 1 of those from
    the other end, so the first and the last stage meet; each sees half of the micro-batches.

    Parameters
    ----------
    values
        One value per kind of stage and micro-batch.
    pipeline
        Stages and schedule.

    Returns
    -------
    Stages
        Mean of the two stages for DualPipe, else the same.
    """
    swapped = jnp.stack([values[2], values[1], values[0]])
    both = (pipeline.schedule > DUALPIPE - 0.5) & (pipeline.stages > 1.5)
    return jnp.where(both, 0.5 * (values + swapped), values)


def period_on_chips(passes: Passes, pipeline: Pipeline) -> Stages:
    r"""Time that a chip computes for one micro-batch in the steady state.

    .. math:: P = F + B + W - Y

    Parameters
    ----------
    passes
        Passes by kind of stage; what they hide counts for DualPipe alone.
    pipeline
        Stages and schedule.

    Returns
    -------
    Stages
        Period by kind of stage, of the chip for DualPipe. [s]
    """
    hidden = jnp.where(pipeline.schedule > DUALPIPE - 0.5, passes.hidden, 0.0)
    whole = passes.forward + passes.backward + passes.weight - hidden
    return on_chips(whole, pipeline)


def idle_time(passes: Passes, pipeline: Pipeline) -> Real:
    r"""Time of a step beyond the periods of its slowest chip, by schedule.

    Even stages, :math:`B` the gradient of the input alone, :math:`Y` what a pair of passes hides:

    .. math::
        t_{1F1B} &= (p - 1)(F + B + W) / v \\
        t_{GPipe} &= (p - 1)(F + B + W) \\
        t_{ZB-H1} &= (p - 1) F + \max(0, (p - 1) B - \min(p - 1, m - 1) \min(F, W)) \\
        t_{DualPipe} &= n (F + \max(0, B - W)) + \max(n F, n B - F) + (n + 3) Y,
            \quad n = p/2 - 1

    The references give :math:`(p-1)(F+B-W)` and, for the time in which a chip computes nothing,
    :math:`n (F \& B + B + W - 3W)`, which is the last line for :math:`F = B`, :math:`Y = 0`.
    Stages that differ: sums over the other stages stand for multiples.

    Parameters
    ----------
    passes
        Passes by kind of stage.
    pipeline
        Stages, chunks, micro-batches and schedule; an even number of stages for DualPipe.

    Returns
    -------
    Real
        Step time without sends, less micro-batches times `period_on_chips` of the slowest. [s]

    References
    ----------
    Huang et al., "GPipe: Efficient Training of Giant Neural Networks using Pipeline Parallelism",
    arXiv 1811.06965.
    Qi et al., "Zero Bubble Pipeline Parallelism", arXiv 2401.10241, table 1.
    DeepSeek-AI, "DeepSeek-V3 Technical Report", arXiv 2412.19437, table 2.
    """
    code = pipeline.schedule
    plain = bubble_time(passes.forward + passes.backward + passes.weight, pipeline)
    gpipe = _gpipe_idle(passes, pipeline)
    split = jnp.where(code > ZERO_BUBBLE - 0.5, _zero_bubble_idle(passes, pipeline), gpipe)
    several = jnp.where(code > DUALPIPE - 0.5, _dualpipe_idle(passes, pipeline), split)
    return jnp.where(code > GPIPE - 0.5, several, plain)


def _gpipe_idle(passes: Passes, pipeline: Pipeline) -> Real:
    """Two flow lines, one after the other; each runs at the pace of its slowest stage."""
    counts = stage_counts(pipeline.stages)
    back = passes.backward + passes.weight
    lines = (counts * (passes.forward + back)).sum()
    ahead, behind = (jnp.where(counts > 0.0, line, 0.0).max() for line in (passes.forward, back))
    slowest = jnp.where(counts > 0.0, passes.forward + back, 0.0).max()
    return lines - slowest + (pipeline.micro_batches - 1.0) * (ahead + behind - slowest)


class _Others(NamedTuple):
    """Sums over the stages, or pairs of them, but for the slowest, and what that one takes."""

    number: Real
    forward: Real
    backward: Real
    hidden: Real
    slowest: Passes


def _others(passes: Passes, pipeline: Pipeline, share: float) -> _Others:
    """Sums with each stage at a share: a half where two stages make a pair."""
    chips = Passes(*(on_chips(values, pipeline) for values in passes))
    mark = one_hot_of_largest(period_on_chips(passes, pipeline), pipeline.stages)
    weights = share * stage_counts(pipeline.stages) - mark
    slowest = Passes(*((values * mark).sum() for values in chips))
    forward, backward, _, hidden = ((values * weights).sum() for values in chips)
    return _Others(weights.sum(), forward, backward, hidden, slowest)


def _zero_bubble_idle(passes: Passes, pipeline: Pipeline) -> Real:
    """Weight gradients of the slowest stage fill its drain, forward passes its warm-up."""
    others = _others(passes, pipeline, 1.0)
    fillers = jnp.minimum(others.number, pipeline.micro_batches - 1.0)
    filled = fillers * jnp.minimum(others.slowest.weight, others.slowest.forward)
    return jnp.maximum(others.forward, 0.0) + jnp.maximum(others.backward - filled, 0.0)


def _dualpipe_idle(passes: Passes, pipeline: Pipeline) -> Real:
    """Both directions fill and drain at once; outside the steady state passes run apart."""
    others = _others(passes, pipeline, 0.5)
    slowest = others.slowest
    drain = jnp.maximum(others.backward - others.number * slowest.weight, 0.0)
    turn = jnp.maximum(others.forward, others.backward - slowest.forward)
    apart = others.hidden + 3.0 * slowest.hidden
    idle = others.forward + drain + turn + apart
    return jnp.where(pipeline.stages > 1.5, jnp.maximum(idle, 0.0), 0.0)


def send_exposure(one_send: Scalar, overlap: Scalar, pipeline: Pipeline) -> Real:
    r"""Time that activations and gradients on the way between stages add to a step.

    .. math::
        t_{1F1B} &= 2 c\, [\,m_s\,[v = 1] + p v - 1\,] \\
        t_{GPipe} &= 2 c\, [\,(m - 1)(1 - \omega) + p - 1\,] \\
        t_{ZB-H1} &= 2 c\, [\,m_s + (1 + \omega)(p - 1)\,] \\
        t_{DualPipe} &= c\, [\,m_s + 2 (p - 1)\,] \\
        m_s &= m (1 - \omega) \text{ on three stages or more, half of it on two}

    A middle stage of 1F1B waits for two sends per micro-batch in the steady state, an end for one,
    as far as they are not hidden; interleaved chunks leave them slack; a pair of DualPipe sends
    both ways at once. Every send of the fill and the drain counts, of ZB-H1 twice: its weight
    gradients leave no slack there.

    Parameters
    ----------
    one_send
        One message between neighbouring stages :math:`c`. [s]
    overlap
        Share :math:`\omega` that hides behind computation.
    pipeline
        Stages, chunks, micro-batches and schedule; one stage sends nothing.

    Returns
    -------
    Real
        Exposed time. [s]
    """
    stages, chunks, count, code = pipeline
    shown = 1.0 - overlap
    waited = jnp.where(stages > 2.5, count, 0.5 * count) * shown
    steady = jnp.where(chunks > 1.5, 0.0, waited)
    steady = jnp.where(code > GPIPE - 0.5, (count - 1.0) * shown, steady)
    split = waited + overlap * (stages - 1.0)
    steady = jnp.where(code > ZERO_BUBBLE - 0.5, split, steady)
    steady = jnp.where(code > DUALPIPE - 0.5, 0.5 * waited, steady)
    sends = 2.0 * one_send * (steady + stages * chunks - 1.0)
    return jnp.where(stages > 1.0, sends, 0.0)


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
