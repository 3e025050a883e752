"""Goodput of one job on one machine: failures, restart, checkpoints and spares put together."""

from typing import NamedTuple

import jax.numpy as jnp

from perfmodel_kernels._typing import Real, Scalar
from perfmodel_kernels.checkpoints import (
    Interruption,
    Saving,
    daly_interval,
    goodput,
    overlapped_interval,
    restart_read,
    transfer_time,
)
from perfmodel_kernels.recovery import Elastic, Restart, elastic_goodput, restart_time
from perfmodel_kernels.reliability import (
    Failures,
    SlowNodes,
    chips_in_repair,
    chips_lost,
    corruption_factor,
    maintenance_factor,
    mean_time_to_interrupt,
    poisson_quantile,
    shortage_factor,
    slow_node_factor,
    spare_shortage,
)

SYNCHRONOUS, ASYNCHRONOUS, MEMORY, ELASTIC = 0.0, 1.0, 2.0, 3.0
"""Codes of the ways to save the state and come back."""


class Spread(NamedTuple):
    """How the job lies on the machine."""

    chips: Scalar
    """Chips of the job."""
    replica: Scalar
    """Chips that stop together when one of them is lost to an elastic job."""
    replicas: Scalar
    """Data-parallel replicas."""
    step: Scalar
    """Step time, the least work between checkpoints. [s]"""
    model: Scalar
    """Chips that hold the model once."""
    spares: Scalar
    """Chips of the site that the job leaves."""


class Habits(NamedTuple):
    """How the machine fails and what is done about it."""

    failures: Failures
    restart: Restart
    elastic: Elastic
    slow: SlowNodes
    corruption: Scalar
    """Silent corruptions per chip. [1/s]"""
    corruption_latency: Scalar
    """Until one shows. [s]"""
    repair: Scalar
    """Until failed hardware is back. [s]"""
    covered: Scalar
    """Share of the time in which the spares suffice."""
    unit: Scalar
    """Chips of one spare: a node."""
    maintenance_interval: Scalar
    """Running time between planned stops. [s]"""


class Store(NamedTuple):
    """What a checkpoint holds and where it goes."""

    state: Scalar
    """The whole. [B]"""
    weights: Scalar
    """Its weights. [B]"""
    write: Scalar
    """Bandwidth of the storage, written by the whole job. [B/s]"""
    read: Scalar
    """The same, read. [B/s]"""
    readers: Scalar
    """Share of the replicas that read weights themselves."""
    host_link: Scalar
    """From a chip to the memory of its host. [B/s]"""
    peer_link: Scalar
    """From a chip's host to another host. [B/s]"""
    peer_loss: Scalar
    """Chance that a failure takes the copy of a peer along."""


class JobGoodput(NamedTuple):
    """What is left of the time, by way to save."""

    mtti: Real
    """Mean time to interrupt. [s]"""
    restart: Real
    """From a failure until steps go on, with the read from storage. [s]"""
    load: Real
    """Of it, the read. [s]"""
    write: Real
    """Time of a checkpoint to storage. [s]"""
    stage: Real
    """Time of a chip's share to the memory of its host. [s]"""
    spares: Real
    """Chips that wait as spares, a share of the covered time enough."""
    synchronous_interval: Real
    """Work between synchronous checkpoints. [s]"""
    asynchronous_interval: Real
    """Work between asynchronous checkpoints. [s]"""
    memory_interval: Real
    """Work between copies in the memory of peers. [s]"""
    synchronous: Real
    """Goodput with synchronous checkpoints."""
    asynchronous: Real
    """Goodput with asynchronous checkpoints."""
    memory: Real
    """Goodput with copies in the memory of peers and in storage: two levels."""
    elastic: Real
    """Goodput of data parallelism that goes on without lost replicas."""
    corruption: Real
    """Share that silent corruption leaves."""
    slow: Real
    """Share that slow nodes leave."""
    maintenance: Real
    """Share that planned stops leave."""
    shortage: Real
    """Share that a lack of spares leaves."""


def job_goodput(spread: Spread, habits: Habits, store: Store) -> JobGoodput:
    r"""Goodput of a job by the way it saves its state, each at its best interval.

    Synchronous checkpoints block for the write. Asynchronous ones block for the copy to host
    memory and lag by the write. Copies in the memory of peers block as long, lag by the copy
    between hosts and are read back from there; those in storage follow one
    another as quickly as they can be written, and a share of the failures falls back to them. No
    interval is shorter than a step.

    Parameters
    ----------
    spread
        Chips and replicas.
    habits
        Failures and what is done about them.
    store
        Sizes and bandwidths.

    Returns
    -------
    JobGoodput
        Shares, intervals and times.
    """
    mtti = mean_time_to_interrupt(spread.chips, habits.failures)
    share = store.state / spread.chips
    stage = transfer_time(share, store.host_link)
    write = jnp.maximum(transfer_time(store.state, store.write), stage)
    read = restart_read(store.state, store.weights, store.readers * spread.replicas)
    load = transfer_time(read, store.read)
    stop = Interruption(mtti, restart_time(habits.restart, spread.chips, load))
    near = Interruption(mtti, restart_time(habits.restart, spread.chips, stage))
    nothing = jnp.zeros_like(mtti)
    blocking = Saving(write, nothing, nothing, nothing)
    lagging = Saving(stage, write, nothing, nothing)
    copied = transfer_time(share, store.peer_link)
    doubled = Saving(stage, copied, store.peer_loss, jnp.maximum(write, spread.step))
    every = jnp.maximum(daly_interval(write, mtti), spread.step)
    flushed = jnp.maximum(overlapped_interval(lagging, mtti), spread.step)
    kept = jnp.maximum(overlapped_interval(doubled, mtti), spread.step)
    lost = chips_lost(spread.replica, habits.failures) / spread.chips
    waiting = chips_in_repair(spread.chips, habits.repair, habits.failures) / habits.unit
    short = spare_shortage(waiting, spread.spares / habits.unit)
    return JobGoodput(
        mtti=mtti,
        restart=stop.restart,
        load=load,
        write=write,
        stage=stage,
        spares=habits.unit * poisson_quantile(waiting, habits.covered),
        synchronous_interval=every,
        asynchronous_interval=flushed,
        memory_interval=kept,
        synchronous=goodput(every, blocking, stop),
        asynchronous=goodput(flushed, lagging, stop),
        memory=goodput(kept, doubled, near),
        elastic=elastic_goodput(jnp.minimum(lost, 1.0), mtti, habits.elastic),
        corruption=corruption_factor(spread.chips, habits.corruption, habits.corruption_latency),
        slow=slow_node_factor(spread.chips, habits.slow),
        maintenance=maintenance_factor(stop.restart, habits.maintenance_interval),
        shortage=shortage_factor(short, spread.model, habits.unit, spread.chips),
    )


def useful_share(found: JobGoodput, way: Scalar) -> Real:
    r"""Share of the throughput of a step that becomes work which is kept.

    .. math:: U = G f_{corr} f_{slow} f_{maint} f_{spare}

    Parameters
    ----------
    found
        Shares.
    way
        Code of the way to save.

    Returns
    -------
    Real
        Share.
    """
    kept = jnp.where(
        jnp.asarray(way) < MEMORY,
        jnp.where(jnp.asarray(way) < ASYNCHRONOUS, found.synchronous, found.asynchronous),
        jnp.where(jnp.asarray(way) < ELASTIC, found.memory, found.elastic),
    )
    return kept * found.corruption * found.slow * found.maintenance * found.shortage
