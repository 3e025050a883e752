"""A training step laid out over time, stage by stage, from the parts that the step is made of."""

import jax.numpy as jnp

from perfmodel_kernels.layout import Layout
from perfmodel_kernels.max_plus import Sends, over_parts
from perfmodel_kernels.schedule_orders import Orders
from perfmodel_kernels.step import training_step, update_time
from perfmodel_kernels.step_parts import StepParams, stage_times, step_parts
from perfmodel_kernels.timeline import PhaseTimes, Tail, Timeline, timeline


def step_timeline(params: StepParams, layout: Layout, orders: Orders, chunks: int) -> Timeline:
    """What every stage of a pipeline does at every moment of a step.

    The exposed share of a send holds its sender; gradients, stragglers, the update and the host
    follow the pipeline as the step has them.

    Parameters
    ----------
    params
        Machine, model, workload and software.
    layout
        How the job is spread.
    orders
        Tables of its schedule for its stages, chunks and micro-batches.
    chunks
        Model chunks per stage.

    Returns
    -------
    Timeline
        Segments, their sums by phase and stage, activity of the chip and periods.
    """
    stages = orders.parts.shape[1]
    parts, overlap = step_parts(params, layout), params.stack.overlap
    split = training_step(params, layout).time_split
    ahead, behind, passes = stage_times(parts, overlap)
    rows = over_parts(jnp.stack([passes.weight, passes.hidden]), stages, chunks)
    times = PhaseTimes(
        forward=over_parts(ahead, stages, chunks),
        backward=over_parts(behind, stages, chunks),
        weight=rows[0],
        hidden=rows[1],
    )
    each = jnp.ones_like(rows[0, :stages])
    update = jnp.asarray(update_time(params, parts.placement) * parts.times.pace.stretch[2])
    tail = Tail(
        data=split.data * each,
        straggler=split.straggler,
        optimizer=over_parts(update[None, :], stages, 1)[0],
        overhead=split.overhead,
    )
    sends = Sends(parts.traffic.send * each, 1.0 - overlap.pipeline)
    return timeline(times, sends, tail, orders)
