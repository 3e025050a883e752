"""One run of months, failure by failure: the goodput by Monte Carlo, and its list of events."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jax.scipy.special import gammaln

from perfmodel_kernels._typing import Place, Places, Real, Scalar
from perfmodel_kernels.checkpoints import Interruption, Saving

BLOCK = 16
"""Failures that are drawn at once."""

UNROLLED = 4
"""Of them, how many a turn of the loop holds: more take longer to compile, fewer to run."""

LEAST = 1e-7
"""Least chance that is drawn: single precision holds one less as much."""

LARGEST_CHANCE = 0.999
"""Of losing a near copy in the draw; the rest of the interval gives the time to the failure."""


class Run(NamedTuple):
    """A job over a stretch of time."""

    horizon: Scalar
    """Length of the run. [s]"""
    interval: Scalar
    """Work between two checkpoints. [s]"""
    saving: Saving
    interruption: Interruption
    shape: Scalar
    """Shape of the Weibull times between failures; 1 is exponential."""


class Kept(NamedTuple):
    """What a run has done."""

    goodput: Real
    """Work that is kept over the length of the run."""
    failures: Real
    """Failures within it."""
    covered: Real
    """Share of the run that the drawn failures reach over: 1, or more had to be drawn."""


class Event(NamedTuple):
    """One failure."""

    time: Real
    """Since the start of the run; at its end where there was no more failure. [s]"""
    stall: Real
    """Restart before the next failure or the end. [s]"""
    work: Real
    """Work that is kept so far. [s]"""


def failure_run(seed: Place, run: Run, blocks: Places) -> Kept:
    """Goodput of one run, drawn.

    Times between failures are independent, each counted from the failure before it; a failure may
    strike a restart. Work goes back to the last checkpoint that counts, and with its chance to
    the last one in storage.

    Parameters
    ----------
    seed
        Number of the run, whole: another one draws other failures.
    run
        The job.
    blocks
        Numbers of the blocks of :data:`BLOCK` failures, enough for the most that may happen.

    Returns
    -------
    Kept
        What it has done.
    """
    (clock, work, count), _ = lax.scan(
        _block(jax.random.key(seed), run, kept=False), _start(run), blocks
    )
    return Kept(work / run.horizon, count, clock / run.horizon)


def failure_events(seed: Place, run: Run, blocks: Places) -> Event:
    """The same run as a list of events.

    Parameters
    ----------
    seed, run, blocks
        As for :func:`failure_run`.

    Returns
    -------
    Event
        An array of the failures each.
    """
    events = lax.scan(_block(jax.random.key(seed), run, kept=True), _start(run), blocks)[1]
    return jax.tree.map(jnp.ravel, events)


def _start(run: Run) -> tuple:
    zero = jnp.zeros_like(jnp.asarray(run.horizon) + 0.0)
    return zero, zero, zero


def _block(key: jax.Array, run: Run, *, kept: bool) -> Callable:
    """Step over a block of failures; its events are kept or forgotten."""
    fail = _failing(run)

    def step(carry: tuple, block: jax.Array) -> tuple:
        kind = carry[0].dtype
        drawn = jax.random.uniform(jax.random.fold_in(key, block), (BLOCK,), kind)
        carry, events = lax.scan(fail, carry, drawn, unroll=UNROLLED)
        return carry, events if kept else None

    return step


def _failing(run: Run) -> Callable:
    """What one failure does to clock, work and count, from one uniform number."""
    saving, restart = run.saving, run.interruption.restart
    power = 1.0 / jnp.asarray(run.shape)
    scale = run.interruption.mtti / jnp.exp(gammaln(1.0 + power))
    segment = run.interval + saving.blocking
    far = jnp.maximum(saving.far_interval, run.interval)
    lost = jnp.clip(saving.lost, 0.0, LARGEST_CHANCE)

    def fail(carry: tuple, drawn: jax.Array) -> tuple:
        clock, work, count = carry
        destroyed = drawn < lost
        fresh = jnp.where(
            destroyed, drawn / jnp.maximum(lost, LEAST), (drawn - lost) / (1.0 - lost)
        )
        gap = scale * jnp.exp(power * jnp.log(-jnp.log(jnp.clip(fresh, LEAST, 1.0 - LEAST))))
        left = run.horizon - clock
        happens = gap < left
        gap = jnp.minimum(gap, left)
        done = jnp.maximum(gap - restart, 0.0)
        segments = jnp.floor(done / segment)
        unsaved = (done - segments * segment < saving.lag) & (segments > 0.0)
        work = work + run.interval * (segments - jnp.where(unsaved, 1.0, 0.0))
        work = jnp.where(destroyed & happens, jnp.floor(work / far) * far, work)
        clock = clock + gap
        count = count + jnp.where(happens, 1.0, 0.0)
        return (clock, work, count), Event(clock, jnp.minimum(gap, restart), work)

    return fail
