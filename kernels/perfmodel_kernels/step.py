"""One training step: operators, collectives, schedule, memory and power in one call."""

from typing import NamedTuple

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from perfmodel_kernels._typing import Blocks, Real, Scalar
from perfmodel_kernels.layout import (
    ATTENTION,
    FULL,
    PARTS,
    ZERO1,
    ZERO2,
    ZERO3,
    Layout,
    stage_blocks,
    tokens_per_chip,
)
from perfmodel_kernels.memory import (
    Held,
    MemorySplit,
    Reserve,
    Widths,
    held_parameters,
    memory_split,
    one_hot_of_largest,
    sharded,
)
from perfmodel_kernels.operators import BlockTimes, ChipRates, KernelSet, block_times
from perfmodel_kernels.power import ChipPower, waiting_power
from perfmodel_kernels.schedule import (
    Pipeline,
    Spread,
    bubble_time,
    send_exposure,
    stage_counts,
    straggler_fraction,
)
from perfmodel_kernels.topology import Network
from perfmodel_kernels.traffic import (
    CONTEXT,
    EXPERT_GRADIENT,
    EXPERT_WEIGHT,
    GRADIENT,
    TENSOR,
    WEIGHT,
    Payloads,
    StepTraffic,
    step_traffic,
)
from perfmodel_kernels.transformer import (
    HAS_EXPERTS,
    IS_LAYER,
    Model,
    Share,
    block_parameters,
    model_flop_per_token,
)

OPTIMIZER_BYTES = 30.0
"""Adam in 32 bits per parameter: gradient, master weight and two moments read, three written,
16-bit weight written. [B]"""


class Workload(NamedTuple):
    """What is trained."""

    length: Scalar
    """Tokens of a sequence. [token]"""
    dispatch_bytes: Scalar
    """Width of a hidden element on its way to an expert. [B]"""
    widths: Widths
    """Bytes of stored elements."""


class Overlap(NamedTuple):
    """Share of a communication that can hide behind computation."""

    tensor: Scalar
    context: Scalar
    expert: Scalar
    pipeline: Scalar
    data: Scalar
    slowdown: Scalar
    """Compute rate that a running collective takes."""


class Stack(NamedTuple):
    """Training software."""

    kernels: KernelSet
    overhead: Scalar
    """Host work per step. [s]"""
    spread: Spread
    reserve: Reserve
    overlap: Overlap


class StepParams(NamedTuple):
    """All that a step depends on but its layout."""

    model: Model
    workload: Workload
    chip: ChipRates
    power: ChipPower
    capacity: Scalar
    """Usable HBM. [B]"""
    link_energy: Scalar
    """Energy of a byte on the scale-up links. [J/B]"""
    network: Network
    stack: Stack


class TimeSplit(NamedTuple):
    """Where the step time goes, on the slowest stage; the parts add up to the step."""

    matrix: Real
    attention: Real
    elementwise: Real
    recompute: Real
    tensor: Real
    context: Real
    expert: Real
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


