"""What one device does in a search: levels of the step in batches, what it keeps of the points."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from numpy.typing import NDArray

from perfmodel.engine import staging
from perfmodel.engine.coupling import net_rate, unpacked
from perfmodel.engine.fusing import in_kernels
from perfmodel.engine.reduction import (
    Place,
    enters,
    merged,
    unbeaten,
    widened,
)
from perfmodel.spaces.layouts import BASE, FIELDS, GROUP, MODE, SHAPE
from perfmodel.spaces.space import distinct
from perfmodel_kernels.layout import Layout
from perfmodel_kernels.site import Evaluation

BATCH = 256
"""Points per vector loop: what one batch needs stays in the second-level cache."""

ROUNDS = 16
"""Batches per device and call."""

BASES = 32
"""Bases per vector loop: a call has few, and their program is not made fast."""

SLOTS = 128
"""Points that a front holds."""

KEEP = 16
"""Points that each objective keeps."""

OBJECTIVES: dict[str, Callable[[Evaluation, Any], Any]] = {
    "throughput": lambda at, power: at.site.tokens_per_s,
    "energy": lambda at, power: -at.site.energy_per_token,
    "power-limited": lambda at, power: jnp.where(
        at.site.site_power <= power, at.site.tokens_per_s, -jnp.inf
    ),
    "memory": lambda at, power: -at.step.memory_fraction,
}
"""What a search can maximise, of an evaluation and the grid connection. A further one is a line."""

NET = "net"
"""Useful tokens over what they take, kept beside the others where a search asks for it."""

RESPECTS: dict[str, Callable[[Evaluation], Any]] = {
    "time": lambda at: 1.0 / at.site.tokens_per_s,
    "memory": lambda at: at.step.memory,
    "energy": lambda at: at.site.energy_per_token,
    "power": lambda at: at.site.site_power,
}
"""What a front weighs, all to be small: time per token, memory, energy per token, site power."""

GRID = (8, 129)
"""Cells of the map: powers of two of tensor ranks, pipeline stages."""


class Feed(NamedTuple):
    """One chunk as the devices take it, the first axis of each array the device.

    Rows come in batches of `BATCH`, bases of `BASES`; the tail repeats the last row.
    """

    bases: NDArray[np.float32]
    """Axes: device, round, field, row."""
    groups: NDArray[np.float32]
    group_base: NDArray[np.int32]
    """Row of the base of each group. Axes: device, round, row."""
    shapes: NDArray[np.float32]
    shape_base: NDArray[np.int32]
    shape_group: NDArray[np.int32]
    rounds: NDArray[np.int32]
    """Of bases, groups and shapes. Axes: device, kind."""
    place: NDArray[np.int32]
    """Place of the first shape of a device among all, and shapes that count. Axes: device, 2."""


class Options(NamedTuple):
    """Limits as arrays."""

    modes: NDArray[np.float32]
    """Axes: mode, field; behind the last one zeros."""
    mode_count: NDArray[np.int32]
    power: NDArray[np.float32]
    respects: NDArray[np.bool_]
    """Which respects count."""
    bounds: NDArray[np.float32]
    """Least and largest value. Axes: end, column."""
    some_bounds: NDArray[np.bool_]
    bounded: NDArray[np.bool_]
    coupled: NDArray[np.bool_]
    """Whether failures and prices enter."""
    coupling: NDArray[np.float32]
    """Numbers of :class:`perfmodel.engine.coupling.Coupling`."""


class Kernel:
    """The programs of one device, in kernels of a CPU where it is one."""

    def __init__(self, planned: staging.Plan, on_cpu: bool) -> None:
        self.planned = planned
        self.formed = in_kernels if on_cpu else _unchanged
        self.columns = len(FIELDS) + planned.structure.num_leaves
        self.widths = planned.width(staging.BASE), planned.width(staging.GROUP)

    def _stage(self, level: int, fields: tuple[str, ...], values: Any, *tables: Any) -> Any:
        """One level; fields come in the order of a layout."""
        own = [name for name in Layout._fields if name in fields]
        leaves = [values[fields.index(name)] for name in own]
        size = BASES if level == staging.BASE else BATCH
        return self.formed(staging.stage(self.planned, level, size))(leaves, *tables)

    def prepare(self, leaves: list) -> Any:
        """What all points share."""
        return self.formed(staging.stage(self.planned, staging.SHARED, BATCH))(leaves)

    def base(self, table: Any, shared: Any, feed: Any) -> Any:
        """Writes the table of the bases. Axes: device, row, number."""

        def one(number: Any) -> Any:
            return self._stage(staging.BASE, BASE, feed.bases[0, number], shared)

        return _filled(table, one, feed.rounds[0, 0])

    def group(self, table: Any, shared: Any, bases: Any, feed: Any) -> Any:
        """Writes the table of the groups. Axes: device, row, number."""

        def one(number: Any) -> Any:
            outer = bases[0][feed.group_base[0, number]].T
            return self._stage(staging.GROUP, GROUP, feed.groups[0, number], shared, outer)

        return _filled(table, one, feed.rounds[0, 1])

    def points(self, shared: Any, tables: Any, feed: Any, options: Any, state: Any) -> Any:
        """Evaluates all points of a device and updates what it keeps."""
        feed, (kept, net, front, grid) = jax.tree.map(lambda part: part[0], (feed, state))
        bases, groups = (table[0] for table in tables)
        count = options.mode_count

        def one_round(number: Any, carried: Any) -> Any:
            local = number * BATCH + jnp.arange(BATCH, dtype=jnp.int32)
            exists = local < feed.place[1]
            base, group = feed.shape_base[number], feed.shape_group[number]
            outer = bases[base].T, groups[group].T
            shapes = feed.shapes[number]
            inner = self._stage(staging.SHAPE, SHAPE, shapes, shared, *outer)
            own, replica = _picked(feed.bases, base), _picked(feed.groups, group)
            batch = _Batch(
                (shared, *outer, inner), jnp.concatenate([own, replica, shapes]), exists,
                feed.place[0] + local,
            )  # fmt: skip

            def go_on(walk: Any) -> Any:
                return (walk[0] < count) & walk[1]

            def one_mode(walk: Any) -> Any:
                mode, _, done, carried = walk
                carried, done, hopeful = self._mode(batch, mode, options, (carried, done))
                return mode + 1, hopeful, done, carried

            nothing = jnp.full(BATCH, -jnp.inf, jnp.float32)
            own = (*carried[:4], nothing)
            start = jnp.int32(0), jnp.bool_(True), jnp.zeros(BATCH, bool), own
            *state, peak = lax.while_loop(go_on, one_mode, start)[3]
            cell = _cell(batch.fields)
            return *state, carried[4].at[cell].max(peak)

        start = kept, net, front, jnp.zeros(3, jnp.int32), grid
        kept, net, front, counts, grid = lax.fori_loop(0, feed.rounds[2], one_round, start)
        return jax.tree.map(lambda part: part[None], ((kept, net, front, grid), counts))

    def _mode(self, batch: "_Batch", mode: Any, options: Any, walk: Any) -> tuple:
        """Evaluates one mode of a batch."""
        (kept, net, front, counts, peak), done = walk
        values = options.modes[mode]
        found = self._stage(staging.MODE, MODE, values, *batch.tables)
        outputs = [leaf.astype(jnp.float32) for leaf in jax.tree.leaves(found)]

        def table() -> Any:
            rows = jnp.broadcast_to(values[:, None], (len(MODE), BATCH))
            return jnp.concatenate([batch.fields, rows, jnp.stack(outputs)])

        within = lax.cond(
            options.some_bounds,
            lambda: _within(table(), options.bounds),
            lambda: jnp.ones(BATCH, bool),
        )
        worst = kept.score[:, -1:]
        judged = self.formed(_judged)(found, batch, (mode, values), options, (within, done, worst))
        place = Place(batch.place, jnp.full(BATCH, mode, jnp.int32))
        kept = lax.cond(
            judged.enters, lambda: merged(kept, judged.score, place, table().T), lambda: kept
        )

        def net_kept() -> Any:
            layout = _layout(batch.fields, values)
            rate = jax.vmap(net_rate, in_axes=(0, 0, None))(
                found, layout, unpacked(options.coupling)
            )
            score = jnp.where(judged.wanted, rate, -jnp.inf)[None]
            return lax.cond(
                enters(net.score[:, -1:], score),
                lambda: merged(net, score, place, table().T),
                lambda: net,
            )

        net = lax.cond(options.coupled, net_kept, lambda: net)
        asks, value = options.respects.any(), judged.value.T
        wider = lax.cond(
            asks, lambda: unbeaten(front, value, place).any(), lambda: jnp.bool_(False)
        )
        front = lax.cond(wider, lambda: widened(front, value, place, table().T), lambda: front)
        done, hopeful = judged.done, judged.hopeful
        peak = jnp.maximum(peak, judged.score[0])
        return (kept, net, front, counts + judged.counts, peak), done, hopeful


class _Judged(NamedTuple):
    """What a batch in one mode amounts to."""

    wanted: Any
    """Points that count."""
    score: Any
    """By objective, minus infinity where a point doesn't count. Axes: objective, point."""
    enters: Any
    """Whether a score is among the best so far."""
    value: Any
    """By respect, infinite where a point doesn't count. Axes: respect, point."""
    counts: Any
    """Legal points, those that fit, those that count."""
    done: Any
    """Shapes for which no further mode counts."""
    hopeful: Any
    """Whether some shape is not done."""


