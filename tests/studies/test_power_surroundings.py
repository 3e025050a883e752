"""Water and reused heat of a site."""

import math

import pytest

from perfmodel.config.library import Library
from perfmodel.studies.power_surroundings import surroundings


def facility(*overrides: str):
    return Library().machine("jupiter", overrides).facility


def test_a_site_that_states_nothing_has_no_number():
    assert all(math.isnan(value) for value in surroundings(facility(), 1e6).values())


def test_a_kilowatt_hour_takes_the_litres_that_are_stated():
    found = surroundings(facility('facility.water_usage="0.5 L/kWh"'), 100e6)
    # 100 MW for a day are 2,400 MWh, at half a litre each kWh 1,200 m3
    assert found["water_use_m3_per_s"] * 86400.0 == pytest.approx(1200.0)
    assert math.isnan(found["reused_heat_w"])


def test_lumi_warms_a_tenth_of_kajaani():
    # 34.1 GWh in 2025 (frontiernews.ai on LUMI), at a mean IT power of some 6.5 MW
    heat = surroundings(Library().machine("lumi").facility, 6.5e6)["reused_heat_w"]
    assert heat * 8766.0 == pytest.approx(34.1e9, rel=0.05)


def test_a_design_of_ours_with_dry_coolers_takes_no_water():
    assert surroundings(Library().machine("gigafactory").facility, 1e8)["water_use_m3_per_s"] == 0.0


@pytest.mark.parametrize("share", ["1.5", "-0.1"])
def test_more_than_all_heat_cannot_be_reused(share: str):
    with pytest.raises(ValueError, match="heat_reuse"):
        facility(f"facility.heat_reuse={share}")
