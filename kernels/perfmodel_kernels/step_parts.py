"""What a step depends on, and what it is made of before a schedule puts it together."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from perfmodel_kernels._typing import Scalar
from perfmodel_kernels.collectives import Library
from perfmodel_kernels.exchange import Routing
from perfmodel_kernels.exposure import EXPERT, RECOMPUTE, Overlap, PassTimes, pass_times
from perfmodel_kernels.layout import HEADS, NONE, Layout, shard_ranks
from perfmodel_kernels.memory import Kept, Reserve, Widths, kept_bytes, layer_activation_bytes
from perfmodel_kernels.operators import BlockTimes, ChipRates, KernelSet, block_times
from perfmodel_kernels.placement import Placement, place
from perfmodel_kernels.power import ChipPower, Links
from perfmodel_kernels.schedule import Passes, Spread
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
    kept: Kept
    """What a layer keeps for its backward pass."""
    reserve: Reserve
    overlap: Overlap
    merged: Scalar
    """1 where a token travels once to all of its experts on one unit, 0 where once to each."""


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
    params, layout
        As in `step.training_step`.

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
        routing=Routing(copies, model.unit_limit, params.stack.merged),
        dispatch=params.workload.dispatch_bytes * model.hidden,
        combine=hidden,
        boundary=share.tokens * hidden / layout.tp,  # tensor ranks send a part each
    )  # fmt: skip


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


def _with_offload(params: StepParams, placement: Placement, passes: PassTimes) -> PassTimes:
    """Adds to each pass of a layer what the trip of its activations to the host exposes."""
    layout, share = placement.layout, placement.share
    kernels, kept = params.stack.kernels, params.stack.kept
    whole = layer_activation_bytes(placement.model, share, NONE, kernels, kept)
    reduced = layer_activation_bytes(placement.model, share, layout.recompute, kernels, kept)
    bytes_kept = kept_bytes(layout, whole, reduced)
    trip = layout.offload_activations * bytes_kept / params.host.link
    layers = jnp.concatenate([trip, jnp.zeros(3, trip.dtype)])

    def joined(kinds: Float[Array, "kind block"]) -> Float[Array, "one_more block"]:
        late = jnp.maximum(layers - kinds.sum(0), 0.0)
        return jnp.concatenate([kinds, late[None, :]])

    return PassTimes(joined(passes.forward), joined(passes.backward))