class StageTimes(NamedTuple):
    """Time of one micro-batch on each kind of stage, exposed communication included."""

    forward: Float[Array, "kind stage"]
    """Matrix, attention, memory-bound, recompute, tensor, context, expert. [s]"""
    backward: Float[Array, "kind stage"]
    """The same kinds. [s]"""


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
    share = _share(layout, workload.length)
    blocks = stage_blocks(model, layout)
    counts = stage_counts(layout.pp)
    mean_blocks = (blocks * counts[None, :]).sum(1) / layout.pp
    held = held_parameters(block_parameters(model, layout.tp, layout.ep), blocks, layout)
    times = block_times(model, share, params.chip, stack.kernels, params.power, mean_blocks)
    traffic = step_traffic(_payloads(params, share, layout, held), layout, params.network)
    exposed = _exposed(stack, layout, times, traffic, model)
    stage = StageTimes(*((kinds[:, :, None] * blocks[None]).sum(1) for kinds in exposed))
    split = _time_split(params, layout, stage, traffic, held, blocks)
    memory = memory_split(
        model, share, layout, blocks, held, workload.widths, stack.reserve, stack.kernels.fused
    )
    step_time = jnp.stack(split).sum()
    used = jnp.stack(memory).sum()
    volume = _volume(layout, model, mean_blocks, traffic, stack.reserve)
    again = (exposed.backward[3, :] * mean_blocks).sum()
    energy = _chip_energy(params, layout, times, again, step_time, volume[0])
    tokens = layout.micro_batch * layout.micro_batches * workload.length
    rate = tokens / (layout.tp * layout.cp * layout.pp) / step_time
    model_rate = model_flop_per_token(model, workload.length) * rate
    hardware_rate = layout.micro_batches * _hardware_flop(layout, times) / step_time
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
        sent_scaleup=volume[0],
        sent_scaleout=volume[1],
        clock_ratio=times.clock[0],
        chip_power=energy / step_time,
        bottleneck=lax.argmax(jnp.stack(split), 0, jnp.int32),
        reason=jnp.where(feasible, jnp.int32(FEASIBLE), jnp.int32(OUT_OF_MEMORY)),
        feasible=feasible,
    )


def _share(layout: Layout, length: Scalar) -> Share:
    return Share(
        tokens=tokens_per_chip(layout, length),
        sequences=layout.micro_batch,
        length=length,
        tp=layout.tp,
        cp=layout.cp,
        ep=layout.ep,
        sequence_split=jnp.where(layout.sequence_parallel > 0.5, layout.tp, 1.0),
    )


def _payloads(params: StepParams, share: Share, layout: Layout, held: Held) -> Payloads:
    """Bytes of each collective; keys and values travel at 16 bits, gradients as accumulated."""
    model, widths = params.model, params.workload.widths
    hidden = 2.0 * model.hidden
    keys = jnp.maximum(model.kv_heads / layout.tp, 1.0) * (model.qk_dim + model.v_dim)
    shared, routed = held.shared.max(), held.routed.max()
    return Payloads(
        gathers=jnp.stack([
            share.tokens * hidden,
            2.0 * share.tokens * layout.cp * keys,
            shared * widths.gradient,
            shared * widths.weight,
            routed * widths.gradient,
            routed * widths.weight,
        ]),
        tokens=share.tokens / layout.tp * model.imbalance,
        copies=jnp.maximum(model.top_k, 1.0),
        unit_limit=model.unit_limit,
        dispatch=params.workload.dispatch_bytes * model.hidden,
        combine=hidden,
        boundary=share.tokens * hidden / share.sequence_split,
    )  # fmt: skip


def _tensor_calls(model: Model) -> Blocks:
    """Gathers and scatters of the hidden state in one forward pass, by kind of block."""
    shared = jnp.where(model.shared_ffn > 0.5, 2.0, 0.0)
    return jnp.stack(
        [4.0 + 0.0 * shared, 2.0 + shared, *(0.0 * shared + n for n in (0.0, 1.0, 1.0))]
    )


def _hide(communication: Blocks, share: Scalar, behind: Blocks, slowdown: Scalar) -> Blocks:
    """What a communication adds to the time when it may hide behind a computation."""
    hidden = jnp.minimum(share * communication, behind)
    return communication - hidden * (1.0 - slowdown)


class _Pass(NamedTuple):
    """One pass of a micro-batch by kind of block: computation, then what it waits for."""

    matrix: Blocks
    attention: Blocks
    elementwise: Blocks
    tensor: Blocks
    context: Blocks
    expert: Blocks

    def exposed(self, overlap: Overlap) -> "_Pass":
        """The same with communication behind computation, as far as it can hide."""
        compute, slowdown = self.matrix + self.attention, overlap.slowdown
        return self._replace(
            tensor=_hide(self.tensor, overlap.tensor, self.matrix, slowdown),
            context=_hide(self.context, overlap.context, self.attention, slowdown),
            expert=_hide(self.expert, overlap.expert, compute, slowdown),
        )


