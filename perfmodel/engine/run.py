"""Compiles any function of arrays, and evaluates a few layouts of one site."""

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, get_type_hints

import jax
import numpy as np
from jax import lax

from perfmodel.engine import fusing
from perfmodel.engine.batching import batch_last
from perfmodel.engine.store import Build, Wanted, stored
from perfmodel.spaces.layouts import Layouts
from perfmodel_kernels.layout import Layout
from perfmodel_kernels.site import Evaluation, SiteParams, evaluate

FEW = 8
"""Layouts per call of :func:`evaluate_few`."""

CPU_OPTIONS = {"xla_cpu_use_fusion_emitters": False, "xla_llvm_disable_expensive_passes": True}
"""Half of the time to compile that the newer emitters take. Two optimisation levels less save a
fifth of the rest and make a point cost 1.9 times as much."""

ONCE_OPTIONS = {"xla_cpu_use_fusion_emitters": False, "xla_backend_optimization_level": 0}
"""For the part that runs once per search: no time spent on making it fast."""

WIDE_OPTIONS = CPU_OPTIONS | fusing.OPTIONS
FEW_OPTIONS = ONCE_OPTIONS | fusing.OPTIONS
"""The same two for kernels of :func:`perfmodel.engine.fusing.in_kernels`."""


traced_evaluate = jax.jit(evaluate)
"""The evaluation for those who take its equations apart: traced once for inputs of the same shapes.
"""


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


