"""Clock under a cap and energy of a chip."""

import jax
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from perfmodel_kernels.power import (
    ChipPower,
    Pace,
    Work,
    accelerator_cap,
    clock_under_cap,
    pace_under_cap,
    phase_energy,
    phase_power,
    phase_rate,
    voltage,
    waiting_power,
)
from tests.kernels.compiling import compiled
from tests.kernels.difference import check_gradient, derivative
from tests.kernels.examples import POWER

clock_of = compiled(clock_under_cap)
power_of = compiled(phase_power)
energy_of = compiled(phase_energy)
voltage_of = compiled(voltage)
pace_of = compiled(pace_under_cap)
rate_of = compiled(phase_rate)
waiting_of = compiled(waiting_power)


def work(flop_power: float, byte_power: float, time: float = 1.0, bound: float = 0.0) -> Work:
    """One phase by the power that arithmetic and memory draw at the specification's clock.

    `bound` is the share of its time that memory bounds.
    """
    return Work(
        scaled=np.array([time * (1.0 - bound)]),
        fixed=np.array([time * bound]),
        flop_energy=np.array([flop_power * time]),
        byte_energy=np.array([byte_power * time]),
    )


MATRIX = work(760.0, 40.0)
"""Throttles under 700 W."""
GATHERING = work(0.0, 110.0, bound=1.0)
"""A memory-bound phase that does not."""


def bisected_clock(phase: Work, chip: ChipPower) -> float:
    low, high = chip.lowest, chip.highest
    if float(power_of(np.array([high]), phase, chip)[0]) <= chip.cap:
        return high
    for _ in range(60):
        middle = 0.5 * (low + high)
        within = float(power_of(np.array([middle]), phase, chip)[0]) <= chip.cap
        low, high = (middle, high) if within else (low, middle)
    return low


chips = st.builds(
    lambda cap, highest, floor, knee: POWER._replace(
        cap=cap, highest=highest, voltage_floor=floor, voltage_knee=knee
    ),
    st.floats(250.0, 1500.0),
    st.floats(1.0, 1.3),
    st.floats(0.72, 0.85),
    st.floats(0.60, 0.72),
)
"""Caps, clocks and voltages of the chips that ship."""
phases = st.builds(
    work,
    st.floats(0.0, 3000.0),
    st.floats(0.0, 120.0),
    st.floats(1e-5, 10.0),
    st.floats(0.0, 1.0),
)


def just_below_the_knee(clock: float, chip: ChipPower) -> bool:
    return 0.998 < clock / (chip.voltage_knee * chip.highest) < 1.0


@settings(max_examples=150, deadline=None)
@given(phases, chips)
def test_the_clock_equals_a_bisection(phase, chip):
    expected = bisected_clock(phase, chip)
    assume(not just_below_the_knee(expected, chip))
    assert float(clock_of(phase, chip)[0]) == pytest.approx(expected, rel=1e-6)


def test_the_clock_equals_a_bisection_just_below_the_knee():
    knee = POWER.voltage_knee * POWER.highest
    at_knee = float(power_of(np.array([knee]), MATRIX, POWER)[0])
    chip = POWER._replace(cap=at_knee - 0.1)
    assert float(clock_of(MATRIX, chip)[0]) == pytest.approx(bisected_clock(MATRIX, chip), rel=1e-5)


@settings(max_examples=150, deadline=None)
@given(phases, chips)
def test_the_clock_stays_in_its_range(phase, chip):
    assert chip.lowest <= float(clock_of(phase, chip)[0]) <= chip.highest


def mean_power(phase: Work, chip: ChipPower) -> tuple[float, float]:
    """Mean power of a phase at its pace, and its duration."""
    pace = pace_of(phase, chip)
    time = pace.stretch / rate_of(pace.clock, phase)
    return float(energy_of(pace, time, phase, chip)[0] / time[0]), float(time[0])


deep_caps = st.builds(
    lambda chip, cap, host: chip._replace(cap=cap + host, host=host),
    chips,
    st.floats(75.0, 1500.0),
    st.floats(0.0, 100.0),
)
"""Caps down to what no clock keeps, of chips and of modules."""


@settings(max_examples=200, deadline=None)
@given(phases, deep_caps)
def test_no_phase_exceeds_the_cap_nor_falls_under_idle(phase, chip):
    power, _ = mean_power(phase, chip)
    assert chip.idle <= power <= float(accelerator_cap(chip)) * (1 + 1e-9)


@settings(max_examples=100, deadline=None)
@given(phases, deep_caps, st.floats(1.0, 2.0))
def test_a_higher_cap_never_slows_a_phase_down_nor_lowers_its_power(phase, chip, factor):
    power, time = mean_power(phase, chip)
    more, less = mean_power(phase, chip._replace(cap=chip.cap * factor))
    assert less <= time * (1 + 1e-6)
    assert more >= power * (1 - 1e-6)


def test_a_module_leaves_its_accelerator_what_its_processor_does_not_draw():
    module = POWER._replace(cap=795.0, host=95.0)
    assert float(accelerator_cap(module)) == 700.0
    np.testing.assert_array_equal(clock_of(MATRIX, module), clock_of(MATRIX, POWER))


def test_a_chip_skips_cycles_where_its_lowest_clock_draws_too_much():
    pace = pace_of(GATHERING, POWER._replace(cap=120.0))
    assert float(pace.clock[0]) == POWER.lowest
    lowest = float(power_of(np.array([POWER.lowest]), GATHERING, POWER)[0])
    assert float(pace.stretch[0]) == pytest.approx((lowest - 70.0) / 50.0)


