"""One training step on a whole site: throughput, and power from the chip to the grid connection."""

from typing import NamedTuple

import jax.numpy as jnp

from perfmodel_kernels._typing import Real, Scalar
from perfmodel_kernels.building import (
    Facility,
    NodePower,
    cooling_fraction,
    node_power,
)
from perfmodel_kernels.layout import Layout, chips_used
from perfmodel_kernels.step import StepMetrics, training_step
from perfmodel_kernels.step_parts import StepParams


class SiteParams(NamedTuple):
    """A partition of a site with the job that runs on it."""

    step: StepParams
    chips: Scalar
    """Chips installed."""
    node: NodePower
    network: Scalar
    """Switches and optics of the scale-out network, per chip. [W]"""
    storage_fraction: Scalar
    """Storage and service nodes over the power of the compute nodes."""
    facility: Facility


class PowerSplit(NamedTuple):
    """Power of a site by use, in [W]."""

    chips: Real
    hosts: Real
    fans: Real
    conversion: Real
    network: Real
    storage: Real
    distribution: Real
    cooling: Real


class SiteMetrics(NamedTuple):
    """Totals of a site."""

    tokens_per_s: Real
    chips_used: Real
    spares: Real
    site_power: Real
    it_power: Real
    provisioned_power: Real
    pue: Real
    power_split: PowerSplit
    energy_per_token: Real


class Evaluation(NamedTuple):
    """All that is known of one layout on one site."""

    step: StepMetrics
    site: SiteMetrics


def site_power(chip_power: Scalar, used: Scalar, params: SiteParams) -> PowerSplit:
    r"""Power of a site by use, spare chips at rest.

    .. math:: P = \left[\frac{(P_{chips} + P_{host})(1 + f)}{\eta_{psu}} (1 + s) + P_{net}\right]
        (1 + d + c)

    Parameters
    ----------
    chip_power
        Mean power of a chip in use. [W]
    used
        Chips in use.
    params
        The site.

    Returns
    -------
    PowerSplit
        Power by use. [W]
    """
    chips, power = params.chips, params.step.power
    rest = (power.idle + power.host_idle) * jnp.maximum(chips - used, 0.0)
    node = node_power((chip_power * used + rest) / chips, params.node)
    storage = node.drawn * params.storage_fraction
    it = node.drawn + storage + params.network
    return PowerSplit(
        chips=node.chips * chips,
        hosts=node.hosts * chips,
        fans=node.fans * chips,
        conversion=node.conversion * chips,
        network=params.network * chips,
        storage=storage * chips,
        distribution=it * params.facility.distribution * chips,
        cooling=it * cooling_fraction(params.facility) * chips,
    )


def provisioned_power(params: SiteParams) -> Real:
    """What the grid connection must carry when every node draws its rating.

    Returns
    -------
    Real
        Power. [W]
    """
    nodes = params.node.rated / params.node.chips * (1.0 + params.storage_fraction)
    overhead = 1.0 + params.facility.distribution + cooling_fraction(params.facility)
    return (nodes + params.network) * overhead * params.chips


def evaluate(params: SiteParams, layout: Layout) -> Evaluation:
    """Step and site under one layout.

    Parameters
    ----------
    params
        The site and the job.
    layout
        How the job is spread.

    Returns
    -------
    Evaluation
        Step metrics per chip and totals of the site.
    """
    step = training_step(params.step, layout)
    used = chips_used(layout)
    split = site_power(step.chip_power, used, params)
    total = sum(split)
    it = total - split.distribution - split.cooling
    tokens = step.tokens_per_s_per_chip * used
    return Evaluation(
        step=step,
        site=SiteMetrics(
            tokens_per_s=tokens,
            chips_used=used,
            spares=params.chips - used,
            site_power=total,
            it_power=it,
            provisioned_power=provisioned_power(params),
            pue=total / it,
            power_split=split,
            energy_per_token=total / tokens,
        ),
    )
