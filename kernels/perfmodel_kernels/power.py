"""Clock under a power cap, chip energy, and the way from the chip to the grid connection."""

from typing import NamedTuple

import jax.numpy as jnp

from perfmodel_kernels._typing import Phases, Real, Scalar

NEWTON_STEPS = 5
"""From the right on a convex function: error below 1e-6 of the clock after five steps."""


class ChipPower(NamedTuple):
    """Electrical side of a chip."""

    cap: Scalar
    """Power that the regulator holds. [W]"""
    idle: Scalar
    """Power at rest. [W]"""
    clock_power: Scalar
    """Clock tree and schedulers of a busy chip at the highest clock. [W]"""
    lowest: Scalar
    """Lowest clock over the clock of the specification."""
    highest: Scalar
    """Highest clock over the clock of the specification."""
    voltage_floor: Scalar
    """Lowest voltage over the one at the highest clock."""
    voltage_knee: Scalar
    """Clock over the highest up to which the voltage stays at its floor."""


class Work(NamedTuple):
    """What a chip does in each phase class of a step."""

    time: Phases
    """Duration at the clock of the specification. [s]"""
    flop_energy: Phases
    """Energy of the arithmetic at the highest clock's voltage. [J]"""
    byte_energy: Phases
    """Energy of the memory traffic. [J]"""


def voltage(clock: Phases, chip: ChipPower) -> Phases:
    r"""Supply voltage over the one at the highest clock.

    .. math:: v(x) = v_0 + (1 - v_0) \max\left(0, \frac{x - x_0}{1 - x_0}\right)

    Parameters
    ----------
    clock
        Clock over the clock of the specification.
    chip
        Floor :math:`v_0` and knee :math:`x_0`.

    Returns
    -------
    Phases
        Voltage ratio.
    """
    above = (clock / chip.highest - chip.voltage_knee) / (1.0 - chip.voltage_knee)
    return chip.voltage_floor + (1.0 - chip.voltage_floor) * jnp.maximum(above, 0.0)


def phase_power(clock: Phases, work: Work, chip: ChipPower) -> Phases:
    r"""Power of a chip inside each phase class.

    .. math:: P = P_{idle} + \left(P_{clk} \frac{r}{r_{max}} + \frac{E_f}{t} r\right) v(r)^2
        + \frac{E_b}{t}

    Parameters
    ----------
    clock
        Clock :math:`r` over the clock of the specification.
    work
        Time and energies of the phases.
    chip
        Electrical side.

    Returns
    -------
    Phases
        Power. [W]
    """
    time = jnp.maximum(work.time, 1e-9)
    switched = (chip.clock_power / chip.highest + work.flop_energy / time) * clock
    return chip.idle + switched * voltage(clock, chip) ** 2 + work.byte_energy / time


def clock_under_cap(work: Work, chip: ChipPower) -> Phases:
    r"""Highest clock at which each phase class stays under the cap.

    Newton steps on :math:`P(r) = P_{cap}` from the highest clock; :math:`P` is convex and rising,
    so every step stays on the right of the solution.

    Parameters
    ----------
    work
        Time and energies of the phases.
    chip
        Electrical side and cap.

    Returns
    -------
    Phases
        Clock over the clock of the specification.
    """
    time = jnp.maximum(work.time, 1e-9)
    fixed = chip.idle + work.byte_energy / time
    switched = chip.clock_power / chip.highest + work.flop_energy / time
    rise = (1.0 - chip.voltage_floor) / (1.0 - chip.voltage_knee) / chip.highest
    clock = chip.highest * jnp.ones_like(work.time)
    for _ in range(NEWTON_STEPS):
        volts = voltage(clock, chip)
        steep = jnp.where(clock > chip.voltage_knee * chip.highest, rise, 0.0)
        slope = switched * volts * (volts + 2.0 * clock * steep)
        excess = fixed + switched * clock * volts**2 - chip.cap
        clock = jnp.clip(clock - jnp.maximum(excess, 0.0) / slope, chip.lowest, chip.highest)
    return clock


