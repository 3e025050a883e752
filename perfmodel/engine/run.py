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
    index: np.ndarray
    """Positions in the list of layouts; -1 where fewer were feasible."""
    feasible: int
    """Feasible points."""
    points: int
    """Points evaluated."""


def search(params: SiteParams, layouts: Layout, keep: int = 8, score: Score = throughput) -> Best:
    """Evaluates every layout in full and keeps the best.

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
        Metrics and positions of the best.
    """
    shared = _single(params)
    shapes = tuple(np.shape(leaf) for leaf in jax.tree.leaves(shared))
    form = _Form(jax.tree.structure(shared), shapes)
    program = _program(score, keep, tuple(jax.local_devices()), form)
    points = len(layouts.tp)
    state = program.empty
    for start in range(0, points, program.chunk):
        chunk = _chunk(layouts, start, program.chunk)
        placed = jax.device_put(chunk, program.sharding)
        state = program.call(shared, placed, np.int32(start), np.int32(points), state)
    return _best(state, program, points)


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
            return (*_merge(state[:3], (value, position, table), keep), counted), None

        state, _ = lax.scan(one, empty, (jnp.arange(rounds, dtype=jnp.int32), points))
        return (state[0], state[1], state[2].T, state[3][None])

    spread = jax.shard_map(
        local,
        mesh=mesh,
        in_specs=(whole, split, whole, whole),
        out_specs=split,
        check_vma=False,  # the empty state is the same on all devices and differs after one round
    )

    def call(shared: Any, points: Any, start: Any, total: Any, state: Any) -> Any:
        value, position, table, feasible = spread(shared, points, start, total)
        merged = _merge(state[:3], (value, position, table.T), keep)
        return (*merged, state[3] + feasible.sum(dtype=jnp.int32))

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


def _single(params: SiteParams) -> SiteParams:
    return jax.tree.map(lambda leaf: np.asarray(leaf, np.float32), params)


def _chunk(layouts: Layout, start: int, size: int) -> Layout:
    """One chunk in rows of a batch; the tail repeats the last point."""

    def cut(column: np.ndarray) -> np.ndarray:
        part = column[start : start + size]
        padded = np.pad(part, (0, size - len(part)), mode="edge")
        return padded.astype(np.float32).reshape(-1, BATCH)

    return Layout(*(cut(column) for column in layouts))


def _best(state: Any, program: _Program, points: int) -> Best:
    value, index, table, feasible = (np.asarray(part) for part in state)
    index = np.where(np.isfinite(value), index, -1)
    return Best(jax.tree.unflatten(program.structure, list(table)), index, int(feasible), points)
