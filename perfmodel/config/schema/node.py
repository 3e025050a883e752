"""A server or rack: chips, hosts, network cards, cooling and power supply."""

from typing import Annotated, Literal

from perfmodel.config.schema._model import (
    Bandwidth,
    Config,
    Count,
    Fraction,
    Named,
    Power,
    PowerOrZero,
    Reference,
    Share,
)


class PowerSupply(Config):
    """Conversion efficiency of the supplies at three loads."""

    rated: Power
    """Output rating in all. [W]"""
    at_20_percent: Share
    """Output over input at a fifth of the rating."""
    at_50_percent: Share
    """Output over input at half of the rating."""
    at_100_percent: Share
    """Output over input at the rating."""


class Node(Named):
    """What is bought as one box and shares one power supply."""

    chip: Annotated[str, Reference("chips")]
    """Chip config."""
    chips: Count
    """Chips in the box."""
    nic_bandwidth: Bandwidth
    """Scale-out injection per chip and direction. [B/s]"""
    nics: Count
    """Network cards in the box."""
    nic_power: Power
    """One network card under load. [W]"""
    host_link: Bandwidth
    """One chip to the memory of its host, per direction. [B/s]"""
    host_memory_bandwidth: Bandwidth
    """Memory of all hosts in the box. [B/s]"""
    cpu_power: PowerOrZero
    """All host processors in training; zero where the chip's power covers them. [W]"""
    dram_power: PowerOrZero
    """Host memory in training. [W]"""
    switch_power: PowerOrZero
    """Switches of the scale-up domain inside the box. [W]"""
    other_power: PowerOrZero
    """Drives, management, pumps. [W]"""
    fan_fraction: Fraction
    """Fans over the power of all the rest; zero where liquid or immersion cools."""
    cooling: Literal["air", "liquid", "immersion"]
    """What carries the heat away."""
    liquid_share: Fraction
    """Share of the heat that goes into liquid."""
    rated_power: Power
    """What the facility provisions for the box. [W]"""
    supply: PowerSupply
