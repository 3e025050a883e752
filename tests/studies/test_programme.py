"""What a programme's budget buys: sums, and the contradictions that it must not invent."""

import pytest

from perfmodel.config.library import Library
from perfmodel.studies.cost import Place
from perfmodel.studies.programme import contradictions, purchases

PLACES = {"gigafactory-h100": Place("h100", "DE", 1450.0, 1200.0)}


@pytest.fixture(scope="module")
def programme():
    return Library().load("programmes", "investai")


def bought(programme, *names):
    return purchases(programme, {name: Library().load("costs", name) for name in names}, PLACES)


def test_chips_times_their_capital_are_the_budget_of_one_site(programme):
    (row,) = bought(programme, "base")
    spent = row["chips_bought"] * row["capital_eur"]
    assert 5e9 - row["capital_eur"] < spent <= 5e9
    assert row["provisioned_w"] == row["chips_bought"] * 1450.0


def test_the_budgets_of_both_tiers_contradict_their_sizes(programme):
    said = contradictions(programme, bought(programme, "base"))
    assert any("23.3 times its budget" in text and "50,000" in text for text in said)
    assert any("11%" in text for text in said)


def test_figures_that_fit_are_not_called_contradictions(programme):
    small = programme.factories.model_copy(update={"budget": 7 * 1.25e9})
    fitting = programme.model_copy(update={"factories": small, "total": 29e9})
    rich = [row | {"share_of_announced": 1.2} for row in bought(fitting, "base")]
    assert contradictions(fitting, rich) == []