def compiled_fully(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same with all the care that the compiler takes by default.

    Parameters
    ----------
    function
        Takes and returns arrays.

    Returns
    -------
    Callable[..., Any]
        The same function; it compiles again for arrays of another shape or type.
    """
    return jax.jit(function)


def compiled_once(function: Callable[..., Any]) -> Any:
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


def compiled_over_points(function: Callable[[Any, Any], Any], size: int) -> Callable[..., Any]:
    """A function of what is shared and of a point, for batches of points.

    Parameters
    ----------
    function
        Takes two pytrees of arrays.
    size
        Points of a batch.

    Returns
    -------
    Callable[..., Any]
        Takes what is shared and arrays of points, whose first axis is the batch and whose last the
        point in it, and returns such arrays.
    """
    on_cpu = jax.default_backend() == "cpu"
    mapped = jax.vmap(function, in_axes=(None, -1), out_axes=-1)
    each = fusing.in_kernels(batch_last(function, size)) if on_cpu else mapped

    def batches(shared: Any, points: Any) -> Any:
        return lax.map(lambda batch: each(shared, batch), points)

    return jax.jit(batches, compiler_options=WIDE_OPTIONS if on_cpu else None)


class Kept(NamedTuple):
    """A function whose programs, one per shape of its arguments, stay on disk."""

    function: Callable[..., Any]
    name: tuple
    """What tells it from other functions of the same file, closures included."""

    def __call__(self, *arguments: Any) -> Any:
        """Runs the program; it is of those that run a few times, see :func:`compiled_once`."""
        return _kept(self, *_kinds(arguments))(*arguments)

    def wanted(self, tree: Any, kinds: tuple) -> Wanted:
        """The program for arguments of some structure, shapes and types."""

        def build() -> Build:
            leaves = [jax.ShapeDtypeStruct(shape, kind) for shape, kind in kinds]
            examples = jax.tree.unflatten(tree, leaves)
            return Build([_in_few_kernels(self.function, jax.default_backend()).lower(*examples)])

        text = Path(self.function.__code__.co_filename).read_bytes()
        return Wanted((self.name, tree, kinds, hashlib.sha256(text).hexdigest()), build)

    def wanted_for(self, *arguments: Any) -> Wanted:
        """The program for some arguments, to be made ready before they are given."""
        return self.wanted(*_kinds(arguments))


def _kinds(arguments: tuple) -> tuple[Any, tuple]:
    """Structure of arguments, and shape and type of each leaf."""
    leaves, tree = jax.tree.flatten(arguments)
    return tree, tuple((np.shape(leaf), np.asarray(leaf).dtype.name) for leaf in leaves)


@cache
def _kept(named: Kept, tree: Any, kinds: tuple) -> Callable:
    return stored(named.wanted(tree, kinds)).compiled[0]


def evaluate_few(params: SiteParams, layouts: Layouts) -> Evaluation:
    """Evaluates every layout of a short list, whether or not it fits in memory.

    Parameters
    ----------
    params
        Site and job, scalars.
    layouts
        One array per field.

    Returns
    -------
    Evaluation
        An array of the layouts each.
    """
    form, given = flat(params)
    program, parts = _few(form, jax.default_backend()), []
    for start in range(0, len(layouts.tp), FEW):
        table = np.stack(layouts.where(slice(start, start + FEW))).astype(np.float32)
        count = table.shape[1]
        padded = np.pad(table, ((0, 0), (0, FEW - count)), mode="edge")
        found = program(given, padded)
        parts.append(jax.tree.map(lambda leaf, count=count: np.asarray(leaf)[:count], found))
    return jax.tree.map(lambda *leaves: np.concatenate(leaves), *parts)


class Form(NamedTuple):
    """Structure of the shared parameters, by which programs differ."""

    tree: Any
    shapes: tuple[tuple[int, ...], ...]

    @property
    def size(self) -> int:
        """Numbers in all."""
        return sum(int(np.prod(shape)) for shape in self.shapes)

    def example(self) -> Any:
        """Shapes and types of the parameters."""
        leaves = [jax.ShapeDtypeStruct(shape, np.float32) for shape in self.shapes]
        return jax.tree.unflatten(self.tree, leaves)

    def restored(self, flat: jax.Array) -> Any:
        """Parameters from one vector: one transfer instead of a hundred."""
        return self._cut(flat, ())

    def batched(self, table: jax.Array, size: int) -> Any:
        """Parameters of some points. Axes of the table: number, point."""
        return self._cut(table, (size,))

    def _cut(self, table: jax.Array, batch: tuple[int, ...]) -> Any:
        sizes = [int(np.prod(shape)) for shape in self.shapes]
        ends = np.cumsum(sizes).tolist()
        parts = [
            lax.slice_in_dim(table, end - size, end).reshape(shape + batch)
            for end, size, shape in zip(ends, sizes, self.shapes, strict=True)
        ]
        return jax.tree.unflatten(self.tree, parts)


def flat(params: Any) -> tuple[Form, np.ndarray]:
    """Parameters as one vector, and how to restore them.

    Parameters
    ----------
    params
        Numbers and arrays.

    Returns
    -------
    tuple[Form, np.ndarray]
        Form and vector.
    """
    leaves, tree = jax.tree.flatten(params)
    vector = np.concatenate([np.ravel(leaf) for leaf in leaves]).astype(np.float32)
    return Form(tree, tuple(np.shape(leaf) for leaf in leaves)), vector


@cache
def evaluation_structure() -> Any:
    """Tree of an evaluation, without tracing what returns it."""

    def filled(part: type) -> Any:
        hints = get_type_hints(part)
        return part(*(filled(hint) if hasattr(hint, "_fields") else 0.0 for hint in hints.values()))

    return jax.tree.structure(filled(Evaluation))


@cache
def _few(form: Form, platform: str) -> Callable:
    """Loads or compiles once per form of the parameters."""
    return stored(_wanted_few(form, platform)).compiled[0]


def wanted_few(params: SiteParams) -> Wanted:
    """The programs of :func:`evaluate_few`, to be made ready before it is called.

    Parameters
    ----------
    params
        Site and job, scalars.

    Returns
    -------
    Wanted
        For :func:`perfmodel.engine.store.make_ready`.
    """
    return _wanted_few(flat(params)[0], jax.default_backend())


def _wanted_few(form: Form, platform: str) -> Wanted:
    def build() -> Build:
        each = batch_last(traced_evaluate, FEW)

        def few(values: Any, table: Any) -> Evaluation:
            return each(form.restored(values), Layout(*table))

        given = jax.ShapeDtypeStruct((form.size,), np.float32)
        table = jax.ShapeDtypeStruct((len(Layout._fields), FEW), np.float32)
        return Build([_in_few_kernels(few, platform).lower(given, table)])

    return Wanted(("few", form, platform), build)


def _in_few_kernels(function: Callable[..., Any], platform: str) -> Any:
    """A program that runs a few times."""
    if platform != "cpu":
        return jax.jit(function)
    return jax.jit(fusing.in_kernels(function), compiler_options=FEW_OPTIONS)
