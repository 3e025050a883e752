"""Every legal layout of a job, generated block by block.

A point is a base, a shape and a mode. Bases and modes are short lists; shapes are generated a block
of bases at a time, so that memory does not grow with the number of points. The order of the points
is that of the lists: base, shape, mode; it decides between layouts of equal score.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from perfmodel.lowering.layout import CP_KIND, RECOMPUTE, SCHEDULE, SHARDING
from perfmodel.spaces.layouts import BASE, FIELDS, GROUP, MODE, SHAPE, Axes, Layouts
from perfmodel.spaces.legality import RULES, Job, broken
from perfmodel_kernels.layout import DDP, KEYS, NONE
from perfmodel_kernels.schedule import ONE_F_ONE_B

Table = NDArray[np.float64]
Grid = dict[str, NDArray[np.float64]]

BLOCK = 64
"""Bases whose shapes are generated at a time."""

Filter = Callable[[Grid], NDArray[np.bool_]]
"""Which of some columns a user wants; asked of the fields that are there."""


class Space(NamedTuple):
    """All legal layouts of a job, not written out."""

    job: Job
    axes: Axes
    bases: Table
    """Axes: base, field of `BASE`."""
    modes: Table
    """The one that adds no time first. Axes: mode, field of `MODE`."""
    dropped: Counter
    """Points by the code of the rule that they break, among the bases."""
    kept: Filter


class Block(NamedTuple):
    """Shapes of a few bases."""

    base: NDArray[np.int64]
    """Which base each shape has."""
    shapes: Table
    """Axes: shape, field of `GROUP` and `SHAPE`."""
    dropped: Counter
    """Points by the code of the rule that they break."""


def everything(grid: Grid) -> NDArray[np.bool_]:
    """The filter that keeps all layouts."""
    return np.ones(len(next(iter(grid.values()))), bool)


def space(job: Job, axes: Axes | None = None, kept: Filter = everything) -> Space:
    """The legal layouts of a job.

    Parameters
    ----------
    job
        The model's counts, batch and machine size.
    axes
        Values of the axes.
    kept
        Which ones the user wants.

    Returns
    -------
    Space
        Bases and modes; shapes come from :func:`blocks`.
    """
    axes = axes or Axes()
    modes = _modes(job, axes, kept)
    grid, counts = _legal(_bases(job, axes), job, (), len(modes) * _most_shapes(job, axes))
    grid = _where(grid, kept(grid))
    return Space(job, axes, _table(grid, BASE), modes, counts, kept)


def blocks(asked: Space, size: int = BLOCK) -> Iterator[Block]:
    """Shapes of all bases, a block at a time.

    Parameters
    ----------
    asked
        The layouts.
    size
        Bases of a block.

    Yields
    ------
    Block
        In the order of the bases; empty ones among them.
    """
    pipelines = _pipelines(asked.job, asked.axes)
    for start in range(0, len(asked.bases), size):
        yield _block(asked, pipelines, np.arange(start, min(start + size, len(asked.bases))))


def written(asked: Space) -> Layouts:
    """All layouts of a small space, written out.

    Parameters
    ----------
    asked
        The layouts.

    Returns
    -------
    Layouts
        One array per field, in the order of the points.
    """
    parts = [_joined(asked, block) for block in blocks(asked)]
    table = np.concatenate(parts) if parts else np.zeros((0, len(FIELDS)))
    return Layouts(*(table[:, FIELDS.index(field)] for field in Layouts._fields))


def distinct(at: Grid, first: float) -> NDArray[np.bool_]:
    """Which layouts say nothing that another one says as well.

    Without sharding there are no copies of shards, and a single rank has nothing to shard.

    Parameters
    ----------
    at
        Context and data ranks, copies, sharding; arrays of NumPy or JAX.
    first
        The sharding that stands for all of them on a single rank.

    Returns
    -------
    NDArray[np.bool_]
        A mask.
    """
    several, code = at["cp"] * at["dp"] > 1.5, at["sharding"]
    return (several | (code == first)) & ((at["replicas"] < 1.5) | (code > DDP + 0.5))


def _joined(asked: Space, block: Block) -> Table:
    """Fields of every point of a block. Axes: point, field of base, group, shape and mode."""
    shapes = np.concatenate([asked.bases[block.base], block.shapes], axis=1)
    count = len(asked.modes)
    modes = np.tile(asked.modes, (len(shapes), 1))
    table = np.concatenate([np.repeat(shapes, count, axis=0), modes], axis=1)
    keep = distinct(dict(zip(FIELDS, table.T, strict=True)), asked.modes[0, 0])
    return table[keep]


def _product(*axes: NDArray) -> list[NDArray]:
    return [axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")]


def _where(grid: Grid, chosen: NDArray) -> Grid:
    return {name: column[chosen] for name, column in grid.items()}


def _table(grid: Grid, fields: tuple[str, ...]) -> Table:
    return np.stack([grid[field] for field in fields], axis=1)


def _legal(grid: Grid, job: Job, known: tuple[str, ...], weight: int) -> tuple[Grid, Counter]:
    """The legal part of a grid, and points by the first rule that the others break.

    Rules that need none of the new fields were asked before.
    """
    rules = tuple(
        rule
        for rule in RULES
        if set(rule.fields) <= set(grid) and not (known and set(rule.fields) <= set(known))
    )
    found = broken(rules, grid, job)
    counts = np.bincount(found, minlength=len(rules) + 1)
    dropped = {rule.code: int(count) * weight for rule, count in zip(rules, counts, strict=False)}
    return _where(grid, found == len(rules)), Counter(dropped)


def _pairs(values: list[tuple]) -> NDArray:
    return np.array(values, float).reshape(len(values), -1)


def _bases(job: Job, axes: Axes) -> Grid:
    """Every base; values that mean the same are written once."""
    tensor = _pairs(
        [(tp, sp) for tp in axes.tp for sp in (axes.sequence_parallel if tp > 1 else (0,))]
    )
    kinds = [CP_KIND[name] for name in axes.context]
    context = _pairs([(cp, kind) for cp in axes.cp for kind in (kinds if cp > 1 else (KEYS,))])
    experts = [(ep, etp) for ep in axes.ep for etp in axes.etp] if job.experts else [(1, 1)]
    expert, micro = _pairs(experts), np.array(axes.micro_batch, float)
    counts = [np.arange(len(part)) for part in (tensor, context, expert, micro)]
    t, c, e, b = _product(*counts)
    return {
        "tp": tensor[t, 0],
        "sequence_parallel": tensor[t, 1],
        "cp": context[c, 0],
        "context": context[c, 1],
        "ep": expert[e, 0],
        "etp": expert[e, 1],
        "micro_batch": micro[b],
    }


def _pipelines(job: Job, axes: Axes) -> Grid:
    """Stages, chunks and schedules that are legal on their own."""
    codes = [SCHEDULE[name] for name in axes.schedule]
    rows = [
        (pp, vpp, code)
        for pp in range(1, min(axes.pp, job.layers) + 1)
        for vpp in (range(1, axes.vpp + 1) if pp > 1 else (1,))
        for code in (codes if vpp == 1 and pp > 1 else (ONE_F_ONE_B,))
    ]
    table = _pairs(rows)
    grid = {"pp": table[:, 0], "vpp": table[:, 1], "schedule": table[:, 2]}
    return _legal(grid, job, (), 1)[0]


def _modes(job: Job, axes: Axes, kept: Filter) -> Table:
    """Recompute and offload modes, the fastest first: each of the others only saves memory."""
    names = [name for name in axes.recompute if not (job.fused and name == "attention")]
    again = [
        (RECOMPUTE[name], share)
        for name in names
        for share in (sorted(axes.recomputed) if name != "none" else (1.0,))
    ]
    whole = [(code, round(share * job.layers) / job.layers) for code, share in again]
    legal = list(dict.fromkeys(pair for pair in whole if pair[0] == NONE or pair[1] > 0.0))
    rows = [
        (SHARDING[name], *pair, states, activations)
        for states in sorted(axes.offload_states)
        for activations in sorted(axes.offload_activations)
        for name in axes.sharding
        for pair in legal
    ]
    table = _pairs(rows)
    return table[kept(dict(zip(MODE, table.T, strict=True)))]


def _accumulations(axes: Axes) -> Table:
    """Multiples of the fewest micro-batches, and how many more."""
    return _pairs([(factor, more) for factor in axes.accumulate for more in range(axes.more + 1)])


def _counts(axes: Axes) -> int:
    """Pairs of micro-batches and replicas of one pipeline before any rule."""
    return len(_accumulations(axes)) * (1 + axes.below)


def _most_shapes(job: Job, axes: Axes) -> int:
    """Shapes of one base before any rule."""
    pipelines = len(_pipelines(job, axes)["pp"])
    return pipelines * _counts(axes) * (1 + len(axes.shard_group))


def _block(asked: Space, pipelines: Grid, numbers: NDArray[np.int64]) -> Block:
    """Shapes of some bases: with pipelines, replicas, then copies; illegal ones go on the way."""
    job, axes, count = asked.job, asked.axes, len(asked.modes)
    groups = (0, *axes.shard_group)
    base, pipe = _product(numbers, np.arange(len(pipelines["pp"])))
    grid = dict(zip(BASE, asked.bases[base].T, strict=True)) | _where(pipelines, pipe)
    grid["base"] = base
    known = (*BASE, "base")
    grid, dropped = _legal(grid, job, known, count * len(groups) * _counts(axes))
    grid = _with_replicas(grid, job, axes)
    known = (*known, "pp", "vpp", "schedule")
    grid, more = _legal(grid, job, known, count * len(groups))
    dropped += more
    grid, more = _legal(_copied(grid, groups), job, (*known, "dp", "micro_batches"), count)
    dropped += more
    grid = _where(grid, asked.kept(grid))
    fields = (*GROUP, *SHAPE)
    grid = _where(grid, np.lexsort([grid[field] for field in (*reversed(fields), "base")]))
    return Block(grid["base"].astype(np.int64), _table(grid, fields), dropped)


def _with_replicas(grid: Grid, job: Job, axes: Axes) -> Grid:
    """Micro-batches and replicas: from the fewest micro-batches that the chips allow, upwards.

    For each count the most replicas within the tolerance of the batch, and perhaps the most that do
    not exceed it.
    Replicas come in multiples that the expert groups divide, interleaved micro-batches in multiples
    of the stages. Chips that are left over are spares.
    """
    ranks = grid["tp"] * grid["cp"]
    experts = grid["ep"] * grid["etp"]
    step = experts / np.gcd(experts.astype(int), ranks.astype(int))
    most = np.floor(job.chips / (ranks * grid["pp"]) / step + 1e-9) * step
    unit = np.where(grid["vpp"] > 1, grid["pp"], 1.0)
    sequences = job.batch / grid["micro_batch"]
    loosest = sequences * (1.0 + job.tolerance)
    fewest = np.ceil(sequences * (1.0 - job.tolerance) / np.maximum(most, 1.0) / unit - 1e-9)
    parts = []
    for factor, more in _accumulations(axes):
        count = np.maximum(np.ceil(np.maximum(fewest, 1.0) * max(factor, 1.0)), 1.0) + more
        count *= unit
        wide = np.minimum(np.floor(loosest / count / step + 1e-9) * step, most)
        tight = np.minimum(np.floor(sequences / count / step + 1e-9) * step, most)
        parts += [{**grid, "dp": wide, "micro_batches": count}]
        other = (tight != wide) & axes.below
        parts += [{**_where(grid, other), "dp": tight[other], "micro_batches": count[other]}]
    joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    joined = _where(joined, joined["dp"] >= 1)
    return _unique(joined)


def _unique(grid: Grid) -> Grid:
    """The grid without rows that came twice."""
    names = [name for name in grid if name not in BASE]
    order = np.lexsort([grid[name] for name in names])
    table = np.stack([grid[name][order] for name in names])
    first = np.ones(len(order), bool)
    first[1:] = (table[:, 1:] != table[:, :-1]).any(0)
    return _where(grid, order[first])


def _copied(grid: Grid, groups: tuple[int, ...]) -> Grid:
    """With copies of groups of shards; 0 stands for one group of all ranks."""
    row, way = _product(np.arange(len(grid["dp"])), np.arange(len(groups)))
    full = _where(grid, row)
    ranks, group = full["cp"] * full["dp"], np.array(groups, float)[way]
    full["replicas"] = np.where(group > 0, ranks / np.maximum(group, 1.0), 1.0)
    return _where(full, (group == 0) | (group < ranks))
