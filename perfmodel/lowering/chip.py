"""Chip config to rates, energies and the electrical side."""

from perfmodel.config.schema.chip import Chip
from perfmodel.config.schema.stack import Stack
from perfmodel.lowering.precision import Format
from perfmodel_kernels.operators import ChipRates
from perfmodel_kernels.power import ChipPower


def lower_chip(chip: Chip, stack: Stack, number_format: Format) -> ChipRates:
    """Rates and energies of a chip under a software stack.

    Parameters
    ----------
    chip
        The chip.
    stack
        Its multipliers apply to matrix products and attention.
    number_format
        Format of the products that may leave 16 bits.

    Returns
    -------
    ChipRates
        SI numbers.
    """
    half = chip.peak.bf16 or chip.peak.fp16
    low = getattr(chip.peak, number_format.peak)
    if half is None or low is None:
        raise ValueError(f"chip {chip.name!r}: peak.bf16 or peak.fp16 is needed to model training")
    efficiency, energy = chip.efficiency, chip.energy
    of_16bit = efficiency.gemm_16bit * efficiency.sustained_16bit
    stated = getattr(efficiency, number_format.fraction) or efficiency.gemm_fp8
    fraction = of_16bit if number_format.fraction == "gemm_16bit" else stated
    ported = 1.0 if stack.native_attention else efficiency.attention_ported
    attention = ported * stack.attention_multiplier
    return ChipRates(
        peak_16bit=half,
        peak_low=low,
        fraction_16bit=of_16bit * stack.gemm_multiplier,
        fraction_low=fraction * stack.gemm_multiplier,
        units=float(chip.compute.units),
        tile=float(efficiency.tile),
        tile_overhead=efficiency.tile_overhead,
        attention_forward=efficiency.attention_forward * attention,
        attention_backward=efficiency.attention_backward * attention,
        attention_half_length=float(efficiency.attention_half_length),
        attention_half_width=float(efficiency.attention_half_width),
        hbm=chip.memory.bandwidth * efficiency.hbm,
        # a kernel that takes longer for a product keeps its units busy and draws their power
        flop_energy_16bit=energy.flop_16bit / stack.gemm_multiplier,
        flop_energy_low=getattr(energy, number_format.energy) / stack.gemm_multiplier,
        attention_energy=energy.flop_16bit / stack.attention_multiplier,
        hbm_energy=energy.hbm_byte,
        stream_energy=energy.stream_byte,
    )


def lower_power(chip: Chip) -> ChipPower:
    """Electrical side of a chip.

    Parameters
    ----------
    chip
        The chip.

    Returns
    -------
    ChipPower
        SI numbers; clocks relative to the clock of the specification.
    """
    power = chip.power
    highest = chip.compute.max_clock / chip.compute.spec_clock
    return ChipPower(
        cap=power.cap,
        host=power.host or 0.0,
        host_idle=power.host_idle or 0.0,
        idle=power.idle,
        clock_power=chip.energy.clock_power,
        lowest=highest * power.minimum_clock_fraction,
        highest=highest,
        voltage_floor=power.voltage_floor,
        voltage_knee=power.voltage_knee,
    )
