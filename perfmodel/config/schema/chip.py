"""What one accelerator can do, holds, sends and draws."""

import math
from typing import Literal, Self

from pydantic import Field, model_validator

from perfmodel.config.faults import Problem
from perfmodel.config.schema._model import (
    Bandwidth,
    Bytes,
    Clock,
    Config,
    Count,
    EnergyPerByte,
    EnergyPerFlop,
    FlopRate,
    Fraction,
    Named,
    Power,
    Seconds,
    SecondsOrZero,
    Share,
)
from perfmodel.config.units import text

Precision = Literal["fp64", "tf32", "fp16", "bf16", "fp8", "nvfp4"]


class Compute(Config):
    """Arithmetic units and their clock."""

    units: Count
    """Streaming multiprocessors, compute units or cores that share a matrix product."""
    max_clock: Clock
    """Highest boost clock. [Hz]"""
    spec_clock: Clock
    """Clock at which the peaks are stated. [Hz]"""
    base_clock: Clock | None = None
    """Lowest clock that the vendor guarantees under load. [Hz]"""

    @model_validator(mode="after")
    def _order(self) -> Self:
        for field in ("spec_clock", "base_clock"):
            if (getattr(self, field) or 0.0) > self.max_clock:
                most = f"at most max_clock, {text(self.max_clock, 'Hz')}"
                raise Problem("above the highest clock", most, field)
        return self


class Peak(Config):
    """Dense peak rate by precision at the clock of the specification."""

    fp64: FlopRate | None = None
    """FP64 matrix peak. [FLOP/s]"""
    tf32: FlopRate | None = None
    """TF32 matrix peak. [FLOP/s]"""
    fp16: FlopRate | None = None
    """FP16 matrix peak. [FLOP/s]"""
    bf16: FlopRate | None = None
    """BF16 matrix peak. [FLOP/s]"""
    fp8: FlopRate | None = None
    """FP8 matrix peak, MX block formats included. [FLOP/s]"""
    nvfp4: FlopRate | None = None
    """FP4 matrix peak. [FLOP/s]"""

    @model_validator(mode="after")
    def _sixteen_bits(self) -> Self:
        if self.bf16 is None and self.fp16 is None:
            raise Problem("neither bf16 nor fp16", "the peak that training needs, bf16 or fp16")
        return self


class Memory(Config):
    """High-bandwidth memory."""

    capacity: Bytes
    """Usable capacity. [B]"""
    bandwidth: Bandwidth
    """Peak bandwidth. [B/s]"""


class ScaleUp(Config):
    """Links of the scale-up domain: NVLink, xGMI, ICI."""

    bandwidth: Bandwidth
    """Aggregate per chip and direction. [B/s]"""
    pair_bandwidth: Bandwidth
    """To one peer, per direction; equal to the aggregate behind a switch. [B/s]"""
    domain: Count
    """Chips that the links join."""
    latency: Seconds
    """One step of the low-latency protocol between two chips of the domain. [s]"""
    bulk_latency: SecondsOrZero
    """What a step of the bulk protocol takes beyond that. [s]"""
    short_fraction: Fraction
    """Bandwidth of the low-latency protocol over that of the bulk protocol; 0 where there is one
    protocol."""
    reduction: Fraction = 0.0
    """Share of the bandwidth at which the switches of the domain reduce a buffer; 0 where they
    can't."""
    torus: tuple[Count, ...] = Field(default=(), max_length=3)
    """Chips along each axis where the domain is a torus."""
    wrap: Count | None = None
    """Chips whose multiples close an axis of the torus to a ring."""

    @model_validator(mode="after")
    def _one_peer_takes_part(self) -> Self:
        if self.pair_bandwidth > self.bandwidth:
            most = f"at most bandwidth, {text(self.bandwidth, 'B/s')}"
            raise Problem("more than to all peers", most, "pair_bandwidth")
        return self

    @model_validator(mode="after")
    def _axes_hold_the_domain(self) -> Self:
        if self.torus and math.prod(self.torus) != self.domain:
            axes = " x ".join(str(chips) for chips in self.torus)
            raise Problem(f"{axes} chips", f"a product of {self.domain}, the domain", "torus")
        if self.torus and self.wrap is None:
            raise Problem("missing beside torus", "chips at which an axis closes", "wrap")
        return self


