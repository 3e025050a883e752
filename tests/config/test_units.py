"""Quantities: what is read, what is refused and how, and what is shown."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfmodel.config.faults import Problem
from perfmodel.config.units import EXAMPLES, LONGEST, example, quantity, text

RIGHT = [
    ("3.35 TB/s", "B/s", 3.35e12),
    ("3.35TB/s", "B/s", 3.35e12),
    ("400 Gb/s", "B/s", 5e10),
    ("3.2 Tbps", "B/s", 4e11),
    ("80 GB", "B", 8e10),
    ("80 GiB", "B", 80 * 2**30),
    ("1e3 B", "B", 1e3),
    ("+.5 MB", "B", 5e5),
    ("989.4 TFLOP/s", "FLOP/s", 989.4e12),
    ("1 PFLOPS", "FLOP/s", 1e15),
    ("0.84 pJ/FLOP", "J/FLOP", 8.4e-13),
    ("4 pJ/bit", "J/B", 3.2e-11),
    ("700 W", "W", 700.0),
    ("-3 W", "W", -3.0),
    ("20 MWh", "J", 7.2e10),
    ("2 us", "s", 2e-6),
    ("2 µs", "s", 2e-6),
    ("2 μs", "s", 2e-6),
    ("3 min", "s", 180.0),
    ("2 days", "s", 172800.0),
    ("10.5 degC", "K", 283.65),
    ("10.5 °C", "K", 283.65),
    ("-40 degC", "K", 233.15),
    ("300 K", "K", 300.0),
    ("380 g/kWh", "kg/J", 0.38 / 3.6e6),
    ("0.36 L/kWh", "m^3/J", 1e-10),
    ("90 EUR/MWh", "EUR/J", 90 / 3.6e9),
    ("25 k€", "EUR", 25e3),
    ("5 %", "", 0.05),
    ("100 km", "m", 1e5),
    ("5 1/h", "Hz", 5 / 3600),
    ("1 W*h", "J", 3600.0),
]

WRONG = [
    (3.35, "a number without a unit"),
    (0, "a number without a unit"),
    ("3.35", "a number without a unit"),
    ("3.35 ", "a number without a unit"),
    (True, "not a text"),
    (None, "not a text"),
    (["3 W"], "not a text"),
    ("GB/s", "no number before the unit"),
    ("", "no number before the unit"),
    ("nan W", "no number before the unit"),
    ("inf W", "no number before the unit"),
    ("٣ W", "no number before the unit"),
    ("\u200f3 W", "no number before the unit"),
    ("1e400 W", "a number too large to compute with"),
    ("1e-400 W", "a number too small to compute with"),
    ("3 GB", '"GB" does not measure W'),
    ("3 degC", '"degC" does not measure W'),
    ("3 w", 'no unit is called "w"'),
    ("3 watt hours", "what follows the number is not a unit"),
    ("3 Ws", 'no unit is called "Ws"'),
    ("3 kilokiloW", 'no unit is called "kilokiloW"'),
    ("3 __import__", "what follows the number is not a unit"),
    ("3,35 W", "a comma in the number"),
    ("3.3.5 W", "what follows the number is not a unit"),
    ("1 000 W", "what follows the number is not a unit"),
    ("1_000 W", "what follows the number is not a unit"),
    ("9**9**9 W", "what follows the number is not a unit"),
    ("3 W\u202e", "what follows the number is not a unit"),
    ("3 W\0", "what follows the number is not a unit"),
    ("3 W\n", "what follows the number is not a unit"),
    ("3 W^99", "what follows the number is not a unit"),
    ("3 W/", "what follows the number is not a unit"),
    ("3 " + "W" * LONGEST, f"a text of {LONGEST + 2} characters"),
]


@pytest.mark.parametrize(("written", "unit", "value"), RIGHT)
def test_a_text_with_a_unit_is_read_into_si(written: str, unit: str, value: float):
    assert quantity(written, unit) == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize(("written", "problem"), WRONG, ids=lambda case: ascii(case)[:30])
def test_anything_else_is_refused_with_an_example(written: object, problem: str):
    with pytest.raises(Problem) as caught:
        quantity(written, "W")
    assert caught.value.problem == problem
    assert '"700 W"' in str(caught.value)


@pytest.mark.parametrize("plural", ["TFLOPs", "GBs", "FLOPs", "Ws"])
def test_a_plural_of_a_symbol_is_refused_since_readers_disagree_on_it(plural: str):
    with pytest.raises(Problem, match="no unit is called"):
        quantity(f"3 {plural}", "FLOP/s")


def test_decimal_prefixes_are_exact():
    assert quantity("80 GB", "B") == 80e9
    assert quantity("1830 MHz", "Hz") == 1830e6


def test_a_dollar_is_worth_most_of_a_euro():
    assert 0.8 < quantity("1 USD", "EUR") < 1.0
    assert quantity("1 $", "EUR") == quantity("1 USD", "EUR")


@pytest.mark.parametrize("unit", EXAMPLES)
def test_the_example_in_a_message_is_right(unit: str):
    assert quantity(example(unit), unit) > 0.0


def test_a_unit_without_an_example_of_its_own_gets_one_that_is_right():
    assert quantity(example("kg/m^3"), "kg/m^3") == 1.0


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (3.35e12, "B/s", "3.35 TB/s"),
        (8e10, "B", "80 GB"),
        (0.0, "W", "0 W"),
        (1.5e8, "W", "150 MW"),
        (2e-6, "s", "2 us"),
        (7200.0, "s", "7200 s"),
        (283.65, "K", "10.5 degC"),
        (8.4e-13, "J/FLOP", "0.84 pJ/FLOP"),
        (0.38 / 3.6e6, "kg/J", "380 g/kWh"),
        (1e-10, "m^3/J", "0.36 L/kWh"),
        (0.05, "", "0.05"),
        (1.2e21, "B", "1.2e+06 PB"),
    ],
)
def test_a_number_is_shown_as_a_config_would_write_it(value: float, unit: str, shown: str):
    assert text(value, unit) == shown


def test_a_number_is_shown_in_the_unit_that_is_asked_for():
    assert text(5e10, "B/s", "Gb/s") == "400 Gb/s"
    assert text(300.0, "K", "K") == "300 K"


@given(
    st.floats(min_value=1e-15, max_value=1e18),
    st.sampled_from([unit for unit in EXAMPLES if unit]),
)
def test_what_is_shown_reads_back(value: float, unit: str):
    assert quantity(text(value, unit), unit) == pytest.approx(
        value, rel=1e-5, abs=1e-3 * (unit == "K")
    )


def test_pint_is_imported_when_the_first_unit_is_read():
    code = (
        "import sys; from perfmodel.config.units import quantity; assert 'pint' not in sys.modules;"
        "quantity('1 W', 'W'); assert 'pint' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
