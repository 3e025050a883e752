"""Energies of training by chip generation: their priors, and metered runs as residuals."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from perfmodel.config.library import Library
from perfmodel.config.measurements import read_rows, shipped_measurements
from perfmodel.config.schema.power_measurement import KILOWATT, MeteredRow, StateRow
from perfmodel.config.schema.scenario import Scenario
from perfmodel.engine.run import evaluate_few
from perfmodel.lowering.layout import lower_layout
from perfmodel.lowering.precision import format_on
from perfmodel.lowering.published_power import SMALL, Job, metered_job, metered_machine
from perfmodel.lowering.site import lower_site
from perfmodel.spaces.layouts import alone
from perfmodel.studies.best_layout import best_row, layout_of, metrics
from perfmodel.studies.fitting import Parameter
from perfmodel.studies.power_rows import job_scenario, middle, runs_small_model
from perfmodel_kernels.layout import Layout
from perfmodel_kernels.site import SiteParams

RUNS, STATES = "power_training.csv", "power_states.csv"

SPREADS = {"flop_16bit": 0.10, "flop_fp8": 0.15, "stream_byte": 0.40}
"""Field to the spread of the logarithm of its prior; estimate: the best GEMMs fix 16 bits within
their own 4 % and what else draws power, one kernel fixes FP8, memory-bound kernels are a guess."""

PICOJOULE = 1e-12

METERED = "h100"
"""Chip that all metered runs are of."""

BEFOREHAND = {
    METERED: {
        "flop_16bit": 0.84 * PICOJOULE,  # best GEMM of 794.5 TFLOP/s draws the 700 W, at 1733 MHz
        "flop_fp8": 0.50 * PICOJOULE,  # DeepGEMM's 1358 TFLOP/s draws the 700 W, at 1728 MHz
        "stream_byte": 80.0 * PICOJOULE,  # estimate: 2.3 of the 35 pJ/B of memory behind products
    }
}
"""Priors of the generation whose config may hold a fit; others have theirs in the config."""

NOISE = {"gpt3": 0.05, "dense": 0.10, "small": 0.05}
"""Of the logarithm of a row; estimate: meter and layout of GPT-3, a job of which the source gives
the name alone, and the range of the traces."""


STEP = 0.05
"""Of the logarithm of an energy: rounding to single precision leaves 1e-5 of a slope."""

NODE_PARTS = ("chips", "hosts", "fans", "conversion")
"""What a meter at the plug of a node sees."""


class Run(NamedTuple):
    """One metered run with the job that stands for it."""

    scenario: Scenario
    measured: float
    """Node at its plug, per chip, or the chip alone. [W]"""
    at_node: bool
    """Whether the node was metered."""
    noise: float


class Metered(NamedTuple):
    """What the residuals take: runs about the energies that the library holds."""

    held: np.ndarray
    """Energies, one per field."""
    residual: np.ndarray
    """Logarithm of predicted over measured power, one per run."""
    elasticity: np.ndarray
    """Change of that logarithm by the one of each energy; axes: run, field."""


def energy_parameters(generations: Sequence[str], library: Library) -> list[Parameter]:
    """Energies of training, those of the metered chip first, formats that a chip lacks left out.

    Parameters
    ----------
    generations
        Chips whose configs hold the energies.
    library
        Configs.

    Returns
    -------
    list[Parameter]
        With priors that no run has moved.
    """
    ordered = sorted(generations, key=lambda name: name != METERED)
    return [
        _parameter(field, name, library)
        for name in ordered
        for field in SPREADS
        if held_energy(field, name, library)
    ]


def _parameter(field: str, name: str, library: Library) -> Parameter:
    prior = BEFOREHAND.get(name, {}).get(field) or held_energy(field, name, library)
    unit = "J/B" if field.endswith("byte") else "J/FLOP"
    span = prior / 5.0, prior * 5.0
    return Parameter(f"{name}.energy.{field}", prior, SPREADS[field], *span, "log", unit)


def held_energy(field: str, name: str, library: Library) -> float:
    """Energy that the library holds; zero for a format that the chip lacks.

    Returns
    -------
    float
        Energy. [J/FLOP or J/B]
    """
    return getattr(library.load("chips", name).energy, field) or 0.0


def metered_runs(library: Library) -> list[Run]:
    """Rows of a node or a chip in training whose job the model knows.

    Parameters
    ----------
    library
        Configs.

    Returns
    -------
    list[Run]
        Runs; jobs that the model lacks are left out.
    """
    return [*_node_runs(library), *_chip_runs(library)]


def _node_runs(library: Library) -> Iterator[Run]:
    for row in read_rows(shipped_measurements(RUNS), MeteredRow):
        job, node = metered_job(row), metered_machine(row)
        if isinstance(job, Job) and node and row.mean_kW_per_node and row.chip == METERED:
            noise = NOISE["gpt3" if "gpt" in job.workload else "dense"]
            measured = row.mean_kW_per_node * KILOWATT / row.chips_per_node
            yield Run(job_scenario(job, node, library), measured, True, noise)


def _chip_runs(library: Library) -> Iterator[Run]:
    for row in read_rows(shipped_measurements(STATES), StateRow):
        measured = middle(row.power_w_per_gpu)
        if runs_small_model(row) and measured:
            yield Run(job_scenario(SMALL, (), library), measured, False, NOISE["small"])


def about_held(runs: Sequence[Run], library: Library) -> Metered:
    """Runs at the energies that the library holds, and how their power follows each of them.

    Each run keeps its layout, or the best one under those energies. Central differences of
    :data:`STEP` use the program that is there for all estimates; exact derivatives would compile
    the whole step once more.

    Parameters
    ----------
    runs
        Runs.
    library
        Configs.

    Returns
    -------
    Metered
        SI numbers.
    """
    still = np.ones(len(SPREADS))
    sites = [(lower_site(run.scenario), _layout(run.scenario)) for run in runs]
    low = [_is_low(run.scenario) for run in runs]

    def logarithms(scale: np.ndarray) -> np.ndarray:
        powers = [
            _power(_scaled(params, scale, eight), layout, run.at_node)
            for run, (params, layout), eight in zip(runs, sites, low, strict=True)
        ]
        return np.log(powers)

    steps = [np.where(np.arange(len(SPREADS)) == place, STEP, 0.0) for place in range(len(SPREADS))]
    slopes = [
        (logarithms(np.exp(step)) - logarithms(np.exp(-step))) / (2.0 * STEP) for step in steps
    ]
    measured = np.log([run.measured for run in runs])
    held = np.array([held_energy(field, METERED, library) for field in SPREADS])
    return Metered(held, logarithms(still) - measured, np.stack(slopes, axis=1))


def run_residuals(energies: Any, known: Metered) -> Any:
    r"""Logarithm of predicted over measured power, linear in the logarithms of the energies.

    .. math:: r = r_0 + \sum_k s_k \ln \frac{e_k}{e_{k0}}

    Parameters
    ----------
    energies
        One per field, of the chip that all runs are of :math:`e_k`. [J/FLOP or J/B]
    known
        Residuals :math:`r_0` and elasticities :math:`s_k` at the energies held :math:`e_{k0}`.

    Returns
    -------
    Any
        Array.
    """
    moved = jnp.log(energies / known.held)[None, :]
    return known.residual + (known.elasticity * moved).sum(axis=1)


def _layout(scenario: Scenario) -> Layout:
    if scenario.layout is None:
        return layout_of(best_row(scenario))
    chips, batch = scenario.machine.chips, scenario.workload.batch.sequences
    return lower_layout(scenario.layout, chips, batch, scenario.model.layers)


def _is_low(scenario: Scenario) -> bool:
    """Whether products that may leave 16 bits run in 8."""
    return format_on(scenario.machine.chip, scenario.workload).energy == "flop_fp8"


def _scaled(params: SiteParams, scale: np.ndarray, eight: bool) -> SiteParams:
    """A site whose chips spend other energies."""
    of_16bit, of_8bit, of_byte = (float(value) for value in scale)
    rates = params.step.chip
    rates = rates._replace(
        flop_energy_16bit=rates.flop_energy_16bit * of_16bit,
        flop_energy_low=rates.flop_energy_low * (of_8bit if eight else of_16bit),
        attention_energy=rates.attention_energy * of_16bit,
        stream_energy=rates.stream_energy * of_byte,
    )
    return params._replace(step=params.step._replace(chip=rates))


def _power(params: SiteParams, layout: Layout, at_node: bool) -> float:
    """Power of a chip, or of its node at the plug for each of its chips. [W]."""
    row = metrics(evaluate_few(params, alone(layout)))
    if not at_node:
        return row["chip_power_w"]
    return sum(row[f"power_split_{part}_w"] for part in NODE_PARTS) / float(params.chips)