def _exposed(
    stack: Stack, layout: Layout, times: BlockTimes, traffic: StepTraffic, model: Model
) -> StageTimes:
    """Time of one micro-batch by kind and block, exposed communication included."""
    tensor = _tensor_calls(model) * traffic.gathers[TENSOR]
    context = jnp.where(IS_LAYER, traffic.gathers[CONTEXT], 0.0)
    ahead = _Pass(
        times.matrix_forward,
        times.attention_forward,
        times.elementwise_forward,
        tensor,
        context,
        jnp.where(HAS_EXPERTS, traffic.dispatch + traffic.combine, 0.0),
    ).exposed(stack.overlap)
    behind = _Pass(
        times.matrix_backward,
        times.attention_backward,
        times.elementwise_backward,
        tensor,
        2.0 * context,
        jnp.where(HAS_EXPERTS, 2.0 * traffic.combine, 0.0),  # gradients: 16 bits both ways
    ).exposed(stack.overlap)
    again = _recomputed(layout.recompute, ahead, stack.kernels.fused)
    return StageTimes(
        forward=jnp.stack([*ahead[:3], jnp.zeros_like(again), *ahead[3:]]),
        backward=jnp.stack([*behind[:3], again, *behind[3:]]),
    )


def _recomputed(mode: Scalar, ahead: _Pass, fused: Scalar) -> Blocks:
    """Time that the backward pass spends on computing a forward pass again."""
    attention = jnp.where(mode > ATTENTION - 0.5, ahead.attention, 0.0)
    parts = ahead.elementwise + (1.0 - fused) * ahead.attention
    partly = jnp.where(mode > PARTS - 0.5, parts, attention)
    again = jnp.where(mode > FULL - 0.5, jnp.stack(ahead).sum(0), partly)
    return jnp.where(IS_LAYER, again, 0.0)


def _time_split(
    params: StepParams,
    layout: Layout,
    stage: StageTimes,
    traffic: StepTraffic,
    held: Held,
    blocks: Float[Array, "block stage"],
) -> TimeSplit:
    stack, count = params.stack, layout.micro_batches
    pipeline = Pipeline(layout.pp, layout.vpp, count)
    forward, backward = stage.forward.sum(0), stage.backward.sum(0)
    slowest = one_hot_of_largest(forward + backward, layout.pp)
    kinds = count * ((stage.forward + stage.backward) * slowest[None, :]).sum(1)
    bubble = bubble_time(forward + backward, pipeline)
    layers = ((blocks[0] + blocks[1]) * slowest).sum()
    windows = (forward * slowest).sum(), (backward * slowest).sum()
    late = straggler_fraction(layout.pp * layout.dp, count, stack.spread)
    kept = sharded(held, ZERO1, layout.sharding).max()
    return TimeSplit(
        matrix=kinds[0],
        attention=kinds[1],
        elementwise=kinds[2],
        recompute=kinds[3],
        tensor=kinds[4],
        context=kinds[5],
        expert=kinds[6],
        pipeline=send_exposure(traffic.send, stack.overlap.pipeline, pipeline),
        bubble=bubble,
        data=data_exposure(stack, layout, traffic, held, windows, layers, params.workload.widths),
        optimizer=kept * OPTIMIZER_BYTES / params.chip.hbm,
        straggler=late * (kinds[:4].sum() + bubble),
        overhead=stack.overhead + 0.0 * bubble,
    )


