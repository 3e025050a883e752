"""How the loss of a model follows from its size and its run, and how large a batch may be."""

from typing import Annotated

from pydantic import Field

from perfmodel.config.schema._model import Config, Named, Positive, Quantity

Exponent = Annotated[float, Field(ge=0.01, le=2.0)]


class Loss(Config):
    """Loss of parameters and tokens: E + A / N^a + B / D^b."""

    irreducible: Positive
    """Loss that no size removes. [nat]"""
    parameter_scale: Positive
    """A of the parameters."""
    token_scale: Positive
    """B of the tokens."""
    parameter_exponent: Exponent
    """a of the parameters."""
    token_exponent: Exponent
    """b of the tokens."""


class CriticalBatch(Config):
    """Batch beyond which more samples stop to help, as a lognormal variable."""

    median: Positive
    """Its median. [tokens]"""
    tokens: Positive
    """Length of the run that it refers to. [tokens]"""
    exponent: Exponent
    """Power of the length with which it grows."""
    factor: Annotated[float, Field(ge=1.0, le=100.0)]
    """One standard deviation up or down, as a factor."""


class Scaling(Named):
    """Laws of training runs."""

    flop: Annotated[float, Quantity("FLOP")]
    """Of a token and parameter, forward and backward. [FLOP]"""
    loss: Loss
    critical_batch: CriticalBatch
