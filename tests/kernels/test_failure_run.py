"""Runs drawn failure by failure: against the closed form, the published case, limits, bounds."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perfmodel_kernels.checkpoints import (
    Interruption,
    Saving,
    daly_interval,
    goodput,
    overlapped_interval,
)
from perfmodel_kernels.failure_run import BLOCK, Run, failure_events, failure_run

STOP = Interruption(1800.0, 600.0)
SYNCHRONOUS = Saving(30.0, 0.0, 0.0, 0.0)
LONG = 54.0 * 86400.0
RUNS = 4096

program = jax.jit(jax.vmap(failure_run, in_axes=(0, None, None)))


def drawn(saving, shape=1.0, stop=STOP, blocks=190, horizon=LONG):
    """Mean of the runs in single precision, and the interval."""
    synchronous = saving.lag == 0.0
    interval = daly_interval(saving.blocking, stop.mtti)
    interval = interval if synchronous else overlapped_interval(saving, stop.mtti)
    run = Run(horizon, float(interval), saving, stop, shape)
    with jax.enable_x64(False):
        single = jax.tree.map(np.float32, run)
        seeds = np.arange(RUNS, dtype=np.int32)
        found = program(seeds, single, np.arange(blocks, dtype=np.int32))
    return jax.tree.map(np.asarray, found), run


def test_exponential_failures_agree_with_the_closed_form_to_a_thousandth():
    found, run = drawn(SYNCHRONOUS)
    closed = float(goodput(run.interval, run.saving, STOP))
    assert found.goodput.mean() == pytest.approx(closed, rel=1e-3)
    assert found.covered.min() == 1.0
    assert found.failures.mean() == pytest.approx(LONG / STOP.mtti, rel=1e-3)


def test_a_lag_is_exact_too():
    found, run = drawn(Saving(2.0, 60.0, 0.0, 0.0))
    closed = float(goodput(run.interval, run.saving, STOP))
    assert found.goodput.mean() == pytest.approx(closed, rel=1e-3)


def test_copies_in_memory_that_may_be_lost_agree_to_half_a_per_cent():
    found, run = drawn(Saving(2.0, 30.0, 0.05, 3600.0))
    closed = float(goodput(run.interval, run.saving, STOP))
    assert found.goodput.mean() == pytest.approx(closed, rel=5e-3)


def test_the_weibull_case_keeps_0_626():
    found, _ = drawn(SYNCHRONOUS, shape=0.78)
    assert found.goodput.mean() == pytest.approx(0.626, abs=0.003)
    assert found.failures.mean() == pytest.approx(LONG / STOP.mtti, rel=2e-3)


def test_without_failures_only_checkpoints_and_the_first_start_cost():
    found, run = drawn(SYNCHRONOUS, stop=Interruption(1e12, 600.0), blocks=1)
    segment = run.interval + 30.0
    kept = np.floor((LONG - 600.0) / segment) * run.interval / LONG
    np.testing.assert_allclose(found.goodput, kept, rtol=1e-6)
    assert found.failures.max() == 0.0


def test_a_run_that_is_not_covered_says_so():
    found, _ = drawn(SYNCHRONOUS, blocks=10)
    assert found.covered.max() < 1.0


def test_events_lie_in_order_within_the_run_and_add_up_to_it():
    run = Run(86400.0, 300.0, Saving(2.0, 30.0, 0.05, 3600.0), STOP, 1.0)
    run = jax.tree.map(jnp.asarray, run)
    blocks = np.arange(8, dtype=np.int32)
    events = jax.jit(failure_events)(3, run, blocks)
    whole = jax.jit(failure_run)(3, run, blocks)
    times = np.asarray(events.time)
    assert times.shape == (8 * BLOCK,)
    assert (np.diff(times) >= 0.0).all()
    assert times[-1] == 86400.0
    assert float(whole.failures) == np.sum(times < 86400.0)
    assert float(whole.goodput) == pytest.approx(float(events.work[-1]) / 86400.0)
    assert (np.asarray(events.stall) <= 600.0).all()


def test_the_slope_of_the_goodput_in_the_restart_is_that_of_the_draw():
    """Work is a step function of the times; the slope is zero almost everywhere, and finite."""

    def value(restart):
        run = Run(86400.0, 300.0, SYNCHRONOUS, Interruption(1800.0, restart), 1.0)
        return failure_run(3, run, np.arange(8, dtype=np.int32)).goodput

    assert np.isfinite(float(jax.grad(value)(600.0)))
