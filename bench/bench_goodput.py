"""Runs of months drawn failure by failure: 4,096 of 54 days on 100,000 chips."""

from collections.abc import Callable

from perfmodel.engine.goodput import draw_runs
from perfmodel_kernels.checkpoints import Interruption, Saving
from perfmodel_kernels.failure_run import Run

RUN = Run(54.0 * 86400.0, 309.0, Saving(30.0, 0.0, 0.0, 0.0), Interruption(1800.0, 600.0), 1.0)
"""A stop every half hour."""


def test_draw_runs(ratio_of: Callable[..., float]) -> None:
    assert ratio_of(lambda: draw_runs(RUN, 4096).goodput, "draw_4096_runs", rounds=3) > 0.0
