"""Evaluates all layouts of a space in full and keeps the best and the unbeaten, on every device."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from numpy.typing import NDArray

from perfmodel.engine import staging
from perfmodel.engine.reduction import (
    Front,
    Place,
    enters,
    merged,
    no_front,
    no_points,
    unbeaten,
    widened,
)
from perfmodel.engine.run import CPU_OPTIONS, ONCE_OPTIONS, Form, evaluation_structure, flat
from perfmodel.engine.store import Programs, stored
from perfmodel.search.layouts import BASE, FIELDS, GROUP, MODE, SHAPE, Layouts
from perfmodel.search.space import Block, Space, blocks, distinct
from perfmodel_kernels.layout import Layout
from perfmodel_kernels.site import Evaluation, SiteParams, evaluate

BATCH = 256
"""Points per vector loop: what one batch needs stays in the second-level cache."""

ROUNDS = 16
"""Batches per device and call."""

SLOTS = 128
"""Points that a front holds."""

MODES = 256
"""Modes come in tables of a multiple of this length, so that one program serves most spaces."""

KEEP = 16
"""Points that each objective keeps."""

WIDE_OPTIONS = CPU_OPTIONS | {"xla_disable_hlo_passes": "cse_barrier_expander"}
"""The pass would take the barriers away before fusion, which then computes what several operations
read once for each of them: a point would cost four times as much."""


class Limits(NamedTuple):
    """What a search is asked for, as data of the one program."""

    power: float = np.inf
    """Grid connection. [W]"""
    respects: tuple[str, ...] = ()
    """Names in `RESPECTS` that make up the front; none, no front."""
    low: NDArray[np.float32] | None = None
    """Least value of each column, fields of the layout first; none, no bound."""
    high: NDArray[np.float32] | None = None
    bounded: bool = False
    """Take each shape in the first mode that fits, and pass over shapes whose first mode is too
    slow: exact for throughput alone, where no mode is faster than the first."""


OBJECTIVES: dict[str, Callable[[Evaluation, Any], Any]] = {
    "throughput": lambda at, power: at.site.tokens_per_s,
    "energy": lambda at, power: -at.site.energy_per_token,
    "power-limited": lambda at, power: jnp.where(
        at.site.site_power <= power, at.site.tokens_per_s, -jnp.inf
    ),
    "memory": lambda at, power: -at.step.memory_fraction,
}
"""What a search can maximise, of an evaluation and the grid connection. A further one is a line."""

RESPECTS: dict[str, Callable[[Evaluation], Any]] = {
    "time": lambda at: 1.0 / at.site.tokens_per_s,
    "memory": lambda at: at.step.memory,
    "energy": lambda at: at.site.energy_per_token,
    "power": lambda at: at.site.site_power,
}
"""What a front weighs, all to be small: time per token, memory, energy per token, site power."""


class Best(NamedTuple):
    """Some points, best first."""

    evaluation: Evaluation
    """All metrics, an array of the points each."""
    layouts: Layouts
    score: np.ndarray
    """What was maximised; the first respect of a front."""


GRID = (8, 129)
"""Cells of the map: powers of two of tensor ranks, pipeline stages."""


class Found(NamedTuple):
    """What a search finds."""

    best: dict[str, Best]
    """By objective."""
    front: Best | None
    """Points that no other one beats, by the first respect."""
    lost: int
    """Points of the front for which there was no room."""
    points: int
    """Evaluated."""
    feasible: int
    """Of them, those that fit in memory."""
    wanted: int
    """Of these, those within the bounds."""
    dropped: Counter
    """Points that are not legal, by the code of the rule that they break."""
    grid: np.ndarray
    """Highest throughput by tensor ranks and stages, minus infinity where nothing fits."""


def search(
    params: SiteParams,
    asked: Space,
    limits: Limits | None = None,
    shapes: Iterable[Block] | None = None,
) -> Found:
    """Evaluates every layout in full; memory does not grow with their number.

    The result does not depend on the number of devices or the size of a chunk. Of two points with
    the same score the one that comes first in the space is kept first.

    Parameters
    ----------
    params
        Site and job, scalars.
    asked
        The layouts.
    limits
        Grid connection, front and bounds.
    shapes
        Blocks of the space where they were generated before, for many sites and one space.

    Returns
    -------
    Found
        Best layouts, front and counts.
    """
    run = _Run(params, asked, limits or Limits())
    dropped, counts = Counter(asked.dropped), []
    for chunk in _chunks(shapes if shapes is not None else blocks(asked), run.size, dropped):
        counts.append(run.advance(chunk))
        if len(counts) > 1:  # one chunk waits while another one runs
            run.count(counts.pop(0))
    for count in counts:
        run.count(count)
    return run.found(dropped)


class _Chunk(NamedTuple):
    """Shapes for one call."""

    first: int
    """Place of the first one among all shapes."""
    base: NDArray[np.int64]
    shapes: NDArray[np.float64]


def _chunks(generated: Iterable[Block], size: int, dropped: Counter) -> Iterator[_Chunk]:
    """Joins and cuts blocks to chunks of one size."""
    waiting: list[tuple[NDArray, NDArray]] = []
    held = first = 0
    for block in generated:
        dropped.update(block.dropped)
        waiting.append((block.base, block.shapes))
        held += len(block.base)
        while held >= size:
            base, shapes = (np.concatenate(parts) for parts in zip(*waiting, strict=True))
            yield _Chunk(first, base[:size], shapes[:size])
            waiting, held, first = [(base[size:], shapes[size:])], held - size, first + size
    if held:
        base, shapes = (np.concatenate(parts) for parts in zip(*waiting, strict=True))
        yield _Chunk(first, base, shapes)


class _Feed(NamedTuple):
    """One chunk as the devices take it, the first axis of each array the device.

    Rows come in batches, the tail repeats the last row.
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


