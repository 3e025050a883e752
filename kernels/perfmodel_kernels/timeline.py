"""What each stage of a pipeline does at every moment of a step, for power over time."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from perfmodel_kernels._typing import Real, Scalar
from perfmodel_kernels.max_plus import OperationTimes, Parts, PartTimes, Sends, operation_times
from perfmodel_kernels.schedule_orders import Orders

PHASES = 13
BUBBLE, RECOMPUTE, FORWARD, BACKWARD, TENSOR, CONTEXT, EXPERT, HOST, OFFLOAD, PIPELINE = range(10)
DATA, OPTIMIZER, OVERHEAD = range(10, PHASES)
"""Codes of the phases: waiting for other stages; computing a forward pass again; computation of a
forward and of a backward pass; communication that is exposed, by kind; waiting for the host's
kernels and memory; the update of the weights; work of the host."""

KINDS = 9
"""Kinds of time of a pass, as `exposure.PassTimes` has them: matrix, attention, memory-bound,
recompute, tensor, context, expert, host, offload."""

IN_A_SLOT = np.arange(DATA, dtype=np.int32)
AT_THE_END = np.array([DATA, BUBBLE, OPTIMIZER, BUBBLE, OVERHEAD], np.int32)
"""Phases in the order in which a stage runs through them; layers alternate faster than that."""

KindsByPart = Float[Array, "kind part"] | Float[np.ndarray, "kind part"]
ByStage = Float[Array, "stage"] | Float[np.ndarray, "stage"]
Slots = Int[Array, "slot stage"] | Int[np.ndarray, "slot stage"]
ByPhase = Float[Array, "slot stage phase"]


class PhaseTimes(NamedTuple):
    """Time of one micro-batch on each part of the model, by kind; exposed communication only."""

    forward: KindsByPart
    """Forward pass. [s]"""
    backward: KindsByPart
    """Backward pass, gradients of the weights included. [s]"""
    weight: Parts
    """What of the backward pass are gradients of weights. [s]"""
    hidden: Parts
    """Communication that a pass hides where it runs together with another one (DualPipe). [s]"""


class Tail(NamedTuple):
    """What follows the pipeline in a step."""

    data: ByStage
    """Exposed collectives of the data-parallel ranks. [s]"""
    straggler: Scalar
    """Waiting for slower workers, before the norm of all gradients. [s]"""
    optimizer: ByStage
    """Update of the weights. [s]"""
    overhead: Scalar
    """Work of the host. [s]"""


class Timeline(NamedTuple):
    """A step as segments; those of each stage follow each other without a gap."""

    phase: Int[Array, "segment"]
    """Code of the phase."""
    start: Float[Array, "segment stage"]
    """Start of a segment. [s]"""
    duration: Float[Array, "segment stage"]
    """Duration; zero where a stage has no such segment. [s]"""
    total: Float[Array, "phase stage"]
    """Time in each phase; adds up to the step on every stage. [s]"""
    activity: Float[Array, "phase stage class"]
    """Share of a phase in which matrix products, attention, memory-bound operators and links are
    at work; what is missing to 1 is waiting."""
    period: Real
    """Time between two micro-batches in the steady state. [s]"""
    step: Real
    """Time of the step. [s]"""


def timeline(times: PhaseTimes, sends: Sends, tail: Tail, orders: Orders) -> Timeline:
    """Lays a step out over time, stage by stage.

    The pipeline runs as `max_plus.operation_times` says. Then each stage reduces its gradients,
    all wait for the norm over the whole model, and update their weights together. Waiting for a
    message counts as bubble; a message that holds its sender is a phase of its own.

    Parameters
    ----------
    times
        Passes by kind and part.
    sends
        Messages between stages.
    tail
        What follows the pipeline.
    orders
        Tables of the schedule.

    Returns
    -------
    Timeline
        Segments, their sums, activity of the chip and periods.
    """
    found = operation_times(_part_times(times), sends, orders)
    slots = jnp.concatenate([_waits(found)[..., None], _phases(times, orders, found)], axis=2)
    begin = found.start - slots[..., BUBBLE]
    starts = begin[..., None] + jnp.cumsum(slots, axis=2) - slots
    clock = found.start[-1] + found.duration[-1] + found.held[-1]
    end_starts, end = _end(clock, tail)
    count, stages = found.start.shape
    duration = jnp.concatenate([_flat(slots), end])
    phase = jnp.asarray(np.concatenate([np.tile(IN_A_SLOT, count), AT_THE_END]))
    step = end_starts[-1, 0] + end[-1, 0]
    return Timeline(
        phase=phase,
        start=jnp.concatenate([_flat(starts), end_starts]),
        duration=duration,
        total=_totals(slots, end),
        activity=_activity(times, orders, stages),
        period=_period(found, orders, times.weight.shape[0]),
        step=step,
    )


def _flat(slots: ByPhase) -> Float[Array, "segment stage"]:
    """Phases of a slot one after the other."""
    return jnp.swapaxes(slots, 1, 2).reshape(-1, slots.shape[1])


def _part_times(times: PhaseTimes) -> PartTimes:
    """Sums over the kinds; the weight gradients stand apart."""
    back = times.backward.sum(0) - times.weight
    return PartTimes(times.forward.sum(0), back, jnp.asarray(times.weight), times.hidden)


def _waits(found: OperationTimes) -> Float[Array, "slot stage"]:
    """Time from the end of the operation before, or from the start of the step."""
    free = found.start + found.duration + found.held
    before = jnp.concatenate([jnp.zeros_like(free[:1]), free[:-1]])
    return jnp.maximum(found.start - before, 0.0)


def _phases(times: PhaseTimes, orders: Orders, found: OperationTimes) -> ByPhase:
    """Phases of every operation, from what it computes again to the message that holds it."""
    ahead, behind = times.forward, times.backward
    none = jnp.zeros_like(times.weight)
    work = behind[:3].sum(0) - times.weight
    rows = (
        jnp.stack([ahead[3], ahead[:3].sum(0), none, *ahead[4:]], axis=1),
        jnp.stack([behind[3], none, work, *behind[4:]], axis=1),
        jnp.stack([none, none, times.weight, *[none] * (KINDS - 4)], axis=1),
    )
    apart = jnp.stack(
        [_padded(row)[orders.parts[..., column]] for column, row in enumerate(rows)]
    ).sum(0)
    together = _together(apart, found.duration)
    return jnp.concatenate([together, found.held[..., None]], axis=2)


def _padded(rows: Float[Array, "part phase"]) -> Float[Array, "more phase"]:
    """Rows of the parts and an empty one."""
    return jnp.concatenate([rows, jnp.zeros_like(rows[:1])])


def _together(apart: ByPhase, duration: Float[Array, "slot stage"]) -> ByPhase:
    """Phases of passes that run together: communication shrinks first, then all else."""
    talk, work = apart[..., 3:].sum(2), apart[..., :3].sum(2)
    talk_left = jnp.clip(duration - work, 0.0, talk)
    talk_share = talk_left / jnp.where(talk > 0.0, talk, 1.0)
    work_share = (duration - talk_left) / jnp.where(work > 0.0, work, 1.0)
    work_apart = apart[..., :3] * work_share[..., None]
    return jnp.concatenate([work_apart, apart[..., 3:] * talk_share[..., None]], axis=2)


def _end(
    clock: Float[Array, "stage"], tail: Tail
) -> tuple[Float[Array, "segment stage"], Float[Array, "segment stage"]]:
    """Starts and durations after the pipeline: gradients, their norm, weights, host."""
    reduced = clock + tail.data
    together = reduced.max() + tail.straggler
    longest = tail.optimizer.max()
    ones = jnp.ones_like(clock)
    updated = together + tail.optimizer
    starts = [clock, reduced, together * ones, updated, (together + longest) * ones]
    waits = together - reduced, longest - tail.optimizer
    durations = [tail.data, waits[0], tail.optimizer, waits[1], tail.overhead * ones]
    return jnp.stack(starts), jnp.stack(durations)


def _totals(slots: ByPhase, end: Float[Array, "segment stage"]) -> Float[Array, "phase stage"]:
    """Durations added up by phase."""
    inside = slots.sum(0).T
    waits = inside[:1] + end[1:2] + end[3:4]
    return jnp.concatenate([waits, inside[1:], end[:1], end[2:3], end[4:]])


def _activity(times: PhaseTimes, orders: Orders, stages: int) -> Float[Array, "phase stage class"]:
    """Mix of what a chip does in each phase; computing again has the mix of a forward pass."""
    ahead = _mix(times.forward, orders.parts[..., 0])
    back = _mix(times.backward, orders.parts[..., 1])
    memory = jnp.broadcast_to(jnp.asarray(np.eye(4)[2], ahead.dtype), (stages, 4))
    links = jnp.broadcast_to(jnp.asarray(np.eye(4)[3], ahead.dtype), (stages, 4))
    rest = jnp.zeros_like(links)
    inside = [rest, ahead, ahead, back, links, links, links, rest, rest, links]
    return jnp.stack([*inside, links, memory, rest])


def _mix(kinds: KindsByPart, parts: Slots) -> Float[Array, "stage class"]:
    """Shares of matrix, attention and memory-bound time in what the stages run."""
    sums = _padded(jnp.asarray(kinds[:3]).T)[parts].sum(0)
    whole = sums.sum(1)
    shares = sums / jnp.where(whole > 0.0, whole, 1.0)[:, None]
    return jnp.concatenate([shares, jnp.zeros_like(shares[:, :1])], axis=1)


def _period(found: OperationTimes, orders: Orders, parts: int) -> Real:
    """Shortest span of a stage over its micro-batches, but no less than the busiest one works."""
    busy = jnp.asarray((orders.parts < parts).any(-1))
    end = found.start + found.duration
    first = jnp.where(busy, found.start, end.max()).min(0)
    last = jnp.where(busy, end, 0.0).max(0)
    work = (found.duration + found.held).sum(0).max()
    passes = jnp.where(orders.parts[..., 0] < parts, jnp.ones_like(end), 0.0).sum()
    return jnp.maximum((last - first).min(), work) / (passes / parts)
