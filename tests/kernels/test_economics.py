"""Cost and carbon: annuities against their definition, published totals, limits, slopes."""

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfmodel_kernels import economics as e
from tests.kernels.difference import check_gradient

FUND = e.Fund(0.35, 0.02, 0.10, 0.0, 0.0, 0.0)
OUTLAY = e.Outlay(40_000.0, 10_000.0, 1_000.0, 1_300.0)
TERMS = e.Terms(0.08, 5.0, 14.0)
rates, lives = st.floats(0.0, 0.5), st.floats(1.0, 40.0)


def test_an_annuity_without_interest_is_one_over_the_years():
    assert float(e.recovery_factor(0.0, 5.0)) == pytest.approx(0.2, rel=1e-12)


def test_an_annuity_of_eight_per_cent_over_five_years_is_the_table_s():
    """0.250456: tables of engineering economics."""
    assert float(e.recovery_factor(0.08, 5.0)) == pytest.approx(0.250456, abs=1e-6)


@given(rates, st.integers(1, 40))
def test_payments_discounted_to_today_are_the_capital(rate, years):
    payment = float(e.recovery_factor(rate, float(years)))
    present = sum(payment / (1.0 + rate) ** year for year in range(1, years + 1))
    assert present == pytest.approx(1.0, rel=1e-9)


@given(rates, lives)
def test_interest_never_makes_capital_cheaper(rate, years):
    found = float(e.recovery_factor(rate, years))
    assert found >= max(rate, 1.0 / years) * (1.0 - 1e-9)


def test_a_gigawatt_costs_8_5_billion_dollars_a_year():
    """38 bn capital, opex 0.9 of which energy 0.6, 5 and 14 years: 8.5 bn a year (Epoch AI).

    Compute is 29.9 of 44 bn at the same builder's plan; without interest that gives 6.9 bn, and
    the published total lies between no interest and 12 %.
    """
    equipment = 38.0 * 29.9 / 44.0
    outlay = e.Outlay(equipment, 38.0 - equipment, 0.3, 0.6)
    low, high = (float(e.yearly_cost(outlay, TERMS._replace(rate=r))) for r in (0.0, 0.12))
    assert low < 8.5 < high


def test_tranches_add_up_to_the_whole():
    equal = FUND._replace(public_return=0.07, private_return=0.07)
    assert float(e.weighted_cost_of_capital(equal)) == pytest.approx(0.07, rel=1e-12)
    loss, share = 0.5, 0.35
    lost = min(loss, share) + (1.0 - share) * float(e.private_loss(loss, share))
    assert lost == pytest.approx(loss, rel=1e-12)


def test_a_fund_without_a_public_tranche_works():
    none = FUND._replace(public_share=0.0, loss_rate=0.01)
    assert float(e.weighted_cost_of_capital(none)) == pytest.approx(0.11)
    assert float(e.private_loss(0.01, 0.0)) == 0.01


def test_a_first_loss_layer_takes_small_losses_alone():
    assert float(e.private_loss(0.3, 0.35)) == 0.0


def test_leverage_moves_the_cost_to_that_of_debt():
    lent = FUND._replace(debt_share=1.0, debt_rate=0.045)
    assert float(e.weighted_cost_of_capital(lent)) == pytest.approx(0.045)


def test_a_chip_hour_of_all_hours_is_the_year_over_8760():
    assert float(e.chip_hour_cost(8760.0, 1.0)) == 1.0
    assert float(e.chip_hour_cost(8760.0, 0.5)) == 2.0


def test_a_million_tokens_take_their_chip_seconds():
    assert float(e.million_tokens_cost(3.6, 1000.0, 0.5)) == pytest.approx(2.0)


def test_a_price_that_falls_by_27_6_per_cent_halves_in_26_months():
    """27.6 % a year is the observed trend of hardware."""
    assert float(e.declined_price(2.0, 0.276, 26.0 / 12.0)) == pytest.approx(1.0, rel=0.01)
    assert float(e.declined_price(2.0, 0.0, 9.0)) == 2.0


def test_carbon_is_that_of_energy_and_of_making():
    """1 J a token at 380 g/kWh: 0.106 kg per million."""
    intensity = 0.380 / 3.6e6
    assert float(e.million_tokens_carbon(1.0, intensity, 0.0)) == pytest.approx(0.1056, rel=1e-3)
    assert float(e.million_tokens_carbon(0.0, intensity, 1e-9)) == pytest.approx(1e-3)


def token_cost(price: float, power: float, bandwidth: float):
    """Cost of a million tokens; the rate of tokens rises with the root of a bandwidth."""
    outlay = OUTLAY._replace(equipment=price, energy=power * 8760.0 * 1e-4)
    hour = e.chip_hour_cost(e.yearly_cost(outlay, TERMS), 0.8)
    return e.million_tokens_cost(hour, 400.0 * bandwidth**0.5, 0.9)


def test_slopes_of_the_cost_of_a_token_have_their_signs():
    check_gradient(lambda price: token_cost(price, 1400.0, 1.0), 40_000.0, 1)
    check_gradient(lambda power: token_cost(40_000.0, power, 1.0), 1400.0, 1)
    check_gradient(lambda bandwidth: token_cost(40_000.0, 1400.0, bandwidth), 1.0, -1)
    check_gradient(lambda rate: e.recovery_factor(rate, 5.0), 0.08, 1)
    check_gradient(
        lambda share: e.weighted_cost_of_capital(FUND._replace(public_share=share)), 0.3, -1
    )
    check_gradient(lambda d: e.declined_price(2.0, d, 3.0), 0.25, -1)


@pytest.mark.parametrize("rate", [0.0, 1e-8, 1e-4, 5e-4, 0.08])
def test_annuities_and_slopes_hold_in_single_precision(rate):
    value = jax.value_and_grad(e.recovery_factor)
    double = value(rate, 5.0)
    with jax.enable_x64(False):
        single = value(np.float32(rate), np.float32(5.0))
    np.testing.assert_allclose(single[0], double[0], rtol=1e-4)
    np.testing.assert_allclose(single[1], double[1], rtol=1e-3)


def test_slopes_of_a_token_are_the_same_in_single_precision():
    value = jax.value_and_grad(token_cost, (0, 1, 2))
    double = value(40_000.0, 1400.0, 1.0)
    with jax.enable_x64(False):
        single = value(*(np.float32(x) for x in (40_000.0, 1400.0, 1.0)))
    np.testing.assert_allclose(single[0], double[0], rtol=1e-4)
    np.testing.assert_allclose(single[1], double[1], rtol=1e-3)
