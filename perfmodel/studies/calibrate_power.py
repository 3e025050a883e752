"""Fit of energies by chip generation: FP64 to Linpack systems, the others to metered training."""

import datetime
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from perfmodel.config.library import Library
from perfmodel.config.measurements import read_rows, shipped_measurements
from perfmodel.config.schema.power_measurement import LinpackRow
from perfmodel.config.schema.scenario import Machine
from perfmodel.lowering.fabric_power import fabric_power
from perfmodel.lowering.published_power import EXPOSED, linpack_machine, lower_linpack
from perfmodel.lowering.site import lower_node
from perfmodel.studies.calibrate import Calibrated
from perfmodel.studies.edits import Edit
from perfmodel.studies.fitting import Data, Estimate, Parameter, fit
from perfmodel.studies.training_energies import (
    PICOJOULE,
    RUNS,
    SPREADS,
    STATES,
    Metered,
    about_held,
    energy_parameters,
    metered_runs,
    run_residuals,
)
from perfmodel_kernels.building import NodePower, node_power
from perfmodel_kernels.linpack import Linpack, linpack_metrics

FILE = "power_hpl.csv"
GENERATIONS = {
    "h100": ("gh200-96", "h100-64-bsc", "h100"),
    "a100-80": ("a100-leonardo-64", "a100-80"),
    "mi250x": ("mi250x",),
    "mi300x": ("mi300a",),
}
"""Chip config that holds the energy of a generation, to the chips of the rows that share it."""

RATIO = 16.0
"""FP64 over 16-bit energy of a FLOP beforehand; estimate: 23 by the squares of the mantissas, less
what the instruction and the registers take of both."""

SPREAD = 0.4
"""Of the logarithm of that ratio; estimate."""

NOISE = 0.05
"""Of the logarithm of a row: systems of the same node (GH200) differ by 5 % in power."""

POWER, EFFICIENCY = range(2)
WRITTEN = 1.0
"""Information that data must add, in units of the prior's, before a value replaces an estimate."""

TRAINING = "training"
"""Group of the metered runs."""

LINPACK = f"HPL systems of the TOP500 (configs/validation/{FILE})"
METERED = f"metered training (configs/validation/{RUNS}, {STATES})"

NOTES = (
    f"share of the exchanges of HPL that stays exposed: {EXPOSED}, not fitted here;",
    "metered training is of H100 alone, near its cap, where energies move the rate, not the power:",
    "what the rows say less of than the prior is not written",
)


class System(NamedTuple):
    """One measured system."""

    row: LinpackRow
    machine: Machine
    linpack: Linpack
    generation: int
    """Place of its energy among the parameters."""


class Known(NamedTuple):
    """What the residuals take, stacked over systems."""

    linpack: Linpack
    node: NodePower
    fabric: np.ndarray
    """Switches and optics per chip. [W]"""
    generation: np.ndarray
    system: np.ndarray
    """System of each residual."""
    kind: np.ndarray
    """Power of a chip, or FLOP per joule."""
    measured: np.ndarray


class Rows(NamedTuple):
    """All that the energies are fitted to."""

    linpack: Known
    metered: Metered


def fit_energies(library: Library) -> Calibrated:
    """Fits energies by generation: FP64 to Linpack systems, 16 and 8 bits and streams to runs.

    Parameters
    ----------
    library
        Configs; the energies of 16-bit products are what is known of FP64 beforehand.

    Returns
    -------
    Calibrated
        Energies and how the library would hold those that the rows identify.
    """
    known, groups = _known(_systems(library))
    runs = metered_runs(library)
    noise = [*(NOISE for _ in groups), *(run.noise for run in runs)]
    groups = [*groups, *(TRAINING for _ in runs)]
    rows = Rows(known, about_held(runs, library))
    parameters = [_parameter(name, library) for name in GENERATIONS]
    parameters += energy_parameters(list(GENERATIONS), library)
    data = Data(all_residuals, (rows,), groups, np.array(noise), np.ones(len(groups)))
    found = fit(parameters, data)
    edits = [_edit(library, one) for one in found.estimates if one.gain >= WRITTEN]
    return Calibrated(found, edits, NOTES)


def all_residuals(energies: Any, rows: Rows) -> Any:
    """Logarithm of predicted over measured, Linpack systems first, then runs.

    Parameters
    ----------
    energies
        FP64 of each generation, those of the metered chip, then others that no row moves.
        [J/FLOP or J/B]
    rows
        Systems and runs.

    Returns
    -------
    Any
        Array.
    """
    first = len(GENERATIONS)
    training = energies[first : first + len(SPREADS)]
    parts = residuals(energies[:first], rows.linpack), run_residuals(training, rows.metered)
    return jnp.concatenate(parts)


def residuals(energies: Any, known: Known) -> Any:
    """Logarithm of predicted over measured, one per row.

    Parameters
    ----------
    energies
        Energy of an FP64 FLOP of each generation. [J/FLOP]
    known
        Systems and measurements.

    Returns
    -------
    Any
        Array.
    """
    linpack = known.linpack._replace(flop_energy=energies[known.generation])
    found = jax.vmap(linpack_metrics)(linpack)
    drawn = jax.vmap(node_power)(found.chip_power, known.node).drawn + known.fabric
    both = jnp.stack([drawn, found.rate / drawn])
    return jnp.log(both[known.kind, known.system] / known.measured)


def _systems(library: Library) -> list[System]:
    """Rows with a power and a machine of the library."""
    rows = read_rows(shipped_measurements(FILE), LinpackRow)
    found = []
    for row in rows:
        machine = linpack_machine(row, library)
        linpack = lower_linpack(machine) if machine else None
        place = next((k for k, ids in enumerate(GENERATIONS.values()) if row.chip_id in ids), None)
        if machine and linpack and place is not None and row.efficiency:
            found.append(System(row, machine, linpack, place))
    return found


def _known(systems: Sequence[System]) -> tuple[Known, list[str]]:
    """Systems as arrays, and the chip of each residual."""
    entries = [
        (place, kind, value)
        for place, system in enumerate(systems)
        for kind, value in ((POWER, system.row.power_per_chip), (EFFICIENCY, system.row.efficiency))
        if value
    ]
    place, kind, measured = zip(*entries, strict=True)
    known = Known(
        linpack=_stacked([system.linpack for system in systems]),
        node=_stacked([lower_node(system.machine.node) for system in systems]),
        fabric=np.array([fabric_power(one.machine, one.machine.chips) for one in systems]),
        generation=np.array([system.generation for system in systems]),
        system=np.array(place),
        kind=np.array(kind),
        measured=np.array(measured),
    )
    return known, [systems[one].row.chip_id for one in place]


def _stacked(trees: Sequence[Any]) -> Any:
    return jax.tree.map(lambda *leaves: np.array(leaves, float), *trees)


def _parameter(name: str, library: Library) -> Parameter:
    prior = RATIO * library.load("chips", name).energy.flop_16bit
    low, high = prior / 5.0, prior * 5.0
    return Parameter(f"{name}.energy.flop_fp64", prior, SPREAD, low, high, "log", "J/FLOP")


def _edit(library: Library, estimate: Estimate) -> Edit:
    name, _, field = estimate.parameter.name.split(".")
    unit = estimate.parameter.unit
    today = datetime.datetime.now(tz=datetime.UTC).date()
    rows = LINPACK if field == "flop_fp64" else METERED
    text = f'"{estimate.value / PICOJOULE:.3g} p{unit}"'
    path = library.document("chips", name).path
    return Edit(path, ("energy", field), text, f"fit to {rows}, {today}")
