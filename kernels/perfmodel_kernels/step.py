"""One training step: operators, collectives, schedule, memory and power in one call."""

from typing import NamedTuple

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from perfmodel_kernels._typing import Real, Scalar, Stages
from perfmodel_kernels.exposure import EXPERT, RECOMPUTE, Window, card_times, data_exposure
from perfmodel_kernels.layout import ATTENTION, FULL, PARTS, ZERO1, ZERO3, Layout
from perfmodel_kernels.memory import MemorySplit, memory_split
from perfmodel_kernels.operators import BlockTimes
from perfmodel_kernels.parameters import model_flop_per_token
from perfmodel_kernels.placement import Placement, mean_over_stages, one_hot_of_largest, sharded
from perfmodel_kernels.schedule import (
    DUALPIPE,
    idle_time,
    layout_pipeline,
    period_on_chips,
    send_exposure,
    straggler_fraction,
)
from perfmodel_kernels.step_energy import Spent, step_energy
from perfmodel_kernels.step_parts import StepParams, StepParts, stage_times, step_parts


class TimeSplit(NamedTuple):
    """Where the step time goes, on the slowest stage; the parts add up to the step."""

    matrix: Real
    attention: Real
    elementwise: Real
    recompute: Real
    tensor: Real
    context: Real
    expert: Real
    offload: Real
    host: Real
    pipeline: Real
    bubble: Real
    data: Real
    optimizer: Real
    straggler: Real
    overhead: Real


class StepMetrics(NamedTuple):
    """Everything a full evaluation returns, per chip and step."""

    step_time: Real
    tokens_per_s_per_chip: Real
    model_flop_rate: Real
    hardware_flop_rate: Real
    mfu: Real
    hfu: Real
    time_split: TimeSplit
    memory_split: MemorySplit
    memory: Real
    memory_fraction: Real
    sent_scaleup: Real
    sent_scaleout: Real
    clock_ratio: Real
    chip_power: Real
    bottleneck: Real
    reason: Real
    feasible: Real


FEASIBLE, OUT_OF_MEMORY = 0, 1
"""Reason codes of the step itself."""


def training_step(params: StepParams, layout: Layout) -> StepMetrics:
    """Time, memory, traffic and power of one training step under one layout.

    Parameters
    ----------
    params
        Machine, model, workload and software.
    layout
        How the job is spread.

    Returns
    -------
    StepMetrics
        Per chip and step; an infeasible layout is marked, its numbers stay finite.
    """
    model, workload, stack = params.model, params.workload, params.stack
    parts = step_parts(params, layout)
    placement, _, volume, links, times, passes = parts
    split = _time_split(params, parts)
    split = split._replace(optimizer=split.optimizer * times.pace.stretch[2])
    step_time = jnp.stack(split).sum()
    memory = memory_split(placement, workload.widths, stack.reserve, stack.kernels, stack.kept)
    used = jnp.stack(memory).sum()
    again = (passes.backward[RECOMPUTE, :] * mean_over_stages(placement)).sum()
    spent = Spent(layout.micro_batches, again * layout.micro_batches, split.optimizer, step_time)
    energy = step_energy(times, spent, volume, links)
    tokens = layout.micro_batch * layout.micro_batches * workload.length
    rate = tokens / (layout.tp * layout.cp * layout.pp) / step_time
    model_rate = model_flop_per_token(model, workload.length) * rate
    hardware_rate = (
        layout.micro_batches * _hardware_flop(layout, times, stack.kernels.fused) / step_time
    )
    feasible = used <= params.capacity
    return StepMetrics(
        step_time=step_time,
        tokens_per_s_per_chip=rate,
        model_flop_rate=model_rate,
        hardware_flop_rate=hardware_rate,
        mfu=model_rate / params.chip.peak_low,
        hfu=hardware_rate / params.chip.peak_low,
        time_split=split,
        memory_split=memory,
        memory=used,
        memory_fraction=used / params.capacity,
        sent_scaleup=volume.scaleup,
        sent_scaleout=volume.scaleout,
        clock_ratio=times.pace.clock[0] / times.pace.stretch[0],
        chip_power=params.power.host + energy / step_time,
        bottleneck=lax.argmax(jnp.stack(split), 0, jnp.int32),
        reason=jnp.where(feasible, jnp.int32(FEASIBLE), jnp.int32(OUT_OF_MEMORY)),
        feasible=feasible,
    )


