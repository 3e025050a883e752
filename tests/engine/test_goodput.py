"""Goodput in single precision: one job, a map that agrees with it, runs that agree with it."""

import numpy as np
import pytest

from perfmodel.engine.goodput import Job, draw_runs, evaluate_goodput, goodput_map
from perfmodel_kernels.checkpoints import Interruption, Saving
from perfmodel_kernels.failure_run import Run
from perfmodel_kernels.job_goodput import job_goodput
from tests.kernels.test_job_goodput import HABITS, SPREAD, STORE

JOB = Job(SPREAD, HABITS, STORE)
MONTHS = 54.0 * 86400.0


def test_single_precision_holds_four_digits():
    np.testing.assert_allclose(evaluate_goodput(JOB), job_goodput(*JOB), rtol=1e-4)


def test_the_map_holds_the_job_at_its_own_rate_and_restart():
    found = evaluate_goodput(JOB)
    cells = goodput_map(JOB, [0.5, 1.0, 2.0], [60.0, found.restart])
    assert cells[1, 1] == pytest.approx(found.asynchronous, rel=1e-4)
    assert (np.diff(cells, axis=0) < 0.0).all()
    assert (np.diff(cells, axis=1) < 0.0).all()


def test_drawn_runs_agree_with_the_closed_form():
    found = evaluate_goodput(JOB)
    saving = Saving(found.stage, found.write, 0.0, 0.0)
    stop = Interruption(found.mtti, found.restart)
    run = Run(MONTHS, found.asynchronous_interval, saving, stop, 1.0)
    drawn = draw_runs(run, 1024)
    assert drawn.goodput == pytest.approx(found.asynchronous, abs=1e-3 + 4.0 * drawn.error)
    assert drawn.low < drawn.goodput < drawn.high
    assert drawn.failures == pytest.approx(MONTHS / found.mtti, rel=0.01)


def test_bursts_of_failures_keep_more_than_the_same_number_spread_out():
    saving, stop = Saving(30.0, 0.0, 0.0, 0.0), Interruption(1800.0, 600.0)
    spread, bursts = (draw_runs(Run(MONTHS, 309.0, saving, stop, k), 256) for k in (1.0, 0.78))
    assert bursts.goodput > spread.goodput + 0.02
