"""Prices from configs to what a chip of one site costs."""

from functools import cache

from perfmodel.config.faults import Fault, Faults, one_of, shown
from perfmodel.config.schema.costs import Costs, Country, Generation
from perfmodel_kernels.economics import Fund, Terms, weighted_cost_of_capital


def generation_of(costs: Costs, chip: str) -> Generation:
    """Equipment of a kind of chip.

    Parameters
    ----------
    costs
        Prices.
    chip
        Name of a chip config.

    Returns
    -------
    Generation
        Its prices.

    Raises
    ------
    Faults
        When no price is known.
    """
    known = {one.chip: one for one in costs.generations}
    if chip not in known:
        problem = f"no price of this chip in the costs {costs.name}"
        raise Faults(
            [Fault(field="chip", value=shown(chip), problem=problem, expected=one_of(known))]
        )
    return known[chip]


def country_of(costs: Costs, code: str) -> Country:
    """Electricity of a country.

    Parameters
    ----------
    costs
        Prices.
    code
        ISO 3166 alpha-2 code.

    Returns
    -------
    Country
        Its price and carbon.

    Raises
    ------
    Faults
        When no price is known.
    """
    known = {one.code: one for one in costs.countries}
    if code not in known:
        problem = f"no electricity of this country in the costs {costs.name}"
        fault = Fault(field="site.country", value=shown(code), problem=problem)
        raise Faults([Fault(**{**vars(fault), "expected": one_of(known)})])
    return known[code]


def has_price(costs: Costs, chip: str, country: str) -> bool:
    """Whether a kind of chip and the electricity of a country have a price.

    Parameters
    ----------
    costs
        Prices.
    chip
        Name of a chip config.
    country
        ISO 3166 alpha-2 code.

    Returns
    -------
    bool
        True where both have.
    """
    chips, countries = ({one.chip for one in costs.generations}, {c.code for c in costs.countries})
    return chip in chips and country in countries


def lower_terms(costs: Costs) -> Terms:
    """Cost of capital and lives.

    Parameters
    ----------
    costs
        Prices.

    Returns
    -------
    Terms
        Rate and years.
    """
    rate = _rate(Fund(**costs.capital.model_dump()))
    return Terms(rate, costs.equipment_years, costs.building_years)


@cache
def _rate(fund: Fund) -> float:
    return float(weighted_cost_of_capital(fund))
