"""vmap with the batch as the minor axis, and what all points share computed once.

``jax.vmap`` puts the batch first, so that an array over operators or levels lies innermost in
memory and the CPU's vector units stay idle on axes of three to seventeen. Here every batched value
carries its batch last; the values are the same, the loops run over points. Equations that no point
enters are hoisted into a program of their own, which runs once per search.
"""

from collections.abc import Callable
from itertools import pairwise
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.core import Tracer
from jax.extend.core import ClosedJaxpr, Literal

CONSTANT, SHARED, BATCHED = range(3)
"""What a value depends on: nothing, the shared parameters, the points."""


class _Value(NamedTuple):
    """An array and what it depends on; the identity of the tuple is that of the value."""

    array: Any
    kind: int


class Hoisted(NamedTuple):
    """A function of shared parameters and a point, split in two."""

    prepare: Callable[[Any], jax.Array]
    """Shared parameters to one vector of all that the points need of them."""
    batched: Callable[[Any, Any], Any]
    """That vector and a pytree of points, batch last, to the outputs, batch last."""


def hoist(function: Callable, shared: Any, point: Any, size: int) -> Hoisted:
    """Splits a function into what all points share and what is mapped over them.

    Parameters
    ----------
    function
        Takes a pytree that all points share and a pytree of scalars, one point.
    shared, point
        Shapes and types of both.
    size
        Points in a batch.

    Returns
    -------
    Hoisted
        Both halves.
    """
    closed, shape = jax.make_jaxpr(function, return_shape=True)(shared, point)
    structure, count = jax.tree.structure(shape), len(jax.tree.leaves(point))

    def prepare(values: Any) -> jax.Array:
        return _Preparation().run(closed, jax.tree.leaves(values), count)

    def batched(flat: Any, points: Any) -> Any:
        leaves = jax.tree.leaves(points)
        outputs = _Application(flat, size).run(closed, len(jax.tree.leaves(shared)), leaves)
        return jax.tree.unflatten(structure, outputs)

    return Hoisted(prepare, batched)


def batch_last(function: Callable, size: int) -> Callable:
    """Maps a function over the last axis of its second argument.

    Parameters
    ----------
    function
        Takes a pytree that all points share and a pytree of scalars, one point.
    size
        Points in a batch.

    Returns
    -------
    Callable
        Takes the shared pytree and a pytree of vectors; returns the outputs with the batch last.
    """

    def mapped(shared: Any, points: Any) -> Any:
        one = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape[:-1], leaf.dtype), points)
        halves = hoist(function, shared, one, size)
        return halves.batched(halves.prepare(shared), points)

    return mapped


class _Walk:
    """Runs a jaxpr equation by equation; both halves walk it in the same order."""

    def __init__(self) -> None:
        self.slots: dict[int, int] = {}
        self.crossed: list[_Value] = []

    def evaluate(self, closed: ClosedJaxpr, inputs: list[_Value]) -> list[_Value]:
        """Values of the outputs."""
        jaxpr, known = closed.jaxpr, {}
        consts = [_Value(const, CONSTANT) for const in closed.consts]
        known.update(zip(jaxpr.constvars, consts, strict=True))
        known.update(zip(jaxpr.invars, inputs, strict=True))

        def read(atom: Any) -> _Value:
            return _Value(atom.val, CONSTANT) if isinstance(atom, Literal) else known[atom]

        for equation in jaxpr.eqns:
            values = [read(atom) for atom in equation.invars]
            known.update(zip(equation.outvars, self.apply(equation, values), strict=True))
        return [read(atom) for atom in jaxpr.outvars]

    def apply(self, equation: Any, values: list[_Value]) -> list[_Value]:
        """Outputs of one equation."""
        primitive, params = equation.primitive, equation.params
        if primitive.name in CALLS:
            return self.evaluate(params.get("jaxpr") or params["call_jaxpr"], values)
        kind = max((value.kind for value in values), default=CONSTANT)
        if kind == BATCHED:
            return [_Value(array, BATCHED) for array in self.over_points(equation, values)]
        if kind == SHARED:
            return [_Value(array, SHARED) for array in self.over_shared(equation, values)]
        return [
            _Value(array, CONSTANT) for array in bound(equation, [value.array for value in values])
        ]

    def cross(self, value: _Value) -> int:
        """Slot of a shared value that a batched equation reads."""
        if id(value) not in self.slots:
            self.slots[id(value)] = len(self.crossed)
            self.crossed.append(value)
        return self.slots[id(value)]

    def over_points(self, equation: Any, values: list[_Value]) -> list:
        """Outputs of an equation that a point enters."""
        raise NotImplementedError

    def over_shared(self, equation: Any, values: list[_Value]) -> list:
        """Outputs of an equation that only shared parameters enter."""
        raise NotImplementedError


