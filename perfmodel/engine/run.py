"""Evaluates a kernel over millions of points and keeps the best: one compiled program."""

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple, get_type_hints

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from perfmodel.engine.batching import hoist
from perfmodel.search.layouts import Layouts
from perfmodel_kernels.layout import Layout
from perfmodel_kernels.site import Evaluation, SiteParams, evaluate

BATCH = 512
"""Points per vector loop: the intermediates of one batch fit the second-level cache; twice as many
make a point cost a fifth more."""

ROUNDS = 32
"""Batches per device and call."""

CPU_OPTIONS = {"xla_cpu_use_fusion_emitters": False, "xla_llvm_disable_expensive_passes": True}
"""Half of the time to compile that the newer emitters take. Two optimisation levels less save a
fifth of the rest and make a point cost 1.9 times as much."""

ONCE_OPTIONS = {"xla_cpu_use_fusion_emitters": False, "xla_backend_optimization_level": 0}
"""For the part that runs once per search: no time spent on making it fast."""

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
    layouts: Layouts
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
    params: SiteParams, layouts: Layouts, keep: int = KEEP, score: Score = throughput
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
    params: SiteParams, layouts: Layouts, keep: int = KEEP, score: Score = throughput
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
    if not parts:
        return Scored(run.best(state), np.empty(0), np.empty(0, bool))
    scores, marks = (_gathered(list(column)) for column in zip(*parts, strict=True))
    return Scored(run.best(state), scores[: run.points], marks[: run.points])


def compiled_search(
    params: SiteParams, layouts: Layouts, keep: int = KEEP, score: Score = throughput
) -> jax.stages.Compiled:
    """The program that a search runs, for its cost and its memory.

    Parameters
    ----------
    params, layouts, keep, score
        As in :func:`search`.

    Returns
    -------
    jax.stages.Compiled
        Compiled for the local devices.
    """
    run = _Run(params, layouts, keep, score)
    return run.program.call.lower(*run.operands(run.program.empty, 0)).compile()


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Any function of arrays as one program, compiled when it is first called.

    Parameters
    ----------
    function
        Takes and returns arrays.

    Returns
    -------
    Callable[..., Any]
        The same function; it compiles again for arrays of another shape or type.
    """
    on_cpu = jax.default_backend() == "cpu"
    return jax.jit(function, compiler_options=CPU_OPTIONS if on_cpu else None)


def compiled_once(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same for a program that runs a few times: a third of the time to compile.

    Parameters
    ----------
    function
        Takes and returns arrays.

    Returns
    -------
    Callable[..., Any]
        The same function; it compiles again for arrays of another shape or type.
    """
    on_cpu = jax.default_backend() == "cpu"
    return jax.jit(function, compiler_options=ONCE_OPTIONS if on_cpu else None)


class _Run:
    """One pass of a compiled program over a list of layouts."""

    def __init__(self, params: SiteParams, layouts: Layouts, keep: int, score: Score) -> None:
        leaves, tree = jax.tree.flatten(params)
        given = np.concatenate([np.ravel(leaf) for leaf in leaves]).astype(np.float32)
        self.layouts, self.points, self.keep = layouts, len(layouts.tp), keep
        form = _Form(tree, tuple(np.shape(leaf) for leaf in leaves))
        self.program = _program(score, keep, tuple(jax.local_devices()), form)
        self.shared = np.asarray(self.program.prepare(given))
        self.starts = range(0, self.points, self.program.chunk)

    def advance(self, state: Any, start: int) -> Any:
        """Evaluates one chunk; the result stays on the devices."""
        return self.program.call(*self.operands(state, start))

    def operands(self, state: Any, start: int) -> tuple:
        """What the program takes for one chunk."""
        program = self.program
        part = self.layouts.where(slice(start, start + program.chunk))
        placed = jax.device_put(_dealt(part, program.chunk), program.sharding)
        return self.shared, placed, np.int32(start), np.int32(self.points), state

    def best(self, state: Any) -> Best:
        """Fetches what the devices kept and joins it."""
        score, index, table, feasible = (np.asarray(part) for part in state)
        order = np.argsort(-score, kind="stable")[: self.keep]
        order = order[np.isfinite(score[order])]
        evaluation = jax.tree.unflatten(self.program.structure, list(table[order].T))
        kept = self.layouts.where(index[order])
        return Best(evaluation, kept, score[order], int(feasible.sum()), self.points)


