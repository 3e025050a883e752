"""Compiled programs of a search: traced level by level once, kept on disk, loaded for each form."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from numpy.typing import NDArray

from perfmodel.engine import staging
from perfmodel.engine.coupling import SIZE
from perfmodel.engine.reduction import (
    no_front,
    no_points,
)
from perfmodel.engine.run import (
    FEW_OPTIONS,
    WIDE_OPTIONS,
    Form,
    evaluation_structure,
    traced_evaluate,
)
from perfmodel.engine.search_kernel import (
    BASES,
    BATCH,
    GRID,
    KEEP,
    OBJECTIVES,
    RESPECTS,
    ROUNDS,
    SLOTS,
    Feed,
    Kernel,
    Options,
)
from perfmodel.engine.store import Build, Wanted, stored
from perfmodel.spaces.layouts import BASE, FIELDS, GROUP, MODE, SHAPE
from perfmodel_kernels.layout import Layout

MODES = 256
"""Modes come in tables of a multiple of this length, so that one program serves most spaces."""

LEVEL = {
    **dict.fromkeys(BASE, staging.BASE),
    **dict.fromkeys(GROUP, staging.GROUP),
    **dict.fromkeys(SHAPE, staging.SHAPE),
    **dict.fromkeys(MODE, staging.MODE),
}


class Work(NamedTuple):
    """What the programs of a search do."""

    flop: tuple[int, ...]
    """Arithmetic operations per base, group, shape and point, what is shared by all first."""
    bytes: int
    """Least bytes that one point reads and writes: what crosses to it, and its outputs. [B]"""
    temporary: int
    """Bytes that the program of the points takes beside its inputs and outputs. [B]"""
    widths: tuple[int, int]
    """Numbers of a base and of a group that are handed on."""


class Tables:
    """Tables of bases and groups, written anew by every chunk: their memory is kept."""

    def __init__(self, widths: tuple[int, int], split: NamedSharding) -> None:
        self._widths, self._split = widths, split
        self._idle: list[tuple[Any, Any]] = []

    def take(self) -> tuple[Any, Any]:
        """Two tables that nobody else writes."""
        try:
            return self._idle.pop()
        except IndexError:
            shapes = [(self._split.mesh.size, BATCH * ROUNDS, width) for width in self._widths]
            first, second = (np.zeros(shape, np.float32) for shape in shapes)
            return jax.device_put(first, self._split), jax.device_put(second, self._split)

    def give(self, tables: tuple[Any, Any]) -> None:
        """Takes them back."""
        self._idle.append(tables)


class SearchPrograms(NamedTuple):
    """What evaluates a space on some devices, and where it begins."""

    points: Any
    """All points of a chunk, and what is kept of them."""
    group: Any
    """Table of the groups."""
    base: Any
    """Table of the bases."""
    prepare: Any
    """What all points share."""
    empty: Any
    """Lists before the first chunk, one per device."""
    split: NamedSharding
    """One part per device."""
    work: Work
    tables: Tables


def padded(modes: NDArray) -> int:
    """Length of the table that holds some modes."""
    return -(-max(len(modes), 1) // MODES) * MODES


@cache
def programs(devices: tuple, form: Form, modes: int) -> SearchPrograms:
    """Loads or compiles, once per set of devices, form of the parameters and length of the mode
    table.
    """
    found, split = stored(wanted(devices, form, modes)), _placed(devices)
    return SearchPrograms(
        *found.compiled,
        empty=_empty(devices),
        split=split,
        work=found.notes,
        tables=Tables(found.notes.widths, split),
    )


def wanted(devices: tuple, form: Form, modes: int) -> Wanted:
    """The same programs, to be made ready before they are needed."""
    return Wanted(("search", form, modes, len(devices)), lambda: _build(devices, form, modes))


def _placed(devices: tuple) -> NamedSharding:
    """One part per device."""
    return NamedSharding(Mesh(np.array(devices), ("points",)), PartitionSpec("points"))


def _empty(devices: tuple) -> Any:
    """Lists without a point."""
    columns = len(FIELDS) + evaluation_structure().num_leaves
    empty = (
        no_points(len(OBJECTIVES), KEEP, columns),
        no_points(1, KEEP, columns),
        no_front(SLOTS, len(RESPECTS), columns),
        np.full(GRID, -np.inf, np.float32),
    )
    split = jax.tree.map(lambda part: np.stack([np.asarray(part)] * len(devices)), empty)
    return jax.device_put(split, _placed(devices))


def _build(devices: tuple, form: Form, modes: int) -> Build:
    """Traces level by level; what compiles longest comes first."""
    split, whole = PartitionSpec("points"), PartitionSpec()
    scalar: Any = jax.ShapeDtypeStruct((), np.float32)
    point = Layout(*[scalar] * len(Layout._fields))
    levels = [staging.SHARED] * form.tree.num_leaves + [LEVEL[field] for field in Layout._fields]
    planned = staging.plan(traced_evaluate, (form.example(), point), levels)
    on_cpu = devices[0].platform == "cpu"
    kernel, placed = Kernel(planned, on_cpu), _placed(devices)

    def mapped(function: Callable, inputs: tuple) -> Callable:
        mesh: Any = placed.mesh
        return jax.shard_map(function, mesh=mesh, in_specs=inputs, out_specs=split, check_vma=False)

    once, wide = (FEW_OPTIONS, WIDE_OPTIONS) if on_cpu else (None, None)
    functions = (
        (mapped(kernel.points, (whole, (split, split), split, whole, split)), wide, ()),
        (mapped(kernel.group, (split, whole, split, split)), wide, (0,)),
        (mapped(kernel.base, (split, whole, split)), once, (0,)),
        (lambda given: kernel.prepare(jax.tree.leaves(form.restored(given))), once, ()),
    )
    examples = _examples(form, kernel, modes, _empty(devices), placed)

    def notes(compiled: Sequence[Any]) -> Work:
        numbers = planned.width(staging.SHAPE) + planned.structure.num_leaves
        temporary = int(compiled[0].memory_analysis().temp_size_in_bytes)
        return Work(planned.flop, 4 * numbers, temporary, kernel.widths)

    return Build(
        (
            jax.jit(function, donate_argnums=given, compiler_options=options).lower(*example)
            for (function, options, given), example in zip(functions, examples, strict=True)
        ),
        notes,
    )


def _examples(
    form: Form, kernel: "Kernel", modes: int, empty: Any, split: NamedSharding
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
    bases, groups = (real(BATCH * ROUNDS, width) for width in kernel.widths)
    feed = Feed(
        bases=real(BATCH * ROUNDS // BASES, len(BASE), BASES),
        groups=real(ROUNDS, len(GROUP), BATCH),
        group_base=index(ROUNDS, BATCH),
        shapes=real(ROUNDS, len(SHAPE), BATCH),
        shape_base=index(ROUNDS, BATCH),
        shape_group=index(ROUNDS, BATCH),
        rounds=index(3),
        place=index(2),
    )
    options = Options(
        modes=whole(modes, len(MODE)),
        mode_count=whole(kind=np.int32),
        power=whole(),
        respects=whole(len(RESPECTS), kind=bool),
        bounds=whole(2, kernel.columns),
        some_bounds=whole(kind=bool),
        bounded=whole(kind=bool),
        coupled=whole(kind=bool),
        coupling=whole(SIZE),
    )
    state = jax.tree.map(
        lambda part: jax.ShapeDtypeStruct(part.shape, part.dtype, sharding=split), empty
    )
    return (
        (shared, (bases, groups), feed, options, state),
        (groups, shared, bases, feed),
        (bases, shared, feed),
        (whole(form.size),),
    )
