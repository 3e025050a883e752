"""What chips, buildings, capital and electricity cost."""

from typing import Annotated

from pydantic import Field

from perfmodel.config.schema._model import (
    CarbonIntensity,
    Config,
    Fraction,
    Mass,
    Money,
    Named,
    Positive,
    PricePerEnergy,
    PricePerPower,
    Reference,
    Share,
)


class Generation(Config):
    """Equipment around one kind of chip."""

    chip: Annotated[str, Reference("chips")]
    """Chip config."""
    equipment: Money
    """Chip with its share of node, network and storage. [EUR]"""
    embodied: Mass
    """Carbon of making that. [kg]"""


class Country(Config):
    """Electricity of a country."""

    code: str
    """ISO 3166 alpha-2 code."""
    price: PricePerEnergy
    """Mean on the day-ahead market. [EUR/J]"""
    carbon: CarbonIntensity
    """Of what is consumed there, over the life of the plants. [kg/J]"""


class Capital(Config):
    """Layers of the capital and what each asks for."""

    public_share: Fraction
    """Public tranche, which loses first, over the equity."""
    public_return: Fraction
    """What it asks for, per year."""
    private_return: Fraction
    """What the private tranche asks for beside its expected loss, per year."""
    debt_share: Fraction
    """Debt over all capital."""
    debt_rate: Fraction
    """Its interest, per year."""
    loss_rate: Fraction
    """Loss of equity that is expected, per year."""


class Costs(Named):
    """Prices of a time, and how they are paid."""

    building: PricePerPower
    """Land, building, power and cooling over the provisioned power. [EUR/W]"""
    equipment_years: Positive
    """Life of the equipment."""
    building_years: Positive
    """Life of the building."""
    operation: Fraction
    """Staff, service and insurance of a year over the capital, without energy."""
    utilization: Share
    """Share of the hours that is sold or used."""
    grid_fee: PricePerEnergy
    """Grid, taxes and supply on top of the day-ahead price. [EUR/J]"""
    decline: Fraction
    """Share by which the equipment for the same work becomes cheaper in a year."""
    capital: Capital
    generations: tuple[Generation, ...] = Field(min_length=1)
    """Equipment by kind of chip."""
    countries: tuple[Country, ...] = Field(min_length=1)
    """Electricity by country."""