@settings(max_examples=60, deadline=None)
@given(phases, chips, st.floats(1.0, 2.0))
def test_a_higher_cap_never_lowers_the_clock(phase, chip, factor):
    raised = chip._replace(cap=chip.cap * factor)
    assert float(clock_of(phase, raised)[0]) >= float(clock_of(phase, chip)[0]) * (1 - 1e-9)


def test_an_unlimited_cap_runs_at_the_highest_clock():
    assert float(clock_of(MATRIX, POWER._replace(cap=1e6))[0]) == POWER.highest


def test_matrix_products_throttle_and_memory_traffic_does_not():
    assert POWER.lowest < float(clock_of(MATRIX, POWER)[0]) < 1.0
    assert float(clock_of(GATHERING, POWER)[0]) == POWER.highest


def test_a_throttled_phase_draws_the_cap():
    clock = clock_of(MATRIX, POWER)
    assert float(power_of(clock, MATRIX, POWER)[0]) == pytest.approx(POWER.cap, rel=1e-6)


def test_a_cap_that_no_clock_keeps_runs_at_the_lowest():
    assert float(clock_of(MATRIX, POWER._replace(cap=80.0))[0]) == POWER.lowest


def test_a_phase_without_work_is_no_exception():
    nothing = Work(*(np.zeros(1) for _ in Work._fields))
    pace = pace_of(nothing, POWER)
    assert (float(pace.clock[0]), float(pace.stretch[0])) == (POWER.highest, 1.0)
    assert float(energy_of(pace, np.zeros(1), nothing, POWER)[0]) == 0.0


def test_voltage_is_flat_below_the_knee_and_full_at_the_highest_clock():
    knee = POWER.voltage_knee * POWER.highest
    clocks = np.array([0.0, knee / 2, knee, POWER.highest])
    np.testing.assert_allclose(voltage_of(clocks, POWER), [0.72, 0.72, 0.72, 1.0], rtol=1e-12)


def test_arithmetic_below_the_knee_costs_the_square_of_the_floor():
    phase, time = work(1000.0, 0.0), np.array([2.0])
    pace = Pace(np.array([0.5]), np.ones(1))
    clock_power = 80.0 * 0.5 / 1.1 * 2.0
    by_hand = 70.0 * 2.0 + (clock_power + 1000.0) * 0.72**2
    assert float(energy_of(pace, time, phase, POWER)[0]) == pytest.approx(by_hand, rel=1e-12)


@settings(max_examples=60, deadline=None)
@given(phases, chips, st.floats(0.3, 1.0))
def test_energy_is_power_over_time(phase, chip, clock):
    pace = Pace(np.array([clock]), np.ones(1))
    time = 1.0 / rate_of(pace.clock, phase)
    energy = float(energy_of(pace, time, phase, chip)[0])
    power = float(power_of(pace.clock, phase, chip)[0])
    assert energy == pytest.approx(power * float(time[0]), rel=1e-9)


def waiting(chip: ChipPower) -> float:
    """Waiting at the clock that a full link allows."""
    return float(waiting_of(pace_of(work(0.0, 40.0, bound=1.0), chip), chip)[0])


def test_waiting_draws_a_free_running_clock_and_leaves_the_links_their_share_of_the_cap():
    assert waiting(POWER) == pytest.approx(150.0)
    assert waiting(POWER._replace(cap=150.0)) == pytest.approx(110.0)


def test_waiting_in_a_collective_is_the_measured_share_of_the_design_power():
    # grantwilkins/training_profile: an H100 that waits in a collective draws 0.22 of 700 W
    h100 = POWER._replace(idle=70.0, clock_power=84.0)
    assert waiting(h100) / 700.0 == pytest.approx(0.22, rel=0.01)


def test_the_best_product_of_h100_draws_its_design_power_at_the_measured_clock():
    # stas00/ml-engineering@744d01e: 794.5 TFLOP/s of BF16 on H100; 1,733 MHz as the fit has it
    h100 = ChipPower(700.0, 0.0, 0.0, 70.0, 84.0, 0.17 * 1980 / 1830, 1980 / 1830, 0.72, 0.65)
    rate = 794.5e12 / (1733 / 1830)
    product = work(rate * 0.84e-12, 0.0)
    clock = float(clock_of(product, h100)[0])
    assert clock * 1830 == pytest.approx(1733, rel=0.02)
    assert rate * clock == pytest.approx(794.5e12, rel=0.02)


@pytest.mark.parametrize(
    ("field", "sign"),
    [
        ("cap", 1),
        ("idle", -1),
        ("clock_power", -1),
        ("highest", 1),
        ("voltage_floor", -1),
        ("voltage_knee", 1),
    ],
)
def test_gradient_of_a_throttled_clock_equals_the_difference(field, sign):
    def clock(value):
        return clock_under_cap(MATRIX, POWER._replace(**{field: value}))[0]

    check_gradient(clock, getattr(POWER, field), sign)


def test_a_clock_that_is_not_throttled_does_not_feel_the_cap():
    def clock(cap):
        return clock_under_cap(GATHERING, POWER._replace(cap=cap))[0]

    assert derivative(clock, 700.0) == 0.0


def test_the_gradient_stays_finite_at_the_kinks():
    at_cap = float(power_of(np.array([POWER.highest]), MATRIX, POWER)[0])
    knee = POWER.voltage_knee * POWER.highest
    at_knee = float(power_of(np.array([knee]), MATRIX, POWER)[0])
    slope_of = compiled(jax.grad(lambda chip: sum(pace_under_cap(MATRIX, chip))[0]))
    for cap in (at_cap, at_knee, POWER.idle, POWER.idle + 2.0):
        slopes = slope_of(POWER._replace(cap=float(cap)))
        assert all(np.isfinite(slope) for slope in slopes)
