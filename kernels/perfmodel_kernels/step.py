"""One training step: operators, collectives, schedule, memory and power in one call."""

from typing import NamedTuple

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from perfmodel_kernels._typing import Real, Scalar, Stages
from perfmodel_kernels.collectives import Library
from perfmodel_kernels.exposure import (
    EXPERT,
    RECOMPUTE,
    Overlap,
    PassTimes,
    Window,
    card_times,
    data_exposure,
    pass_times,
)
from perfmodel_kernels.layout import (
    ATTENTION,
    FULL,
    HEADS,
    PARTS,
    ZERO1,
    ZERO3,
    Layout,
    shard_ranks,
)
from perfmodel_kernels.memory import (
    MemorySplit,
    Reserve,
    Widths,
    kept_bytes,
    layer_activation_bytes,
    memory_split,
)
from perfmodel_kernels.operators import BlockTimes, ChipRates, KernelSet, block_times
from perfmodel_kernels.parameters import model_flop_per_token
from perfmodel_kernels.placement import (
    Placement,
    mean_over_stages,
    one_hot_of_largest,
    place,
    sharded,
)
from perfmodel_kernels.power import ChipPower, Links
from perfmodel_kernels.schedule import (
    DUALPIPE,
    Passes,
    Spread,
    idle_time,
    layout_pipeline,
    period_on_chips,
    send_exposure,
    straggler_fraction,
)
from perfmodel_kernels.topology import Network
from perfmodel_kernels.traffic import CONTEXT, TENSOR, Payloads, StepTraffic, step_traffic
from perfmodel_kernels.transformer import Model
from perfmodel_kernels.volume import Volume, step_volume


class Workload(NamedTuple):
    """What is trained."""

    length: Scalar
    """Tokens of a sequence. [token]"""
    dispatch_bytes: Scalar
    """Width of a hidden element on its way to an expert. [B]"""
    cast_bytes: Scalar
    """Traffic of casting one weight to low precision, once per step. [B]"""
    widths: Widths
    """Bytes of stored elements."""


class Host(NamedTuple):
    """What one chip sees of its host."""

    link: Scalar
    """Bandwidth to host memory per direction. [B/s]"""
    memory: Scalar
    """Share of the host's memory bandwidth. [B/s]"""


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
    host: Host
    network: Network
    library: Library
    """Communication software."""
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
    memory = memory_split(placement, workload.widths, stack.reserve, stack.kernels.fused)
    used = jnp.stack(memory).sum()
    again = (passes.backward[RECOMPUTE, :] * mean_over_stages(placement)).sum()
    spent = _Spent(layout.micro_batches, again * layout.micro_batches, split.optimizer, step_time)
    energy = _compute_energy(times, spent) + _link_energy(times, spent, volume, links)
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


class StepParts(NamedTuple):
    """What a step is made of, before a schedule puts it together."""

    placement: Placement
    """What each chip holds."""
    traffic: StepTraffic
    """Collectives, each once."""
    volume: Volume
    """Bytes that the mean chip sends."""
    links: Links
    """What of them hides behind the products."""
    times: BlockTimes
    """Operators of one micro-batch by block."""
    passes: PassTimes
    """Passes of one micro-batch by kind and block, offload included."""


def step_parts(params: StepParams, layout: Layout) -> StepParts:
    """Operators, collectives and passes of one micro-batch.

    Parameters
    ----------
    params
        Machine, model, workload and software.
    layout
        How the job is spread.

    Returns
    -------
    StepParts
        Times and bytes.
    """
    stack = params.stack
    placement = place(params.model, layout, params.workload.length)
    traffic = step_traffic(_payloads(params, placement), layout, params.network, params.library)
    volume = step_volume(placement, traffic)
    links = _links(params, volume, layout)
    times = block_times(placement, params.chip, stack.kernels, params.power, links)
    passes = pass_times(placement, times, traffic, stack.overlap, stack.kernels.fused)
    return StepParts(
        placement, traffic, volume, links, times, _with_offload(params, placement, passes)
    )


class StageTimes(NamedTuple):
    """Passes of one micro-batch by kind of stage."""

    forward: Float[Array, "kind stage"]
    """Forward pass by kind. [s]"""
    backward: Float[Array, "kind stage"]
    """Backward pass by kind. [s]"""
    passes: Passes
    """Sums over the kinds, weight gradients apart."""


def stage_times(parts: StepParts, overlap: Overlap) -> StageTimes:
    """Adds up the blocks of each kind of stage.

    Two passes that run together hide the exchanges of one behind the work of the other.

    Parameters
    ----------
    parts
        Passes by block.
    overlap
        What hiding costs.

    Returns
    -------
    StageTimes
        First, middle and last stage.
    """
    blocks = parts.placement.blocks
    ahead, behind = ((kinds[:, :, None] * blocks[None]).sum(1) for kinds in parts.passes)
    weight = (parts.times.weight_gradient[:, None] * blocks).sum(0)
    exchanges = ahead[EXPERT] + behind[EXPERT]
    work = (ahead + behind)[: RECOMPUTE + 1].sum(0)
    passes = Passes(
        forward=ahead.sum(0),
        backward=behind.sum(0) - weight,
        weight=weight,
        hidden=(1.0 - overlap.slowdown) * jnp.minimum(exchanges, work),
    )
    return StageTimes(ahead, behind, passes)