class _Preparation(_Walk):
    """Computes what is shared and collects what crosses over to the points."""

    def run(self, closed: ClosedJaxpr, leaves: list, points: int) -> jax.Array:
        inputs = [_Value(leaf, SHARED) for leaf in leaves]
        outputs = self.evaluate(closed, inputs + [_Value(None, BATCHED)] * points)
        for value in outputs:
            if value.kind == SHARED:
                self.cross(value)
        parts = [jnp.ravel(value.array).astype(leaves[0].dtype) for value in self.crossed]
        return jnp.concatenate(parts) if parts else jnp.zeros(0, leaves[0].dtype)

    def over_points(self, equation: Any, values: list[_Value]) -> list:
        for value in values:
            if value.kind == SHARED:
                self.cross(value)
        return [None] * len(equation.outvars)

    def over_shared(self, equation: Any, values: list[_Value]) -> list:
        return bound(equation, [value.array for value in values])


class _Application(_Walk):
    """Runs the equations that points enter, on a vector of what is shared."""

    def __init__(self, flat: Any, size: int) -> None:
        super().__init__()
        self.flat, self.size = flat, size
        self.end = 0
        self.taken: dict[int, Any] = {}

    def run(self, closed: ClosedJaxpr, shared: int, leaves: list) -> list:
        avals = [var.aval for var in closed.jaxpr.invars[:shared]]
        inputs = [_Value(aval, SHARED) for aval in avals]
        inputs += [_Value(leaf, BATCHED) for leaf in leaves]
        return [self.filled(value) for value in self.evaluate(closed, inputs)]

    def over_points(self, equation: Any, values: list[_Value]) -> list:
        operands = [(self.array(value), value.kind == BATCHED) for value in values]
        return over_points(equation, operands, self.size)

    def over_shared(self, equation: Any, values: list[_Value]) -> list:
        return [variable.aval for variable in equation.outvars]

    def array(self, value: _Value) -> Any:
        """The array of a value, cut out of the vector where it is shared."""
        if value.kind != SHARED:
            return value.array
        slot = self.cross(value)
        if slot not in self.taken:
            start, self.end = self.end, self.end + int(np.prod(value.array.shape))
            part = lax.slice(self.flat, (start,), (self.end,))
            self.taken[slot] = part.reshape(value.array.shape).astype(value.array.dtype)
        return self.taken[slot]

    def filled(self, value: _Value) -> Any:
        """An output with the batch last, the same for all points where none enters."""
        array = self.array(value)
        if value.kind == BATCHED:
            return array
        return jnp.broadcast_to(jnp.asarray(array)[..., None], (*np.shape(array), self.size))


def bound(equation: Any, arrays: list) -> list:
    """Outputs of an equation without a batch."""
    outputs = equation.primitive.bind(*arrays, **equation.params)
    return outputs if equation.primitive.multiple_results else [outputs]


