"""Restarts and elastic data parallelism: parts, limits, published points, slopes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfmodel_kernels.recovery import Elastic, Restart, elastic_goodput, restart_time
from tests.kernels.difference import check_gradient

PARTS = Restart(13.0, 0.0, 50.0, 12.7, 0.0)


def test_parts_of_a_published_recovery_add_up():
    """48 slices of v5e-16: 13 s to detect, 50 to reschedule, 5.4 to restore, 12.7 to start."""
    assert float(restart_time(PARTS, 768.0, 5.4)) == pytest.approx(81.1)


def test_chips_add_what_they_add():
    grown = PARTS._replace(initialize_per_chip=4e-3)
    assert restart_time(grown, 1e5, 0.0) - restart_time(PARTS, 1e5, 0.0) == pytest.approx(400.0)


def test_a_stall_of_three_minutes_every_eighteen_keeps_83_per_cent():
    """98,304 chips with fault-tolerant HSDP keep 80 %: arXiv 2602.00277, abstract."""
    found = float(elastic_goodput(0.0, 18.0 * 60.0, Elastic(0.0, 180.0)))
    assert found == pytest.approx(1.0 - 3.0 / 18.0)


def test_a_stall_without_end_keeps_nothing():
    assert float(elastic_goodput(0.01, 600.0, Elastic(600.0, 1200.0))) == 0.0


def test_one_replica_that_is_the_job_waits_for_its_return():
    assert float(elastic_goodput(1.0, 1800.0, Elastic(600.0, 0.0))) == pytest.approx(0.75)


@given(st.floats(1e-5, 1.0), st.floats(60.0, 1e6), st.floats(0.0, 1e4))
def test_smaller_replicas_never_lose_more(share, mtti, rejoin):
    elastic = Elastic(rejoin, 10.0)
    found = float(elastic_goodput(share, mtti, elastic))
    assert 0.0 <= found <= float(elastic_goodput(0.5 * share, mtti, elastic)) <= 1.0


def test_slopes_have_their_signs():
    elastic = Elastic(600.0, 30.0)
    check_gradient(lambda share: elastic_goodput(share, 1800.0, elastic), 0.01, -1)
    check_gradient(lambda mtti: elastic_goodput(0.01, mtti, elastic), 1800.0, 1)
    check_gradient(lambda n: restart_time(PARTS._replace(initialize_per_chip=4e-3), n, 9.0), 1e5, 1)
