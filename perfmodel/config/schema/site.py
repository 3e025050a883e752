"""A site: partitions of nodes on a fabric, in a building, in a country."""

from typing import Annotated, Literal

from pydantic import Field

from perfmodel.config.schema._model import (
    Config,
    Count,
    Fraction,
    Named,
    Positive,
    Power,
    Reference,
    Temperature,
    WaterUsage,
)


class Partition(Config):
    """Chips of one kind on one fabric."""

    name: str
    """What the operator calls it."""
    node: Annotated[str, Reference("nodes")]
    """Node config."""
    chips: Count
    """Chips installed."""
    fabric: Annotated[str, Reference("fabrics")]
    """Fabric config."""
    stack: Annotated[str, Reference("stacks")]
    """Software stack config that jobs here use unless they name another."""


class Facility(Config):
    """The building around the racks."""

    distribution_loss: Fraction
    """Transformers, UPS and busbars over the IT power."""
    pump_fraction: Fraction
    """Pumps and dry coolers over the heat that liquid carries."""
    air_handler_fraction: Fraction
    """Fans of the room units over the heat that air carries."""
    approach_temperature: Temperature
    """Outside temperature up to which free cooling carries the whole load of the liquid. [K]"""
    air_approach_temperature: Temperature
    """Outside temperature up to which free cooling carries the whole load of the air. [K]"""
    chiller_performance: Positive
    """Heat removed over the chillers' electric power."""
    outside_temperature: Temperature
    """Mean outside temperature of the year. [K]"""
    outside_swing: Positive
    """Standard deviation of the outside temperature over the year. [K]"""
    storage_fraction: Fraction
    """Storage and service nodes over the power of the compute nodes."""
    power_limit: Power | Literal["unlimited"]
    """Grid connection. [W]"""
    water_usage: WaterUsage | None = None
    """Water that is evaporated or drained per energy of the IT equipment (WUE); left out where the
    site does not state it. [m^3/J]"""
    heat_reuse: Fraction | None = None
    """Share of the heat of the IT equipment that is put to use, in the mean of the year; left out
    where the site does not state it."""


class Site(Named):
    """Where the chips stand."""

    country: str
    """ISO 3166 alpha-2 code."""
    status: Literal["operational", "contracted", "planned", "reference"] = "reference"
    """How real it is; `reference` is a design of ours."""
    partition: tuple[Partition, ...] = Field(min_length=1)
    facility: Facility
