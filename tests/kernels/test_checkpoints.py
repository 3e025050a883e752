"""Checkpoints: published optima, the optimum of the closed form, limits, bounds, slopes."""

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfmodel_kernels import checkpoints as c
from tests.kernels.compiling import compiled
from tests.kernels.difference import check_gradient

MINUTE = 60.0
STOP = c.Interruption(30.0 * MINUTE, 10.0 * MINUTE)
SYNCHRONOUS = c.Saving(30.0, 0.0, 0.0, 0.0)
NEAR = c.Saving(2.0, 30.0, 0.05, 3600.0)

goodput = compiled(c.goodput)
times = st.floats(10.0, 1e6)


@pytest.mark.parametrize(("hours", "minutes"), [(24.0, 117.0), (6.0, 57.0), (0.25, 9.1)])
def test_optima_are_those_of_daly(hours, minutes):
    """A checkpoint of 5 minutes; Daly 2006, abstract."""
    found = float(c.daly_interval(5.0 * MINUTE, hours * 3600.0)) / MINUTE
    assert found == pytest.approx(minutes, rel=0.01)


def test_a_checkpoint_longer_than_two_times_to_interrupt_is_taken_once_in_one():
    assert float(c.daly_interval(1000.0, 400.0)) == 400.0


@pytest.mark.parametrize("blocking", [3.0, 30.0, 300.0])
def test_the_interval_of_daly_is_the_best_of_the_closed_form(blocking):
    saving = SYNCHRONOUS._replace(blocking=blocking)
    best = float(c.daly_interval(blocking, STOP.mtti))
    tried = [float(goodput(t, saving, STOP)) for t in np.geomspace(best / 4, best * 4, 201)]
    assert max(tried) - float(goodput(best, saving, STOP)) < 1e-4


def test_the_goodput_of_thirty_minutes_is_0_5936():
    best = float(c.daly_interval(30.0, STOP.mtti))
    assert best / MINUTE == pytest.approx(5.15, abs=0.005)
    assert float(goodput(best, SYNCHRONOUS, STOP)) == pytest.approx(0.5935, abs=1e-4)


def test_nothing_is_lost_where_nothing_fails():
    never = c.Interruption(1e15, 600.0)
    assert float(goodput(1e6, SYNCHRONOUS._replace(blocking=0.0), never)) == pytest.approx(1.0)


def test_a_checkpoint_without_time_costs_the_overheads_of_failures_alone():
    found = float(goodput(1e-3, SYNCHRONOUS._replace(blocking=0.0), STOP))
    assert found == pytest.approx(np.exp(-1.0 / 3.0), rel=1e-6)


def test_a_copy_that_is_never_lost_needs_no_storage():
    kept = NEAR._replace(lost=0.0)
    assert float(goodput(100.0, kept, STOP)) == float(
        goodput(100.0, kept._replace(far_interval=0.0), STOP)
    )


@given(times, times, st.floats(0.0, 1e4), st.floats(0.0, 1e4), st.floats(0.0, 1.0))
def test_goodput_is_a_share_and_every_loss_lowers_it(interval, mtti, blocking, restart, lost):
    stop, saving = c.Interruption(mtti, restart), c.Saving(blocking, 5.0, lost, 3600.0)
    found = float(goodput(interval, saving, stop))
    assert 0.0 <= found <= 1.0
    for worse in (
        (saving._replace(blocking=blocking + 10.0), stop),
        (saving._replace(lag=10.0), stop),
        (saving._replace(lost=min(1.0, lost + 0.1)), stop),
        (saving, stop._replace(restart=restart + 10.0)),
    ):
        assert float(goodput(interval, *worse)) <= found * (1.0 + 1e-12)


def test_one_write_ends_before_the_next_begins():
    long = NEAR._replace(lag=2000.0)
    assert float(c.overlapped_interval(long, STOP.mtti)) + long.blocking == 2000.0
    assert float(c.overlapped_interval(NEAR, STOP.mtti)) == pytest.approx(np.sqrt(4.0 * 1800.0))


def test_a_checkpoint_of_bloom_takes_its_40_seconds_at_58_gigabytes_per_second():
    """2.3 TB in 40 s: stas00/ml-engineering, training/fault-tolerance."""
    assert float(c.transfer_time(2.3e12, 57.5e9)) == pytest.approx(40.0)


def test_only_further_readers_read_weights_again():
    assert float(c.restart_read(14.0, 2.0, 1.0)) == 14.0
    assert float(c.restart_read(14.0, 2.0, 0.0)) == 14.0
    assert float(c.restart_read(14.0, 2.0, 128.0)) == 14.0 + 254.0


def test_slopes_have_their_signs():
    check_gradient(lambda b: c.goodput(300.0, NEAR._replace(blocking=b), STOP), 2.0, -1)
    check_gradient(lambda p: c.goodput(300.0, NEAR._replace(lost=p), STOP), 0.05, -1)
    check_gradient(lambda m: c.goodput(300.0, NEAR, STOP._replace(mtti=m)), 1800.0, 1)
    check_gradient(lambda m: c.daly_interval(30.0, m), 1800.0, 1)
    check_gradient(lambda b: c.overlapped_interval(NEAR._replace(blocking=b), 1800.0), 2.0, 1)


@pytest.mark.parametrize("mtti", [1.0, 600.0, 1e5, 1e8])
@pytest.mark.parametrize("lost", [0.0, 1.0])
def test_values_and_slopes_are_finite_in_single_precision(mtti, lost):
    def value(m, b, p):
        saving = c.Saving(b, 30.0, p, 3600.0)
        interval = c.daly_interval(b, m) + c.overlapped_interval(saving, m)
        return c.goodput(interval, saving, c.Interruption(m, 600.0))

    with jax.enable_x64(False):
        arguments = [np.float32(value) for value in (mtti, 0.0, lost)]
        found = compiled(jax.value_and_grad(value, (0, 1, 2)))(*arguments)
    assert all(np.isfinite(leaf) for leaf in jax.tree.leaves(found))
