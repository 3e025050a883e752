"""Systems that collectives were measured on: which configs and which software stand for each."""

from typing import Annotated

from pydantic import Field

from perfmodel.config.schema._model import (
    Bandwidth,
    Config,
    Count,
    Reference,
    SecondsOrZero,
)
from perfmodel.config.schema.stack import Algorithm


class MeasuredSystem(Config):
    """One system and network of the measurements."""

    system: str
    """Machine as its source names it; letters may be large or small."""
    network: str | None = None
    """Part of the network's name in the source, where the entries of one machine differ by it."""
    node: Annotated[str, Reference("nodes")]
    """Node config that stands for its nodes, and so the chip and its scale-up domain."""
    fabric: Annotated[str, Reference("fabrics")]
    """Fabric config that joins them."""
    stack: Annotated[str, Reference("stacks")]
    """Software that lends the share of a tree and the pipelining of stages."""
    algorithms: tuple[Algorithm, ...] = Field(min_length=1)
    """Algorithms among which its library chooses where the source names none."""
    launch: SecondsOrZero
    """Time of a call that the benchmark sees beyond steps and bytes: start, loop, waiting. [s]"""
    counted: Count | None = None
    """Chips of what the source counts as a node, where the node config holds more."""
    injection: Bandwidth | None = None
    """What the software reaches of a node's cards, where that is not all of them. [B/s]"""
    overrides: tuple[str, ...] = ()
    """What differs from the configs, such as ``chip.scaleup.reduction=0``."""


class MeasuredSystems(Config):
    """A file of such systems; the first that fits a row stands for it."""

    system: tuple[MeasuredSystem, ...] = Field(min_length=1)
