"""Training runs: the published optimum, least loss, limits, bounds, slopes, single precision."""

import math

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perfmodel_kernels import training_run as t
from tests.kernels.compiling import compiled
from tests.kernels.difference import check_gradient

REFIT = t.LossLaw(1.8172, 482.01, 2085.43, 0.3478, 0.3658)
"""Besiroglu et al., arXiv 2404.10102."""

BATCHES = t.BatchLaw(60e6, 15e12, 0.47, 2.0)
SITE = t.Budget(math.log(4e14 * 1e5 * 90.0 * 86400.0 / 6.0), 16e6, 0.5)
"""Ninety days of 100,000 chips at 400 TFLOP/s."""

largest = compiled(t.largest_run)
sized = compiled(t.sized_run)


def test_the_budget_of_chinchilla_is_best_spent_on_seventy_billion_parameters():
    """5.76e23 FLOP, 70B parameters and 1.4T tokens: arXiv 2203.15556, section 4."""
    budget = math.log(5.76e23 / 6.0)
    assert float(t.optimal_parameters(budget, REFIT)) == pytest.approx(70e9, rel=0.05)
    assert float(t.optimal_tokens(budget, REFIT)) == pytest.approx(1.4e12, rel=0.06)


def test_parameters_times_tokens_are_the_budget():
    found = t.optimal_parameters(60.0, REFIT) * t.optimal_tokens(60.0, REFIT)
    assert float(found) == pytest.approx(math.exp(60.0))


@settings(deadline=None)
@given(st.floats(45.0, 65.0), st.floats(0.2, 5.0))
def test_no_other_size_of_the_same_budget_has_less_loss(budget, factor):
    parameters, tokens = t.optimal_parameters(budget, REFIT), t.optimal_tokens(budget, REFIT)
    best = float(t.loss(parameters, tokens, REFIT))
    assert best <= float(t.loss(parameters * factor, tokens / factor, REFIT)) + 1e-12


@settings(deadline=None)
@given(st.floats(0.3, 3.0), st.floats(0.02, 0.98), st.floats(1e5, 3e8))
def test_no_other_size_does_better_at_a_batch(factor, probability, batch):
    budget = SITE._replace(probability=probability, batch=batch)
    best = largest(budget, REFIT, BATCHES)
    other = sized(float(best.parameters) * factor, budget, REFIT, BATCHES)
    assert float(best.loss) <= float(other.loss) + 1e-9


def test_an_endless_model_and_run_leave_what_no_size_removes():
    assert float(t.loss(1e60, 1e60, REFIT)) == pytest.approx(1.8172)


def test_a_small_batch_takes_nothing_of_the_budget():
    found = largest(SITE._replace(batch=1.0), REFIT, BATCHES)
    assert float(found.processed) == pytest.approx(float(found.tokens), rel=1e-6)
    assert float(found.tokens) == pytest.approx(float(t.optimal_tokens(SITE.pairs, REFIT)))


def test_tokens_that_are_processed_take_the_whole_budget():
    found = largest(SITE, REFIT, BATCHES)
    assert float(found.parameters * found.processed) == pytest.approx(math.exp(SITE.pairs))


def test_the_critical_batch_is_the_law_s_at_its_length_and_grows_with_a_root():
    """Zhang et al., arXiv 2410.21676: a power of 0.47 of the tokens."""
    assert float(t.critical_batch(15e12, BATCHES)) == pytest.approx(60e6)
    assert float(t.critical_batch(60e12, BATCHES)) == pytest.approx(60e6 * 4.0**0.47)


def test_quantiles_are_those_of_a_lognormal():
    from scipy.stats import lognorm

    for probability in (0.02, 0.1, 0.5, 0.9):
        expected = lognorm.ppf(probability, math.log(2.0), scale=60e6)
        found = float(t.critical_batch_quantile(60e6, 2.0, probability))
        assert found == pytest.approx(expected, rel=1e-6)


def test_a_batch_at_the_critical_one_takes_twice_the_tokens():
    """McCandlish et al., arXiv 1812.06162."""
    assert float(t.token_factor(60e6, 60e6)) == 2.0


@given(st.floats(1.0, 1000.0), st.floats(1e4, 1e9), st.floats(1e4, 1e9))
def test_a_speed_up_is_at_most_the_growth_and_the_room_below_the_critical_batch(k, batch, critical):
    found = float(t.fixed_loss_speed_up(k, batch, critical))
    assert 1.0 - 1e-9 <= found <= min(k, 1.0 + critical / batch) * (1.0 + 1e-9)


def test_time_is_tokens_over_their_rate():
    assert float(t.training_time(15.6e12, 16384.0, 400.0, 0.9)) / 86400.0 == pytest.approx(
        30.6, 0.01
    )


def test_slopes_have_their_signs():
    check_gradient(lambda n: t.loss(n, 1.4e12, REFIT), 7e10, -1)
    check_gradient(lambda d: t.loss(7e10, d, REFIT), 1.4e12, -1)
    check_gradient(lambda x: t.optimal_parameters(x, REFIT), 60.0, 1)
    check_gradient(lambda rate: t.log_budget(rate, 1e5, 1e7, 6.0), 4e14, 1)
    check_gradient(lambda d: t.critical_batch(d, BATCHES), 15e12, 1)
    check_gradient(lambda q: t.critical_batch_quantile(60e6, 2.0, q), 0.3, 1)
    check_gradient(lambda k: t.fixed_loss_speed_up(k, 16e6, 60e6), 4.0, 1)
    check_gradient(lambda u: t.training_time(1e13, 1e5, 400.0, u), 0.9, -1)
    check_gradient(lambda b: t.largest_run(SITE._replace(batch=b), REFIT, BATCHES).loss, 16e6, 1)
    check_gradient(lambda n: t.sized_run(n, SITE, REFIT, BATCHES).tokens, 1e12, -1)


def test_values_and_slopes_are_the_same_in_single_precision():
    def trillions(pairs, batch):
        return t.largest_run(t.Budget(pairs, batch, 0.1), REFIT, BATCHES).parameters / 1e12

    value = jax.value_and_grad(trillions, (0, 1))
    double = value(SITE.pairs, 16e6)
    with jax.enable_x64(False):
        single = value(np.float32(SITE.pairs), np.float32(16e6))
    np.testing.assert_allclose(single[0], double[0], rtol=1e-4)
    np.testing.assert_allclose(single[1], double[1], rtol=1e-3)
