"""Evaluates a kernel over millions of points and keeps the best: one compiled program."""

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from perfmodel.engine.batching import batch_last
from perfmodel_kernels.layout import Layout
from perfmodel_kernels.site import Evaluation, SiteParams, evaluate

BATCH = 1024
"""Points per vector loop: the intermediates of one batch fit the second-level cache."""

ROUNDS = 16
"""Batches per device and call."""

CPU_OPTIONS = {"xla_cpu_use_fusion_emitters": False, "xla_llvm_disable_expensive_passes": True}
"""Halves the time to compile on a CPU; run time within 15 %, measured on a two-core EPYC."""

Score = Callable[[Evaluation], Any]


def throughput(evaluation: Evaluation) -> Any:
    """Tokens per second of the site.

    Returns
    -------
    Any
        Score, larger is better.
    """
    return evaluation.site.tokens_per_s


class Best(NamedTuple):
    """The best points of a search, best first."""

    evaluation: Evaluation
    """All metrics, an array of the kept points each."""
    layouts: Layout
    """The kept points."""
    score: np.ndarray
    """What was maximised."""
    feasible: int
    """Feasible points among those evaluated."""
    points: int
    """Points evaluated."""


class Scored(NamedTuple):
    """Every point's score, whether or not it is feasible."""

    best: Best
    score: np.ndarray
    feasible: np.ndarray


KEEP = 8
"""Layouts that a search keeps unless told otherwise."""


def search(
    params: SiteParams, layouts: Layout, keep: int = KEEP, score: Score = throughput
) -> Best:
    """Evaluates every layout in full and keeps the best; memory does not grow with their number.

    Parameters
    ----------
    params
        Site and job, scalars.
    layouts
        One array per field.
    keep
        How many to keep.
    score
        What to maximise.

    Returns
    -------
    Best
        Metrics and layouts of the best.
    """
    run = _Run(params, layouts, keep, score)
    state = run.program.empty
    for start in run.starts:
        state, _ = run.advance(state, start)
    return run.best(state)


def search_scored(
    params: SiteParams, layouts: Layout, keep: int = KEEP, score: Score = throughput
) -> Scored:
    """Evaluates every layout in full, keeps the best and the score of each.

    Parameters
    ----------
    params
        Site and job, scalars.
    layouts
        One array per field.
    keep
        How many to keep in full.
    score
        What to maximise.

    Returns
    -------
    Scored
        Metrics of the best, and one score and mark per layout.
    """
    run = _Run(params, layouts, keep, score)
    state, parts = run.program.empty, []
    for start in run.starts:
        state, part = run.advance(state, start)
        parts.append(part)
    size = len(layouts.tp)
    scores = np.concatenate([np.asarray(score).ravel() for score, _ in parts] or [np.empty(0)])
    marks = np.concatenate([np.asarray(mark).ravel() for _, mark in parts] or [np.empty(0, bool)])
    return Scored(run.best(state), scores[:size], marks[:size])


class _Run:
    """One pass of a compiled program over a list of layouts."""

    def __init__(self, params: SiteParams, layouts: Layout, keep: int, score: Score) -> None:
        self.shared = jax.tree.map(lambda leaf: np.asarray(leaf, np.float32), params)
        self.layouts, self.points = layouts, len(layouts.tp)
        shapes = tuple(np.shape(leaf) for leaf in jax.tree.leaves(self.shared))
        form = _Form(jax.tree.structure(self.shared), shapes)
        self.program = _program(score, keep, tuple(jax.local_devices()), form)
        self.starts = range(0, self.points, self.program.chunk)

    def advance(self, state: Any, start: int) -> Any:
        """Evaluates one chunk; the result stays on the devices."""
        program = self.program
        placed = jax.device_put(_chunk(self.layouts, start, program.chunk), program.sharding)
        return program.call(self.shared, placed, np.int32(start), np.int32(self.points), state)

    def best(self, state: Any) -> Best:
        """Fetches what a search kept."""
        score, index, table, feasible = (np.asarray(part) for part in state)
        found = np.isfinite(score)
        index = index[found]
        evaluation = jax.tree.unflatten(self.program.structure, list(table[:, found]))
        kept = Layout(*(column[index] for column in self.layouts))
        return Best(evaluation, kept, score[found], int(feasible), self.points)