def data_exposure(
    stack: Stack,
    layout: Layout,
    traffic: StepTraffic,
    held: Held,
    windows: tuple[Real, Real],
    layers: Scalar,
    widths: Widths,
) -> Real:
    r"""Time that gradient and weight collectives add to a step.

    Replicas reduce gradients once per step (DDP, ZeRO-1) or per micro-batch (ZeRO-2, ZeRO-3) behind
    the backward pass, and gather weights once (ZeRO-1, ZeRO-2) or twice per micro-batch (ZeRO-3)
    behind the passes that need them. One bucket, or one layer with ZeRO-3, stays exposed:

    .. math:: t = \max(t_c - \omega w,\; t_c\, \beta) + \sigma \min(\omega w, t_c)

    Parameters
    ----------
    stack
        Overlap and bucket.
    layout
        Sharding and micro-batches.
    traffic
        Times of the collectives.
    held
        Parameters per stage.
    windows
        Forward and backward time of one micro-batch on the slowest stage. [s]
    layers
        Layers of that stage.
    widths
        Bytes of stored elements.

    Returns
    -------
    Real
        Exposed time. [s]
    """
    overlap, count = stack.overlap, layout.micro_batches
    zero2, zero3 = layout.sharding > ZERO2 - 0.5, layout.sharding > ZERO3 - 0.5
    ddp = layout.sharding < ZERO1 - 0.5
    reduce = traffic.gathers[GRADIENT] + traffic.gathers[EXPERT_GRADIENT]
    gather = traffic.gathers[WEIGHT] + traffic.gathers[EXPERT_WEIGHT]
    gradient = widths.gradient * (held.shared.max() + held.routed.max())
    bucket = jnp.minimum(stack.reserve.bucket / jnp.maximum(gradient, 1.0), 1.0)
    last = jnp.where(zero3, 1.0 / jnp.maximum(layers, 1.0), bucket)

    def exposed(time: Real, window: Real) -> Real:
        covered = jnp.minimum(overlap.data * window, time)
        return jnp.maximum(time - covered, time * last) + overlap.slowdown * covered

    back = reduce * jnp.where(ddp, 2.0, 1.0) + jnp.where(zero3, gather, 0.0)
    back_times = jnp.where(zero2, count, 1.0)
    ahead_times = jnp.where(zero3, count, jnp.where(ddp, 0.0, 1.0))
    return back_times * exposed(back, windows[1]) + ahead_times * exposed(gather, windows[0])


def _volume(
    layout: Layout, model: Model, mean_blocks: Blocks, traffic: StepTraffic, reserve: Reserve
) -> tuple[Real, Real]:
    """Bytes that the mean chip sends per step, inside the scale-up domain and outside."""
    count = layout.micro_batches
    full = jnp.where(layout.recompute > FULL - 0.5, 1.0, 0.0)
    ddp = jnp.where(layout.sharding < ZERO1 - 0.5, 1.0, 0.0)
    zero3 = jnp.where(layout.sharding > ZERO3 - 0.5, 1.0, 0.0)
    per_micro_batch = jnp.where(layout.sharding > ZERO2 - 0.5, count, 1.0)
    layers = mean_blocks[0] + mean_blocks[1]
    reduce = per_micro_batch * (1.0 + ddp)
    gather = (1.0 - ddp) * (1.0 - zero3 + 2.0 * count * zero3)
    calls = jnp.stack([
        count * (2.0 + full) * (mean_blocks * _tensor_calls(model)).sum(),
        count * (3.0 + full) * layers,
        reduce,
        gather,
        reduce,
        gather,
    ])  # fmt: skip
    exchanges = count * (2.0 + full) * mean_blocks[1] * traffic.exchange_bytes
    return (
        (calls * traffic.sent_scaleup).sum() + exchanges[0],
        (calls * traffic.sent_scaleout).sum() + exchanges[1:].sum(),
    )


def _hardware_flop(layout: Layout, times: BlockTimes) -> Real:
    """FLOP of one micro-batch on the mean chip, what is computed again included."""
    mode = layout.recompute
    core = jnp.where(mode > ATTENTION - 0.5, times.attention_flop, 0.0)
    core = jnp.where(mode > PARTS - 0.5, 0.0, core)
    return times.flop + jnp.where(mode > FULL - 0.5, times.forward_flop, core)


def _chip_energy(
    params: StepParams,
    layout: Layout,
    times: BlockTimes,
    again: Scalar,
    step_time: Scalar,
    sent: Scalar,
) -> Real:
    """Energy of the mean chip in one step: busy, waiting, and what its links send, in [J]."""
    count = layout.micro_batches
    busy = count * (times.time + again)
    active = count * times.energy * (1.0 + again / times.time)
    waiting = jnp.maximum(step_time - busy, 0.0) * waiting_power(params.power)
    return jnp.minimum(active + waiting + sent * params.link_energy, params.power.cap * step_time)
