"""Sums of real numbers as integers: exact in any order, and exact again when terms leave."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Shaped

Reals = Float[Array, "*shape"]
"""Numbers of one shape, whatever their axes."""


class Words(NamedTuple):
    r"""A number as :math:`u (h 2^{-H} + l 2^{-H-10})`, with a unit :math:`u` kept elsewhere."""

    high: Int[Array, "*shape"]
    low: Int[Array, "*shape"]


LOW_BITS = 10
"""Bits of the low word: small terms keep their share of sums of a million."""

MOST_TERMS = 1 << (30 - LOW_BITS)
"""Terms of one sum up to which 32 bits hold it, a factor of two in reserve."""


def high_bits(like: Shaped[Array, "..."]) -> int:
    """Bits of the high word: 30 in single precision, 52 in double."""
    return 30 if like.dtype == jnp.float32 else 52


def unit_of(bound: Reals) -> Reals:
    r"""Smallest power of two above a bound, so that dividing by it rounds nothing.

    .. math:: u = 2^{\lfloor \log_2 b \rfloor + 1}

    Parameters
    ----------
    bound
        Largest value that the sum may take, not below zero.

    Returns
    -------
    Reals
        Unit; one where the bound is zero.
    """
    _, exponent = jnp.frexp(bound)
    return jnp.ldexp(jnp.ones_like(bound), exponent)


def to_words(value: Reals, unit: Reals) -> Words:
    r"""Rounds numbers to integers, within :math:`2^{-H-11}` of the unit.

    .. math:: h = \lfloor 2^H x / u \rfloor, \quad l = \mathrm{round}(2^{10} (2^H x / u - h))

    Parameters
    ----------
    value
        Numbers :math:`x` between zero and twice the unit.
    unit
        Powers of two :math:`u`, from :func:`unit_of`.

    Returns
    -------
    Words
        Integers, of 32 bits in single precision and of 64 in double.

    References
    ----------
    J. Demmel, H. D. Nguyen, "Parallel reproducible summation", IEEE Trans. Computers 64 (2015):
    sums that do not depend on their order by rounding to a common unit.
    """
    kind = jnp.int32 if value.dtype == jnp.float32 else jnp.int64
    scaled = value / unit * 2.0 ** high_bits(value)
    high = jnp.floor(scaled)
    low = jnp.round((scaled - high) * 2.0**LOW_BITS)
    return Words(high.astype(kind), low.astype(kind))


def from_words(words: Words, unit: Reals) -> Reals:
    r"""The number that words stand for.

    .. math:: x = u (h 2^{-H} + l 2^{-H-10})

    Parameters
    ----------
    words
        Integers, or sums of such.
    unit
        Unit :math:`u` that they were made with.

    Returns
    -------
    Reals
        Number.
    """
    top = 2.0 ** -high_bits(unit)
    high, low = words.high.astype(unit.dtype), words.low.astype(unit.dtype)
    return unit * (high * top + low * (top * 2.0**-LOW_BITS))
