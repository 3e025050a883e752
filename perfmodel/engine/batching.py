"""vmap with the batch as the minor axis: one vector instruction serves many points.

``jax.vmap`` puts the batch first, so that an array over operators or levels lies innermost in
memory and the CPU's vector units stay idle on axes of three to seventeen. Here every batched value
carries its batch last; the values are the same, the loops run over points.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.extend.core import ClosedJaxpr, Literal

Value = Any
"""An array, and whether its last axis is the batch."""


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

    def batched(shared: Any, points: Any) -> Any:
        one = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape[:-1], leaf.dtype), points)
        closed, shape = jax.make_jaxpr(function, return_shape=True)(shared, one)
        inputs = [(leaf, False) for leaf in jax.tree.leaves(shared)]
        inputs += [(leaf, True) for leaf in jax.tree.leaves(points)]
        outputs = _evaluate(closed, inputs, size)
        leaves = [_filled(value, size) for value in outputs]
        return jax.tree.unflatten(jax.tree.structure(shape), leaves)

    return batched


def _filled(value: tuple[Value, bool], size: int) -> Value:
    array, batched = value
    return (
        array
        if batched
        else jnp.broadcast_to(jnp.asarray(array)[..., None], (*np.shape(array), size))
    )


def _evaluate(closed: ClosedJaxpr, inputs: list, size: int) -> list:
    """Runs a jaxpr equation by equation on values that may carry a batch."""
    jaxpr, known = closed.jaxpr, {}
    known.update(zip(jaxpr.constvars, [(const, False) for const in closed.consts], strict=True))
    known.update(zip(jaxpr.invars, inputs, strict=True))

    def read(atom: Any) -> tuple[Value, bool]:
        return (atom.val, False) if isinstance(atom, Literal) else known[atom]

    for equation in jaxpr.eqns:
        values = [read(atom) for atom in equation.invars]
        known.update(zip(equation.outvars, _apply(equation, values, size), strict=True))
    return [read(atom) for atom in jaxpr.outvars]


def _apply(equation: Any, values: list, size: int) -> list:
    primitive, params = equation.primitive, equation.params
    if primitive.name in _CALLS:
        return _evaluate(params.get("jaxpr") or params["call_jaxpr"], values, size)
    if not any(batched for _, batched in values):
        outputs = primitive.bind(*(array for array, _ in values), **params)
        outputs = outputs if primitive.multiple_results else [outputs]
        return [(array, False) for array in outputs]
    rule = _RULES.get(primitive.name, _by_vmap)
    return [(array, True) for array in rule(equation, values, size)]


def _spread(value: tuple[Value, bool], shape: tuple[int, ...], size: int) -> Value:
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


SHORT = 8
"""Longest axis that is summed slice by slice; longer ones go through a matrix product."""


def _sum(equation: Any, values: list, size: int) -> list:
    """A sum over leading axes, which the compiler's own loop would run along, not over points."""
    array = values[0][0]
    for axis in sorted(equation.params["axes"], reverse=True):
        length = array.shape[axis]
        if length > SHORT:
            ones = jnp.ones(length, array.dtype)
            array = lax.dot_general(ones, array, (((0,), (axis,)), ((), ())), precision="highest")
        else:
            parts = [
                lax.index_in_dim(array, place, axis, keepdims=False) for place in range(length)
            ]
            array = _pairwise(parts)
    return [array]


def _pairwise(parts: list) -> Value:
    while len(parts) > 1:
        pairs = [a + b for a, b in zip(parts[::2], parts[1::2], strict=False)]
        parts = pairs + parts[len(pairs) * 2 :]
    return parts[0]


def _product(equation: Any, values: list, size: int) -> list:
    """A constant matrix times a batched vector: one small matrix product for all points."""
    (left, left_batched), (right, right_batched) = values
    contracting, batch = equation.params["dimension_numbers"]
    if left_batched or not right_batched or right.ndim != 2 or batch[0]:
        return _by_vmap(equation, values, size)
    return [lax.dot_general(left, right, (contracting, ((), ())), precision="highest")]


def _stack(equation: Any, values: list, size: int) -> list:
    shape, axis = equation.outvars[0].aval.shape, equation.params["axis"]
    part = tuple(length for position, length in enumerate(shape) if position != axis)
    operands = [_spread(value, part, size) for value in values]
    return [equation.primitive.bind(*operands, **equation.params)]


def _by_vmap(equation: Any, values: list, size: int) -> list:
    """Any other primitive, correct but with the batch moved to the front and back."""
    axes = [-1 if batched else None for _, batched in values]

    def bind(*operands: Value) -> list:
        result = equation.primitive.bind(*operands, **equation.params)
        return result if equation.primitive.multiple_results else [result]

    return jax.vmap(bind, in_axes=axes, out_axes=-1)(*(array for array, _ in values))


_CALLS = frozenset({"jit", "pjit", "closed_call", "custom_jvp_call", "custom_vjp_call"})
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
    "reduce_sum": _sum,
    "reduce_max": _same_axes,
    "reduce_min": _same_axes,
    "argmax": _same_axes,
    "convert_element_type": _same_axes,
}
"""How each primitive treats operands whose last axis is the batch; others go through vmap."""
