"""Evaluates the goodput of jobs: one, a map over rates and restarts, and many runs drawn."""

import math
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple

import jax
import numpy as np

from perfmodel.engine.run import compiled, compiled_once
from perfmodel_kernels._typing import Real
from perfmodel_kernels.failure_run import BLOCK, Kept, Run, failure_run
from perfmodel_kernels.job_goodput import Habits, JobGoodput, Spread, Store, job_goodput
from perfmodel_kernels.recovery import Restart

SPARE_DEVIATIONS = 8.0
"""Standard deviations of the number of failures that are drawn beyond its mean."""

INSTANT = 1e18
"""Read bandwidth of a restart whose time is given as a whole. [B/s]"""


class Job(NamedTuple):
    """All that decides the goodput of a job."""

    spread: Spread
    habits: Habits
    store: Store


class Drawn(NamedTuple):
    """What many drawn runs have kept."""

    goodput: float
    """Mean."""
    error: float
    """Standard error of the mean."""
    low: float
    """5th percentile of the runs."""
    high: float
    """95th percentile of the runs."""
    failures: float
    """Mean number of failures of a run."""


def evaluate_goodput(job: Job) -> JobGoodput:
    """Evaluates one job.

    Parameters
    ----------
    job
        Chips, failures and storage.

    Returns
    -------
    JobGoodput
        Numbers.
    """
    return jax.tree.map(float, _single()(*_floats(job)))


def goodput_map(job: Job, rates: Sequence[float], restarts: Sequence[float]) -> np.ndarray:
    """Goodput with asynchronous checkpoints over the rate of failures and the time of a restart.

    Parameters
    ----------
    job
        The job; its rates are scaled and its restart is replaced.
    rates
        Factors on the rates of failure.
    restarts
        Times from a failure until steps go on. [s]

    Returns
    -------
    np.ndarray
        A row per rate.
    """
    grid = [np.ravel(axis) for axis in np.meshgrid(rates, restarts, indexing="ij")]
    found = _over_grid()(_floats(job), *(axis.astype(np.float32) for axis in grid))
    return np.asarray(found, float).reshape(len(rates), len(restarts))


def draw_runs(run: Run, runs: int) -> Drawn:
    """Draws runs failure by failure.

    Parameters
    ----------
    run
        The job over a stretch of time.
    runs
        How many.

    Returns
    -------
    Drawn
        Mean, its error and the spread.
    """
    expected = run.horizon / run.interruption.mtti
    most = expected + SPARE_DEVIATIONS * math.sqrt(expected / min(1.0, run.shape) ** 2) + BLOCK
    blocks = np.arange(math.ceil(most / BLOCK), dtype=np.int32)
    kept = jax.tree.map(np.asarray, _many()(_seeds(runs), _floats(run), blocks))
    low, high = np.percentile(kept.goodput, (5.0, 95.0))
    return Drawn(
        goodput=float(kept.goodput.mean(dtype=float)),
        error=float(kept.goodput.std(dtype=float) / math.sqrt(runs)),
        low=float(low),
        high=float(high),
        failures=float(kept.failures.mean(dtype=float)),
    )


def _seeds(runs: int) -> np.ndarray:
    return np.arange(runs, dtype=np.int32)


def _floats(tree: Any) -> Any:
    return jax.tree.map(np.float32, tree)


@cache
def _single() -> Callable:
    return compiled_once(job_goodput)


@cache
def _over_grid() -> Callable:
    def one(job: Job, rate: jax.Array, restart: jax.Array) -> Real:
        spread, habits, store = job
        failures = habits.failures._replace(rate=habits.failures.rate * rate)
        whole = Restart(restart, 0.0, 0.0, 0.0, 0.0)
        changed = habits._replace(failures=failures, restart=whole)
        return job_goodput(spread, changed, store._replace(read=INSTANT)).asynchronous

    return compiled(jax.vmap(one, in_axes=(None, 0, 0)))


@cache
def _many() -> Callable:
    def batch(seeds: jax.Array, run: Run, blocks: jax.Array) -> Kept:
        return jax.vmap(failure_run, in_axes=(0, None, None))(seeds, run, blocks)

    return compiled(batch)
