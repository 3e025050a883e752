"""Words to a design question: what is read, and each mistake said once."""

from collections.abc import Sequence

import pytest

from perfmodel.config.faults import Faults
from perfmodel.config.library import Library
from perfmodel.config.schema.scenario import Scenario
from perfmodel.studies.design_question import Asked, Design, design_of

MEMORY = "chip.memory.bandwidth=2 TB/s..8 TB/s"
CARDS = "node.nic_bandwidth=200 Gb/s..1.6 Tb/s"


def asked(
    *bounds: str, free: str = "", budget: Sequence[str] = (), price: Sequence[str] = ()
) -> Design:
    names = free or ",".join(text.partition("=")[0] for text in bounds)
    return design_of(Asked(names, bounds, budget, price, "tokens_per_s"), resolve)


def resolve(more: Sequence[str]) -> Scenario:
    return Library().scenario("ai-factory", "llama3-8b", overrides=["site.chips=512", *more])


def test_bounds_budgets_and_prices_are_read_in_si():
    design = asked(
        MEMORY,
        CARDS,
        budget=["site.power=500 kW", "cost=2 kEUR"],
        price=["node.nic_bandwidth=0.5 EUR per Gb/s", "chip.memory.bandwidth=1 EUR per GB/s"],
    )
    memory, cards = design.free
    assert (memory.low, memory.high) == (2e12, 8e12)
    assert cards.high == pytest.approx(2e11)
    assert memory.price == pytest.approx(1e-9)
    assert cards.price == pytest.approx(4e-9)
    assert {one.name: one.limit for one in design.budgets} == {"site.power": 5e5, "cost": 2e3}


def test_a_share_has_bounds_and_a_price_without_a_unit():
    design = asked(
        "chip.efficiency.hbm=0.5..0.95", budget=["cost=10 EUR"],
        price=["chip.efficiency.hbm=3 EUR per 0.01"],
    )  # fmt: skip
    assert design.free[0].low == 0.5
    assert design.free[0].price == pytest.approx(300.0)


def test_a_grid_connection_is_a_budget_unless_a_lower_one_is_given():
    def connected(more: Sequence[str]) -> Scenario:
        return resolve(["site.power_limit=600 kW", *more])

    for budget, limit in (((), 6e5), (("site.power=1 MW",), 6e5), (("site.power=0.4 MW",), 4e5)):
        question = Asked("chip.memory.bandwidth", [MEMORY], budget, (), "tokens_per_s")
        assert [one.limit for one in design_of(question, connected).budgets] == [limit]


@pytest.mark.parametrize(
    ("bounds", "others", "said"),
    [
        ((MEMORY,), {"free": "chip.memory.bandwith"}, 'did you mean "chip.memory.bandwidth"?'),
        ((CARDS,), {"free": "fabric.nic_bandwidth"}, 'did you mean "node.nic_bandwidth"?'),
        ((), {"free": "chip.compute.units"}, "no continuous figure"),
        ((), {"free": "chip.memory.bandwidth"}, "has no bounds"),
        ((), {"free": " , "}, "none; expected figures joined by commas"),
        (("chip.memory.bandwidth=2 TB..8 TB/s",), {}, '"TB" does not measure B/s'),
        (("chip.memory.bandwidth=2..8 TB/s",), {}, "a number without a unit"),
        (("chip.memory.bandwidth=8 TB/s..2 TB/s",), {}, "lower bound above upper"),
        (("chip.memory.bandwidth=4 TB/s..8 TB/s",), {}, "start outside the bounds"),
        (("chip.memory.bandwidth=2 TB/s",), {}, "not a range"),
        (("chip.efficiency.hbm=0.5..1.5",), {}, "0.001 to 1"),
        (("chip.power.tdp=50 W..700 W",), {}, "not above the idle power"),
        ((MEMORY,), {"budget": ["power=1 MW"]}, "nothing that can be limited"),
        ((MEMORY,), {"budget": ["site.power=1 MB"]}, '"MB" does not measure W'),
        ((MEMORY,), {"budget": ["site.power=1 MW", "site.power=2 MW"]}, "given twice"),
        ((MEMORY,), {"budget": ["site.power=-1 MW"]}, "not above zero"),
        ((MEMORY,), {"budget": ["site.power="]}, "no number before the unit"),
        ((MEMORY,), {"price": ["chip.memory.bandwidth=0 EUR per GB/s"]}, "no price"),
        ((MEMORY,), {"price": ["chip.memory.bandwidth=1 EUR per 0 GB/s"]}, "no price"),
        ((MEMORY,), {"budget": ["cost=5 EUR"]}, "no figure has a price"),
        ((MEMORY,), {"price": ["chip.memory.bandwidth=5"]}, "not a price"),
        ((MEMORY,), {"price": ["chip.memory.bandwidth=5 EUR per W"]}, "does not measure B/s"),
        ((MEMORY,), {"price": ["chip.memory.capacity=5 EUR per GB"]}, "is not a free figure"),
        ((MEMORY, MEMORY), {"free": "chip.memory.bandwidth"}, "is given twice"),
    ],
)
def test_a_mistake_is_said_once(bounds: tuple[str, ...], others: dict, said: str):
    with pytest.raises(Faults) as raised:
        asked(*bounds, **others)
    mine = [line for line in str(raised.value).splitlines() if said in line]
    assert len(mine) == 1, str(raised.value)


def test_all_mistakes_are_said_together():
    with pytest.raises(Faults) as raised:
        asked("chip.memory.bandwidth=8 TB/s..2 TB/s", "node.nic_bandwidth=x", budget=["power=1"])
    assert len(raised.value.faults) == 3


def test_a_named_layout_is_refused():
    def named(more: Sequence[str]) -> Scenario:
        return resolve(["layout.tp=8", *more])

    with pytest.raises(Faults, match="searched for each design"):
        design_of(Asked("chip.memory.bandwidth", [MEMORY], (), (), "tokens_per_s"), named)