def _judged(found: Evaluation, batch: "_Batch", own: tuple, options: Any, so_far: tuple) -> _Judged:
    """Judges a batch in one mode, by what was kept so far."""
    (mode, values), (within, done, worst) = own, so_far
    at = {name: batch.fields[place] for place, name in enumerate((*BASE, *GROUP, *SHAPE))}
    legal = (
        batch.exists
        & distinct(at | {"sharding": values[0]}, options.modes[0, 0])
        & ~(options.bounded & done)
    )
    fits = legal & found.step.feasible
    wanted = fits & within
    scores = jnp.stack([score(found, options.power) for score in OBJECTIVES.values()])
    score = jnp.where(wanted[None], scores, -jnp.inf)
    respects = zip(options.respects, RESPECTS.values(), strict=True)
    value = jnp.stack([jnp.where(on, part(found), 0.0) for on, part in respects])
    left = legal & ~fits & (scores[0] >= worst[0, 0])
    done = jnp.where(mode == 0, ~left, done | fits)
    return _Judged(
        wanted=wanted,
        score=score,
        enters=enters(worst, score),
        value=jnp.where(wanted[None], value, jnp.inf),
        counts=jnp.stack([part.sum(dtype=jnp.int32) for part in (legal, fits, wanted)]),
        done=done,
        hopeful=~options.bounded | ~done.all(),
    )


