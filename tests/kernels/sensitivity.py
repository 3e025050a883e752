"""Derivatives of the main outputs with respect to every continuous figure of the hardware."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from perfmodel_kernels.building import Facility, NodePower
from perfmodel_kernels.layout import Layout
from perfmodel_kernels.operators import ChipRates
from perfmodel_kernels.power import ChipPower
from perfmodel_kernels.site import SiteParams, evaluate

OUTPUTS = ("step_time", "chip_power", "site_power", "energy_per_token", "mfu")


COUNTS = (".chip.units", ".chip.tile")
"""Whole numbers behind a ceiling: their derivative has no meaning."""


class Hardware(NamedTuple):
    """Continuous figures of a machine."""

    chip: ChipRates
    power: ChipPower
    link_energy: Any
    bandwidth: Any
    latency: Any
    node: NodePower
    network: Any
    facility: Facility


class Sensitivities(NamedTuple):
    """Values of the outputs and, per figure, one derivative of each."""

    outputs: Any
    jacobian: Hardware


def hardware(params: SiteParams) -> Hardware:
    """Takes the figures out of the parameters."""
    step = params.step
    return Hardware(
        chip=step.chip,
        power=step.power,
        link_energy=step.link_energy,
        bandwidth=step.network.bandwidth,
        latency=step.network.latency,
        node=params.node,
        network=params.network,
        facility=params.facility,
    )


def with_hardware(params: SiteParams, figures: Hardware) -> SiteParams:
    """Puts figures back."""
    network = params.step.network._replace(bandwidth=figures.bandwidth, latency=figures.latency)
    step = params.step._replace(
        chip=figures.chip,
        power=figures.power,
        link_energy=figures.link_energy,
        network=network,
    )
    return params._replace(
        step=step, node=figures.node, network=figures.network, facility=figures.facility
    )


def outputs(params: SiteParams, layout: Layout) -> jax.Array:
    """Main outputs in the order of `OUTPUTS`."""
    result = evaluate(params, layout)
    return jnp.stack(
        [
            result.step.step_time,
            result.step.chip_power,
            result.site.site_power,
            result.site.energy_per_token,
            result.step.mfu,
        ]
    )


def sensitivities(params: SiteParams, layout: Layout) -> Sensitivities:
    """Outputs and derivatives at one point."""
    figures = hardware(params)

    def moved(changed: Hardware) -> jax.Array:
        return outputs(with_hardware(params, changed), layout)

    return Sensitivities(moved(figures), jax.jacrev(moved)(figures))


def elasticities(found: Sensitivities, params: SiteParams) -> dict[str, np.ndarray]:
    """Relative change of each output per relative change of each figure, formed in float64."""
    values = np.asarray(found.outputs, np.float64)
    figures = jax.tree_util.tree_leaves_with_path(hardware(params))
    slopes = jax.tree.leaves(found.jacobian)
    table = {}
    for (path, figure), slope in zip(figures, slopes, strict=True):
        scaled = np.asarray(slope, np.float64).T * np.asarray(figure, np.float64)[..., None]
        table[jax.tree_util.keystr(path)] = scaled / values
    return table