class _Form(NamedTuple):
    """Structure of the shared parameters, by which programs differ."""

    tree: Any
    shapes: tuple[tuple[int, ...], ...]

    def example(self) -> SiteParams:
        """Parameters for their shapes alone."""
        leaves = [jax.ShapeDtypeStruct(shape, np.float32) for shape in self.shapes]
        return jax.tree.unflatten(self.tree, leaves)


class _Program(NamedTuple):
    call: Callable
    empty: Any
    chunk: int
    sharding: NamedSharding
    structure: Any


@cache
def _program(score: Score, keep: int, devices: tuple, form: _Form) -> _Program:
    """Compiles once per score, number kept, set of devices and form of the parameters."""
    mesh = Mesh(np.array(devices), ("points",))
    split, whole = PartitionSpec("points"), PartitionSpec()
    point = Layout(*(jax.ShapeDtypeStruct((), np.float32) for _ in Layout._fields))
    structure = jax.tree.structure(jax.eval_shape(evaluate, form.example(), point))
    width = structure.num_leaves
    empty = (
        np.full(keep, -np.inf, np.float32),
        np.full(keep, -1, np.int32),
        np.zeros((width, keep), np.float32),
        np.int32(0),
    )

    def local(shared: Any, points: Any, start: Any, total: Any) -> Any:
        rounds = points.tp.shape[0]
        offset = start + lax.axis_index("points") * rounds * BATCH
        mapped = batch_last(evaluate, BATCH)

        def one(state: Any, item: Any) -> Any:
            number, batch = item
            evaluation = mapped(shared, batch)
            position = offset + number * BATCH + jnp.arange(BATCH, dtype=jnp.int32)
            usable = evaluation.step.feasible & (position < total)
            value = jnp.where(usable, score(evaluation), -jnp.inf)
            table = jnp.stack([leaf.astype(jnp.float32) for leaf in jax.tree.leaves(evaluation)])
            counted = state[3] + usable.sum(dtype=jnp.int32)
            kept = _merge(state[:3], (value, position, table), keep)
            return (*kept, counted), (score(evaluation), usable)

        state, each = lax.scan(one, empty, (jnp.arange(rounds, dtype=jnp.int32), points))
        return (state[0], state[1], state[2].T, state[3][None]), each

    spread = jax.shard_map(
        local,
        mesh=mesh,
        in_specs=(whole, split, whole, whole),
        out_specs=split,
        check_vma=False,  # the empty state is the same on all devices and differs after one round
    )

    def call(shared: Any, points: Any, start: Any, total: Any, state: Any) -> Any:
        (value, position, table, feasible), each = spread(shared, points, start, total)
        merged = _merge(state[:3], (value, position, table.T), keep)
        return (*merged, state[3] + feasible.sum(dtype=jnp.int32)), each

    options = CPU_OPTIONS if devices[0].platform == "cpu" else None
    return _Program(
        call=jax.jit(call, compiler_options=options),
        empty=empty,
        chunk=BATCH * ROUNDS * len(devices),
        sharding=NamedSharding(mesh, split),
        structure=structure,
    )


def _merge(kept: tuple, new: tuple, keep: int) -> tuple:
    """Best of two lists; the metrics of the survivors travel with them."""
    short = lax.top_k(new[0], min(keep, new[0].shape[0]))[1]
    value = jnp.concatenate([kept[0], new[0][short]])
    position = jnp.concatenate([kept[1], new[1][short]])
    table = jnp.concatenate([kept[2], new[2][:, short]], axis=1)
    best, order = lax.top_k(value, keep)
    return best, position[order], table[:, order]


def _chunk(layouts: Layout, start: int, size: int) -> Layout:
    """One chunk in rows of a batch; the tail repeats the last point."""

    def cut(column: np.ndarray) -> np.ndarray:
        part = column[start : start + size]
        padded = np.pad(part, (0, size - len(part)), mode="edge")
        return padded.astype(np.float32).reshape(-1, BATCH)

    return Layout(*(cut(column) for column in layouts))
