"""What a chip-hour, a run and a million tokens of a job on a site cost, in euros and carbon."""

import math
from typing import Any, NamedTuple

from perfmodel.config.schema.costs import Costs
from perfmodel.config.schema.scenario import Scenario
from perfmodel.lowering.costs import country_of, generation_of, has_price, lower_terms
from perfmodel_kernels.economics import (
    HOUR,
    HOURS,
    MILLION,
    Outlay,
    chip_hour_cost,
    declined_price,
    million_tokens_carbon,
    million_tokens_cost,
    yearly_cost,
)

Row = dict[str, Any]


class Place(NamedTuple):
    """A site as its costs see it."""

    chip: str
    """Name of the chip config."""
    country: str
    provisioned: float
    """Provisioned power of a chip with its share of the site. [W]"""
    power: float
    """Mean power of the same in training. [W]"""


class Work(NamedTuple):
    """What the site does."""

    token_rate: float
    """Tokens per second over all chips that are paid for, failures left out. [1/s]"""
    useful: float
    """Share of the time that becomes work."""
    tokens: float
    """Tokens of the run."""


def chip_cost(costs: Costs, place: Place) -> Row:
    """Cost of one chip with its share of the site.

    Energy is drawn in the hours that are used; nothing is resold at the end.

    Parameters
    ----------
    costs
        Prices.
    place
        Chip, country, power.

    Returns
    -------
    Row
        Capital, cost of a year and of an hour.
    """
    outlay, terms = outlay_of(costs, place), lower_terms(costs)
    yearly = float(yearly_cost(outlay, terms))
    return {
        "equipment_eur": outlay.equipment,
        "building_eur": outlay.building,
        "capital_eur": outlay.equipment + outlay.building,
        "capital_rate": terms.rate,
        "energy_eur": outlay.energy,
        "yearly_eur": yearly,
        "chip_hour_eur": float(chip_hour_cost(yearly, costs.utilization)),
    }


def outlay_of(costs: Costs, place: Place) -> Outlay:
    """What is paid for one chip with its share of the site.

    Parameters
    ----------
    costs
        Prices.
    place
        Chip, country, power.

    Returns
    -------
    Outlay
        Capital, and operation and energy of a year.
    """
    equipment = generation_of(costs, place.chip).equipment
    building = costs.building * place.provisioned
    price = country_of(costs, place.country).price + costs.grid_fee
    energy = place.power * HOUR * HOURS * costs.utilization * price
    return Outlay(equipment, building, costs.operation * (equipment + building), energy)


def hour_parts(costs: Costs, place: Place) -> Row:
    """What a chip-hour consists of.

    Parameters
    ----------
    costs
        Prices.
    place
        Chip, country, power.

    Returns
    -------
    Row
        Equipment, building, operation and energy.
    """
    outlay, terms = outlay_of(costs, place), lower_terms(costs)
    nothing = Outlay(*[0.0] * len(Outlay._fields))
    return {
        f"hour_{name}_eur": float(
            chip_hour_cost(yearly_cost(nothing._replace(**{name: paid}), terms), costs.utilization)
        )
        for name, paid in outlay._asdict().items()
    }


def price_path(costs: Costs, place: Place, work: Work, years: int) -> list[Row]:
    """What the same work costs with equipment that is bought later.

    Parameters
    ----------
    costs
        Prices of today, and how they fall.
    place
        Chip, country, power.
    work
        Tokens.
    years
        Last year.

    Returns
    -------
    list[Row]
        A row per year, today first.
    """
    own = generation_of(costs, place.chip)
    rows = []
    for year in range(years + 1):
        price = float(declined_price(own.equipment, costs.decline, float(year)))
        later = own.model_copy(update={"equipment": price})
        found = job_cost(costs.model_copy(update={"generations": (later,)}), place, work)
        rows.append({"year": year} | {key: found[key] for key in OF_A_YEAR})
    return rows


OF_A_YEAR = ("equipment_eur", "chip_hour_eur", "million_tokens_eur")
"""What a row of a year says."""


def job_cost(costs: Costs, place: Place, work: Work) -> Row:
    """Cost and carbon of a job.

    Parameters
    ----------
    costs
        Prices.
    place
        Chip, country, power.
    work
        Tokens.

    Returns
    -------
    Row
        What :func:`chip_cost` gives, and the cost of tokens.
    """
    row = chip_cost(costs, place)
    hour = row["chip_hour_eur"]
    tokens = float(million_tokens_cost(hour, work.token_rate, work.useful))
    kept = work.token_rate * work.useful
    life = costs.equipment_years * HOURS * HOUR * costs.utilization
    embodied = generation_of(costs, place.chip).embodied / life / kept
    intensity = country_of(costs, place.country).carbon
    carbon = float(million_tokens_carbon(place.power / kept, intensity, embodied))
    return row | {
        "useful_share": work.useful,
        "useful_chip_hour_eur": hour / work.useful,
        "million_tokens_eur": tokens,
        "run_eur": tokens * work.tokens / MILLION,
        "million_tokens_carbon_kg": carbon,
        "run_carbon_kg": carbon * work.tokens / MILLION,
    }


def place_of(scenario: Scenario, chip: str, row: Row) -> Place:
    """A site from its estimate.

    Parameters
    ----------
    scenario
        The machine.
    chip
        Name of its chip config.
    row
        The estimate.

    Returns
    -------
    Place
        Powers of one chip.
    """
    chips = row["chips"]
    provisioned, power = row["provisioned_power_w"] / chips, row["site_power_w"] / chips
    return Place(chip, scenario.machine.site.country, provisioned, power)


def run_bill(costs: Costs, scenario: Scenario, row: Row, time: float) -> Row:
    """What a site costs over a time in which it runs one job.

    Parameters
    ----------
    costs
        Prices.
    scenario
        The machine.
    row
        Its estimate.
    time
        How long. [s]

    Returns
    -------
    Row
        Euros and carbon, not numbers where the chip or the country has no price.
    """
    chip, country = scenario.machine.node.chip, scenario.machine.site.country
    if not has_price(costs, chip, country):
        return {"eur": math.nan, "carbon_kg": math.nan}
    place, hours = place_of(scenario, chip, row), time / HOUR
    life = costs.equipment_years * HOURS * costs.utilization
    embodied = generation_of(costs, chip).embodied * hours / life
    drawn = place.power * time * country_of(costs, country).carbon
    return {
        "eur": row["chips"] * hours * chip_cost(costs, place)["chip_hour_eur"],
        "carbon_kg": row["chips"] * (drawn + embodied),
    }
