"""A grid connection that binds, caps of chips, the year, and what a connection feeds."""

import math
from itertools import pairwise

import pytest

from perfmodel.config.library import Library
from perfmodel.config.schema.scenario import Scenario
from perfmodel.studies.power_cap import cap_curve, efficient, with_cap
from perfmodel.studies.power_holding import Design, what_fits
from perfmodel.studies.power_limit import CAPPED, DARK, WITHIN, limit_columns, limited_row
from perfmodel.studies.power_year import HOTTEST, MONTHS, YEAR, pue_columns, pue_over_year

SHIPPED = Library()
SMALL = ("site.chips=512", "workload.batch.sequences=512")


def scenario(*overrides: str) -> Scenario:
    return SHIPPED.scenario("ai-factory", "llama3-8b", overrides=[*SMALL, *overrides])


@pytest.fixture(scope="module")
def free():
    return limited_row(scenario())


def limited_to(share: float, free, *overrides: str):
    watts = share * free.row["site_power_w"]
    return limited_row(scenario(f"site.power_limit={watts:.0f} W", *overrides))


def test_without_a_limit_nothing_is_capped(free):
    assert free.row["strategy"] == WITHIN
    assert free.strategies == []
    assert math.isnan(free.row["power_limit_w"])
    assert all(math.isnan(value) for value in limit_columns(free).values())


def test_a_limit_above_the_need_changes_nothing(free):
    found = limited_to(1.01, free)
    assert found.row["strategy"] == WITHIN
    assert found.row["tokens_per_s"] == free.row["tokens_per_s"]


@pytest.mark.parametrize("share", [0.95, 0.8, 0.65])
def test_both_strategies_keep_the_limit_and_the_faster_one_is_taken(free, share):
    found = limited_to(share, free)
    limit = share * free.row["site_power_w"]
    assert [row["strategy"] for row in found.strategies] == [CAPPED, DARK]
    assert all(row["site_power_w"] <= limit * (1 + 1e-6) for row in found.strategies)
    rates = [row["tokens_per_s"] for row in found.strategies]
    assert found.row["tokens_per_s"] == max(rates) < free.row["tokens_per_s"]


def test_the_cap_is_solved_so_that_the_site_draws_its_limit(free):
    capped, dark = limited_to(0.8, free).strategies
    assert capped["site_power_w"] == pytest.approx(0.8 * free.row["site_power_w"], rel=1e-3)
    assert capped["power_cap_w"] < free.row["power_cap_w"] == dark["power_cap_w"]
    assert capped["chips"] == 512
    assert dark["dark"] >= 0.15 * 512
    assert dark["dark"] % 8 == 0  # whole nodes


def test_a_limit_below_what_resting_chips_draw_leaves_the_dark_alone(free):
    capped, dark = limited_to(0.2, free).strategies
    assert not capped["feasible"]
    assert dark["feasible"]


def test_a_named_layout_that_takes_all_chips_can_only_be_capped(free):
    found = limited_to(0.8, free, "layout.tp=2", "layout.dp=256")
    assert found.row["strategy"] == CAPPED
    assert found.row["layout"] == found.free["layout"]


def test_a_curve_of_caps_rises_in_throughput_and_power_and_marks_the_most_efficient(free):
    curve = cap_curve(scenario(), free.row)
    for key in ("power_cap_w", "tokens_per_s", "site_power_w", "chip_power_w"):
        values = [row[key] for row in curve]
        assert all(b >= a * (1 - 1e-5) for a, b in pairwise(values)), key
    assert sum(row["efficient"] for row in curve) == 1
    least = min(row["energy_per_token_j"] for row in curve)
    assert efficient(curve)["energy_per_token_j"] == least
    assert all(row["chip_power_w"] <= row["power_cap_w"] for row in curve)


def test_a_cap_of_a_scenario_is_the_one_of_an_override(free):
    by_override = limited_row(scenario("chip.power_cap=450 W")).row
    assert limited_row(with_cap(scenario(), 450.0)).row == pytest.approx(by_override, nan_ok=True)
    assert by_override["tokens_per_s"] < free.row["tokens_per_s"]


def test_a_year_has_twelve_months_between_winter_and_the_hottest_hours():
    machine = scenario().machine
    rows = {row["period"]: row["pue"] for row in pue_over_year(machine)}
    assert list(rows) == [*MONTHS, YEAR, HOTTEST]
    months = [rows[name] for name in MONTHS]
    columns = pue_columns(machine)
    assert columns["pue_coldest_month"] == min(months) < rows[YEAR] < max(months)
    assert columns["pue_hottest_hours"] > max(months) == columns["pue_warmest_month"]


def test_a_warmer_site_has_a_higher_pue():
    warm = scenario("site.outside_temperature=25 degC").machine
    assert pue_columns(warm)["pue_warmest_month"] > 1.0 + 0.05 * (
        pue_columns(scenario().machine)["pue_warmest_month"] - 1.0
    )
    assert pue_over_year(warm)[12]["pue"] > pue_over_year(scenario().machine)[12]["pue"]


def test_a_larger_connection_holds_more_chips_and_never_more_than_it_feeds():
    designs = [Design("small", scenario())]
    small, large = what_fits(designs, [0.5e6, 1e6])
    assert small["site_power_w"] <= 0.5e6
    assert large["site_power_w"] <= 1e6
    assert 1.7 < large["chips"] / small["chips"] < 2.3
    assert small["chips_provisioned"] < small["chips"]