class ChipPower(Config):
    """Electrical limits."""

    tdp: Power
    """Design power, the cap unless another is set. [W]"""
    power_cap: Power | None = None
    """Cap that the operator sets; the design power when none is set. [W]"""
    highest_cap: Power | None = None
    """Highest cap that the vendor admits; the design power when none is stated. [W]"""
    scope: Literal["chip", "module"] = "chip"
    """What the cap covers: the chip, or a module with its CPU."""
    idle: Power
    """The accelerator at rest. [W]"""
    host: Power | None = None
    """CPU and its memory inside a module, under a job. [W]"""
    host_idle: Power | None = None
    """CPU and its memory inside a module, at rest. [W]"""
    minimum_clock_fraction: Share
    """Lowest clock over the highest."""
    voltage_floor: Share
    """Supply voltage at and below the knee over the one at the highest clock."""
    voltage_knee: Share
    """Clock over the highest up to which the voltage stays at its floor."""

    @property
    def cap(self) -> float:
        """Cap in force, in [W]."""
        return self.power_cap or self.tdp

    @model_validator(mode="after")
    def _host_in_a_module(self) -> Self:
        for field in ("host", "host_idle"):
            given = getattr(self, field) is not None
            if given != (self.scope == "module"):
                problem = "given for a chip" if given else "missing for a module"
                raise Problem(problem, "host and host_idle with scope module only", field)
        return self

    @model_validator(mode="after")
    def _room_for_work(self) -> Self:
        least = self.idle + (self.host or 0.0)
        for field in ("tdp", "power_cap"):
            if (getattr(self, field) or self.tdp) <= least:
                raise Problem("not above the idle power", f"more than {text(least, 'W')}", field)
        return self

    @model_validator(mode="after")
    def _cap_within_reach(self) -> Self:
        most = self.highest_cap or self.tdp
        if self.cap > most:
            raise Problem("above the highest cap", f"at most {text(most, 'W')}", "power_cap")
        return self


class Energy(Config):
    """Energy of one operation at the highest clock's voltage."""

    flop_fp64: EnergyPerFlop | None = None
    """FP64 matrix. [J/FLOP]"""
    flop_16bit: EnergyPerFlop
    """BF16 and FP16 matrix. [J/FLOP]"""
    flop_fp8: EnergyPerFlop | None = None
    """FP8 matrix. [J/FLOP]"""
    flop_nvfp4: EnergyPerFlop | None = None
    """FP4 matrix. [J/FLOP]"""
    hbm_byte: EnergyPerByte
    """A byte moved to or from HBM. [J/B]"""
    stream_byte: EnergyPerByte
    """A byte that a memory-bound kernel streams: memory, caches, registers, arithmetic. [J/B]"""
    link_byte: EnergyPerByte
    """A byte sent over a scale-up link. [J/B]"""
    clock_power: Power
    """Clock tree and schedulers of a busy chip at the highest clock. [W]"""


class Efficiency(Config):
    """What kernels reach on this chip, before the software stack."""

    gemm_fp64: Share | None = None
    """Best sustained share of the FP64 matrix peak at the clock that ran."""
    gemm_16bit: Share
    """Best sustained share of the 16-bit peak at the clock that ran."""
    sustained_16bit: Share = Field(default=1.0)
    """What the products of layers in training reach of it, where it is that of the best shapes."""
    gemm_fp8: Share
    """Best sustained share of the FP8 peak at the clock that ran."""
    gemm_mxfp8: Share | None = None
    """The same with a scale for each 32 elements; none where nothing but FP8 was measured."""
    gemm_nvfp4: Share
    """Best sustained share of the FP4 peak at the clock that ran."""
    tile: Count = Field(default=128)
    """Edge of the output tile that one unit works on."""
    tile_overhead: Seconds
    """Prologue and epilogue of one tile. [s]"""
    attention_forward: Share
    """Best share of the 16-bit peak in fused attention, forward."""
    attention_backward: Share
    """Best share of the 16-bit peak in fused attention, backward."""
    attention_half_length: Count
    """Sequence length at which half of the best share is reached."""
    attention_half_width: Count
    """Width of a head that reaches half of what the widest reach; the best share is that of 128."""
    attention_ported: Share = Field(default=1.0)
    """What kernels written for the generation before reach of these rates."""
    hbm: Share
    """Sustained share of the memory bandwidth."""
    scaleup: Share
    """Sustained share of the scale-up bandwidth."""


class Chip(Named):
    """One accelerator as a job scheduler counts it."""

    vendor: str
    """Who makes it."""
    status: Literal["product", "announced"] = "product"
    """Whether it can be bought."""
    devices: Count = 1
    """Devices that software sees per chip (GCD, core)."""
    compute: Compute
    peak: Peak
    memory: Memory
    scaleup: ScaleUp
    power: ChipPower
    energy: Energy
    efficiency: Efficiency
