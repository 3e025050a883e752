"""From the chip to the grid connection: node, power supplies, and the building around them."""

from typing import NamedTuple

import jax.numpy as jnp

from perfmodel_kernels._typing import Real, Scalar


class NodePower(NamedTuple):
    """A node around its chips."""

    chips: Scalar
    """Chips that share power supplies."""
    host: Scalar
    """Processors, memory, cards, drives, switches of the scale-up domain, per chip. [W]"""
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


class NodeSplit(NamedTuple):
    """Power of a node by use, per chip, in [W]."""

    chips: Real
    hosts: Real
    fans: Real
    conversion: Real
    drawn: Real
    """All of it, at the plug."""


def node_power(chip: Scalar, node: NodePower) -> NodeSplit:
    r"""Power of a node at its plug.

    .. math:: P = \frac{(P_{chip} + P_{host})(1 + f_{fan})}{\eta_{psu}}

    Parameters
    ----------
    chip
        Mean power of its chips. [W]
    node
        The node.

    Returns
    -------
    NodeSplit
        Power per chip by use. [W]
    """
    fans = (chip + node.host) * node.fan_fraction
    load = chip + node.host + fans
    drawn = load / supply_efficiency(load * node.chips / node.supply_rating, node)
    return NodeSplit(chip, node.host + 0.0 * load, fans, drawn - load, drawn)


class Facility(NamedTuple):
    """Building: losses and cooling over the IT power."""

    distribution: Scalar
    """Transformers, UPS, busbars."""
    liquid_share: Scalar
    """Share of the heat that liquid carries out of the racks; air carries the rest."""
    pumps: Scalar
    """Pumps and dry coolers over the heat in liquid."""
    air_handlers: Scalar
    """Room units over the heat in air."""
    approach_temperature: Scalar
    """Outside temperature up to which the liquid is cooled free. [K]"""
    air_approach_temperature: Scalar
    """Outside temperature up to which the air is cooled free. [K]"""
    outside_temperature: Scalar
    """Mean outside temperature. [K]"""
    outside_swing: Scalar
    """Standard deviation of the outside temperature. [K]"""
    chiller_performance: Scalar
    """Heat removed over the electric power of the chillers."""


FULL_LOAD_RISE = 10.0
"""Kelvin above the approach at which chillers carry the whole load; estimate: a usual design."""


def chiller_share(approach: Scalar, facility: Facility) -> Real:
    r"""Mean share of the heat of a loop that chillers carry over the year.

    The share rises from 0 at the approach temperature :math:`T_a` to 1 ten kelvin above; the
    outside temperature is normal around its mean, in which the mean of the ramp is
    :math:`\int_0^1 P(T > T_a + 10 u)\,du`, here by the logistic form of the normal tail.

    Parameters
    ----------
    approach
        Outside temperature up to which the loop is cooled free. [K]
    facility
        Climate.

    Returns
    -------
    Real
        Share between 0 and 1.
    """
    scale = facility.outside_swing * 0.5513  # logistic with the variance of the normal
    low = (facility.outside_temperature - approach) / scale
    high = low - FULL_LOAD_RISE / scale
    return (jnp.logaddexp(low, 0.0) - jnp.logaddexp(high, 0.0)) * scale / FULL_LOAD_RISE


def cooling_fraction(facility: Facility) -> Real:
    r"""Pumps, air handlers and chillers over the IT power.

    .. math:: f = \lambda \left(p_l + \frac{\xi_l}{\mathrm{COP}}\right)
        + (1 - \lambda) \left(p_a + \frac{\xi_a}{\mathrm{COP}}\right)

    Parameters
    ----------
    facility
        Loops, climate and chillers.

    Returns
    -------
    Real
        Share.
    """
    performance = facility.chiller_performance
    liquid = chiller_share(facility.approach_temperature, facility) / performance
    air = chiller_share(facility.air_approach_temperature, facility) / performance
    share = facility.liquid_share
    return share * (facility.pumps + liquid) + (1.0 - share) * (facility.air_handlers + air)


def overhead(facility: Facility) -> Real:
    """Power of the site over its IT power: the PUE.

    Parameters
    ----------
    facility
        The building.

    Returns
    -------
    Real
        At least 1.
    """
    return 1.0 + facility.distribution + cooling_fraction(facility)


SEASONAL_SHARE = 0.6
"""Share of the variance of the outside temperature that the seasons explain, weather and the hours
of a day the rest; estimate: months of central Europe span 17 K, hourly values deviate by 7.5 K."""

HOTTEST = 2.326
"""Deviations above the mean that one hour in a hundred exceeds: normal quantile of 0.99."""


def in_month(month: Scalar, facility: Facility) -> Facility:
    r"""The building in the climate of one month, January the coldest.

    .. math:: T_m = T_o - \sigma_o \sqrt{2 \zeta} \cos \frac{2 \pi m}{12}, \quad
        \sigma_m = \sigma_o \sqrt{1 - \zeta}

    Parameters
    ----------
    month
        Months after the middle of January :math:`m`.
    facility
        Climate of the year; northern hemisphere.

    Returns
    -------
    Facility
        With the mean and deviation of that month.
    """
    season = jnp.cos(jnp.asarray(month) * (jnp.pi / 6.0)) * (2.0 * SEASONAL_SHARE) ** 0.5
    return facility._replace(
        outside_temperature=facility.outside_temperature - facility.outside_swing * season,
        outside_swing=facility.outside_swing * (1.0 - SEASONAL_SHARE) ** 0.5,
    )


def in_hottest_hours(facility: Facility) -> Facility:
    """The building at an outside temperature that one hour in a hundred exceeds.

    Parameters
    ----------
    facility
        Climate of the year.

    Returns
    -------
    Facility
        At that temperature, with next to no swing.
    """
    hot = facility.outside_temperature + HOTTEST * facility.outside_swing
    return facility._replace(outside_temperature=hot, outside_swing=0.01 * facility.outside_swing)
