"""Power and clock of a chip: every phase class of a step stays under the cap, energy follows."""

from typing import NamedTuple

import jax.numpy as jnp

from perfmodel_kernels._typing import Phases, Real, Scalar

NEWTON_STEPS = 6
"""From the highest clock downwards: error below 1e-6 after six steps; five leave 1.3e-6."""


class ChipPower(NamedTuple):
    """Electrical side of a chip."""

    cap: Scalar
    """Power that the regulator holds, of the module where a processor shares it. [W]"""
    host: Scalar
    """Processor and memory inside a module, under load; zero without. [W]"""
    host_idle: Scalar
    """The same at rest. [W]"""
    idle: Scalar
    """Power of the accelerator at rest. [W]"""
    clock_power: Scalar
    """Clock tree, schedulers and the leakage of a raised voltage, busy at the highest clock. [W]"""
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

    scaled: Phases
    """Duration of what follows the clock, at the clock of the specification. [s]"""
    fixed: Phases
    """Duration of what memory or links bound, whatever the clock. [s]"""
    flop_energy: Phases
    """Energy of the arithmetic at the highest clock's voltage. [J]"""
    byte_energy: Phases
    """Energy of the traffic to memory and over links. [J]"""


class Pace(NamedTuple):
    """How fast each phase class runs under the cap."""

    clock: Phases
    """Clock over the clock of the specification."""
    stretch: Phases
    """Duration over the one at that clock; above 1 where even the lowest clock draws too much."""


class Links(NamedTuple):
    """Traffic of a chip over the links of its scale-up domain."""

    hidden: Scalar
    """Bytes of a micro-batch that may move behind its matrix products. [B]"""
    rate: Scalar
    """Bandwidth of the links. [B/s]"""
    energy: Scalar
    """Energy of a byte, trips through memory included. [J/B]"""


def voltage(clock: Phases, chip: ChipPower) -> Phases:
    r"""Supply voltage over the one at the highest clock.

    .. math:: v(r) = v_0 + (1 - v_0) \max\left(0, \frac{r / r_{max} - x_0}{1 - x_0}\right)

    Parameters
    ----------
    clock
        Clock :math:`r` over the clock of the specification.
    chip
        Floor :math:`v_0` and knee :math:`x_0`.

    Returns
    -------
    Phases
        Voltage ratio.
    """
    above = (clock / chip.highest - chip.voltage_knee) / (1.0 - chip.voltage_knee)
    return chip.voltage_floor + (1.0 - chip.voltage_floor) * jnp.maximum(above, 0.0)


def phase_rate(clock: Phases, work: Work) -> Phases:
    r"""How often a second could repeat each phase class at a clock.

    .. math:: g(r) = \frac{r}{t_m r + t_c}

    Parameters
    ----------
    clock
        Clock :math:`r` over the clock of the specification.
    work
        Durations :math:`t_c` that follow the clock, :math:`t_m` that do not.

    Returns
    -------
    Phases
        Inverse of the duration. [1/s]
    """
    return clock / jnp.maximum(work.fixed * clock + work.scaled, 1e-9)


def phase_power(clock: Phases, work: Work, chip: ChipPower) -> Phases:
    r"""Power of a chip inside each phase class.

    .. math:: P = P_{idle} + P_{clk} \frac{r}{r_{max}} v^2 + \left(E_f v^2 + E_b\right) g(r)

    Parameters
    ----------
    clock
        Clock :math:`r` over the clock of the specification.
    work
        Durations and energies of the phases.
    chip
        Electrical side.

    Returns
    -------
    Phases
        Power. [W]
    """
    square = voltage(clock, chip) ** 2
    moved = (work.flop_energy * square + work.byte_energy) * phase_rate(clock, work)
    return chip.idle + chip.clock_power * clock / chip.highest * square + moved


def accelerator_cap(chip: ChipPower) -> Real:
    """What a module's cap leaves to its accelerator; the cap itself where nobody shares it.

    Parameters
    ----------
    chip
        Electrical side.

    Returns
    -------
    Real
        Power. [W]
    """
    return chip.cap - chip.host


def clock_under_cap(work: Work, chip: ChipPower) -> Phases:
    r"""Highest clock at which each phase class stays under the cap.

    Newton steps on :math:`P(r) = P_{cap}` from the highest clock.

    Parameters
    ----------
    work
        Durations and energies of the phases.
    chip
        Electrical side and cap.

    Returns
    -------
    Phases
        Clock over the clock of the specification.
    """
    room = accelerator_cap(chip) - chip.idle
    running = chip.clock_power / chip.highest
    rise = (1.0 - chip.voltage_floor) / (1.0 - chip.voltage_knee) / chip.highest
    clock = chip.highest * jnp.ones_like(work.scaled)
    for _ in range(NEWTON_STEPS):
        volts = voltage(clock, chip)
        square = volts * volts
        steep = 2.0 * volts * jnp.where(clock > chip.voltage_knee * chip.highest, rise, 0.0)
        often = 1.0 / jnp.maximum(work.fixed * clock + work.scaled, 1e-9)
        energy = (work.flop_energy * square + work.byte_energy) * often
        excess = (running * square + energy) * clock - room
        slope = (
            running * square
            + energy * (work.scaled * often)
            + (running + work.flop_energy * often) * clock * steep
        )
        clock = jnp.clip(clock - excess / slope, chip.lowest, chip.highest)
    return clock


def pace_under_cap(work: Work, chip: ChipPower) -> Pace:
    r"""Clock of each phase class, and how much longer it lasts where no clock keeps the cap.

    A chip that draws more than its cap at the lowest clock skips cycles until the mean is the cap:

    .. math:: s = \max\left(1, \frac{P(r) - P_{idle}}{P_{cap} - P_{idle}}\right)

    Parameters
    ----------
    work
        Durations and energies of the phases.
    chip
        Electrical side and cap.

    Returns
    -------
    Pace
        Clock and stretch.
    """
    clock = clock_under_cap(work, chip)
    room = jnp.maximum(accelerator_cap(chip) - chip.idle, 1.0)
    return Pace(clock, jnp.maximum((phase_power(clock, work, chip) - chip.idle) / room, 1.0))


def phase_energy(pace: Pace, time: Phases, work: Work, chip: ChipPower) -> Phases:
    """Energy of each phase class at its clock and duration.

    Parameters
    ----------
    pace
        Clock and stretch.
    time
        Duration at that pace. [s]
    work
        Energies of the phases.
    chip
        Electrical side.

    Returns
    -------
    Phases
        Energy. [J]
    """
    running = chip.clock_power * pace.clock / chip.highest * time / pace.stretch
    square = voltage(pace.clock, chip) ** 2
    return chip.idle * time + (running + work.flop_energy) * square + work.byte_energy


def waiting_power(pace: Pace, chip: ChipPower) -> Phases:
    r"""Power of an accelerator that waits for others: at rest but for its running clock.

    .. math:: P_{wait} = P_{idle} + \frac{P_{clk}}{s} \frac{r}{r_{max}} v(r)^2

    Parameters
    ----------
    pace
        Clock and stretch that communication allows.
    chip
        Electrical side.

    Returns
    -------
    Phases
        Power. [W]
    """
    running = chip.clock_power * pace.clock / chip.highest * voltage(pace.clock, chip) ** 2
    return chip.idle + running / pace.stretch