def over_points(equation: Any, values: list[tuple[Any, bool]], size: int) -> list:
    """Outputs of an equation, batch last.

    Parameters
    ----------
    equation
        Of a jaxpr.
    values
        Operands and whether the last axis of each is the batch; at least one is.
    size
        Points in the batch.

    Returns
    -------
    list
        Arrays.
    """
    return _RULES.get(equation.primitive.name, _by_vmap)(equation, values, size)


def _spread(value: tuple[Any, bool], shape: tuple[int, ...], size: int) -> Any:
    """An operand at the full shape of a result, batch last; scalars stretch as in lax."""
    array, batched = value
    own = np.shape(array)[:-1] if batched else np.shape(array)
    target = (*shape, size)
    if np.shape(array) == target:
        return array
    axes = tuple(range(len(shape))) if own else ()
    if batched:
        axes = (*axes, len(shape))
    return lax.broadcast_in_dim(jnp.asarray(array), target, axes)


def _elementwise(equation: Any, values: list, size: int) -> list:
    shape = equation.outvars[0].aval.shape
    operands = [_spread(value, shape, size) for value in values]
    return [equation.primitive.bind(*operands, **equation.params)]


def _clamp(equation: Any, values: list, size: int) -> list:
    shape = equation.outvars[0].aval.shape
    low, operand, high = (_spread(value, shape, size) for value in values)
    return [lax.min(lax.max(low, operand), high)]


def _broadcast(equation: Any, values: list, size: int) -> list:
    array, params = values[0][0], equation.params
    dimensions = (*params["broadcast_dimensions"], len(params["shape"]))
    return [lax.broadcast_in_dim(array, (*params["shape"], size), dimensions)]


def _reshape(equation: Any, values: list, size: int) -> list:
    return [lax.reshape(values[0][0], (*equation.params["new_sizes"], size))]


def _squeeze(equation: Any, values: list, size: int) -> list:
    return [lax.squeeze(values[0][0], equation.params["dimensions"])]


def _slice(equation: Any, values: list, size: int) -> list:
    params = equation.params
    strides = params["strides"]
    return [
        lax.slice(
            values[0][0],
            (*params["start_indices"], 0),
            (*params["limit_indices"], size),
            None if strides is None else (*strides, 1),
        )
    ]


def _concatenate(equation: Any, values: list, size: int) -> list:
    shapes = [atom.aval.shape for atom in equation.invars]
    operands = [_spread(value, shape, size) for value, shape in zip(values, shapes, strict=True)]
    return [lax.concatenate(operands, equation.params["dimension"])]


def _same_axes(equation: Any, values: list, size: int) -> list:
    return [equation.primitive.bind(values[0][0], **equation.params)]


def _sum(equation: Any, values: list, size: int) -> list:
    """A sum over leading axes, which the compiler's own loop would run along, not over points."""
    array = values[0][0]
    for axis in sorted(equation.params["axes"], reverse=True):
        array = lax.squeeze(_total(_places(array, axis)), (axis,))
    return [array]


def _places(array: Any, axis: int) -> list:
    """Slices of length one along an axis."""
    count = array.shape[axis]
    return [lax.slice_in_dim(array, place, place + 1, axis=axis) for place in range(count)]


def _total(parts: list) -> Any:
    """Sum of arrays, by pairs."""
    while len(parts) > 1:
        pairs = [lax.add(*pair) for pair in zip(parts[::2], parts[1::2], strict=False)]
        parts = pairs + parts[len(pairs) * 2 :]
    return parts[0]


FILLED = 256
"""Numbers of a constant matrix that are written out as sums; one with more is multiplied by."""


