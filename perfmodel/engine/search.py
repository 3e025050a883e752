"""Evaluates all layouts of a space in full and keeps the best and the unbeaten, on every device."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import jax
import numpy as np
from numpy.typing import NDArray

from perfmodel.engine.coupling import Coupling, packed
from perfmodel.engine.reduction import (
    Front,
    Place,
)
from perfmodel.engine.run import evaluate_few, evaluation_structure, flat
from perfmodel.engine.search_kernel import (
    BASES,
    BATCH,
    KEEP,
    NET,
    OBJECTIVES,
    RESPECTS,
    ROUNDS,
    Feed,
    Options,
)
from perfmodel.engine.search_programs import Work, padded, programs, wanted
from perfmodel.engine.store import Wanted
from perfmodel.spaces.layouts import BASE, FIELDS, GROUP, MODE, SHAPE, Layouts
from perfmodel.spaces.space import Block, Space, Table, blocks
from perfmodel_kernels.site import Evaluation, SiteParams


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
    coupling: Coupling | None = None
    """Failures, storage and prices of the objective `net`; without one it keeps nothing."""


class Best(NamedTuple):
    """Some points, best first."""

    evaluation: Evaluation
    """All metrics, an array of the points each."""
    layouts: Layouts
    score: np.ndarray
    """What was maximised; the first respect of a front."""


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
    run = _Run(params, asked.bases, asked.modes, limits or Limits())
    dropped, counts = Counter(asked.dropped), []
    for chunk in _chunks(shapes if shapes is not None else blocks(asked), run.size, dropped):
        counts.append(run.advance(chunk))
        if len(counts) > 1:  # one chunk waits while another one runs
            run.count(counts.pop(0))
    for count in counts:
        run.count(count)
    return run.found(dropped)


def evaluate_found(params: SiteParams, layouts: Layouts) -> Evaluation:
    """Evaluates one layout with the programs of a search, which are there after one.

    Parameters
    ----------
    params
        Site and job, scalars; memory as when the layout was found, or what it needs is there.
    layouts
        Arrays of length one.

    Returns
    -------
    Evaluation
        Arrays of length one.
    """
    row = {field: getattr(layouts, field) for field in FIELDS}
    base, mode = (np.array([[*(row[name][0] for name in names)]]) for names in (BASE, MODE))
    shape = np.array([[row[name][0] for name in (*GROUP, *SHAPE)]])
    run = _Run(params, base, mode, Limits())
    run.count(run.advance(_Chunk(0, np.zeros(1, np.int64), shape)))
    best = run.found(Counter()).best["throughput"]
    return best.evaluation if len(best.score) else evaluate_few(params, layouts)


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


def _feed(bases: Table, chunk: _Chunk, devices: int) -> Feed:
    """Deals a chunk to the devices in contiguous parts, each with its own bases and groups."""
    part = BATCH * ROUNDS
    return Feed(*(np.stack(column) for column in zip(
        *(_part(bases, chunk, part * device) for device in range(devices)), strict=True
    )))  # fmt: skip


def _part(bases: Table, chunk: _Chunk, start: int) -> tuple:
    own = slice(start, start + BATCH * ROUNDS)
    base, shapes = chunk.base[own], chunk.shapes[own]
    count = len(base)
    if not count:
        base, shapes = chunk.base[:1], chunk.shapes[:1]
    kinds, of_base = np.unique(base, return_inverse=True)
    new = np.ones(len(base), bool)
    new[1:] = (base[1:] != base[:-1]) | (shapes[1:, :2] != shapes[:-1, :2]).any(1)
    of_group = np.cumsum(new) - 1
    sizes = (len(kinds), BASES), (new.sum(), BATCH), (len(base), BATCH)
    rounds = [-(-rows // size) if count else 0 for rows, size in sizes]
    return (
        _batches(bases[kinds], BASES),
        _batches(shapes[new][:, : len(GROUP)]),
        _batches(of_base[new][:, None])[:, 0].astype(np.int32),
        _batches(shapes[:, len(GROUP) :]),
        _batches(of_base[:, None])[:, 0].astype(np.int32),
        _batches(of_group[:, None])[:, 0].astype(np.int32),
        np.array(rounds, np.int32),
        np.array([chunk.first + start, count], np.int32),
    )


def _batches(rows: NDArray, size: int = BATCH) -> NDArray[np.float32]:
    """Rows in batches. Axes: round, field, row."""
    padded = np.pad(rows, ((0, BATCH * ROUNDS - len(rows)), (0, 0)), mode="edge")
    dealt = padded.astype(np.float32).reshape(-1, size, rows.shape[1]).transpose(0, 2, 1)
    return np.ascontiguousarray(dealt)


class _Run:
    """One pass of the compiled programs over a space."""

    def __init__(self, params: SiteParams, bases: Table, modes: Table, limits: Limits) -> None:
        form, given = flat(params)
        self.bases, self.limits = bases, limits
        self.programs = programs(tuple(jax.local_devices()), form, padded(modes))
        self.size = BATCH * ROUNDS * len(jax.local_devices())
        self.shared = np.asarray(self.programs.prepare(given))
        self.state = self.programs.empty
        self.counts = np.zeros(3, int)
        self.options = _options(limits, modes)

    def advance(self, chunk: _Chunk) -> Any:
        """Evaluates one chunk; the result stays on the devices."""
        programs = self.programs
        feed = jax.device_put(_feed(self.bases, chunk, len(jax.local_devices())), programs.split)
        bases, groups = programs.tables.take()
        bases = programs.base(bases, self.shared, feed)
        groups = programs.group(groups, self.shared, bases, feed)
        self.state, counts = programs.points(
            self.shared, (bases, groups), feed, self.options, self.state
        )
        programs.tables.give((bases, groups))
        return counts

    def count(self, counts: Any) -> None:
        """Adds up what one call counted."""
        self.counts += np.asarray(counts).astype(int).sum(0)

    def found(self, dropped: Counter) -> Found:
        """Fetches what the devices kept and joins it."""
        kept, net, front, grid = jax.tree.map(np.asarray, self.state)
        lists = {
            name: self._best(kept.score[:, number], kept.place, kept.table[:, number], number)
            for number, name in enumerate(OBJECTIVES)
        }
        lists[NET] = self._best(net.score[:, 0], net.place, net.table[:, 0], 0)
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


def wanted_search(params: SiteParams, asked: Space) -> Wanted:
    """The programs of :func:`search`, to be made ready before it is called.

    Parameters
    ----------
    params, asked
        As in :func:`search`.

    Returns
    -------
    Wanted
        For :func:`perfmodel.engine.store.make_ready`.
    """
    return wanted(tuple(jax.local_devices()), flat(params)[0], padded(asked.modes))


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
    return programs(tuple(jax.local_devices()), form, padded(asked.modes)).work


def _options(limits: Limits, own: Table) -> Options:
    columns = len(FIELDS) + evaluation_structure().num_leaves
    low = np.full(columns, -np.inf) if limits.low is None else limits.low
    high = np.full(columns, np.inf) if limits.high is None else limits.high
    modes = np.zeros((padded(own), len(MODE)), np.float32)
    modes[: len(own)] = own
    return Options(
        modes=modes,
        mode_count=np.int32(len(own)),  # type: ignore[arg-type]
        power=np.float32(min(limits.power, 3e38)),  # type: ignore[arg-type]
        respects=np.array([name in limits.respects for name in RESPECTS]),
        bounds=np.stack([low, high]).astype(np.float32),
        some_bounds=np.array(bool(np.isfinite(low).any() or np.isfinite(high).any())),
        bounded=np.array(limits.bounded),
        coupled=np.array(limits.coupling is not None),
        coupling=packed(limits.coupling),
    )
