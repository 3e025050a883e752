"""How columns lie on axes: units, prefixes, ticks."""

import numpy as np
import pytest

from perfmodel.results.columns import COLUMNS, Column
from perfmodel.views.figures.dimension import (
    LINEAR,
    LOG,
    NAMES,
    Quantity,
    dimension,
    ends,
    lay,
    number_text,
    places,
    result,
    tick_text,
    value_text,
)


def numbers(unit: str, *values: float) -> tuple[str, float]:
    column = Column("x", unit, "name")
    shown = dimension(Quantity("x", column, LINEAR), np.array(values))
    return shown.label, shown.size


@pytest.mark.parametrize(
    ("unit", "values", "label", "size"),
    [
        ("B/s", (25e9, 200e9), "name [GB/s]", 1e9),
        ("B/s", (1e12, 8e12), "name [TB/s]", 1e12),
        ("s", (1e-6, 4e-6), "name [µs]", 1e-6),
        ("s", (1e4, 1e5), "name [s]", 1.0),
        ("W", (700.0, 999.0), "name [W]", 1.0),
        ("J/FLOP", (1e-12, 2e-12), "name [pJ/FLOP]", 1e-12),
        ("K", (283.0, 300.0), "name [K]", 1.0),
        ("EUR/J", (2.5e-8,), "name [EUR/MWh]", 1.0 / 3.6e9),
        ("", (0.1, 0.2), "name", 1.0),
        ("1/s", (2.0,), "name [1/s]", 1.0),
    ],
)
def test_a_unit_has_the_prefix_that_suits_the_values(
    unit: str, values: tuple[float, ...], label: str, size: float
) -> None:
    assert numbers(unit, *values) == (label, pytest.approx(size))


def test_known_quantities_have_the_unit_of_the_table() -> None:
    shown = dimension(Quantity("mfu", COLUMNS["mfu"], LINEAR), np.array([0.4]))
    assert (shown.label, places(shown, np.array([0.4]))[0]) == ("MFU [%]", pytest.approx(40.0))
    rate = dimension(Quantity("tokens_per_s", COLUMNS["tokens_per_s"], LOG), np.array([4e6]))
    assert rate.label == "throughput [tokens/s]"


def test_names_lie_one_apart_in_the_order_they_come() -> None:
    column = np.array(["b", "a", "b"], dtype=object)
    shown = dimension(Quantity("chip", Column("chip", "", "chip"), NAMES), column)
    assert shown.names == ("b", "a")
    assert places(shown, column).tolist() == [0.0, 1.0, 0.0]


def test_values_that_are_not_positive_lie_on_no_logarithm() -> None:
    column = Column("x", "", "x")
    assert dimension(Quantity("x", column, LOG), np.array([0.0, 1.0])).scale == LINEAR
    assert dimension(Quantity("x", column, LOG), np.array([0.5, np.nan])).scale == LOG


def test_results_that_span_much_get_a_logarithm() -> None:
    column = COLUMNS["step_time"]
    assert result("x", column, np.array([1.0, 50.0])).scale == LOG
    assert result("x", column, np.array([1.0, 5.0])).scale == LINEAR
    assert result("x", column, np.array([np.nan])).scale == LINEAR


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0.0, "0"),
        (0.4, "0.4"),
        (1024.0, "1024"),
        (98_304.0, "98.3k"),
        (9_999.9, "10k"),
        (999_950.0, "1M"),
        (2.5e6, "2.5M"),
        (1e-7, "1.00e-07"),
        (np.nan, "–"),
    ],
)
def test_ticks_are_short(value: float, said: str) -> None:
    assert tick_text(value) == said


def test_a_number_alone_is_a_count_in_full() -> None:
    assert number_text(98_304.0) == "98,304"
    assert number_text(16384.000000000004) == "16,384"
    assert number_text(0.125) == "0.125"


def test_a_value_has_the_unit_of_its_axis() -> None:
    bandwidth = np.array([25e9, 50e9])
    shown = dimension(Quantity("b", Column("b", "B/s", "bandwidth"), LOG), bandwidth)
    assert value_text(shown, 25e9) == "25 GB/s"


def test_throughput_and_step_time_have_intervals() -> None:
    assert ends(COLUMNS["tokens_per_s"]) == ("tokens_per_s_low", "tokens_per_s_high")
    assert ends(COLUMNS["step_time"]) == ("step_time_low_s", "step_time_high_s")
    assert ends(COLUMNS["mfu"]) is None


@pytest.mark.parametrize(
    ("values", "room", "ticks"),
    [
        (np.geomspace(1, 256, 9), 5, [1, 4, 16, 64, 256]),
        (np.array([25.0, 50.0, 100.0, 200.0]), 8, [25, 50, 100, 200]),
        (np.geomspace(1e3, 4e5, 200), 5, [1e3, 1e4, 1e5]),
        (np.geomspace(100, 130, 200), 8, [100, 105, 110, 115, 120, 125, 130]),
    ],
)
def test_ticks_of_a_geometric_axis_are_its_values_or_round(
    values: np.ndarray, room: int, ticks: list[float]
) -> None:
    from matplotlib.figure import Figure

    axes = Figure().subplots()
    axes.plot(values, values)
    shown = dimension(Quantity("x", Column("x", "", "x"), LOG), values)
    axes.set_xlim(values.min(), values.max())
    lay(axes.xaxis, shown, places(shown, values), room)
    axes.set_xlim(values.min(), values.max())
    low, high = axes.get_xlim()
    seen = [tick for tick in axes.get_xticks() if low * 0.999 <= tick <= high * 1.001]
    np.testing.assert_allclose(seen, ticks)
