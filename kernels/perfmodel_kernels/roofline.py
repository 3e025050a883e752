"""Time of an operator from its FLOP and bytes; efficiency of matrix products and attention."""

from typing import NamedTuple

import jax.numpy as jnp

from perfmodel_kernels._typing import Passes, Real, Scalar


class MatrixUnits(NamedTuple):
    """The matrix units of one chip at one precision."""

    peak: Passes | Scalar
    """Dense peak at the clock of the specification. [FLOP/s]"""
    fraction: Passes | Scalar
    """Best sustained share of the peak, at the clock that ran."""
    units: Scalar
    """Units that share a product, each with one output tile at a time."""
    tile: Scalar
    """Edge of an output tile."""
    tile_overhead: Scalar
    """Prologue and epilogue of one tile. [s]"""


class Shape(NamedTuple):
    """Dimensions of matrix products (m x k) (k x n), some of them grouped."""

    m: Passes
    """Rows of the output of one group."""
    n: Passes
    """Columns of the output."""
    k: Passes
    """Summed dimension."""
    groups: Passes
    """Products of this shape that one kernel runs."""


def tile_quantisation(shape: Shape, units: MatrixUnits) -> Passes:
    r"""Useful share of the tiles and waves that a product occupies.

    .. math:: q = \frac{g\,m\,n}{w\,U\,b^2},\quad
        w = \left\lceil \frac{g \lceil m/b \rceil \lceil n/b \rceil}{U} \right\rceil

    Parameters
    ----------
    shape
        The products.
    units
        Matrix units with tile edge :math:`b`, :math:`U` of them.

    Returns
    -------
    Passes
        Share between 0 and 1.

    References
    ----------
    NVIDIA, Matrix Multiplication Background User's Guide, sections on tile and wave
    quantisation.
    """
    rows = jnp.ceil(shape.m / units.tile)
    columns = jnp.ceil(shape.n / units.tile)
    waves = jnp.ceil(shape.groups * rows * columns / units.units)
    slots = jnp.maximum(waves, 1.0) * units.units
    return (shape.groups * (shape.m / units.tile) * (shape.n / units.tile)) / slots


def half_depth(units: MatrixUnits) -> Passes | Real:
    r"""Summed dimension at which a tile spends as long on its ends as on its products.

    .. math:: k_0 = \frac{t_{tile} P}{2 U b^2}

    Returns
    -------
    Real
        Depth :math:`k_0` of the ramp :math:`k/(k + k_0)`.
    """
    return units.tile_overhead * (units.peak / units.units) / (2.0 * units.tile * units.tile)


def gemm_compute_time(shape: Shape, units: MatrixUnits) -> Passes:
    r"""Time of matrix products that nothing but arithmetic bounds, at the specification's clock.

    .. math:: t = \frac{2 g m n k}{P \eta q}\left(1 + \frac{k_0}{k}\right)

    with :math:`q` from :func:`tile_quantisation` and :math:`k_0` from :func:`half_depth`.
    Reproduces the FP8 products of DeepGEMM on H800 within 7 % from two numbers.

    Returns
    -------
    Passes
        Time. [s]
    """
    useful = jnp.maximum(tile_quantisation(shape, units), 1e-6)
    flop = 2.0 * shape.groups * shape.m * shape.n * shape.k
    depth = (shape.k + half_depth(units)) / jnp.maximum(shape.k, 1.0)
    return flop / units.peak / (units.fraction * useful) * depth


def gemm_bytes(shape: Shape, element_bytes: Passes | Scalar) -> Passes:
    """Bytes that products read and write once each, outputs in 16 bits.

    Parameters
    ----------
    shape
        The products.
    element_bytes
        Width of an input element. [B]

    Returns
    -------
    Passes
        Bytes. [B]
    """
    inputs = shape.m * shape.k + shape.k * shape.n
    return shape.groups * (inputs * element_bytes + 2.0 * shape.m * shape.n)


class Span(NamedTuple):
    """Extent of fused attention, or the extent that reaches half of its best rate."""

    length: Scalar
    """Keys that one kernel sees. [token]"""
    width: Scalar
    """Mean width of a query and a value head."""


STATED_WIDTH = 128.0
"""Width of a head at which the best share of a chip is stated."""


def attention_share(span: Span, half: Span) -> Real:
    r"""What fused attention reaches of its best rate, which long sequences and heads of 128 see.

    .. math:: \eta = \frac{s}{s + s_{1/2}} \cdot
        \frac{d}{d + d_{1/2}} \cdot \frac{128 + d_{1/2}}{128}

    Parameters
    ----------
    span
        Length :math:`s` and width :math:`d`.
    half
        Length and width that reach half of what the longest and widest do.

    Returns
    -------
    Real
        Share of the best rate, above 1 for wider heads.

    References
    ----------
    Form fitted to the published curves of FlashAttention-2 and -3 (Dao; Shah et al.,
    arXiv 2407.08608).
    """
    stated = (STATED_WIDTH + half.width) / STATED_WIDTH
    wide = span.width / (span.width + half.width) * stated
    return wide * span.length / (span.length + half.length)
