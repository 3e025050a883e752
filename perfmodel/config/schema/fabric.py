"""The scale-out network as an ordered list of levels seen from one chip."""

import math
from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from perfmodel.config.faults import Problem
from perfmodel.config.schema._model import (
    Bandwidth,
    Config,
    Count,
    Fraction,
    Named,
    PowerOrZero,
    Seconds,
    SecondsOrZero,
    Share,
)


class Level(Config):
    """One level: what a unit of it joins and what crossing it costs."""

    name: str
    """Leaf, rail, pod, group, core."""
    chips: Count | Literal["unlimited"]
    """Chips in one unit of this level."""
    oversubscription: Annotated[float, Field(ge=1.0)]
    """Injection bandwidth over the bandwidth out of a unit of the level below."""
    latency: Seconds
    """One message between two chips that meet at this level, cards included. [s]"""
    load_balancing: Literal["ecmp", "adaptive", "spray", "static"]
    """How flows are spread over equal paths."""
    sub_flows: Count = 1
    """Paths that one pair uses at once."""


class Switch(Config):
    """The switch that the fabric is built of."""

    ports: Count
    """Ports at the port bandwidth."""
    port_bandwidth: Bandwidth
    """One port, per direction. [B/s]"""
    power: PowerOrZero
    """One switch without its optics. [W]"""
    optics_power: PowerOrZero
    """One optical port, averaged over copper and fibre. [W]"""
    tiers: Count
    """Tiers of switches between a chip and the top."""
    optical_share: Fraction
    """Share of the links that need optics."""


class Fabric(Named):
    """A scale-out network."""

    kind: Literal["fat-tree", "rail-fat-tree", "dragonfly", "dragonfly+", "torus"]
    """Family of the topology."""
    reduction: Fraction
    """Share of the bandwidth at which switches reduce a buffer (SHARP); 0 where they can't."""
    link_fraction: Share
    """Sustained share of the injection bandwidth of a long message."""
    bulk_latency: SecondsOrZero
    """What a step of the bulk protocol takes beyond one of the low-latency protocol. [s]"""
    short_fraction: Fraction
    """Bandwidth of the low-latency protocol over that of the bulk protocol; 0 where there is one
    protocol."""
    spread: Fraction | None = None
    """Standard deviation over the mean of the time of flows that share a synchronised pattern; the
    load balancing of each level says it where it is left out."""
    failed_links: Fraction = 0.0
    """Share of the cables between switches that are down."""
    level: tuple[Level, ...] = Field(min_length=1, max_length=4)
    """From the leaf to the whole site."""
    switch: Switch

    @model_validator(mode="after")
    def _levels_grow(self) -> Self:
        sizes = [math.inf if one.chips == "unlimited" else one.chips for one in self.level]
        for i, (inner, outer) in enumerate(pairwise(sizes), start=1):
            if outer <= inner:
                inside = f'more than the {inner} of level "{self.level[i - 1].name}" inside it'
                raise Problem("does not grow outwards", inside, f"level.{i}.chips")
        return self
