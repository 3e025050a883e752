"""Designs under budgets: against a grid of searches, multipliers against another budget."""

from collections.abc import Sequence

import numpy as np
import pytest

from perfmodel.config.faults import Faults
from perfmodel.config.library import Library
from perfmodel.config.schema.scenario import Scenario
from perfmodel.engine.search import Limits, search
from perfmodel.lowering.hardware import with_figures
from perfmodel.lowering.site import lower_site
from perfmodel.spaces.space import space
from perfmodel.studies.best_layout import best_row, job
from perfmodel.studies.codesign import Answer, codesign
from perfmodel.studies.design_answer import bound_rows, budget_rows, step_rows
from perfmodel.studies.design_question import Asked, Design, design_of
from perfmodel.studies.design_step import cost_of

pytestmark = pytest.mark.slow

SITE = ("ai-factory", "llama3-70b", "site.chips=2048")
TDP, MEMORY = "chip.power.tdp=350 W..700 W", "chip.memory.bandwidth=2 TB/s..8 TB/s"
IDLE = "chip.power.idle=40 W..120 W"


def resolve(more: Sequence[str]) -> Scenario:
    return Library().scenario(*SITE[:2], overrides=[*SITE[2:], *more])


def question(
    *bounds: str,
    budget: Sequence[str] = (),
    price: Sequence[str] = (),
    objective: str = "tokens_per_s",
) -> Design:
    free = ",".join(text.partition("=")[0] for text in bounds)
    return design_of(Asked(free, bounds, budget, price, objective), resolve)


def answer(*bounds: str, **others) -> tuple[Design, Answer]:
    design = question(*bounds, **others)
    return design, codesign(design)


@pytest.fixture(scope="module")
def capped() -> tuple[Design, Answer]:
    return answer(TDP, MEMORY, budget=["site.power=1.6 MW"])


def test_no_design_of_a_grid_is_better(capped):
    design, found = capped
    scenario, best = design.scenario, 0.0
    wanted = space(job(scenario, scenario.machine.chips, scenario.workload.batch.sequences), None)
    for tdp in np.linspace(350.0, 700.0, 15):
        for bandwidth in (3e12, 8e12):
            params = lower_site(with_figures(scenario, design.figures, [tdp, bandwidth]))
            score = search(params, wanted, Limits(1.6e6)).best["power-limited"].score
            best = max(best, float(score[0]))
    assert found.row["tokens_per_s"] >= 0.999 * best
    assert found.row["tokens_per_s"] > 1.05 * found.steps[0].row["tokens_per_s"] or len(found.steps)


def test_the_budget_is_spent_and_kept(capped):
    design, found = capped
    (row,) = budget_rows(design, found)
    assert row["reached"]
    assert 0.997 * 1.6e6 < found.row["site_power_w"] <= 1.6e6
    assert found.converged


def test_the_overrides_give_the_design(capped):
    _, found = capped
    again = best_row(resolve(found.overrides))
    assert again["tokens_per_s"] == found.row["tokens_per_s"]
    assert again["tokens_per_s"] == pytest.approx(found.steps[-1].row["tokens_per_s"], rel=1e-4)


def test_a_little_more_power_is_worth_what_the_multiplier_says(capped):
    design, found = capped
    more = 1.002
    _, richer = answer(TDP, MEMORY, budget=[f"site.power={1.6 * more} MW"])
    gained = np.log(richer.row["tokens_per_s"] / found.row["tokens_per_s"]) / np.log(more)
    (row,) = budget_rows(design, found)
    assert row["elasticity"] == pytest.approx(gained, rel=0.1)
    assert row["worth"] == pytest.approx(row["elasticity"] * found.row["tokens_per_s"] / 1.6e6)


def test_each_step_is_better_than_the_last(capped):
    design, found = capped
    rows = step_rows(design, found, ["tokens_per_s", "site_power_w"])
    rates = [row["tokens_per_s"] for row in rows]
    assert rates == sorted(rates)
    assert all(row["site_power_w"] <= 1.6e6 for row in rows)
    assert rows[0]["chip.memory.bandwidth"] == 3.35e12


def test_without_a_budget_bounds_stop_the_design():
    design, found = answer(MEMORY, "node.nic_bandwidth=25 GB/s..100 GB/s")
    at = {row["field"]: row["at"] for row in bound_rows(design, found)}
    assert at == {"chip.memory.bandwidth": "highest", "node.nic_bandwidth": "highest"}
    assert found.forces.left < 1e-6


def test_least_energy_takes_the_least_idle_power():
    design, found = answer(IDLE, MEMORY, objective="energy_per_token")
    rows = {row["field"]: row for row in bound_rows(design, found)}
    assert rows["chip.power.idle"]["at"] == "lowest"
    assert rows["chip.power.idle"]["elasticity"] < 0.0
    assert found.row["energy_per_token_j"] < found.steps[0].row["energy_per_token_j"]


def test_money_goes_where_it_buys_most():
    """At the optimum another euro buys the same with each figure that is not at a bound."""
    prices = ["chip.memory.bandwidth=1 EUR per GB/s", "chip.scaleup.bandwidth=2 EUR per GB/s"]
    bounds = (MEMORY, "chip.scaleup.bandwidth=450 GB/s..2 TB/s")
    design, found = answer(*bounds, budget=["cost=500 EUR"], price=prices)
    assert cost_of(design, found.steps[-1].values) == pytest.approx(500.0, abs=0.1)
    (row,) = budget_rows(design, found)
    assert row["reached"]
    assert row["worth"] > 0.0
    assert found.forces.left < 0.05
    assert found.row["tokens_per_s"] > found.steps[0].row["tokens_per_s"]


def test_a_start_above_the_budget_is_led_into_it():
    _, found = answer(IDLE, TDP, budget=["site.power=1.0 MW"])
    assert found.row["site_power_w"] <= 1.0e6


def test_memory_shrinks_no_further_than_a_layout_fits():
    prices = ["chip.memory.capacity=10 EUR per GB", "chip.memory.bandwidth=1 EUR per GB/s"]
    bounds = ("chip.memory.capacity=10 GB..120 GB", MEMORY)
    _, found = answer(*bounds, budget=["cost=0 EUR"], price=prices)
    assert found.row["feasible"]
    assert found.row["memory_fraction"] <= 1.0
    assert found.row["tokens_per_s"] > found.steps[0].row["tokens_per_s"]


@pytest.mark.parametrize(
    ("budget", "price", "least"),
    [
        ("site.power=10 kW", (), " MW"),
        ("cost=-9000 EUR", ("chip.memory.bandwidth=1 EUR per GB/s",), "-1.35 kEUR"),
    ],
)
def test_a_budget_that_no_design_keeps_is_a_mistake(budget: str, price: tuple, least: str):
    with pytest.raises(Faults, match="cannot be kept within the bounds") as raised:
        answer(MEMORY, IDLE, budget=[budget], price=price)
    assert f"{least}, the least that was found" in str(raised.value)


def test_a_site_on_which_nothing_fits_is_told():
    def tiny(more: Sequence[str]) -> Scenario:
        return Library().scenario("ai-factory", "llama3-70b", overrides=["site.chips=8", *more])

    asked = Asked("chip.memory.bandwidth", [MEMORY], (), (), "tokens_per_s")
    with pytest.raises(Faults, match="at the start of the design"):
        codesign(design_of(asked, tiny))
