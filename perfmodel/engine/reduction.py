"""The best few of many points, and those that no other one beats, as fixed arrays on the device."""

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array, lax


class Place(NamedTuple):
    """Where a point stands in the order of all points, which decides between equal ones."""

    shape: Array
    mode: Array


class Kept(NamedTuple):
    """The best points of each objective, the best first."""

    score: Array
    """Axes: objective, place."""
    place: Place
    table: Array
    """Layout and outputs. Axes: objective, place, column."""


class Front(NamedTuple):
    """Points that no other one beats in all respects."""

    value: Array
    """What is to be small; infinite where the slot is empty. Axes: slot, respect."""
    place: Place
    table: Array
    """Axes: slot, column."""
    lost: Array
    """Points for which there was no slot, over all updates."""


NOWHERE = 2**31 - 1
"""Place of an empty slot, behind all others."""


def no_points(objectives: int, keep: int, columns: int) -> Kept:
    """Lists without a point.

    Parameters
    ----------
    objectives, keep, columns
        Sizes of the axes.

    Returns
    -------
    Kept
        Scores of minus infinity.
    """
    shape = (objectives, keep)
    return Kept(
        jnp.full(shape, -jnp.inf, jnp.float32),
        Place(jnp.full(shape, NOWHERE, jnp.int32), jnp.zeros(shape, jnp.int32)),
        jnp.zeros((*shape, columns), jnp.float32),
    )


def no_front(slots: int, respects: int, columns: int) -> Front:
    """A front without a point.

    Parameters
    ----------
    slots, respects, columns
        Sizes of the axes.

    Returns
    -------
    Front
        Values of infinity.
    """
    return Front(
        jnp.full((slots, respects), jnp.inf, jnp.float32),
        Place(jnp.full(slots, NOWHERE, jnp.int32), jnp.zeros(slots, jnp.int32)),
        jnp.zeros((slots, columns), jnp.float32),
        jnp.int32(0),
    )


def enters(worst: Array, score: Array) -> Array:
    """Whether some point is as good as the last that is kept.

    Parameters
    ----------
    worst
        Scores of the last that are kept. Axes: objective, one.
    score
        Scores, minus infinity for what doesn't count. Axes: objective, point.

    Returns
    -------
    Array
        A truth value.
    """
    return ((score >= worst) & (score > -jnp.inf)).any()


def merged(kept: Kept, score: Array, place: Place, table: Array) -> Kept:
    """The best of the lists and of some points; equal scores keep the order of all points.

    Parameters
    ----------
    kept
        The lists.
    score
        Axes: objective, point.
    place
        Of each point.
    table
        Axes: point, column.

    Returns
    -------
    Kept
        Lists of the same length.
    """
    wide = score.shape

    def joined(own: Array, new: Array) -> Array:
        return jnp.concatenate([own, jnp.broadcast_to(new, wide)], axis=1)

    keys = -joined(kept.score, score), joined(kept.place.shape, place.shape)
    keys = *keys, joined(kept.place.mode, place.mode)
    number = jnp.broadcast_to(jnp.arange(keys[0].shape[1]), keys[0].shape)
    length = kept.score.shape[1]
    best, shape, mode, order = (
        part[:, :length] for part in lax.sort((*keys, number), dimension=1, num_keys=3)
    )
    rows = [
        jnp.concatenate([own, table])[picked] for own, picked in zip(kept.table, order, strict=True)
    ]
    return Kept(-best, Place(shape, mode), jnp.stack(rows))


def _ahead(one: Place, other: Place) -> Array:
    """Whether one point comes before another."""
    return (one.shape < other.shape) | ((one.shape == other.shape) & (one.mode < other.mode))


def _beats(value: Array, place: Place, others: Array, places: Place) -> Array:
    """Whether each point is no worse than each other one, and better or at least before it."""
    no_worse = (value[:, None] <= others[None]).all(-1)
    better = (value[:, None] < others[None]).any(-1)
    before = _ahead(Place(*(part[:, None] for part in place)), Place(*(p[None] for p in places)))
    return no_worse & (better | before)


def unbeaten(front: Front, value: Array, place: Place) -> Array:
    """Which points no point of the front beats.

    Parameters
    ----------
    front
        The front.
    value
        Infinite for what doesn't count. Axes: point, respect.
    place
        Of each point.

    Returns
    -------
    Array
        A mask.
    """
    counts = jnp.isfinite(value).all(-1)
    return counts & ~_beats(front.value, front.place, value, place).any(0)


def widened(front: Front, value: Array, place: Place, table: Array) -> Front:
    """The front of the front and some points; where slots run out, the first respect decides.

    Parameters
    ----------
    front
        The front.
    value
        Infinite for what doesn't count. Axes: point, respect.
    place
        Of each point.
    table
        Axes: point, column.

    Returns
    -------
    Front
        As many slots.
    """
    slots = front.value.shape[0]
    values = jnp.concatenate([front.value, value])
    places = Place(*(jnp.concatenate(pair) for pair in zip(front.place, place, strict=True)))
    stays = jnp.isfinite(values).all(-1) & ~_beats(values, places, values, places).any(0)
    first = jnp.where(stays, values[:, 0], jnp.inf)
    number = jnp.arange(len(first))
    order = lax.sort((first, *places, number), num_keys=3)[-1][:slots]
    chosen = stays[order]
    return Front(
        jnp.where(chosen[:, None], values[order], jnp.inf),
        Place(jnp.where(chosen, places.shape[order], NOWHERE), places.mode[order]),
        jnp.concatenate([front.table, table])[order],
        front.lost + jnp.maximum(stays.sum(dtype=jnp.int32) - slots, 0),
    )
