"""Power supplies, nodes and cooling: from the chip to the grid connection."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perfmodel_kernels.building import (
    FULL_LOAD_RISE,
    chiller_share,
    cooling_fraction,
    in_hottest_hours,
    in_month,
    node_power,
    overhead,
    supply_efficiency,
)
from tests.kernels.compiling import compiled
from tests.kernels.difference import check_gradient
from tests.kernels.examples import FACILITY, NODE

APPROACH = FACILITY.approach_temperature

efficiency_of = compiled(supply_efficiency)
plug = compiled(node_power)
chillers = compiled(lambda facility: chiller_share(APPROACH, facility))


@pytest.mark.parametrize(("load", "efficiency"), [(0.2, 0.94), (0.5, 0.96), (1.0, 0.94)])
def test_power_supplies_pass_through_their_rated_points(load, efficiency):
    assert float(efficiency_of(load, NODE)) == pytest.approx(efficiency, rel=1e-12)


@settings(max_examples=60, deadline=None)
@given(st.floats(0.0, 3.0))
def test_power_supplies_never_make_power(load):
    assert 0.5 <= float(efficiency_of(load, NODE)) <= 1.0


def normal_above(threshold: float) -> float:
    return 0.5 * math.erfc(threshold / math.sqrt(2))


def integrated_share(mean: float, swing: float, approach: float) -> float:
    """Mean of a ramp of ten kelvin under a normal outside temperature."""
    rises = (np.arange(2000) + 0.5) / 2000 * FULL_LOAD_RISE
    return float(np.mean([normal_above((approach + rise - mean) / swing) for rise in rises]))


@pytest.mark.parametrize("mean", [-10.0, 5.0, 10.5, 20.0, 25.0, 40.0])
@pytest.mark.parametrize("swing", [3.0, 7.5, 10.0])
def test_chillers_carry_the_integral_over_the_year(mean, swing):
    place = FACILITY._replace(outside_temperature=mean + 273.15, outside_swing=swing)
    expected = integrated_share(mean, swing, 25.0)
    assert float(chillers(place)) == pytest.approx(expected, abs=0.02)  # logistic, not normal


def test_chillers_rest_where_it_is_cold_and_carry_all_where_it_is_hot():
    assert float(chillers(FACILITY._replace(outside_temperature=173.15))) < 1e-6
    assert float(chillers(FACILITY._replace(outside_temperature=423.15))) > 1 - 1e-6


@settings(max_examples=60, deadline=None)
@given(st.floats(250.0, 330.0), st.floats(0.1, 10.0), st.floats(0.5, 15.0))
def test_a_warmer_place_never_needs_less_chilling(mean, warmer, swing):
    place = FACILITY._replace(outside_temperature=mean, outside_swing=swing)
    hot = place._replace(outside_temperature=mean + warmer)
    assert 0.0 <= float(chillers(place)) <= float(chillers(hot)) + 1e-12 <= 1.0 + 2e-12


def test_cooling_is_pumps_and_chillers():
    hot = FACILITY._replace(outside_temperature=423.15)
    assert float(cooling_fraction(hot)) == pytest.approx(0.04 + 1 / 5)
    assert float(cooling_fraction(hot._replace(liquid_share=0.0))) == pytest.approx(0.1 + 1 / 5)


def test_heat_that_stays_in_the_air_is_cooled_as_air():
    mild = FACILITY._replace(outside_temperature=293.15, outside_swing=0.1)
    # 20 degC: water up to 25 degC is cooled free, air up to 17 degC is not
    expected = 0.8 * 0.04 + 0.2 * (0.1 + 0.3 / 5)
    assert float(cooling_fraction(mild._replace(liquid_share=0.8))) == pytest.approx(expected)


@settings(max_examples=60, deadline=None)
@given(st.floats(0.0, 2000.0), st.floats(0.0, 0.2))
def test_a_node_draws_its_parts_and_the_loss_of_its_supplies(chip, fans):
    split = plug(chip, NODE._replace(fan_fraction=fans))
    parts = split.chips + split.hosts + split.fans + split.conversion
    assert float(split.drawn) == pytest.approx(float(parts), rel=1e-12)
    assert min(split) >= 0.0


def test_an_air_cooled_node_draws_more_than_one_in_immersion():
    air, immersion = (plug(600.0, NODE._replace(fan_fraction=f)) for f in (0.12, 0.0))
    assert float(air.drawn / immersion.drawn) == pytest.approx(1.12, rel=0.01)


@pytest.mark.parametrize(
    ("field", "sign"),
    [
        ("approach_temperature", -1),
        ("outside_temperature", 1),
        ("outside_swing", 1),
        ("chiller_performance", -1),
        ("pumps", 1),
        ("air_approach_temperature", -1),
        ("air_handlers", 1),
        ("liquid_share", -1),
    ],
)
def test_gradient_of_the_cooling_equals_the_difference(field, sign):
    mixed = FACILITY._replace(liquid_share=0.85)

    def cooling(value):
        return cooling_fraction(mixed._replace(**{field: value}))

    check_gradient(cooling, getattr(mixed, field), sign)


def test_gradient_of_the_supply_equals_the_difference():
    check_gradient(lambda load: supply_efficiency(load, NODE), 0.3, 1)
    check_gradient(lambda load: supply_efficiency(load, NODE), 0.9, -1)


def months() -> list:
    return [in_month(float(month), FACILITY) for month in range(12)]


def test_january_is_coldest_and_july_warmest():
    means = [float(month.outside_temperature) for month in months()]
    assert (min(means), max(means)) == (means[0], means[6])
    assert sum(means) / 12 == pytest.approx(FACILITY.outside_temperature)


def test_months_together_vary_as_the_year_does():
    means = np.array([float(month.outside_temperature) for month in months()])
    within = float(months()[0].outside_swing) ** 2
    assert means.var() + within == pytest.approx(FACILITY.outside_swing**2, rel=1e-9)


def test_the_hottest_hours_are_those_that_one_in_a_hundred_exceeds():
    hot = in_hottest_hours(FACILITY)
    above = (float(hot.outside_temperature) - FACILITY.outside_temperature) / FACILITY.outside_swing
    assert normal_above(above) == pytest.approx(0.01, rel=1e-3)


def test_the_overhead_is_losses_and_cooling_and_largest_in_summer():
    assert float(overhead(FACILITY)) == pytest.approx(1.05 + float(cooling_fraction(FACILITY)))
    by_month = [float(overhead(month)) for month in months()]
    assert max(by_month) == by_month[6] > float(overhead(FACILITY)) > by_month[0] == min(by_month)
