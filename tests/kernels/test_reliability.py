"""Failures: rates of published runs, spares against scipy, limits, bounds and slopes."""

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import poisson

from perfmodel_kernels import reliability as r
from tests.kernels.compiling import compiled
from tests.kernels.difference import check_gradient

HOUR, DAY = 3600.0, 86400.0
LLAMA = r.Failures(np.array([148.0, 271.0]) / (16384.0 * 1296.0 * HOUR), np.array([8.0, 8.0]))
"""GPU and other unexpected interruptions, 54 days on 16,384 chips: arXiv 2407.21783, table 5."""
SLOW = r.SlowNodes(1e-9, 600.0, 1.34)

quantile = compiled(r.poisson_quantile)
short = compiled(r.spare_shortage)


def test_the_run_of_16384_chips_stops_every_3_hours():
    assert float(r.mean_time_to_interrupt(16384.0, LLAMA)) / HOUR == pytest.approx(3.09, abs=0.005)


@pytest.mark.parametrize(
    ("per_thousand", "chips", "minutes"),
    [(2.34, 1e5, 49.0), (3.79, 1e5, 30.0), (6.50, 1e5, 18.0), (3.79, 25e3, 120.0)],
)
def test_rates_per_node_day_give_the_times_to_interrupt(per_thousand, chips, minutes):
    """2.34, 3.79 and 6.50 per 1,000 node-days: arXiv 2410.21680 and 2407.21783."""
    failures = r.Failures(np.array([per_thousand / 1000.0 / 8.0 / DAY]), np.array([8.0]))
    found = float(r.mean_time_to_interrupt(chips, failures)) / 60.0
    assert found == pytest.approx(minutes, rel=0.02)


def test_a_replica_of_one_node_loses_what_the_failure_takes():
    assert float(r.chips_lost(8.0, LLAMA)) == pytest.approx(8.0)


def test_a_failure_takes_whole_replicas():
    mixed = r.Failures(np.array([3.0, 1.0]) * 1e-9, np.array([8.0, 72.0]))
    assert float(r.chips_lost(64.0, mixed)) == pytest.approx(0.75 * 64 + 0.25 * 128)


@given(st.floats(1.0, 4096.0), st.floats(1.0, 1000.0))
def test_no_failure_takes_less_than_its_blast_nor_a_replica(replica, blast):
    found = float(r.chips_lost(replica, r.Failures(np.array([1e-9]), np.array([blast]))))
    assert found >= max(replica, blast) * (1.0 - 1e-12)


def test_chips_in_repair_are_rate_times_blast_times_time():
    one = r.Failures(np.array([1e-9]), np.array([72.0]))
    assert float(r.chips_in_repair(1e5, DAY, one)) == pytest.approx(1e5 * DAY * 1e-9 * 72.0)


@pytest.mark.parametrize("mean", [0.01, 0.5, 3.0, 47.0, 330.0, 3300.0])
@pytest.mark.parametrize("probability", [0.5, 0.99, 0.999])
def test_the_quantile_is_that_of_scipy(mean, probability):
    assert float(quantile(mean, probability)) == poisson.ppf(probability, mean)


@pytest.mark.parametrize("mean", [0.5, 47.0, 330.0])
def test_the_quantile_is_the_same_in_single_precision(mean):
    with jax.enable_x64(False):
        assert float(quantile(np.float32(mean), np.float32(0.99))) == poisson.ppf(0.99, mean)


def test_nothing_breaks_where_nothing_fails():
    assert float(quantile(0.0, 0.99)) == 0.0


def test_no_corruption_slow_node_or_stop_keeps_everything():
    assert float(r.corruption_factor(1e5, 0.0, HOUR)) == 1.0
    assert float(r.slow_node_factor(1e5, SLOW._replace(rate=0.0))) == 1.0
    assert float(r.maintenance_factor(0.0, DAY)) == 1.0


@given(st.floats(1.0, 1e6), st.floats(1.0, 1e5))
def test_a_job_that_is_never_healthy_runs_at_the_pace_of_its_slowest(chips, stay):
    found = float(r.slow_node_factor(chips, SLOW._replace(stay=stay)))
    assert 1.0 / 1.34 - 1e-12 <= found <= 1.0


def test_corruption_of_llama_costs_a_per_cent_in_two_hours_at_16384_chips():
    """6 of its interruptions in 54 days: one in nine days."""
    rate = 6.0 / (16384.0 * 1296.0 * HOUR)
    assert 1.0 - float(r.corruption_factor(16384.0, rate, 2.0 * HOUR)) == pytest.approx(
        2.0 * 6.0 / 1296.0, rel=0.01
    )


def test_slopes_have_their_signs():
    check_gradient(lambda n: r.mean_time_to_interrupt(n, LLAMA), 1e5, -1)
    check_gradient(lambda t: r.chips_in_repair(1e5, t, LLAMA), DAY, 1)
    check_gradient(lambda t: r.corruption_factor(1e5, 1e-10, t), HOUR, -1)
    check_gradient(lambda n: r.slow_node_factor(n, SLOW), 1e5, -1)
    check_gradient(lambda t: r.maintenance_factor(t, DAY), 600.0, -1)


def test_the_slope_of_the_quantile_is_zero_not_missing():
    assert float(jax.grad(lambda m: r.poisson_quantile(m, 0.99))(47.0)) == 0.0


@settings(deadline=None)
@given(st.floats(0.01, 300.0), st.integers(0, 400))
def test_what_spares_do_not_cover_is_that_of_a_poisson_variable(mean, spares):
    found = short(mean, float(spares))
    counts = np.arange(0, 1000)
    missing = (np.maximum(counts - spares, 0) * poisson.pmf(counts, mean)).sum()
    assert float(found.chance) == pytest.approx(poisson.sf(spares, mean), rel=1e-6, abs=1e-12)
    assert float(found.missing) == pytest.approx(missing, rel=1e-6, abs=1e-10)


def test_whole_spares_count():
    assert float(short(47.0, 50.9).missing) == float(short(47.0, 50.0).missing)


def test_no_lack_leaves_everything_and_one_node_less_costs_a_replica():
    assert float(r.shortage_factor(r.Shortage(0.0, 0.0), 512.0, 8.0, 1e5)) == 1.0
    assert float(r.shortage_factor(r.Shortage(1.0, 1.0), 512.0, 8.0, 1024.0)) == 0.5


@given(st.floats(0.0, 1.0), st.floats(0.0, 1e5), st.floats(8.0, 1e5))
def test_a_lack_of_spares_leaves_a_share(chance, missing, replica):
    found = float(r.shortage_factor(r.Shortage(chance, missing), replica, 8.0, 1e5))
    assert 0.0 <= found <= 1.0


def test_slopes_of_a_shortage_have_their_signs_in_both_precisions():
    def left(mean, replica):
        return r.shortage_factor(r.spare_shortage(mean, 40.0), replica, 8.0, 1e5)

    check_gradient(lambda mean: left(mean, 512.0), 47.0, -1)
    check_gradient(lambda replica: left(47.0, replica), 512.0, -1)
    value = jax.value_and_grad(left, (0, 1))
    double = value(47.0, 512.0)
    with jax.enable_x64(False):
        single = value(np.float32(47.0), np.float32(512.0))
    np.testing.assert_allclose(single[0], double[0], rtol=1e-4)
    np.testing.assert_allclose(single[1], double[1], rtol=1e-3)