def phase_energy(clock: Phases, time: Phases, work: Work, chip: ChipPower) -> Phases:
    """Energy of each phase class at its clock and duration.

    Parameters
    ----------
    clock
        Clock over the clock of the specification.
    time
        Duration at that clock. [s]
    work
        Energies of the phases.
    chip
        Electrical side.

    Returns
    -------
    Phases
        Energy. [J]
    """
    switched = chip.clock_power * clock / chip.highest * time + work.flop_energy
    return chip.idle * time + switched * voltage(clock, chip) ** 2 + work.byte_energy


def waiting_power(chip: ChipPower) -> Real:
    """Power of a chip that waits in a collective: at rest but for its clock, which runs free.

    Returns
    -------
    Real
        Power. [W]
    """
    return jnp.minimum(chip.idle + chip.clock_power, chip.cap)


class NodePower(NamedTuple):
    """A node around its chips, per chip."""

    host: Scalar
    """Processors, memory, cards, drives, switches of the scale-up domain. [W]"""
    fan_fraction: Scalar
    """Fans over all the rest."""
    supply_rating: Scalar
    """Output rating of the power supplies. [W]"""
    efficiency_20: Scalar
    """Output over input at a fifth of the rating."""
    efficiency_50: Scalar
    """Output over input at half of the rating."""
    efficiency_100: Scalar
    """Output over input at the rating."""
    rated: Scalar
    """What the facility provisions. [W]"""


def supply_efficiency(load: Scalar, node: NodePower) -> Real:
    r"""Efficiency of power supplies, the quadratic through three rated points.

    Parameters
    ----------
    load
        Output over rating.
    node
        Efficiencies at 0.2, 0.5 and 1.

    Returns
    -------
    Real
        Output over input.
    """
    at_20, at_50, at_100 = node.efficiency_20, node.efficiency_50, node.efficiency_100
    first = (at_50 - at_20) / 0.3  # divided differences over loads of 0.2, 0.5 and 1
    second = ((at_100 - at_50) / 0.5 - first) / 0.8
    share = jnp.clip(load, 0.05, 1.2)
    return jnp.clip(at_20 + (share - 0.2) * (first + (share - 0.5) * second), 0.5, 1.0)


class Facility(NamedTuple):
    """Building: losses and cooling over the IT power."""

    distribution: Scalar
    """Transformers, UPS, busbars."""
    pumps: Scalar
    """Pumps and air handlers."""
    approach_temperature: Scalar
    """Outside temperature up to which cooling is free. [K]"""
    outside_temperature: Scalar
    """Mean outside temperature. [K]"""
    outside_swing: Scalar
    """Standard deviation of the outside temperature. [K]"""
    chiller_performance: Scalar
    """Heat removed over the electric power of the chillers."""


FULL_LOAD_RISE = 10.0
"""Kelvin above the approach at which chillers carry the whole load; estimate: a usual design."""


def chiller_share(facility: Facility) -> Real:
    r"""Mean share of the heat that chillers carry over the year.

    The share rises from 0 at the approach temperature :math:`T_a` to 1 ten kelvin above; the
    outside temperature is normal around its mean, in which the mean of the ramp is
    :math:`\int_0^1 P(T > T_a + 10 u)\,du`, here by the logistic form of the normal tail.

    Returns
    -------
    Real
        Share between 0 and 1.
    """
    scale = facility.outside_swing * 0.5513  # logistic with the variance of the normal
    low = (facility.outside_temperature - facility.approach_temperature) / scale
    high = low - FULL_LOAD_RISE / scale
    return (jnp.logaddexp(low, 0.0) - jnp.logaddexp(high, 0.0)) * scale / FULL_LOAD_RISE


def cooling_fraction(facility: Facility) -> Real:
    """Pumps, air handlers and chillers over the IT power.

    Returns
    -------
    Real
        Share.
    """
    return facility.pumps + chiller_share(facility) / facility.chiller_performance
