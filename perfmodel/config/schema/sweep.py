"""A sweep: a question whose answer takes many scenarios."""

from typing import Annotated, Literal

from pydantic import Field

from perfmodel.config.schema._model import Config, CountOrZero, Named, Reference

Line = Annotated[str, Field(max_length=500)]
"""An override or an axis, as it is typed behind the verb."""


class Figure(Config):
    """The figure that answers the question."""

    x: str
    """Axis along which it is drawn: the path of a field that moves."""
    y: str = "tokens_per_s"
    """Quantity that is drawn."""
    color: str | None = None
    """Axis that tells lines apart."""
    facet: str | None = None
    """Axis that tells panels apart."""


class Sweep(Named):
    """Many scenarios of one site and one workload."""

    question: Line
    """What it answers."""
    site: Annotated[str, Reference("sites")]
    """Site that the axes change."""
    workload: Annotated[str, Reference("workloads")]
    """Workload that the axes change."""
    axes: tuple[Line, ...] = Field(min_length=1, max_length=20)
    """What moves: lists, ranges, zip(...) or distributions."""
    overrides: tuple[Line, ...] = Field(default=(), max_length=100)
    """What all points share; a layout.* names the layout."""
    samples: CountOrZero = 0
    """Points drawn where values are stated as distributions."""
    seed: CountOrZero = 0
    """Start of the draws."""
    objective: Literal["throughput", "energy", "power-limited", "memory"] = "throughput"
    """What the layout of each point is best in."""
    space: Literal["few", "usual", "all"] = "few"
    """How much of each axis of a layout is tried."""
    where: tuple[Line, ...] = Field(default=(), max_length=20)
    """Conditions on layouts and results."""
    figure: Figure | None = None
