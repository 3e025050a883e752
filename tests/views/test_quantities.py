"""Numbers as people read them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfmodel.results.columns import COLUMNS, SUFFIX, Column
from perfmodel.views.quantities import axis_label, engineering, human, scale, three_digits


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (143.2e6, "W", "143 MW"),
        (1.02e6, "", "1.02 M"),
        (0.0125, "s", "12.5 ms"),
        (3_612.0, "s", "3,610 s"),
        (1.53e8, "1/s", "153 M/s"),
        (12.0, "1/s", "12.0 /s"),
        (0.05, "1/s", "0.0500 /s"),
        (0.4123, "", "0.412"),
        (999.6, "W", "1.00 kW"),
        (999.4, "W", "999 W"),
        (-2.5e3, "W", "-2.50 kW"),
        (0.0, "W", "0.00 W"),
        (3e-7, "s", "300 ns"),
        (2.0e21, "FLOP", "2,000 EFLOP"),
    ],
)
def test_a_number_takes_a_prefix_and_three_digits(value, unit, text):
    assert engineering(value, unit) == text


@pytest.mark.parametrize(
    ("value", "name", "text"),
    [
        (143.2e6, "site_power", "143 MW"),
        (0.9e6, "site_power", "0.900 MW"),
        (71.23e9, "memory", "71.2 GB"),
        (9.87e14, "model_flop_rate", "987 TFLOP/s"),
        (np.float32(4.21), "step_time", "4.21 s"),
        (0.934, "energy_per_token", "0.934 J"),
        (float("nan"), "step_time", "–"),
        (None, "step_time", "–"),
        (np.bool_(False), "feasible", "no"),
        (True, "feasible", "yes"),
        ("tensor parallel", "bottleneck", "tensor parallel"),
        (98_304, "chips_used", "98,304"),
        (np.float32(98_304.0), "chips_used", "98,304"),
        (0.0, "spares", "0"),
        (1.0e9, "chips_used", "1.00 G"),
    ],
)
def test_a_quantity_is_shown_in_the_unit_that_people_read(value, name, text):
    assert human(value, COLUMNS[name]) == text


def test_a_share_that_is_read_in_percent_is_shown_in_percent():
    assert human(0.4123, Column("mfu", "", "MFU", "%")) == "41.2 %"


def test_an_axis_carries_the_unit_that_its_numbers_are_in():
    assert axis_label(COLUMNS["site_power"]) == "site power [MW]"
    assert axis_label(COLUMNS["step_time"]) == "step time [s]"
    assert axis_label(COLUMNS["pue"]) == "PUE"


@pytest.mark.parametrize("column", COLUMNS.values(), ids=COLUMNS)
def test_every_display_unit_is_a_size_of_its_si_unit(column):
    unit, size = scale(column)
    assert size > 0.0
    assert bool(unit) == bool(column.unit or column.display)


@given(st.floats(1e-9, 1e18), st.sampled_from([unit for unit in SUFFIX if unit not in {"", "1/s"}]))
def test_what_is_shown_is_within_half_a_percent_of_the_number(value, unit):
    number, _, suffix = engineering(value, unit).partition(" ")
    prefix = suffix.removesuffix(unit)
    powers = {text: power for power, text in zip(range(-12, 21, 3), "pnµm-kMGTPE", strict=True)}
    shown = float(number.replace(",", "")) * 10.0 ** powers[prefix or "-"]
    assert shown == pytest.approx(value, rel=0.005)


@given(st.floats(1e-3, 1e12))
def test_three_significant_digits_are_kept(value):
    digits = three_digits(value).replace(",", "").replace(".", "").lstrip("0")
    assert len(digits) >= 3
    assert set(digits[3:]) <= {"0"}