def _unchanged(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function itself."""
    return function


class _Batch(NamedTuple):
    """One batch of shapes in all modes."""

    tables: tuple
    fields: Any
    """Axes: field of base, group and shape, point."""
    exists: Any
    place: Any


def _layout(fields: Any, mode: Any) -> Layout:
    """Layouts of a batch in one mode."""
    outer = {name: fields[place] for place, name in enumerate((*BASE, *GROUP, *SHAPE))}
    own = {name: jnp.broadcast_to(mode[place], BATCH) for place, name in enumerate(MODE)}
    return Layout(**(outer | own))


def _cell(fields: Any) -> tuple[Any, Any]:
    """Cell of the map that each shape belongs to."""
    names = (*BASE, *GROUP, *SHAPE)
    tensor, stages = fields[names.index("tp")], fields[names.index("pp")]
    power = jnp.log2(tensor).round().astype(jnp.int32)
    return jnp.minimum(power, GRID[0] - 1), jnp.minimum(stages.astype(jnp.int32), GRID[1] - 1)


def _picked(rows: Any, index: Any) -> Any:
    """Rows of a dealt table by their number. Axes: field, point."""
    size = rows.shape[-1]
    return rows[index // size, :, index % size].T


def _within(table: Any, bounds: Any) -> Any:
    """Which points lie within the bounds. Axes of the table: column, point."""
    low, high = bounds[..., None]
    return ((table >= low) & (table <= high)).all(0)


def _filled(table: Any, one: Callable, rounds: Any) -> Any:
    """A table written batch by batch; rows behind the last batch stay what they were."""

    def store(number: Any, rows: Any) -> Any:
        found = one(number).T
        return lax.dynamic_update_slice_in_dim(rows, found, number * len(found), 0)

    return lax.fori_loop(0, rounds, store, table[0])[None]
