"""Chip config to rates, energies and the electrical side."""

import pytest

from perfmodel.lowering.chip import lower_chip, lower_power
from perfmodel.lowering.precision import format_on


@pytest.fixture
def rates(dense):
    chip, stack = dense.machine.chip, dense.stack
    return lower_chip(chip, stack, format_on(chip, dense.workload))


def test_peaks_are_those_of_the_precision_that_runs(dense, routed, rates):
    assert rates.peak_16bit == rates.peak_low == dense.machine.chip.peak.bf16
    chip = routed.machine.chip
    low = lower_chip(chip, routed.stack, format_on(chip, routed.workload))
    assert low.peak_16bit == chip.peak.bf16
    assert low.peak_low == chip.peak.fp8


def test_the_stack_scales_what_kernels_reach(dense, rates):
    efficiency, stack = dense.machine.chip.efficiency, dense.stack
    assert rates.fraction_16bit == efficiency.gemm_16bit * stack.gemm_multiplier
    assert rates.attention_forward == efficiency.attention_forward * stack.attention_multiplier
    assert rates.attention_backward == efficiency.attention_backward * stack.attention_multiplier


def test_slower_kernels_draw_the_same_power(dense, rates):
    best = dense.machine.chip.energy.flop_16bit * dense.machine.chip.efficiency.gemm_16bit
    assert rates.flop_energy_16bit * rates.fraction_16bit == pytest.approx(best)


def test_memory_is_sustained_bandwidth(dense, rates):
    memory, efficiency = dense.machine.chip.memory, dense.machine.chip.efficiency
    assert rates.hbm == memory.bandwidth * efficiency.hbm < memory.bandwidth


def test_clocks_are_relative_to_the_one_of_the_specification(dense):
    chip = dense.machine.chip
    power = lower_power(chip)
    assert power.highest == pytest.approx(1980 / 1830)
    assert power.lowest == pytest.approx(0.17 * 1980 / 1830)
    assert (power.cap, power.idle) == (700.0, 70.0)


def test_a_chip_without_sixteen_bits_is_refused_by_name(dense):
    chip = dense.machine.chip
    half = chip.peak.model_copy(update={"bf16": None, "fp16": None})
    without = chip.model_copy(update={"peak": half})
    number_format = format_on(chip, dense.workload)
    with pytest.raises(ValueError, match=r"H100.*peak\.bf16"):
        lower_chip(without, dense.stack, number_format)


def test_every_shipped_chip_lowers(library):
    stack = library.load("stacks", "megatron-core-2025")
    workload = library.load("workloads", "llama3-405b")
    for name in library.names("chips"):
        chip = library.load("chips", name)
        rates, power = lower_chip(chip, stack, format_on(chip, workload)), lower_power(chip)
        assert all(value > 0 for value in rates), name
        assert power.idle + power.host < power.cap, name
        assert power.lowest < power.highest, name