def _payloads(params: StepParams, placement: Placement) -> Payloads:
    """Bytes of each collective; keys and values travel at 16 bits, gradients as accumulated."""
    model, layout, share, _, held = placement
    widths, hidden = params.workload.widths, 2.0 * model.hidden
    keys = jnp.maximum(model.kv_heads / layout.tp, 1.0) * (model.qk_dim + model.v_dim)
    shared, routed = held.shared.max(), held.routed.max()
    copies = jnp.maximum(model.top_k, 1.0)
    trades = layout.context > HEADS - 0.5
    traded = 2.0 * share.tokens * ((model.heads / layout.tp) * (model.qk_dim + model.v_dim) + keys)
    return Payloads(
        gathers=jnp.stack([
            share.tokens * hidden,
            jnp.where(trades, traded, 2.0 * share.tokens * layout.cp * keys),
            shared * widths.gradient,
            shared * widths.weight,
            routed * widths.gradient,
            routed * widths.weight,
            shared * widths.gradient / shard_ranks(layout),
            share.tokens * share.etp / layout.tp * hidden * copies * model.imbalance,
        ]),
        heads=traded,
        tokens=share.tokens / layout.tp * model.imbalance,
        copies=copies,
        unit_limit=model.unit_limit,
        dispatch=params.workload.dispatch_bytes * model.hidden,
        combine=hidden,
        boundary=share.tokens * hidden / layout.tp,  # tensor ranks send a part each
    )  # fmt: skip


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


def _with_offload(params: StepParams, placement: Placement, passes: PassTimes) -> PassTimes:
    """Adds to each pass of a layer what the trip of its activations to the host exposes."""
    layout, fused = placement.layout, params.stack.kernels.fused
    inputs, share = params.workload.widths.product_input, placement.share
    whole = layer_activation_bytes(placement.model, share, 0.0, fused, inputs)
    reduced = layer_activation_bytes(placement.model, share, layout.recompute, fused, inputs)
    bytes_kept = kept_bytes(layout, whole, reduced)
    trip = layout.offload_activations * bytes_kept / params.host.link
    layers = jnp.concatenate([trip, jnp.zeros(3, trip.dtype)])

    def joined(kinds: Float[Array, "kind block"]) -> Float[Array, "one_more block"]:
        late = jnp.maximum(layers - kinds.sum(0), 0.0)
        return jnp.concatenate([kinds, late[None, :]])

    return PassTimes(joined(passes.forward), joined(passes.backward))


def _hardware_flop(layout: Layout, times: BlockTimes, fused: Scalar) -> Real:
    """FLOP of one micro-batch on the mean chip, what is computed again included."""
    mode = layout.recompute
    core = jnp.where(mode > ATTENTION - 0.5, times.attention_flop, 0.0)
    core = jnp.where(mode > PARTS - 0.5, (1.0 - fused) * times.attention_flop, core)
    again = jnp.where(mode > FULL - 0.5, times.forward_flop, core)
    return times.flop + layout.recomputed * again


def _links(params: StepParams, volume: Volume, layout: Layout) -> Links:
    """What of the scale-up traffic can hide behind the products of a micro-batch."""
    overlap, gathers = params.stack.overlap, volume.gathers
    hidden = (
        overlap.tensor * gathers[TENSOR]
        + overlap.context * gathers[CONTEXT]
        + overlap.data * (gathers.sum() - gathers[TENSOR] - gathers[CONTEXT])
        + overlap.expert * volume.exchange
    )
    return Links(hidden / layout.micro_batches, params.network.bandwidth[0], params.link_energy)


class _Spent(NamedTuple):
    """How the mean chip spends a step."""

    micro_batches: Scalar
    again: Scalar
    """Computing once more. [s]"""
    optimizer: Scalar
    """Updating weights. [s]"""
    step: Scalar
    """The whole. [s]"""

    def _waiting(self, times: BlockTimes) -> Real:
        """Time that is left: communication, bubbles, stragglers, the host, in [s]."""
        used = self.micro_batches * times.time + self.again + self.optimizer
        return jnp.maximum(self.step - used, 0.0)


def _compute_energy(times: BlockTimes, spent: _Spent) -> Real:
    """Energy of the mean accelerator in one step, traffic of its waiting time apart, in [J]."""
    busy = times.energy / times.time * (spent.micro_batches * times.time + spent.again)
    waiting = spent._waiting(times) * times.waiting
    return busy + spent.optimizer * times.streaming + waiting


def _link_energy(times: BlockTimes, spent: _Spent, volume: Volume, links: Links) -> Real:
    """Energy of what the links move in waiting time, never faster than they can, in [J]."""
    carried = times.carried * (spent.micro_batches + spent.again / times.time)
    left = jnp.maximum(volume.scaleup - carried, 0.0)
    most = links.rate * spent._waiting(times) / times.pace.stretch[3]
    return jnp.minimum(left, most) * links.energy
