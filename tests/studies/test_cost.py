"""Costs: published capital points, sums, cases in order."""

import itertools

import pytest

from perfmodel.config.library import Library
from perfmodel.studies.cost import Place, Work, chip_cost, hour_parts, job_cost, price_path

USD = 1.0 / 1.0824
"""Mean of 2024, as the units of configs have it. [EUR]"""

WORK = Work(token_rate=100.0, useful=0.85, tokens=15.6e12)


@pytest.fixture(scope="module")
def costs():
    return {name: Library().load("costs", name) for name in ("low", "base", "high")}


@pytest.mark.parametrize(
    ("chip", "chips", "site_power", "ends"),
    [
        ("h100", 25_000, 45e6, (1.18e9, 1.30e9)),
        ("h100", 100_000, 181e6, (4.7e9, 5.2e9)),
        ("h100", 200_000, 361e6, (9.3e9, 10.4e9)),
        ("gb200", 1e9 / 2720.0, 1e9, (32e9, 38e9)),
    ],
)
def test_base_prices_reproduce_published_capital(costs, chip, chips, site_power, ends):
    """Colossus 1 and 1 GW of GB200 at 2.72 kW a chip (Epoch AI, Bernstein); 2025 USD."""
    place = Place(chip, "DE", site_power / chips, 0.9 * site_power / chips)
    total = chips * chip_cost(costs["base"], place)["capital_eur"] / USD
    assert ends[0] <= total <= ends[1]


def test_dearer_cases_cost_more(costs):
    place = Place("h100", "DE", 1450.0, 1200.0)
    for key in ("capital_eur", "chip_hour_eur", "million_tokens_eur", "energy_eur"):
        values = [job_cost(costs[name], place, WORK)[key] for name in ("low", "base", "high")]
        assert values == sorted(values)


def test_a_run_is_its_tokens_and_useful_hours_cost_more(costs):
    row = job_cost(costs["base"], Place("h100", "DE", 1450.0, 1200.0), WORK)
    assert row["run_eur"] == pytest.approx(row["million_tokens_eur"] * 15.6e6)
    assert row["useful_chip_hour_eur"] * 0.85 == pytest.approx(row["chip_hour_eur"])


def test_a_country_with_little_carbon_has_little(costs):
    carbon = {
        code: job_cost(costs["base"], Place("h100", code, 1450.0, 1200.0), WORK)
        for code in ("DE", "SE")
    }
    saved = carbon["DE"]["million_tokens_carbon_kg"] - carbon["SE"]["million_tokens_carbon_kg"]
    assert saved == pytest.approx(1200.0 / 85.0 * 1e6 * (346.0 - 20.0) / 3.6e9, rel=1e-6)


def test_idle_hours_make_used_ones_dearer(costs):
    place = Place("h100", "DE", 1450.0, 1200.0)
    idle = costs["base"].model_copy(update={"utilization": 0.4})
    found = chip_cost(idle, place)["chip_hour_eur"]
    assert found > 1.9 * chip_cost(costs["base"], place)["chip_hour_eur"]


def test_parts_of_a_chip_hour_add_up(costs):
    place = Place("h100", "DE", 1450.0, 1200.0)
    parts = hour_parts(costs["base"], place)
    assert list(parts) == [
        f"hour_{k}_eur" for k in ("equipment", "building", "operation", "energy")
    ]
    assert all(part > 0.0 for part in parts.values())
    assert sum(parts.values()) == pytest.approx(chip_cost(costs["base"], place)["chip_hour_eur"])


def test_equipment_of_a_later_year_is_cheaper_and_the_rest_is_not(costs):
    place = Place("h100", "DE", 1450.0, 1200.0)
    path = price_path(costs["base"], place, WORK, 3)
    assert [row["year"] for row in path] == [0, 1, 2, 3]
    now = job_cost(costs["base"], place, WORK)
    assert path[0]["million_tokens_eur"] == pytest.approx(now["million_tokens_eur"])
    for before, after in itertools.pairwise(path):
        assert after["equipment_eur"] == pytest.approx(before["equipment_eur"] * (1.0 - 0.276))
        assert 0.724 < after["chip_hour_eur"] / before["chip_hour_eur"] < 1.0


def test_prices_that_stand_still_stay(costs):
    still = costs["base"].model_copy(update={"decline": 0.0})
    path = price_path(still, Place("h100", "DE", 1450.0, 1200.0), WORK, 2)
    assert len({row["million_tokens_eur"] for row in path}) == 1