def _time_split(params: StepParams, parts: StepParts) -> TimeSplit:
    """Step time by kind on the slowest stage."""
    placement, traffic, stack = parts.placement, parts.traffic, params.stack
    layout = placement.layout
    pipeline = layout_pipeline(layout)
    ahead, behind, stages = stage_times(parts, stack.overlap)
    both = _both_ends(ahead + behind, layout.schedule)
    period = period_on_chips(stages, pipeline)
    slowest = one_hot_of_largest(period, layout.pp)
    kinds = layout.micro_batches * (both * slowest[None, :]).sum(1)
    saved = jnp.maximum(((both.sum(0) - period) * slowest).sum(), 0.0)
    together = jnp.where(layout.schedule > DUALPIPE - 0.5, layout.micro_batches * saved, 0.0)
    bubble = idle_time(stages, pipeline)
    layers = (placement.blocks[0] + placement.blocks[1]) * slowest
    cards = card_times(placement.model, layout, traffic)
    on_slowest = (placement.blocks * slowest[None, :]).sum(1)
    window = Window(
        forward=(ahead.sum(0) * slowest).sum(),
        backward=(behind.sum(0) * slowest).sum(),
        layers=layers.sum(),
        bucket_share=_bucket_share(params, placement),
        card_forward=(cards.forward * on_slowest).sum(),
        card_backward=(cards.backward * on_slowest).sum(),
    )
    late = straggler_fraction(layout.pp * layout.dp, layout.micro_batches, stack.spread)
    return TimeSplit(
        matrix=kinds[0],
        attention=kinds[1],
        elementwise=kinds[2],
        recompute=kinds[RECOMPUTE],
        tensor=kinds[4],
        context=kinds[5],
        expert=jnp.maximum(kinds[EXPERT] - together, 0.0),
        offload=kinds[8],
        host=kinds[7],
        pipeline=send_exposure(traffic.send, stack.overlap.pipeline, pipeline),
        bubble=bubble,
        data=data_exposure(layout, traffic, window, stack.overlap),
        optimizer=update_time(params, placement).max(),
        straggler=late * (kinds[: RECOMPUTE + 1].sum() + bubble),
        overhead=stack.overhead + jnp.zeros_like(bubble),
    )


def _both_ends(kinds: Float[Array, "kind stage"], schedule: Scalar) -> Float[Array, "kind stage"]:
    """Mean of the two stages that meet on a chip under DualPipe, else the stages."""
    swapped = jnp.concatenate([kinds[:, 2:], kinds[:, 1:2], kinds[:, :1]], axis=1)
    return jnp.where(schedule > DUALPIPE - 0.5, 0.5 * (kinds + swapped), kinds)


def _bucket_share(params: StepParams, placement: Placement) -> Real:
    """One bucket over the gradients of a chip."""
    held = placement.held
    gradient = params.workload.widths.gradient * (held.shared.max() + held.routed.max())
    return jnp.minimum(params.stack.reserve.bucket / jnp.maximum(gradient, 1.0), 1.0)


def update_time(params: StepParams, placement: Placement) -> Stages:
    """Update of the weights on the chip and on the host, and their casts.

    On the chip the gradient is read for its norm and for the update and cleared, states are read
    and written, the weight is written. What lives in host memory is updated there: gradients come
    down the link, weights go up, and the host's memory carries the states.

    Parameters
    ----------
    params
        Memory bandwidths, link to the host and widths.
    placement
        What each chip holds.

    Returns
    -------
    Stages
        Time by kind of stage. [s]
    """
    layout, held, widths = placement.layout, placement.held, params.workload.widths
    kept = sharded(held, ZERO1, layout.sharding)
    away = layout.offload_states
    moved = 3.0 * widths.gradient + (1.0 - away) * 2.0 * widths.optimizer + widths.weight
    cast = params.workload.cast_bytes * sharded(held, ZERO3, layout.sharding)
    carried = widths.gradient + widths.weight
    there = carried / params.host.link + 2.0 * widths.optimizer / params.host.memory
    return (kept * moved + cast) / params.chip.hbm + kept * away * there


def _hardware_flop(layout: Layout, times: BlockTimes, fused: Scalar) -> Real:
    """FLOP of one micro-batch on the mean chip, what is computed again included."""
    mode = layout.recompute
    core = jnp.where(mode > ATTENTION - 0.5, times.attention_flop, 0.0)
    parts = (1.0 - fused) * times.attention_flop + times.latent_flop
    core = jnp.where(mode > PARTS - 0.5, parts, core)
    again = jnp.where(mode > FULL - 0.5, times.forward_flop, core)
    return times.flop + layout.recomputed * again
