"""Time, clock and energy of the operators of one micro-batch, by kind of block."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from perfmodel_kernels._typing import Blocks, Elementwise, Gemms, Passes, Real, Scalar
from perfmodel_kernels.placement import Placement, mean_over_stages
from perfmodel_kernels.power import (
    ChipPower,
    Links,
    Pace,
    Work,
    pace_under_cap,
    phase_energy,
    phase_power,
    waiting_power,
)
from perfmodel_kernels.roofline import (
    MatrixUnits,
    Span,
    attention_share,
    gemm_bytes,
    gemm_compute_time,
)
from perfmodel_kernels.transformer import (
    ELEMENTWISE_BLOCKS,
    GEMM_BLOCKS,
    HAS_EXPERTS,
    IS_EXPERT,
    IS_LATENT_UP,
    IS_LAYER,
    IS_SCORE,
    IS_SOFTMAX,
    LOW_PRECISION,
    Model,
    Share,
    attention_flop,
    contract,
    elementwise_bytes,
    gemm_shapes,
)

EXPERT_PRODUCTS = 2.0
"""Products of an expert in the backward pass over those in the forward pass: each matrix has a
gradient of its input and one of its weights."""

BACKWARD_FLOP = 2.5
"""Fused attention computes the scores again: five products behind two. Dao, arXiv 2307.08691."""


class ChipRates(NamedTuple):
    """What one chip does per second and what it costs, at the clock of the specification."""

    peak_16bit: Scalar
    """Dense BF16 and FP16 peak. [FLOP/s]"""
    peak_low: Scalar
    """Dense peak of the products in low precision; the 16-bit one without. [FLOP/s]"""
    fraction_16bit: Scalar
    """Best sustained share of the 16-bit peak."""
    fraction_low: Scalar
    """Best sustained share of the low-precision peak."""
    units: Scalar
    """Units that share a matrix product."""
    tile: Scalar
    """Edge of an output tile."""
    tile_overhead: Scalar
    """Prologue and epilogue of one tile. [s]"""
    attention_forward: Scalar
    """Best share of the 16-bit peak in fused attention, forward."""
    attention_backward: Scalar
    """The same, backward."""
    attention_half_length: Scalar
    """Sequence length that reaches half of it. [token]"""
    attention_half_width: Scalar
    """Width of a head that reaches half of what the widest reach."""
    hbm: Scalar
    """Sustained memory bandwidth. [B/s]"""
    flop_energy_16bit: Scalar
    """Energy at the highest clock's voltage. [J/FLOP]"""
    flop_energy_low: Scalar
    """The same in low precision. [J/FLOP]"""
    attention_energy: Scalar
    """The same for fused attention. [J/FLOP]"""
    hbm_energy: Scalar
    """Energy of a byte of memory traffic. [J/B]"""
    stream_energy: Scalar
    """Energy of a byte in a memory-bound kernel, its arithmetic included. [J/B]"""


class KernelSet(NamedTuple):
    """How the software writes its kernels."""

    element_bytes: Scalar
    """Width of an input of the low-precision products. [B]"""
    cast_bytes: Scalar
    """Bytes that casting moves per input element of such a product. [B]"""
    launch: Scalar
    """Gap that one kernel adds on the device. [s]"""
    dispatch: Scalar
    """Time in which the host issues one kernel; 0 where a graph replays them. [s]"""
    expert_dispatch: Scalar
    """Time in which the host issues the kernels of one local expert in a forward pass. [s]"""
    grouped: Scalar
    """Rate of the products of experts over that of other products."""
    fused: Scalar
    """1 where attention is one kernel, else 0."""
    passes: Scalar
    """Memory traffic over that of perfectly fused kernels."""
    latent: Scalar
    """1 where the up-projections of latent attention are computed again with the parts."""


class BlockTimes(NamedTuple):
    """Time of one micro-batch by kind of block, and the mean chip's energy."""

    matrix_forward: Blocks
    matrix_backward: Blocks
    attention_forward: Blocks
    attention_backward: Blocks
    elementwise_forward: Blocks
    elementwise_backward: Blocks
    issue_forward: Blocks
    """Time in which the host issues the kernels. [s]"""
    issue_backward: Blocks
    experts_forward: Blocks
    """The same for the kernels of local experts, whose counts of tokens the host waits for. [s]"""
    experts_backward: Blocks
    weight_gradient: Blocks
    """Part of the backward products that no earlier stage waits for. [s]"""
    pace: Pace
    """Clock of each phase class, and what a cap below the lowest clock adds to its duration."""
    carried: Real
    """Bytes on the links behind the matrix products, their energy counted there. [B]"""
    waiting: Real
    """Power of a chip that waits for others. [W]"""
    streaming: Real
    """Power of a chip that streams its memory. [W]"""
    energy: Real
    """Energy of the mean chip, nothing recomputed. [J]"""
    time: Real
    """Busy time of the mean chip, nothing recomputed. [s]"""
    flop: Real
    """FLOP of the mean chip, forward and backward. [FLOP]"""
    forward_flop: Real
    """FLOP of the layers in one forward pass. [FLOP]"""
    attention_flop: Real
    """FLOP of attention in one forward pass. [FLOP]"""
    latent_forward: Blocks
    """Up-projections of latent attention that recompute of the parts repeats. [s]"""
    latent_flop: Real
    """FLOP of these. [FLOP]"""