def _feed(asked: Space, chunk: _Chunk, devices: int) -> _Feed:
    """Deals a chunk to the devices in contiguous parts, each with its own bases and groups."""
    part = BATCH * ROUNDS
    return _Feed(*(np.stack(column) for column in zip(
        *(_part(asked, chunk, part * device) for device in range(devices)), strict=True
    )))  # fmt: skip


def _part(asked: Space, chunk: _Chunk, start: int) -> tuple:
    own = slice(start, start + BATCH * ROUNDS)
    base, shapes = chunk.base[own], chunk.shapes[own]
    count = len(base)
    if not count:
        base, shapes = chunk.base[:1], chunk.shapes[:1]
    kinds, of_base = np.unique(base, return_inverse=True)
    new = np.ones(len(base), bool)
    new[1:] = (base[1:] != base[:-1]) | (shapes[1:, :2] != shapes[:-1, :2]).any(1)
    of_group = np.cumsum(new) - 1
    rounds = [-(-size // BATCH) if count else 0 for size in (len(kinds), new.sum(), len(base))]
    return (
        _batches(asked.bases[kinds]),
        _batches(shapes[new][:, : len(GROUP)]),
        _batches(of_base[new][:, None])[:, 0].astype(np.int32),
        _batches(shapes[:, len(GROUP) :]),
        _batches(of_base[:, None])[:, 0].astype(np.int32),
        _batches(of_group[:, None])[:, 0].astype(np.int32),
        np.array(rounds, np.int32),
        np.array([chunk.first + start, count], np.int32),
    )


def _batches(rows: NDArray) -> NDArray[np.float32]:
    """Rows in batches. Axes: round, field, row."""
    padded = np.pad(rows, ((0, BATCH * ROUNDS - len(rows)), (0, 0)), mode="edge")
    dealt = padded.astype(np.float32).reshape(ROUNDS, BATCH, -1).transpose(0, 2, 1)
    return np.ascontiguousarray(dealt)


class _Run:
    """One pass of the compiled programs over a space."""

    def __init__(self, params: SiteParams, asked: Space, limits: Limits) -> None:
        form, given = flat(params)
        self.asked, self.limits = asked, limits
        self.programs = _programs(tuple(jax.local_devices()), form, _padded(asked.modes))
        self.size = BATCH * ROUNDS * len(jax.local_devices())
        self.shared = np.asarray(self.programs.prepare(given))
        self.state = self.programs.empty
        self.counts = np.zeros(3, int)
        self.options = _options(limits, asked)

    def advance(self, chunk: _Chunk) -> Any:
        """Evaluates one chunk; the result stays on the devices."""
        programs = self.programs
        feed = jax.device_put(_feed(self.asked, chunk, len(jax.local_devices())), programs.split)
        bases = programs.base(self.shared, feed.bases, feed.rounds)
        groups = programs.group(self.shared, bases, feed.groups, feed.group_base, feed.rounds)
        self.state, counts = programs.points(
            self.shared, (bases, groups), feed, self.options, self.state
        )
        return counts

    def count(self, counts: Any) -> None:
        """Adds up what one call counted."""
        self.counts += np.asarray(counts).astype(int).sum(0)

    def found(self, dropped: Counter) -> Found:
        """Fetches what the devices kept and joins it."""
        kept, front, grid = jax.tree.map(np.asarray, self.state)
        lists = {
            name: self._best(kept.score[:, number], kept.place, kept.table[:, number], number)
            for number, name in enumerate(OBJECTIVES)
        }
        points, feasible, wanted = (int(count) for count in self.counts)
        edge = self._front(front) if self.limits.respects else None
        lost = int(front.lost.sum())
        return Found(lists, edge, lost, points, feasible, wanted, dropped, grid.max(0))

    def _best(self, score: np.ndarray, place: Place, table: np.ndarray, number: int) -> Best:
        """Joins the lists of all devices for one objective."""
        keys = [part[:, number].ravel() for part in (place.mode, place.shape)]
        order = np.lexsort((*keys, -score.ravel()))
        order = order[np.isfinite(score.ravel()[order])][:KEEP]
        return self._points(score.ravel()[order], table.reshape(-1, table.shape[-1])[order])

    def _front(self, front: Front) -> Best:
        """Joins the fronts of all devices."""
        value = np.asarray(front.value).reshape(-1, front.value.shape[-1])
        keys = front.place.shape.ravel(), front.place.mode.ravel()
        order = np.lexsort((keys[1], keys[0], *value.T[::-1]))
        order = order[np.isfinite(value[order]).all(1)]
        stays: list[int] = []
        for number in order:  # a later one is never better in the first respect
            own = value[stays]
            if not (own <= value[number]).all(1).any():
                stays.append(int(number))
        active = list(RESPECTS).index(self.limits.respects[0])
        stays.sort(key=lambda number: float(value[number, active]))
        table = np.asarray(front.table).reshape(len(value), -1)
        return self._points(value[stays, active], table[stays])

    def _points(self, score: np.ndarray, table: np.ndarray) -> Best:
        fields = {field: table[:, place].astype(float) for place, field in enumerate(FIELDS)}
        leaves = list(table[:, len(FIELDS) :].T)
        evaluation = jax.tree.unflatten(evaluation_structure(), leaves)
        return Best(evaluation, Layouts(**fields), score)


class Work(NamedTuple):
    """What the programs of a search do."""

    flop: tuple[int, ...]
    """Arithmetic operations per base, group, shape and point, what is shared by all first."""
    bytes: int
    """Least bytes that one point reads and writes: what crosses to it, and its outputs. [B]"""
    temporary: int
    """Bytes that the program of the points takes beside its inputs and outputs. [B]"""


def work_of(params: SiteParams, asked: Space) -> Work:
    """What an evaluation costs, from the equations and the compiled program.

    Parameters
    ----------
    params, asked
        As in :func:`search`.

    Returns
    -------
    Work
        Counts.
    """
    form, _ = flat(params)
    return _programs(tuple(jax.local_devices()), form, _padded(asked.modes)).work


class _Options(NamedTuple):
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


def _options(limits: Limits, asked: Space) -> _Options:
    columns = len(FIELDS) + evaluation_structure().num_leaves
    low = np.full(columns, -np.inf) if limits.low is None else limits.low
    high = np.full(columns, np.inf) if limits.high is None else limits.high
    modes = np.zeros((_padded(asked.modes), len(MODE)), np.float32)
    modes[: len(asked.modes)] = asked.modes
    return _Options(
        modes=modes,
        mode_count=np.int32(len(asked.modes)),  # type: ignore[arg-type]
        power=np.float32(min(limits.power, 3e38)),  # type: ignore[arg-type]
        respects=np.array([name in limits.respects for name in RESPECTS]),
        bounds=np.stack([low, high]).astype(np.float32),
        some_bounds=np.array(bool(np.isfinite(low).any() or np.isfinite(high).any())),
        bounded=np.array(limits.bounded),
    )


def _padded(modes: NDArray) -> int:
    """Length of the table that holds some modes."""
    return -(-max(len(modes), 1) // MODES) * MODES


class _Programs(NamedTuple):
    prepare: Any
    base: Any
    group: Any
    points: Any
    empty: Any
    split: NamedSharding
    work: Work


LEVEL = {
    **dict.fromkeys(BASE, staging.BASE),
    **dict.fromkeys(GROUP, staging.GROUP),
    **dict.fromkeys(SHAPE, staging.SHAPE),
    **dict.fromkeys(MODE, staging.MODE),
}


@cache
def _programs(devices: tuple, form: Form, modes: int) -> _Programs:
    """Loads or compiles, once per set of devices, form of the parameters and length of the mode
    table.
    """
    placed = NamedSharding(Mesh(np.array(devices), ("points",)), PartitionSpec("points"))
    columns = len(FIELDS) + evaluation_structure().num_leaves
    empty = (
        no_points(len(OBJECTIVES), KEEP, columns),
        no_front(SLOTS, len(RESPECTS), columns),
        np.full(GRID, -np.inf, np.float32),
    )
    empty = jax.device_put(
        jax.tree.map(lambda part: np.stack([np.asarray(part)] * len(devices)), empty), placed
    )
    key = ("search", form, modes, len(devices))
    found = stored(key, lambda: _built(form, modes, empty, placed))
    return _Programs(*found.compiled, empty=empty, split=placed, work=found.notes)


def _built(form: Form, modes: int, empty: Any, placed: NamedSharding) -> Programs:
    """Traces and compiles."""
    mesh: Any = placed.mesh
    split, whole = PartitionSpec("points"), PartitionSpec()
    scalar: Any = jax.ShapeDtypeStruct((), np.float32)
    point = Layout(*[scalar] * len(Layout._fields))
    levels = [staging.SHARED] * form.tree.num_leaves + [LEVEL[field] for field in Layout._fields]
    planned = staging.plan(evaluate, (form.example(), point), levels)
    kernel = _Kernel(planned)

    def mapped(function: Callable, inputs: tuple) -> Callable:
        return jax.shard_map(function, mesh=mesh, in_specs=inputs, out_specs=split, check_vma=False)

    on_cpu = mesh.devices.flat[0].platform == "cpu"
    once, wide = (ONCE_OPTIONS, WIDE_OPTIONS) if on_cpu else (None, None)
    functions = (
        (lambda given: kernel.prepare(jax.tree.leaves(form.restored(given))), once),
        (mapped(kernel.base, (whole, split, split)), once),
        (mapped(kernel.group, (whole, split, split, split, split)), wide),
        (mapped(kernel.points, (whole, (split, split), split, whole, split)), wide),
    )
    examples = _examples(form, kernel, modes, empty, placed)

    def build(number: int) -> Any:
        function, options = functions[number]
        return jax.jit(function, compiler_options=options).lower(*examples[number])

    lowered = [build(number) for number in range(len(functions))]
    with ThreadPoolExecutor(len(lowered)) as pool:
        compiled = list(pool.map(lambda one: one.compile(), lowered))
    numbers = planned.width(staging.SHAPE) + planned.structure.num_leaves
    temporary = int(compiled[-1].memory_analysis().temp_size_in_bytes)
    return Programs(compiled, Work(planned.flop, 4 * numbers, temporary))


def _examples(
    form: Form, kernel: "_Kernel", modes: int, empty: Any, split: NamedSharding
) -> tuple[tuple, ...]:
    """Shapes and types of what each program takes."""
    count = split.mesh.size

    def real(*axes: int) -> Any:
        return jax.ShapeDtypeStruct((count, *axes), np.float32, sharding=split)

    def whole(*axes: int, kind: type = np.float32) -> Any:
        return jax.ShapeDtypeStruct(axes, kind)

    def index(*axes: int) -> Any:
        return jax.ShapeDtypeStruct((count, *axes), np.int32, sharding=split)

    shared = whole(kernel.planned.width(staging.SHARED))
    rows = BATCH * ROUNDS
    bases = real(rows, kernel.planned.width(staging.BASE))
    groups = real(rows, kernel.planned.width(staging.GROUP))
    feed = _Feed(
        bases=real(ROUNDS, len(BASE), BATCH),
        groups=real(ROUNDS, len(GROUP), BATCH),
        group_base=index(ROUNDS, BATCH),
        shapes=real(ROUNDS, len(SHAPE), BATCH),
        shape_base=index(ROUNDS, BATCH),
        shape_group=index(ROUNDS, BATCH),
        rounds=index(3),
        place=index(2),
    )
    options = _Options(
        modes=whole(modes, len(MODE)),
        mode_count=whole(kind=np.int32),
        power=whole(),
        respects=whole(len(RESPECTS), kind=bool),
        bounds=whole(2, kernel.columns),
        some_bounds=whole(kind=bool),
        bounded=whole(kind=bool),
    )
    state = jax.tree.map(
        lambda part: jax.ShapeDtypeStruct(part.shape, part.dtype, sharding=split), empty
    )
    return (
        (whole(form.size),),
        (shared, feed.bases, feed.rounds),
        (shared, bases, feed.groups, feed.group_base, feed.rounds),
        (shared, (bases, groups), feed, options, state),
    )


class _Kernel:
    """The programs of one device."""

    def __init__(self, planned: staging.Plan) -> None:
        self.planned = planned
        self.columns = len(FIELDS) + planned.structure.num_leaves

    def _stage(self, level: int, fields: tuple[str, ...], values: Any, *tables: Any) -> Any:
        """One level; fields come in the order of a layout."""
        own = [name for name in Layout._fields if name in fields]
        leaves = [values[fields.index(name)] for name in own]
        return staging.stage(self.planned, level, BATCH)(leaves, *tables)

    def prepare(self, leaves: list) -> Any:
        """What all points share."""
        return staging.stage(self.planned, staging.SHARED, BATCH)(leaves)

    def base(self, shared: Any, bases: Any, rounds: Any) -> Any:
        """Table of the bases. Axes: device, row, number."""

        def one(number: Any) -> Any:
            return self._stage(staging.BASE, BASE, bases[0, number], shared)

        return _filled(one, rounds[0, 0], self.planned.width(staging.BASE))

    def group(self, shared: Any, bases: Any, groups: Any, of_base: Any, rounds: Any) -> Any:
        """Table of the groups. Axes: device, row, number."""

        def one(number: Any) -> Any:
            outer = bases[0][of_base[0, number]].T
            return self._stage(staging.GROUP, GROUP, groups[0, number], shared, outer)

        return _filled(one, rounds[0, 1], self.planned.width(staging.GROUP))

    def points(self, shared: Any, tables: Any, feed: Any, options: Any, state: Any) -> Any:
        """Evaluates all points of a device and updates what it keeps."""
        feed, (kept, front, grid) = jax.tree.map(lambda part: part[0], (feed, state))
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
            own = (*carried[:3], nothing)
            start = jnp.int32(0), jnp.bool_(True), jnp.zeros(BATCH, bool), own
            *state, peak = lax.while_loop(go_on, one_mode, start)[3]
            cell = _cell(batch.fields)
            return *state, carried[3].at[cell].max(peak)

        start = kept, front, jnp.zeros(3, jnp.int32), grid
        kept, front, counts, grid = lax.fori_loop(0, feed.rounds[2], one_round, start)
        return jax.tree.map(lambda part: part[None], ((kept, front, grid), counts))

    def _mode(self, batch: "_Batch", mode: Any, options: Any, walk: Any) -> tuple:
        """Evaluates one mode of a batch."""
        (kept, front, counts, peak), done = walk
        values = options.modes[mode]
        found = self._stage(staging.MODE, MODE, values, *batch.tables)
        outputs = jnp.stack([leaf.astype(jnp.float32) for leaf in jax.tree.leaves(found)])
        at = {name: batch.fields[place] for place, name in enumerate((*BASE, *GROUP, *SHAPE))}
        at["sharding"] = values[0]
        legal = batch.exists & distinct(at, options.modes[0, 0]) & ~(options.bounded & done)
        fits = legal & found.step.feasible
        wanted = fits & _within(batch.fields, values, outputs, options)
        place = Place(batch.place, jnp.full(BATCH, mode, jnp.int32))
        scores = jnp.stack([score(found, options.power) for score in OBJECTIVES.values()])
        score = jnp.where(wanted[None], scores, -jnp.inf)
        respects = jnp.stack([jnp.where(on, part(found), 0.0) for on, part in zip(
            options.respects, RESPECTS.values(), strict=True
        )], axis=1)  # fmt: skip
        value = jnp.where(wanted[:, None], respects, jnp.inf)

        def table() -> Any:
            rows = jnp.broadcast_to(values[:, None], (len(MODE), BATCH))
            return jnp.concatenate([batch.fields, rows, outputs]).T

        kept = lax.cond(
            enters(kept, score), lambda: merged(kept, score, place, table()), lambda: kept
        )
        asks = options.respects.any()
        wider = lax.cond(
            asks, lambda: unbeaten(front, value, place).any(), lambda: jnp.bool_(False)
        )
        front = lax.cond(wider, lambda: widened(front, value, place, table()), lambda: front)
        tally = jnp.stack([part.sum(dtype=jnp.int32) for part in (legal, fits, wanted)])
        left = legal & ~fits & (scores[0] >= kept.score[0, -1])
        done = jnp.where(mode == 0, ~left, done | fits)
        hopeful = ~options.bounded | ~done.all()
        return (kept, front, counts + tally, jnp.maximum(peak, score[0])), done, hopeful


class _Batch(NamedTuple):
    """One batch of shapes in all modes."""

    tables: tuple
    fields: Any
    """Axes: field of base, group and shape, point."""
    exists: Any
    place: Any


def _cell(fields: Any) -> tuple[Any, Any]:
    """Cell of the map that each shape belongs to."""
    names = (*BASE, *GROUP, *SHAPE)
    tensor, stages = fields[names.index("tp")], fields[names.index("pp")]
    power = jnp.log2(tensor).round().astype(jnp.int32)
    return jnp.minimum(power, GRID[0] - 1), jnp.minimum(stages.astype(jnp.int32), GRID[1] - 1)


def _picked(rows: Any, index: Any) -> Any:
    """Rows of a dealt table by their number. Axes: field, point."""
    return rows[index // BATCH, :, index % BATCH].T


def _within(fields: Any, mode: Any, outputs: Any, options: Any) -> Any:
    """Which points lie within the bounds."""

    def compare() -> Any:
        rows = jnp.broadcast_to(mode[:, None], (len(MODE), BATCH))
        table = jnp.concatenate([fields, rows, outputs])
        low, high = options.bounds[..., None]
        return ((table >= low) & (table <= high)).all(0)

    return lax.cond(options.some_bounds, compare, lambda: jnp.ones(BATCH, bool))


def _filled(one: Callable, rounds: Any, width: int) -> Any:
    """A table filled batch by batch; rows behind the last batch stay empty."""

    def store(number: Any, table: Any) -> Any:
        return lax.dynamic_update_slice_in_dim(table, one(number).T, number * BATCH, 0)

    empty = jnp.zeros((BATCH * ROUNDS, width), jnp.float32)
    return lax.fori_loop(0, rounds, store, empty)[None]
