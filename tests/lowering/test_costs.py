"""Prices as the kernels take them, and those that are missing."""

from collections.abc import Callable

import pytest

from perfmodel.config.faults import Faults
from perfmodel.config.library import Library
from perfmodel.lowering.costs import country_of, generation_of, lower_terms


def message(call: Callable, *args: object) -> str:
    with pytest.raises(Faults) as caught:
        call(*args)
    return str(caught.value)


def test_a_price_that_is_not_known_says_which_are(library: Library):
    costs = library.load("costs", "base")
    assert '"h100"' in message(generation_of, costs, "mi300x")
    assert '"DE"' in message(country_of, costs, "US")


def test_the_rate_weighs_public_private_and_debt(library: Library):
    found = lower_terms(library.load("costs", "base"))
    assert found.rate == pytest.approx(0.6 * (0.35 * 0.0 + 0.65 * 0.12) + 0.4 * 0.05)
    assert (found.equipment_years, found.building_years) == (5.0, 14.0)
