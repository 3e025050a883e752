"""vmap with the batch as the minor axis, and what all points share computed once.

``jax.vmap`` puts the batch first, so that an array over operators or levels lies innermost in
memory and the CPU's vector units stay idle on axes of three to seventeen. Here every batched value
carries its batch last; the values are the same, the loops run over points. Equations that no point
enters are hoisted into a program of their own, which runs once per search.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.extend.core import ClosedJaxpr, Literal

from perfmodel.engine.rules import CALLS, bound, over_points

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
