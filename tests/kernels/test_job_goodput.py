"""Goodput of a whole job: a hand-made case, limits, bounds, slopes, single precision."""

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perfmodel_kernels.checkpoints import Interruption, Saving, goodput
from perfmodel_kernels.job_goodput import (
    ASYNCHRONOUS,
    ELASTIC,
    MEMORY,
    SYNCHRONOUS,
    Habits,
    Spread,
    Store,
    job_goodput,
    useful_share,
)
from perfmodel_kernels.recovery import Elastic, Restart
from perfmodel_kernels.reliability import Failures, SlowNodes
from tests.kernels.compiling import compiled
from tests.kernels.difference import check_gradient

RATE = 0.00379 / 8.0 / 86400.0
"""419 interruptions of 16,384 chips in 54 days: arXiv 2407.21783, table 5. [1/s]"""

SPREAD = Spread(1e5, 1024.0, 98.0, 5.0, 1024.0, 1000.0)
HABITS = Habits(
    failures=Failures(np.array([0.9, 0.1]) * RATE, np.array([8.0, 72.0])),
    restart=Restart(30.0, 10.0, 50.0, 12.7, 5e-3),
    elastic=Elastic(600.0, 180.0),
    slow=SlowNodes(RATE / 10.0, 600.0, 1.34),
    corruption=2.83e-7 / 3600.0,
    corruption_latency=1800.0,
    repair=86400.0,
    covered=0.99,
    unit=8.0,
    maintenance_interval=99360.0,
)
STORE = Store(5.7e12, 0.8e12, 2e12, 2e12, 0.0, 64e9, 50e9, 0.05)

whole = compiled(job_goodput)


def test_a_gigafactory_stops_every_half_hour():
    """30 minutes at 100,000 chips and 3.79 failures per 1,000 node-days."""
    assert float(whole(SPREAD, HABITS, STORE).mtti) / 60.0 == pytest.approx(30.4, abs=0.1)


def test_ways_to_save_are_the_closed_forms_of_their_times():
    found = whole(SPREAD, HABITS, STORE)
    assert float(found.write) == pytest.approx(2.85)
    stop = Interruption(float(found.mtti), 602.7 + 2.85)
    assert float(found.restart) == pytest.approx(stop.restart)
    blocking = Saving(2.85, 0.0, 0.0, 0.0)
    expected = float(goodput(float(found.synchronous_interval), blocking, stop))
    assert float(found.synchronous) == pytest.approx(expected)


def test_saving_in_the_background_beats_standing_still():
    found = whole(SPREAD, HABITS, STORE._replace(write=1e11))
    assert float(found.synchronous) < float(found.asynchronous) < float(found.memory)


def test_no_interval_is_shorter_than_a_step():
    found = whole(SPREAD._replace(step=1e4), HABITS, STORE)
    assert {float(getattr(found, f"{way}_interval")) for way in ("synchronous", "memory")} == {1e4}


def test_every_replica_that_reads_by_itself_lengthens_the_restart():
    quiet, storm = (whole(SPREAD, HABITS, STORE._replace(readers=share)) for share in (0.0, 1.0))
    assert float(storm.load) == pytest.approx((5.7e12 + 97.0 * 0.8e12) / 2e12)
    assert float(storm.asynchronous) < float(quiet.asynchronous)
    assert float(storm.memory) == float(quiet.memory)


def test_spares_cover_the_99th_percentile_of_nodes_in_repair():
    """A day of 47 failures, a tenth of which take a domain of nine nodes."""
    from scipy.stats import poisson

    mean = 1e5 * RATE * 86400.0 * (0.9 * 8.0 + 0.1 * 72.0) / 8.0
    assert float(whole(SPREAD, HABITS, STORE).spares) == 8.0 * poisson.ppf(0.99, mean)


def test_an_elastic_job_of_small_replicas_loses_less():
    small, large = (whole(SPREAD._replace(replica=g), HABITS, STORE) for g in (64.0, 32768.0))
    assert float(small.elastic) > float(large.elastic)


def test_a_pool_of_spares_that_covers_the_99th_percentile_lacks_a_hundredth_of_the_time():
    pool = float(whole(SPREAD, HABITS, STORE).spares)
    found = float(whole(SPREAD._replace(spares=pool), HABITS, STORE).shortage)
    assert 1.0 - 2e-4 < found < 1.0


def test_without_spares_large_replicas_lose_more():
    bare = SPREAD._replace(spares=0.0)
    small, large = (whole(bare._replace(model=g), HABITS, STORE) for g in (64.0, 8192.0))
    assert float(large.shortage) < float(small.shortage) < 1.0
    lost = 1.0 - float(small.shortage)
    mean = 1e5 * RATE * 86400.0 * (0.9 * 8.0 + 0.1 * 72.0)
    assert lost == pytest.approx((mean + 56.0) / 1e5, rel=1e-3)


def test_the_useful_share_takes_the_way_that_is_asked_for():
    found = whole(SPREAD, HABITS, STORE)
    rest = float(found.corruption * found.slow * found.maintenance * found.shortage)
    ways = {SYNCHRONOUS: "synchronous", ASYNCHRONOUS: "asynchronous", MEMORY: "memory"}
    for code, name in (ways | {ELASTIC: "elastic"}).items():
        expected = float(getattr(found, name)) * rest
        assert float(useful_share(found, code)) == pytest.approx(expected)


def test_a_machine_that_never_fails_keeps_nearly_everything():
    never = HABITS._replace(failures=HABITS.failures._replace(rate=np.array([1e-17, 1e-18])))
    found = whole(SPREAD, never, STORE)
    for way in ("synchronous", "asynchronous", "memory", "elastic"):
        assert float(getattr(found, way)) > 0.999


@settings(deadline=None)
@given(st.floats(8.0, 1e6), st.floats(1e10, 1e14), st.floats(0.1, 10.0))
def test_shares_are_shares_and_more_chips_keep_less(chips, write, factor):
    failures = HABITS.failures._replace(rate=HABITS.failures.rate * factor)
    habits, store = HABITS._replace(failures=failures), STORE._replace(write=write)
    few, many = (whole(SPREAD._replace(chips=n), habits, store) for n in (chips, 2.0 * chips))
    for way in ("asynchronous", "corruption", "slow", "maintenance"):
        assert (
            0.0 <= float(getattr(many, way)) <= float(getattr(few, way)) * (1 + 1e-9) <= 1.0 + 1e-9
        )


def test_slopes_have_their_signs():
    def share(store: Store, rate: float = 1.0):
        failures = HABITS.failures._replace(rate=HABITS.failures.rate * rate)
        return job_goodput(SPREAD, HABITS._replace(failures=failures), store).asynchronous

    slow = STORE._replace(write=1e10)
    check_gradient(lambda write: share(slow._replace(write=write)), 1e10, 1)
    check_gradient(lambda rate: share(STORE, rate), 1.0, -1)


def test_values_and_slopes_are_the_same_in_single_precision():
    def share(write, rate):
        failures = HABITS.failures._replace(rate=HABITS.failures.rate * rate)
        habits, store = HABITS._replace(failures=failures), STORE._replace(write=write)
        return job_goodput(SPREAD, habits, store).asynchronous

    double = jax.value_and_grad(share, (0, 1))(1e10, 1.0)
    with jax.enable_x64(False):
        single = jax.value_and_grad(share, (0, 1))(np.float32(1e10), np.float32(1.0))
    np.testing.assert_allclose(single[0], double[0], rtol=1e-4)
    np.testing.assert_allclose(single[1], double[1], rtol=1e-3)
