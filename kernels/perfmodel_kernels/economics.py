"""What a chip-hour, a token and their carbon cost: annuities, a layered fund, energy."""

from typing import NamedTuple

import jax.numpy as jnp

from perfmodel_kernels._typing import Real, Scalar

HOUR = 3600.0
"""Seconds. [s]"""

HOURS = 8760.0
"""Hours of a year."""

MILLION = 1e6
"""Tokens that prices refer to."""

SERIES_BELOW = 1e-3
"""Exponent of discounting below which a series of three terms holds to 1e-12."""


class Fund(NamedTuple):
    """Capital in layers: debt served first, private equity, a public tranche that loses first."""

    public_share: Scalar
    """Public tranche over the equity."""
    public_return: Scalar
    """What it asks for, per year."""
    private_return: Scalar
    """What the private tranche asks for beside its expected loss, per year."""
    debt_share: Scalar
    """Debt over all capital: the leverage."""
    debt_rate: Scalar
    """Its interest, per year."""
    loss_rate: Scalar
    """Loss of equity that is expected, per year."""


class Outlay(NamedTuple):
    """Costs of one chip with its share of the site."""

    equipment: Scalar
    """Chip, node, network, storage. [EUR]"""
    building: Scalar
    """Land, building, power and cooling. [EUR]"""
    operation: Scalar
    """Staff, service and insurance of a year, without energy. [EUR]"""
    energy: Scalar
    """Energy of a year. [EUR]"""


class Terms(NamedTuple):
    """How capital is paid back."""

    rate: Scalar
    """Weighted cost of capital, per year."""
    equipment_years: Scalar
    """Life of the equipment."""
    building_years: Scalar
    """Life of the building."""


def recovery_factor(rate: Scalar, years: Scalar) -> Real:
    r"""Share of a capital that each year of its life pays back: the annuity.

    .. math:: CRF = \frac{r}{1 - (1 + r)^{-n}}, \quad CRF(0) = \frac{1}{n}

    Parameters
    ----------
    rate
        Cost of capital :math:`r`, per year.
    years
        Life :math:`n`.

    Returns
    -------
    Real
        Share per year.
    """
    growth = jnp.log1p(rate)
    exponent = years * growth
    small = jnp.abs(exponent) < SERIES_BELOW
    safe = jnp.where(small, 1.0, exponent)
    # x / (1 - e^-x), and r / ln(1 + r) = 1 + r / 2 - r^2 / 12 where it has no digits
    paid = jnp.where(small, 1.0 + 0.5 * exponent + exponent**2 / 12.0, -safe / jnp.expm1(-safe))
    tiny = jnp.abs(growth) < SERIES_BELOW
    ratio = jnp.where(
        tiny, 1.0 + 0.5 * growth + growth**2 / 6.0, jnp.expm1(growth) / _nonzero(growth)
    )
    return paid * ratio / years


def _nonzero(value: Scalar) -> Real:
    return jnp.where(jnp.abs(value) < SERIES_BELOW, 1.0, value)


def private_loss(loss: Scalar, public_share: Scalar) -> Real:
    r"""Loss of the private tranche, once the public one is used up.

    .. math:: l_p = \frac{\max(0, l - w)}{1 - w}

    Parameters
    ----------
    loss
        Loss :math:`l` over the equity.
    public_share
        Public tranche :math:`w` over the equity, 0 to below 1.

    Returns
    -------
    Real
        Loss over the private tranche; that of the equity where there is no public one.
    """
    left = jnp.maximum(1.0 - public_share, 1e-6)
    return jnp.maximum(loss - public_share, 0.0) / left


def weighted_cost_of_capital(fund: Fund) -> Real:
    r"""Yearly cost of a euro of capital.

    .. math:: r = (1 - D) \left[w r_{pub} + (1 - w) (r_{priv} + l_p)\right] + D r_D

    Parameters
    ----------
    fund
        Layers and what each asks for.

    Returns
    -------
    Real
        Rate per year.
    """
    private = fund.private_return + private_loss(fund.loss_rate, fund.public_share)
    equity = fund.public_share * fund.public_return + (1.0 - fund.public_share) * private
    return (1.0 - fund.debt_share) * equity + fund.debt_share * fund.debt_rate


def yearly_cost(outlay: Outlay, terms: Terms) -> Real:
    r"""Cost of one chip in a year.

    .. math:: A = C_{IT}\, CRF(r, n_{IT}) + C_b\, CRF(r, n_b) + O + E

    Parameters
    ----------
    outlay
        Capital, operation and energy.
    terms
        Rate and lives.

    Returns
    -------
    Real
        Cost of a year. [EUR]
    """
    equipment = outlay.equipment * recovery_factor(terms.rate, terms.equipment_years)
    building = outlay.building * recovery_factor(terms.rate, terms.building_years)
    return equipment + building + outlay.operation + outlay.energy


def chip_hour_cost(yearly: Scalar, utilization: Scalar) -> Real:
    r"""Cost of an hour of a chip that is sold.

    .. math:: c = \frac{A}{8760\, u}

    Parameters
    ----------
    yearly
        Cost :math:`A` of the chip in a year. [EUR]
    utilization
        Share :math:`u` of the hours that is sold.

    Returns
    -------
    Real
        Cost of an hour. [EUR]
    """
    return yearly / HOURS / utilization


def million_tokens_cost(chip_hour: Scalar, token_rate: Scalar, goodput: Scalar) -> Real:
    r"""Cost of a million tokens that are kept.

    .. math:: k = \frac{10^6 c}{3600\, \theta\, G}

    Parameters
    ----------
    chip_hour
        Cost :math:`c` of an hour. [EUR]
    token_rate
        Tokens per second and chip :math:`\theta`. [1/s]
    goodput
        Share :math:`G` of the time that becomes work.

    Returns
    -------
    Real
        Cost. [EUR]
    """
    return chip_hour * (MILLION / HOUR / token_rate) / goodput


def declined_price(price: Scalar, decline: Scalar, years: Scalar) -> Real:
    r"""A price after years of a steady decline, :math:`p (1 - d)^t`.

    Parameters
    ----------
    price
        Price :math:`p` today. [EUR]
    decline
        Share :math:`d` by which it falls in a year, below 1.
    years
        Years :math:`t`.

    Returns
    -------
    Real
        Price. [EUR]
    """
    return price * jnp.exp(years * jnp.log1p(-jnp.asarray(decline)))


def million_tokens_carbon(token_energy: Scalar, intensity: Scalar, embodied: Scalar) -> Real:
    r"""Carbon of a million tokens: that of their energy and a share of what the chips embody.

    .. math:: 10^6 (E\, i + m)

    Parameters
    ----------
    token_energy
        Energy :math:`E` of a kept token on the whole site. [J]
    intensity
        Carbon :math:`i` of the grid. [kg/J]
    embodied
        Embodied carbon :math:`m` of a kept token: that of a chip over the tokens of its life. [kg]

    Returns
    -------
    Real
        Carbon. [kg]
    """
    return token_energy * (MILLION * intensity) + MILLION * embodied
