"""One function of many inputs as a chain of programs: each computes what its own inputs enter.

A layout is a base (what operators and most groups depend on), a group (replicas), a shape (the
pipeline) and a mode (sharding, recompute, offload). Operators depend on the base alone, collectives
on base and group, so they are computed once for all shapes and modes; the innermost program, which
runs once per point, is a fifth of the whole. The split is found from the equations of the traced
function: each belongs to the innermost input that enters it. Nothing is left out: every output of
the function is there for every point.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.extend.core import ClosedJaxpr, Literal

from perfmodel.engine.rules import CALLS, bound, over_points

CONSTANT = -1
"""Level of what no input enters."""

SHARED, BASE, GROUP, SHAPE, MODE = range(5)
"""Levels of the inputs, the outermost first."""

_ARITHMETIC = frozenset({
    *("add", "sub", "mul", "div", "max", "min", "neg", "abs", "floor", "ceil", "round", "sqrt"),
    *("rsqrt", "exp", "exp2", "log", "log1p", "expm1", "pow", "integer_pow", "square", "erf_inv"),
    *("reduce_sum", "reduce_max", "reduce_min", "clamp", "tanh", "logistic"),
})  # fmt: skip


class _Value(NamedTuple):
    """A value of the walk; its number is its place in the order of the walk."""

    array: Any
    level: int
    spread: bool
    """Whether its last axis is the batch."""
    number: int


class Plan(NamedTuple):
    """How a traced function falls into programs."""

    closed: ClosedJaxpr
    structure: Any
    """Tree of the outputs."""
    levels: tuple[int, ...]
    """Level of each input."""
    crossing: tuple[tuple[int, ...], ...]
    """Numbers of the values of each level that an inner one reads."""
    avals: dict[int, Any]
    """Shapes and types of those."""
    flop: tuple[int, ...]
    """Arithmetic operations of one point on each level, comparisons and moves apart."""

    def width(self, level: int) -> int:
        """Numbers per point that a level hands to the inner ones."""
        return sum(int(np.prod(self.avals[number].shape)) for number in self.crossing[level])


def plan(function: Callable, inputs: Sequence[Any], levels: Sequence[int]) -> Plan:
    """Traces a function of scalars and arrays and finds what each level has to compute.

    Parameters
    ----------
    function
        Takes as many pytrees as there are inputs.
    inputs
        Shapes and types of each.
    levels
        Level of each leaf of the inputs.

    Returns
    -------
    Plan
        For :func:`stage`.
    """
    closed, shape = jax.make_jaxpr(function, return_shape=True)(*inputs)
    walk = _Survey(tuple(levels))
    walk.run(closed)
    crossing = tuple(tuple(walk.crossing[level]) for level in range(MODE))
    return Plan(
        closed,
        jax.tree.structure(shape),
        tuple(levels),
        crossing,
        walk.avals,
        tuple(walk.flop),
    )


def stage(planned: Plan, level: int, size: int) -> Callable[..., Any]:
    """Program of one level.

    Parameters
    ----------
    planned
        From :func:`plan`.
    level
        One of the levels.
    size
        Points in a batch; the shared level has none.

    Returns
    -------
    Callable[..., Any]
        Takes the leaves of this level and the tables of the outer ones. Returns the table for the
        inner ones, numbers first and batch last; the innermost level returns the outputs.
    """

    def run(leaves: Sequence[Any], *tables: Any) -> Any:
        walk = _Stage(planned, level, size, tables)
        return walk.outcome(leaves)

    return run


class _Walk:
    """Goes through a jaxpr equation by equation, calls opened; numbers every value."""

    def __init__(self) -> None:
        self.count = 0

    def value(self, array: Any, level: int, spread: bool) -> _Value:
        """A value with the next number."""
        self.count += 1
        return _Value(array, level, spread, self.count)

    def evaluate(self, closed: ClosedJaxpr, inputs: list[_Value]) -> list[_Value]:
        """Values of the outputs."""
        jaxpr, known = closed.jaxpr, {}
        consts = [self.value(const, CONSTANT, False) for const in closed.consts]
        known.update(zip(jaxpr.constvars, consts, strict=True))
        known.update(zip(jaxpr.invars, inputs, strict=True))

        def read(atom: Any) -> _Value:
            if isinstance(atom, Literal):
                return _Value(atom.val, CONSTANT, False, 0)
            return known[atom]

        for equation in jaxpr.eqns:
            values = [read(atom) for atom in equation.invars]
            known.update(zip(equation.outvars, self.apply(equation, values), strict=True))
        return [read(atom) for atom in jaxpr.outvars]

    def apply(self, equation: Any, values: list[_Value]) -> list[_Value]:
        """Outputs of one equation."""
        primitive, params = equation.primitive, equation.params
        if primitive.name in CALLS:
            return self.evaluate(params.get("jaxpr") or params["call_jaxpr"], values)
        level = max((value.level for value in values), default=CONSTANT)
        spread = any(value.spread for value in values)
        arrays = self.compute(equation, values, level)
        return [self.value(array, level, spread) for array in arrays]

    def compute(self, equation: Any, values: list[_Value], level: int) -> list:
        """Outputs of one equation as arrays, or what stands for them."""
        raise NotImplementedError


class _Survey(_Walk):
    """Finds the values that cross from a level to an inner one."""

    def __init__(self, levels: tuple[int, ...]) -> None:
        super().__init__()
        self.levels = levels
        self.crossing: list[dict[int, None]] = [{} for _ in range(MODE)]
        self.avals: dict[int, Any] = {}
        self.flop = [0] * (MODE + 1)

    def run(self, closed: ClosedJaxpr) -> None:
        """Goes through the whole function."""
        avals = [variable.aval for variable in closed.jaxpr.invars]
        inputs = [
            self.value(aval, level, SHARED < level < MODE)
            for aval, level in zip(avals, self.levels, strict=True)
        ]
        for value in self.evaluate(closed, inputs):
            self.cross(value, MODE)

    def cross(self, value: _Value, level: int) -> None:
        """Marks a value that an inner level reads."""
        if CONSTANT < value.level < level:
            self.crossing[value.level][value.number] = None
            self.avals[value.number] = value.array

    def compute(self, equation: Any, values: list[_Value], level: int) -> list:
        for value in values:
            self.cross(value, level)
        if level > CONSTANT:
            self.flop[level] += _flop(equation)
        return [variable.aval for variable in equation.outvars]


def _flop(equation: Any) -> int:
    """Arithmetic operations of one equation; a transcendental function counts as one."""
    name = equation.primitive.name
    if name == "dot_general":
        (contracted, _), _ = equation.params["dimension_numbers"]
        summed = np.prod([equation.invars[0].aval.shape[axis] for axis in contracted])
        return int(2 * summed * np.prod(equation.outvars[0].aval.shape))
    operand = equation.invars[0] if name.startswith("reduce_") else equation.outvars[0]
    return operand.aval.size if name in _ARITHMETIC else 0


class _Stage(_Walk):
    """Runs the equations of one level on tables of what crosses over from the outer ones."""

    def __init__(self, planned: Plan, level: int, size: int, tables: Sequence[Any]) -> None:
        super().__init__()
        self.plan, self.level, self.size, self.tables = planned, level, size, tables
        self.places = [self._places(outer) for outer in range(level)]
        self.taken: dict[int, Any] = {}
        self.kept: dict[int, Any] = {}

    def _places(self, outer: int) -> dict[int, int]:
        """Where each value begins in the table of an outer level."""
        numbers = self.plan.crossing[outer]
        sizes = [int(np.prod(self.plan.avals[number].shape)) for number in numbers]
        ends = np.cumsum([0, *sizes]).tolist()
        return dict(zip(numbers, ends, strict=False))

    def outcome(self, leaves: Sequence[Any]) -> Any:
        """The outputs on the innermost level, else the table for the inner ones."""
        own, inputs = iter(leaves), []
        for variable, level in zip(self.plan.closed.jaxpr.invars, self.plan.levels, strict=True):
            array = next(own) if level == self.level else variable.aval
            inputs.append(self._kept(self.value(array, level, SHARED < level < MODE)))
        outputs = self.evaluate(self.plan.closed, inputs)
        if self.level == MODE:
            return jax.tree.unflatten(
                self.plan.structure, [self.filled(value) for value in outputs]
            )
        return self.table()

    def table(self) -> Any:
        """All that the inner levels need of this one."""
        batch = () if self.level == SHARED else (self.size,)
        numbers = self.plan.crossing[self.level]
        parts = [_formed(self.kept[number], (-1, *batch), jnp.float32) for number in numbers]
        return lax.concatenate(parts, 0) if parts else jnp.zeros((0, *batch), jnp.float32)

    def _kept(self, value: _Value) -> _Value:
        if value.level == self.level < MODE and value.number in self.plan.avals:
            self.kept[value.number] = value.array
        return value

    def value(self, array: Any, level: int, spread: bool) -> _Value:
        return self._kept(super().value(array, level, spread))

    def compute(self, equation: Any, values: list[_Value], level: int) -> list:
        if level == CONSTANT:
            return bound(equation, [value.array for value in values])
        if level != self.level:
            return [variable.aval for variable in equation.outvars]
        arrays = [self.array(value) for value in values]
        if not any(value.spread for value in values):
            return bound(equation, arrays)
        operands = [(array, value.spread) for array, value in zip(arrays, values, strict=True)]
        return over_points(equation, operands, self.size)

    def array(self, value: _Value) -> Any:
        """The array of a value, cut out of a table where an outer level computed it."""
        if value.level in (CONSTANT, self.level):
            return value.array
        if value.number not in self.taken:
            aval = self.plan.avals[value.number]
            table, start = self.tables[value.level], self.places[value.level][value.number]
            part = lax.slice_in_dim(table, start, start + int(np.prod(aval.shape)))
            batch = () if value.level == SHARED else (self.size,)
            self.taken[value.number] = _formed(part, (*aval.shape, *batch), aval.dtype)
        return self.taken[value.number]

    def filled(self, value: _Value) -> Any:
        """An output with the batch last, the same for all points where none enters."""
        array = jnp.asarray(self.array(value))
        return array if value.spread else jnp.broadcast_to(array, (*array.shape, self.size))


def _formed(array: Any, shape: tuple[int, ...], dtype: Any) -> Any:
    """An array in another shape and type; a missing length is what remains."""
    array = jnp.asarray(array)
    if -1 in shape:
        shape = (array.size // int(np.prod(shape[1:])), *shape[1:])
    array = array if array.shape == shape else lax.reshape(array, shape)
    return array if array.dtype == dtype else lax.convert_element_type(array, dtype)
