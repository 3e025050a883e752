"""Widths of the intervals around predictions, and where runs were measured."""

from pydantic import Field

from perfmodel.config.schema._model import Config, Count, Positive


class Width(Config):
    """Half of a 90 % interval, in standard deviations that the parameters give."""

    dense: Positive
    """Of a dense model where runs were measured."""
    experts: Positive
    """Of a model with experts where runs were measured."""
    outside: Positive
    """Where none was measured."""


class Envelope(Config):
    """What the runs cover that a fit was held to."""

    chips: tuple[str, ...] = Field(min_length=1)
    """Names of the chips."""
    stacks: tuple[str, ...] = Field(min_length=1)
    """Names of the software."""
    dense_chips: Count
    """Chips of the largest run of a dense model."""
    expert_chips: Count
    """Chips of the largest run of a model with experts."""
    sequence_length: Count
    """Longest sequence. [token]"""


class Intervals(Config):
    """What runs that were left out of a fit say of the error of a prediction."""

    width: Width
    envelope: Envelope
