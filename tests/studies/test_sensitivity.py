"""Which figure matters: signs, sums that dimensions dictate, and what has no effect."""

import pytest

from perfmodel.config.library import Library
from perfmodel.results.columns import elasticity, slope
from perfmodel.studies.sensitivity import AT_ZERO, EFFECT, IN_BOXES, NONE, Sensitivity, sensitivity

pytestmark = pytest.mark.slow

AIMS = ("tokens_per_s", "energy_per_token", "site_power")
TOKENS, ENERGY, POWER = (elasticity(aim).key for aim in AIMS)
CASES = {
    "gigafactory": ("gigafactory", "llama3-405b", "layout.tp=8", "layout.cp=4", "layout.pp=16"),
    "jupiter": ("jupiter", "llama3-405b", "layout.tp=4", "layout.cp=8", "layout.pp=32"),
    "experts": ("ai-factory", "deepseek-v3", "layout.tp=2", "layout.pp=2", "layout.ep=64"),
    "capped": ("ai-factory", "llama3-405b", "layout.tp=8", "layout.pp=16", "chip.power.tdp=400 W"),
}


@pytest.fixture(scope="module")
def answers() -> dict[str, Sensitivity]:
    return {
        name: sensitivity(Library().scenario(*words[:2], overrides=words[2:]), AIMS)
        for name, words in CASES.items()
    }


@pytest.mark.parametrize("name", CASES)
def test_faster_hardware_is_never_slower(answers, name: str):
    for row in answers[name].rows:
        last = row["field"].rpartition(".")[2]
        faster = row["unit"] in ("B/s", "FLOP/s") or last in ("max_clock", "tdp", "hbm", "scaleup")
        slower = (
            row["unit"] == "s" or "oversubscription" in last or row["unit"] in ("J/B", "J/FLOP")
        )
        if faster:
            assert row[TOKENS] >= -1e-6, row["field"]
        if slower:
            assert row[TOKENS] <= 1e-6, row["field"]


@pytest.mark.parametrize("name", CASES)
def test_power_scales_with_all_powers_and_energies_and_throughput_does_not(answers, name: str):
    """Euler's theorem: the clock depends on ratios of powers alone."""
    powers = [row for row in answers[name].rows if row["unit"] in ("W", "J/B", "J/FLOP")]
    for key, degree in ((TOKENS, 0.0), (POWER, 1.0), (ENERGY, 1.0)):
        assert sum(row[key] for row in powers) == pytest.approx(degree, abs=2e-4)


@pytest.mark.parametrize("name", CASES)
def test_energy_per_token_is_power_over_throughput(answers, name: str):
    for row in answers[name].rows:
        assert row[ENERGY] == pytest.approx(row[POWER] - row[TOKENS], abs=2e-5), row["field"]


def test_injection_acts_as_the_share_of_it_that_is_sustained(answers):
    rows = {row["field"]: row for row in answers["jupiter"].rows}
    by = rows["fabric.link_fraction"][TOKENS]
    assert by > 0.01
    assert rows["node.nic_bandwidth"][TOKENS] == pytest.approx(by, rel=1e-4)


def test_whole_boxes_are_told_apart_from_their_mean(answers):
    rows = {row["field"]: row for row in answers["gigafactory"].rows}
    ports = rows["fabric.switch.port_bandwidth"]
    assert ports["effect"] == IN_BOXES
    assert ports[POWER] < -0.01
    assert ports[elasticity("site_power", "whole").key] == 0.0
    assert rows["chip.peak.bf16"]["effect"] == EFFECT


def test_what_does_nothing_here_is_listed(answers):
    found = answers["gigafactory"]
    assert {"chip.peak.fp64", "chip.peak.nvfp4", "chip.memory.capacity"} <= set(found.idle)
    assert {row["field"] for row in found.at_zero} >= {"fabric.failed_links"}
    kinds = {row["field"]: row["effect"] for row in found.rows}
    assert {kinds[name] for name in found.idle} == {NONE}
    assert kinds["fabric.failed_links"] == AT_ZERO
    assert len(found.effective) + len(found.at_zero) + len(found.idle) == len(found.rows)


def test_a_cap_that_binds_matters_and_one_that_does_not_is_idle(answers):
    capped = {row["field"]: row for row in answers["capped"].rows}
    assert capped["chip.power.tdp"][TOKENS] > 0.05
    assert "chip.power.tdp" in answers["gigafactory"].idle


def test_the_largest_come_first_and_slopes_belong_to_elasticities(answers):
    found = answers["experts"]
    largest = [max(abs(row[key]) for key in (TOKENS, ENERGY, POWER)) for row in found.rows]
    assert largest == sorted(largest, reverse=True)
    top = found.rows[0]
    expected = top[TOKENS] * found.row["tokens_per_s"] / top["value"]
    assert top[slope("tokens_per_s").key] == pytest.approx(expected, rel=1e-4)


def test_a_site_above_its_grid_connection_is_told():
    words = ["site.power_limit=100 MW", "layout.tp=8", "layout.cp=4", "layout.pp=16"]
    scenario = Library().scenario("gigafactory", "llama3-405b", overrides=words)
    assert sensitivity(scenario, AIMS).above_limit


def test_without_a_layout_nothing_is_derived():
    words = ["workload.batch.sequences=1", "site.chips=8"]
    scenario = Library().scenario("ai-factory", "llama3-405b", overrides=words)
    found = sensitivity(scenario, AIMS)
    assert found.rows == []
    assert found.row["reason"]
