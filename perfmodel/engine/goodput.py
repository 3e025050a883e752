"""Evaluates the goodput of jobs: one, a map over rates and restarts, and many runs drawn."""

import math
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple

import jax
import numpy as np
from numpy.typing import NDArray

from perfmodel.engine.run import Kept, compiled
from perfmodel_kernels._typing import Real
from perfmodel_kernels.failure_run import BLOCK, Run, failure_events, failure_run
from perfmodel_kernels.failure_run import Kept as Outcome
from perfmodel_kernels.job_goodput import (
    Habits,
    JobGoodput,
    Spread,
    Store,
    job_goodput,
    useful_share,
)
from perfmodel_kernels.recovery import Restart

SPARE_DEVIATIONS = 8.0
"""Standard deviations of the number of failures that are drawn beyond its mean."""

START, FAILURE, END = 0, 1, 2
"""Kinds of event."""

MILLISECONDS = 1000.0
"""Of a second."""

FEW = 32
"""Jobs per call of :func:`evaluate_goodputs`."""

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
    return evaluate_goodputs([job])[0]


def evaluate_goodputs(jobs: Sequence[Job]) -> list[JobGoodput]:
    """Evaluates jobs.

    Parameters
    ----------
    jobs
        Chips, failures and storage of each; failures in as many classes.

    Returns
    -------
    list[JobGoodput]
        Numbers.
    """
    return _by_few(_few(), jobs)


def useful_shares(jobs: Sequence[Job], way: float) -> list[float]:
    """Share of the throughput of each job that becomes work.

    Parameters
    ----------
    jobs
        As for :func:`evaluate_goodputs`.
    way
        Code of the way to save.

    Returns
    -------
    list[float]
        Shares.
    """
    return _by_few(lambda few: _shares()(few, np.float32(way)), jobs)


def _by_few(program: Callable, jobs: Sequence[Job]) -> list:
    """Trees of numbers from a program of :data:`FEW` jobs, the last call filled up."""
    found: list = []
    for start in range(0, len(jobs), FEW):
        part = list(jobs[start : start + FEW])
        padded = [jax.tree.leaves(job) for job in part + part[-1:] * (FEW - len(part))]
        columns = [np.array(column, np.float32) for column in zip(*padded, strict=True)]
        many = program(jax.tree.unflatten(jax.tree.structure(part[0]), columns))
        many = jax.tree.map(lambda leaf: np.asarray(leaf).tolist(), many)
        found += [
            jax.tree.map(lambda own, place=place: own[place], many, is_leaf=_is_list)
            for place in range(len(part))
        ]
    return found


def _is_list(tree: Any) -> bool:
    return isinstance(tree, list)


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
    kept = jax.tree.map(np.asarray, _many()(_seeds(runs), _floats(run), _blocks(run)))
    low, high = np.percentile(kept.goodput, (5.0, 95.0))
    return Drawn(
        goodput=float(kept.goodput.mean(dtype=float)),
        error=float(kept.goodput.std(dtype=float) / math.sqrt(runs)),
        low=float(low),
        high=float(high),
        failures=float(kept.failures.mean(dtype=float)),
    )


def draw_events(run: Run, chips: int, seed: int = 0) -> NDArray[np.int64]:
    """Draws one run as events, in double precision: weeks to the millisecond.

    Parameters
    ----------
    run
        The job over a stretch of time.
    chips
        Chips of the job, all of which stand still.
    seed
        Number of the run: the same number the same events.

    Returns
    -------
    NDArray[np.int64]
        Rows of time [ms], kind, chips and how long they stand still [ms]: the start, the failures
        in their order, the end.
    """
    with jax.enable_x64(True):
        given = jax.tree.map(np.float64, run)
        event = jax.tree.map(np.asarray, _events()(np.int32(seed), given, _blocks(run)))
    happened = int((event.time < run.horizon).sum())
    times = [0.0, *event.time[:happened], run.horizon]
    kinds = [START, *[FAILURE] * happened, END]
    stalls = [*event.stall[: happened + 1], 0.0]
    columns = (MILLISECONDS * np.array(times), kinds, [chips] * len(kinds),
               MILLISECONDS * np.array(stalls))  # fmt: skip
    return np.stack([np.rint(column).astype(np.int64) for column in columns], axis=1)


def _blocks(run: Run) -> NDArray[np.int32]:
    """Numbers of as many blocks of failures as may happen."""
    expected = run.horizon / run.interruption.mtti
    most = expected + SPARE_DEVIATIONS * math.sqrt(expected / min(1.0, run.shape) ** 2) + BLOCK
    return np.arange(math.ceil(most / BLOCK), dtype=np.int32)


def _seeds(runs: int) -> np.ndarray:
    return np.arange(runs, dtype=np.int32)


def _floats(tree: Any) -> Any:
    return jax.tree.map(np.float32, tree)


def _all(jobs: Job) -> JobGoodput:
    return jax.vmap(job_goodput)(*jobs)


def _all_shares(jobs: Job, way: jax.Array) -> Real:
    return jax.vmap(lambda job: useful_share(job_goodput(*job), way))(jobs)


@cache
def _few() -> Callable:
    return Kept(_all, ("goodput of a few jobs",))


@cache
def _shares() -> Callable:
    return Kept(_all_shares, ("useful shares of a few jobs",))


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
def _events() -> Callable:
    return compiled(failure_events)


@cache
def _many() -> Callable:
    def batch(seeds: jax.Array, run: Run, blocks: jax.Array) -> Outcome:
        return jax.vmap(failure_run, in_axes=(0, None, None))(seeds, run, blocks)

    return compiled(batch)
