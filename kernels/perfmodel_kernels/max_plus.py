"""Max-plus recurrence over the slots of a pipeline: exact times of operations on unequal stages."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

from perfmodel_kernels._typing import Real, Scalar, Times
from perfmodel_kernels.schedule_orders import Orders

Parts = Float[Array, "part"] | Float[np.ndarray, "part"]
"""One value per part of the model, in the order of the forward pass."""


class PartTimes(NamedTuple):
    """What one micro-batch takes on each part of the model, a chunk of a stage."""

    forward: Parts
    """Forward pass. [s]"""
    backward: Parts
    """Gradient of the input, with what is computed again. [s]"""
    weight: Parts
    """Gradient of the weights. [s]"""
    hidden: Parts
    """What forward and backward pass save where they run together (DualPipe). [s]"""


class Sends(NamedTuple):
    """Messages between neighbouring stages, the same in both directions."""

    time: Float[Array, "boundary"] | Float[np.ndarray, "boundary"]
    """From the end of an operation to its arrival on the other side of boundary i, between stages
    i and i + 1; the last entry leads from the last stage to the first. [s]"""
    occupied: Scalar
    """Share of that time in which the sender runs no other operation: 1 where it blocks."""


class OperationTimes(NamedTuple):
    """When each stage runs what it has in each slot."""

    start: Float[Array, "slot stage"]
    """Start; in an empty slot the time when the stage is free. [s]"""
    duration: Float[Array, "slot stage"]
    """Duration without the message that follows. [s]"""
    held: Float[Array, "slot stage"]
    """Time in which the message holds the stage afterwards. [s]"""


def operation_times(times: PartTimes, sends: Sends, orders: Orders) -> OperationTimes:
    r"""Start and duration of every operation of a step.

    Stages keep to their order and run an operation once its inputs are there:

    .. math:: s_k = \max\left(e_{k-1} + h_{k-1},\; \max_j (e_j + c_j)\right),\quad e_k = s_k + d_k

    A message takes :math:`c` from the end of an operation and holds its sender for a share of it,
    :math:`h = \varsigma c`. Messages do not queue; two that leave together travel side by side. A
    pair of a forward and a backward pass takes the sum of both less the mean of what they save.

    Parameters
    ----------
    times
        Durations by part.
    sends
        Messages.
    orders
        Tables of the schedule.

    Returns
    -------
    OperationTimes
        Times. [s]
    """
    duration = _durations(times, orders)
    boundaries = _padded(sends.time)
    travel = boundaries[orders.arriving]
    held = sends.occupied * boundaries[orders.leaving].max(-1)

    def step(state: tuple, slot: tuple) -> tuple:
        clock, recent = state
        taken, source, way, pause = slot
        arrived = (_padded(recent.reshape(-1))[source] + way).max(-1)
        start = jnp.maximum(clock, arrived)
        end = start + taken
        return (end + pause, jnp.concatenate([end[None], recent[:-1]])), start

    recent = jnp.asarray(orders.recent, duration.dtype)
    first = (jnp.zeros_like(duration[0]), recent)
    _, start = lax.scan(step, first, (duration, jnp.asarray(orders.source), travel, held))
    return OperationTimes(start, duration, held)


def _padded(values: Times) -> Float[Array, "..."]:
    """Values and a zero for what isn't there."""
    return jnp.concatenate([values, jnp.zeros_like(values[:1])])


def _durations(times: PartTimes, orders: Orders) -> Float[Array, "slot stage"]:
    """Duration of the operation in each slot."""
    ahead, back, weight = (orders.parts[..., column] for column in range(3))
    hidden = _padded(times.hidden)
    saved = 0.5 * (hidden[ahead] + hidden[back])
    none = times.forward.shape[0]
    pair = (ahead < none) & (back < none)
    alone = _padded(times.forward)[ahead] + _padded(times.backward)[back]
    return alone + _padded(times.weight)[weight] - jnp.where(pair, saved, 0.0)


def pipeline_time(times: PartTimes, sends: Sends, orders: Orders) -> Real:
    """Time of all micro-batches, from the first operation to the end of the last one.

    Parameters
    ----------
    times
        Durations by part.
    sends
        Messages.
    orders
        Tables of the schedule.

    Returns
    -------
    Real
        Time of the pipeline. [s]
    """
    found = operation_times(times, sends, orders)
    return (found.start + found.duration).max()


def over_parts(
    values: Float[Array, "kind stage"], stages: int, chunks: int
) -> Float[Array, "kind part"]:
    """Spreads values of a first, a middle and a last stage over the parts of a model.

    Parameters
    ----------
    values
        Rows of times by kind of stage; a single stage is a last one. [s]
    stages
        Stages in a row.
    chunks
        Model chunks per stage; each gets the same share of its stage.

    Returns
    -------
    Float[Array, "kind part"]
        The rows by part, chunk after chunk. [s]
    """
    kinds = [0] * min(stages - 1, 1) + [1] * (stages - 2) + [2]
    each = [values[:, kind] for kind in kinds] * chunks
    return jnp.stack(each, axis=1) / chunks