def _product(equation: Any, values: list, size: int) -> list:
    """A constant matrix times a batched vector: sums of those rows that count, mostly few."""
    (left, left_batched), (right, _) = values
    axes, batch = equation.params["dimension_numbers"]
    table, vector = (right, left) if left_batched else (left, right)
    (summed,), (over,) = axes[::-1] if left_batched else axes
    if batch[0] or isinstance(table, Tracer) or np.ndim(table) != 2 or vector.ndim != 2 or over:
        return _by_vmap(equation, values, size)
    if np.count_nonzero(table) > FILLED:
        return _by_vmap(equation, values, size)
    rows, sums = _places(vector, 0), []
    for factors in np.moveaxis(np.asarray(table), summed, 1):
        parts = [
            row if factor == 1.0 else row * factor
            for factor, row in zip(factors, rows, strict=True) if factor
        ]  # fmt: skip
        sums.append(_total(parts) if parts else jnp.zeros((1, size), vector.dtype))
    return [lax.concatenate(sums, 0)]


def _plus(equation: Any, values: list, size: int) -> list:
    shape = equation.outvars[0].aval.shape
    return [lax.add(*(_spread(value, shape, size) for value in values))]


def _pad(equation: Any, values: list, size: int) -> list:
    (array, _), (filler, filled) = values
    if filled:
        return _by_vmap(equation, values, size)
    return [lax.pad(array, filler, (*equation.params["padding_config"], (0, 0, 0)))]


def _unstack(equation: Any, values: list, size: int) -> list:
    axis = equation.params["axis"]
    return [lax.squeeze(part, (axis,)) for part in _places(values[0][0], axis)]


def _split(equation: Any, values: list, size: int) -> list:
    ends = np.cumsum([0, *equation.params["sizes"]]).tolist()
    array, axis = values[0][0], equation.params["axis"]
    return [lax.slice_in_dim(array, start, end, axis=axis) for start, end in pairwise(ends)]


def _stack(equation: Any, values: list, size: int) -> list:
    shape, axis = equation.outvars[0].aval.shape, equation.params["axis"]
    part = tuple(length for position, length in enumerate(shape) if position != axis)
    operands = [_spread(value, part, size) for value in values]
    return [equation.primitive.bind(*operands, **equation.params)]


def _by_vmap(equation: Any, values: list, size: int) -> list:
    """Any other primitive, correct but with the batch moved to the front and back."""
    axes = [-1 if batched else None for _, batched in values]

    def bind(*operands: Any) -> list:
        result = equation.primitive.bind(*operands, **equation.params)
        return result if equation.primitive.multiple_results else [result]

    return jax.vmap(bind, in_axes=axes, out_axes=-1)(*(array for array, _ in values))


CALLS = frozenset({"jit", "pjit", "closed_call", "custom_jvp_call", "custom_vjp_call"})
"""Primitives that only wrap a jaxpr."""

_ELEMENTWISE = [
    "abs",
    "add",
    "and",
    "ceil",
    "div",
    "eq",
    "erf_inv",
    "exp",
    "exp2",
    "expm1",
    "floor",
    "ge",
    "gt",
    "integer_pow",
    "is_finite",
    "le",
    "log",
    "log1p",
    "logistic",
    "lt",
    "max",
    "min",
    "mul",
    "ne",
    "neg",
    "not",
    "or",
    "pow",
    "rem",
    "round",
    "rsqrt",
    "select_n",
    "sign",
    "sqrt",
    "square",
    "sub",
    "tanh",
]

_RULES: dict[str, Callable] = {
    **dict.fromkeys(_ELEMENTWISE, _elementwise),
    "clamp": _clamp,
    "broadcast_in_dim": _broadcast,
    "reshape": _reshape,
    "squeeze": _squeeze,
    "slice": _slice,
    "concatenate": _concatenate,
    "stack": _stack,
    "dot_general": _product,
    "add_any": _plus,
    "pad": _pad,
    "unstack": _unstack,
    "split": _split,
    "reduce_sum": _sum,
    "reduce_max": _same_axes,
    "reduce_min": _same_axes,
    "argmax": _same_axes,
    "convert_element_type": _same_axes,
}
"""How each primitive treats operands whose last axis is the batch; others go through vmap."""
