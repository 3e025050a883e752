"""High-Performance Linpack on one chip of a large run: rate and power under the module's cap."""

from typing import NamedTuple

import jax.numpy as jnp

from perfmodel_kernels._typing import Real, Scalar
from perfmodel_kernels.power import ChipPower, Work, pace_under_cap, phase_power

PANEL = 1024.0
"""Columns of a panel: each product reads and writes the trailing matrix once per panel; estimate:
the block sizes of accelerated HPL, 512 to 2,048."""

FILL = 0.8
"""Share of the memory that the matrix fills; estimate: usual practice."""

ELEMENT = 8.0
"""Bytes of an element. [B]"""


class Linpack(NamedTuple):
    """What decides the rate of a chip in HPL."""

    rate: Scalar
    """Best sustained rate of FP64 matrix products at the clock of the specification. [FLOP/s]"""
    flop_energy: Scalar
    """Energy at the highest clock's voltage. [J/FLOP]"""
    hbm_energy: Scalar
    """Energy of a byte of memory traffic. [J/B]"""
    capacity: Scalar
    """Memory. [B]"""
    injection: Scalar
    """Network bandwidth per direction. [B/s]"""
    exposed: Scalar
    """Panel and row exchanges that stay exposed, over the volume of one broadcast of the matrix."""
    power: ChipPower


class LinpackMetrics(NamedTuple):
    """A chip in HPL."""

    rate: Real
    """Rate of the whole run. [FLOP/s]"""
    chip_power: Real
    """Mean power of the chip or module. [W]"""
    clock_ratio: Real
    """Clock of the products over the clock of the specification."""
    exposed_fraction: Real
    """Share of the run that waits for the network."""


def exposed_ratio(rate: Scalar, linpack: Linpack) -> Real:
    r"""Time that waits for the network over the time of the products.

    A run on :math:`p` chips factorises a matrix of :math:`n^2 = p \phi M / 8` elements in
    :math:`2 n^3 / 3` FLOP; a chip sends and receives a share of the panels and of the exchanged
    rows, :math:`8 n^2 / \sqrt{p}` bytes each. The number of chips cancels:

    .. math:: x = 12\, c\, \frac{R}{B \sqrt{\phi M / 8}}

    Parameters
    ----------
    rate
        Rate :math:`R` of the products. [FLOP/s]
    linpack
        Memory, network and the exposed share :math:`c`.

    Returns
    -------
    Real
        Ratio.

    References
    ----------
    Petitet, Whaley, Dongarra, Cleary, "HPL - A Portable Implementation of the High-Performance
    Linpack Benchmark", section on scalability.
    """
    columns = jnp.sqrt(FILL * linpack.capacity / ELEMENT)  # of a chip's share of the matrix
    return 12.0 * linpack.exposed * (rate / linpack.injection) / columns


def linpack_metrics(linpack: Linpack) -> LinpackMetrics:
    r"""Rate and power of a chip in HPL: products at the clock that the cap allows, then waiting.

    .. math:: R_{max} = \frac{R}{1 + x}, \quad P = \frac{P_{gemm} + x P_{wait}}{1 + x} + P_{host}

    Parameters
    ----------
    linpack
        Chip, memory and network.

    Returns
    -------
    LinpackMetrics
        Per chip.
    """
    rate = jnp.asarray(linpack.rate)
    nothing, one = jnp.zeros_like(rate), jnp.ones_like(rate)
    moved = rate * (ELEMENT / PANEL) * linpack.hbm_energy
    work = Work(
        scaled=jnp.stack([one, nothing]),
        fixed=jnp.stack([nothing, one]),
        flop_energy=jnp.stack([rate * linpack.flop_energy, nothing]),
        byte_energy=jnp.stack([moved, nothing]),
    )
    chip = linpack.power
    pace = pace_under_cap(work, chip)
    clock = pace.clock[0] / pace.stretch[0]
    ratio = exposed_ratio(rate * clock, linpack)
    busy = (phase_power(pace.clock, work, chip) - chip.idle) / pace.stretch
    return LinpackMetrics(
        rate=rate * clock / (1.0 + ratio),
        chip_power=chip.host + chip.idle + (busy[0] + ratio * busy[1]) / (1.0 + ratio),
        clock_ratio=clock,
        exposed_fraction=ratio / (1.0 + ratio),
    )