class _Gemm(NamedTuple):
    compute: Passes
    memory: Passes
    flop: Passes
    energy: Passes
    cast: Passes


def _gemms(model: Model, share: Share, chip: ChipRates, kernels: KernelSet) -> _Gemm:
    shape = gemm_shapes(model, share)
    low = jnp.asarray(LOW_PRECISION)[:, None]
    rate = jnp.where(jnp.asarray(IS_EXPERT)[:, None], kernels.grouped, 1.0)
    units = MatrixUnits(
        peak=jnp.where(low, chip.peak_low, chip.peak_16bit),
        fraction=jnp.where(low, chip.fraction_low, chip.fraction_16bit) * rate,
        units=chip.units,
        tile=chip.tile,
        tile_overhead=chip.tile_overhead,
    )
    flop = 2.0 * shape.groups * shape.m * shape.n * shape.k
    unfused = jnp.where(jnp.asarray(IS_SCORE)[:, None], 1.0 - kernels.fused, 1.0)
    exists = jnp.where(flop > 0.0, unfused, 0.0)
    element = jnp.where(low, kernels.element_bytes, 2.0)
    cast = jnp.where(low, kernels.cast_bytes, 0.0) * shape.groups * shape.m * shape.k
    is_cast = np.array([True, True, False])  # activations forward, gradients backward
    return _Gemm(
        compute=gemm_compute_time(shape, units) * exists,
        memory=gemm_bytes(shape, element) * exists,
        flop=flop * exists,
        energy=flop * exists / rate * jnp.where(low, chip.flop_energy_low, chip.flop_energy_16bit),
        cast=jnp.where(is_cast[None, :], cast * exists, 0.0),
    )


def _by_block(values: Gemms) -> Blocks:
    return contract(GEMM_BLOCKS.T, values)


def _elementwise(values: Elementwise) -> Blocks:
    return contract(ELEMENTWISE_BLOCKS.T, values)


def _present(work: Gemms | Elementwise) -> Gemms | Elementwise:
    """1 for an operator that the model has, else 0."""
    return jnp.where(work > 0.0, jnp.ones_like(work), jnp.zeros_like(work))


class _Memory(NamedTuple):
    forward: Blocks
    backward: Blocks


class _MemoryBound(NamedTuple):
    traffic: _Memory
    """Bytes of norms, activations, routing, casts."""
    softmax: _Memory
    """Bytes of unfused attention beside its products."""
    launches: _Memory
    """Kernels of every kind."""


def _memory_bound(model: Model, share: Share, gemm: _Gemm, kernels: KernelSet) -> _MemoryBound:
    """Bytes and kernel counts of the memory-bound operators by block."""
    forward, backward = elementwise_bytes(model, share)
    kept = kernels.passes * jnp.where(IS_SOFTMAX, 1.0 - kernels.fused, 1.0)
    alone = jnp.where(IS_SOFTMAX, kept, 0.0)
    softmax = _Memory(_elementwise(forward * alone), _elementwise(backward * alone))
    traffic = _Memory(
        forward=_elementwise(forward * (kept - alone)) + _by_block(gemm.cast[:, 0]),
        backward=_elementwise(backward * (kept - alone)) + _by_block(gemm.cast[:, 1]),
    )
    products = _by_block(_present(gemm.flop[:, 0]))
    others = kernels.passes * _elementwise(_present(forward * kept))
    fused = jnp.where(IS_LAYER, kernels.fused, 0.0)
    launches = _Memory(products + others + fused, 2.0 * products + others + fused)
    return _MemoryBound(traffic, softmax, launches)


def _attention_times(model: Model, share: Share, flop: Real, chip: ChipRates) -> Float[Array, "2"]:
    """Fused attention of one layer at the clock of the specification, forward and backward."""
    span = Span(share.span, 0.5 * (model.qk_dim + model.v_dim))
    half = Span(chip.attention_half_length, chip.attention_half_width)
    rate = chip.peak_16bit * attention_share(span, half)
    return jnp.stack([
        flop / (rate * chip.attention_forward),
        BACKWARD_FLOP * flop / (rate * chip.attention_backward),
    ])  # fmt: skip