class _Form(NamedTuple):
    """Structure of the shared parameters, by which programs differ."""

    tree: Any
    shapes: tuple[tuple[int, ...], ...]

    def example(self) -> SiteParams:
        """Shapes and types of the parameters."""
        leaves = [jax.ShapeDtypeStruct(shape, np.float32) for shape in self.shapes]
        return jax.tree.unflatten(self.tree, leaves)

    def restored(self, flat: jax.Array) -> SiteParams:
        """Parameters from one vector: one transfer instead of a hundred."""
        ends = np.cumsum([int(np.prod(shape)) for shape in self.shapes])
        parts = [
            lax.slice(flat, (end - int(np.prod(shape)),), (end,)).reshape(shape)
            for end, shape in zip(ends.tolist(), self.shapes, strict=True)
        ]
        return jax.tree.unflatten(self.tree, parts)


def _structure(kind: type) -> Any:
    """Tree of a NamedTuple whose other fields are scalars, without tracing what returns it."""

    def filled(part: type) -> Any:
        hints = get_type_hints(part)
        return part(*(filled(hint) if hasattr(hint, "_fields") else 0.0 for hint in hints.values()))

    return jax.tree.structure(filled(kind))


class _Program(NamedTuple):
    prepare: Any
    call: Any
    empty: Any
    chunk: int
    sharding: NamedSharding
    structure: Any


@cache
def _program(score: Score, keep: int, devices: tuple, form: _Form) -> _Program:
    """Compiles once per score, number kept, set of devices and form of the parameters.

    Every device keeps a list of its own from chunk to chunk; they are joined once at the end.
    """
    mesh = Mesh(np.array(devices), ("points",))
    split, whole = PartitionSpec("points"), PartitionSpec()
    point = jax.tree.map(
        lambda _: jax.ShapeDtypeStruct((), np.float32), Layout(*[0.0] * len(Layout._fields))
    )
    halves = hoist(evaluate, form.example(), point, BATCH)
    structure = _structure(Evaluation)
    kept = keep * len(devices)
    empty = (
        np.full(kept, -np.inf, np.float32),
        np.full(kept, -1, np.int32),
        np.zeros((kept, structure.num_leaves), np.float32),
        np.zeros(len(devices), np.int32),
    )

    def local(shared: Any, points: Any, start: Any, total: Any, state: Any) -> Any:
        offset = start + lax.axis_index("points") * BATCH
        stride = len(devices) * BATCH
        rounds = jnp.clip((total - offset + stride - 1) // stride, 0, ROUNDS)

        def one(number: Any, carried: Any) -> Any:
            kept, counted, scores, marks = carried
            evaluation = halves.batched(shared, Layout(*points[0, number]))
            position = offset + number * stride + jnp.arange(BATCH, dtype=jnp.int32)
            usable = evaluation.step.feasible & (position < total)
            value = jnp.where(usable, score(evaluation), -jnp.inf)
            table = jnp.stack([leaf.astype(jnp.float32) for leaf in jax.tree.leaves(evaluation)])
            kept = _merge(kept, (value, position, table), keep)
            counted = counted + usable.sum(dtype=jnp.int32)
            return (
                kept,
                counted,
                scores.at[number].set(score(evaluation)),
                marks.at[number].set(usable),
            )

        blank = jnp.zeros((ROUNDS, BATCH), jnp.float32), jnp.zeros((ROUNDS, BATCH), bool)
        own = state[0], state[1], state[2].T
        kept, counted, scores, marks = lax.fori_loop(0, rounds, one, (own, state[3][0], *blank))
        return (kept[0], kept[1], kept[2].T, counted[None]), (scores[None], marks[None])

    call = jax.shard_map(
        local,
        mesh=mesh,
        in_specs=(whole, split, whole, whole, split),
        out_specs=split,
        check_vma=False,  # rounds differ between devices
    )

    def prepare(flat: Any) -> Any:
        return halves.prepare(form.restored(flat))

    on_cpu = devices[0].platform == "cpu"
    options = CPU_OPTIONS if on_cpu else None
    return _Program(
        prepare=jax.jit(prepare, compiler_options=ONCE_OPTIONS if on_cpu else None),
        call=jax.jit(call, compiler_options=options),
        empty=jax.device_put(empty, NamedSharding(mesh, split)),  # as the program returns it
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


def _dealt(layouts: Layouts, size: int) -> np.ndarray:
    """A chunk in batches, dealt to the devices in turn; the tail repeats the last point.

    Axes: device, round, field, point.
    """
    table = np.stack(layouts).astype(np.float32)
    padded = np.pad(table, ((0, 0), (0, size - table.shape[1])), mode="edge")
    dealt = padded.reshape(len(table), ROUNDS, -1, BATCH).transpose(2, 1, 0, 3)
    return np.ascontiguousarray(dealt)


def _gathered(parts: list) -> np.ndarray:
    """Values per point in the order of the layouts, from chunks dealt to the devices."""
    return np.concatenate([np.asarray(part).swapaxes(0, 1).ravel() for part in parts])
