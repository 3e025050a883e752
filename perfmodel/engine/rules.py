"""How each primitive treats operands whose last axis is the batch."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.core import Tracer

CALLS = frozenset({"jit", "pjit", "closed_call", "custom_jvp_call", "custom_vjp_call"})
"""Primitives that only wrap a jaxpr."""


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