def block_times(
    placement: Placement, chip: ChipRates, kernels: KernelSet, power: ChipPower, links: Links
) -> BlockTimes:
    r"""Operators of one micro-batch on one chip, at the clocks that the power cap allows.

    .. math:: t = s \max\left(\frac{t_{compute}}{r}, \frac{bytes}{B}\right) + t_{launch}

    with one clock :math:`r` and stretch :math:`s` for matrix products, attention, memory-bound
    operators and communication each, solved for the mean chip of the pipeline.

    Parameters
    ----------
    placement
        What the chip holds of the model and of a micro-batch.
    chip
        Rates and energies.
    kernels
        How the software writes its kernels.
    power
        Electrical side of the chip.
    links
        Traffic that runs behind the products and draws power beside them.

    Returns
    -------
    BlockTimes
        Times by block, paces, powers, energy and FLOP of the mean chip.
    """
    model, share = placement.model, placement.share
    mean_blocks = mean_over_stages(placement)
    gemm = _gemms(model, share, chip, kernels)
    traffic, softmax, launches = _memory_bound(model, share, gemm, kernels)
    weight = contract(GEMM_BLOCKS, mean_blocks)[:, None]
    in_layers = contract(GEMM_BLOCKS, jnp.where(IS_LAYER, mean_blocks, 0.0))
    layers = mean_blocks[0] + mean_blocks[1]

    flop = attention_flop(model, share) * kernels.fused
    attention = _attention_times(model, share, flop, chip)
    gemm_memory = gemm.memory / chip.hbm
    arithmetic_bounds = gemm.compute > gemm_memory
    scaled = (jnp.where(arithmetic_bounds, gemm.compute, 0.0) * weight).sum()
    fixed = (jnp.where(arithmetic_bounds, 0.0, gemm_memory) * weight).sum()
    moved = traffic.forward + traffic.backward + softmax.forward + softmax.backward
    bytes_mean = (mean_blocks * moved).sum()
    carried = jnp.minimum(links.hidden, links.rate * (fixed + scaled / power.highest))
    nothing = jnp.zeros_like(bytes_mean)
    work = Work(
        scaled=jnp.stack([scaled, layers * attention.sum(), nothing, nothing]),
        fixed=jnp.stack([fixed, nothing, bytes_mean / chip.hbm, nothing + 1.0]),
        flop_energy=jnp.stack([
            (gemm.energy * weight).sum(),
            layers * flop * (1.0 + BACKWARD_FLOP) * chip.attention_energy,
            nothing,
            nothing,
        ]),
        byte_energy=jnp.stack([
            (gemm.memory * weight).sum() * chip.hbm_energy + carried * links.energy,
            nothing,
            bytes_mean * chip.stream_energy,
            nothing + links.rate * links.energy,
        ]),
    )  # fmt: skip
    pace = pace_under_cap(work, power)
    clock, stretch = pace
    waiting = waiting_power(pace, power)[3]
    beyond = (phase_power(clock, work, power) - power.idle) / stretch

    run = jnp.maximum(gemm.compute / clock[0], gemm_memory) * stretch[0]
    hbm = chip.hbm / stretch[2]
    score = jnp.where(jnp.asarray(IS_SCORE), 1.0, 0.0)
    core = attention * (stretch[1] / clock[1])
    fused = jnp.where(IS_LAYER[:, None], core, 0.0)
    forward, backward = run[:, 0], run[:, 1] + run[:, 2]
    busy = jnp.stack([(run * weight).sum(), layers * core.sum(), bytes_mean / hbm, nothing])
    gap = (mean_blocks * (launches.forward + launches.backward)).sum() * kernels.launch
    energy = phase_energy(pace, busy, work, power)[:3].sum()
    local = model.experts / placement.layout.ep
    experts = jnp.where(HAS_EXPERTS, local * kernels.expert_dispatch, 0.0)
    repeated = jnp.where(IS_LATENT_UP, kernels.latent, 0.0)
    scores = (gemm.flop[:, 0] * weight[:, 0] * score).sum() + layers * flop
    return BlockTimes(
        matrix_forward=_by_block(forward * (1.0 - score)),
        matrix_backward=_by_block(backward * (1.0 - score)),
        attention_forward=_by_block(forward * score) + fused[:, 0] + softmax.forward / hbm,
        attention_backward=_by_block(backward * score) + fused[:, 1] + softmax.backward / hbm,
        elementwise_forward=traffic.forward / hbm + launches.forward * kernels.launch,
        elementwise_backward=traffic.backward / hbm + launches.backward * kernels.launch,
        issue_forward=launches.forward * kernels.dispatch,
        issue_backward=launches.backward * kernels.dispatch,
        experts_forward=experts,
        experts_backward=EXPERT_PRODUCTS * experts,
        weight_gradient=_by_block(run[:, 2] * (1.0 - score)),
        pace=pace,
        carried=carried,
        waiting=waiting,
        streaming=power.idle + beyond[2],
        energy=energy + gap * waiting,
        time=busy.sum() + gap,
        flop=(gemm.flop * weight).sum() + layers * flop * (1.0 + BACKWARD_FLOP),
        forward_flop=(gemm.flop[:, 0] * in_layers).sum() + layers * flop,
        attention_flop=scores,
        latent_forward=_by_block(forward * repeated),
        latent_flop=(gemm.flop[:, 0] * in_layers * repeated).sum(),
    )
