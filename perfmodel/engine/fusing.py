"""A function of arrays as a few kernels: what is computed together, and what is stored between.

XLA computes a value once more for each loop that reads it, and its runtime on a CPU takes as long
to start a loop as the loop takes for a batch of points. Here what several loops read is computed
once and stored, all else is computed where it is read, and hundreds of loops make up one kernel.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.experimental.xla_metadata import set_xla_metadata
from jax.extend.core import ClosedJaxpr, Literal

from perfmodel.engine.batching import CALLS, bound

FREE = frozenset({
    *("broadcast_in_dim", "reshape", "slice", "squeeze", "convert_element_type"),
    *("gt", "lt", "ge", "le", "eq", "ne", "and", "or", "not", "iota"),
})  # fmt: skip
"""Primitives that cost less to repeat than to store."""

LOOPS = FREE | frozenset({
    *("concatenate", "stack", "select_n", "clamp", "is_finite", "sign", "rem", "abs", "neg"),
    *("add", "sub", "mul", "div", "max", "min", "floor", "ceil", "round", "sqrt", "rsqrt"),
    *("exp", "exp2", "expm1", "log", "log1p", "pow", "integer_pow", "square", "tanh", "logistic"),
    *("reduce_max", "reduce_min", "reduce_sum", "reduce_or", "reduce_and", "argmax", "erf_inv"),
})  # fmt: skip
"""Primitives that a loop over the elements of the result computes; others run on their own."""

LONGEST = 8
"""Elements of a value that a loop computes for one of its own; more of them are stored before."""

LARGEST = 400
"""Operations of one kernel; measured: more compile longer, fewer run longer."""

KERNEL = {"xla_cpu_small_call": "true", "inlineable": "false"}
LOOP = {"xla_cpu_small_call": "false", "inlineable": "false"}
"""Attributes of a call that becomes one kernel, and of one that stays a loop inside."""

OPTIONS = {
    "xla_disable_hlo_passes": "cpu-parallel-task-assigner",
    "xla_cpu_enable_concurrency_optimized_scheduler": False,
    "xla_cpu_experimental_ynn_fusion_type": "",
}
"""What the compiler must not do to kernels: cut them up for several threads, or put a library's
routine into one; and kernels that follow each other have no use for a schedule that spreads them.
"""


def in_kernels(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same function as a few kernels of a CPU, to be compiled with `OPTIONS`.

    Parameters
    ----------
    function
        Takes and returns pytrees of arrays.

    Returns
    -------
    Callable[..., Any]
        The same function; what it computes stays the same, in which loops does not.
    """

    def run(*arguments: Any) -> Any:
        closed, shape = jax.make_jaxpr(function, return_shape=True)(*arguments)
        graph = _Graph(closed)
        values = dict(zip(graph.inputs, jax.tree.leaves(arguments), strict=True))
        _Emission(graph, values).run()
        leaves, structure = jax.tree.flatten(shape)
        outputs = [_read(values, number) for number in graph.outputs]
        outputs = [jnp.asarray(one, leaf.dtype) for one, leaf in zip(outputs, leaves, strict=True)]
        return jax.tree.unflatten(structure, outputs)

    return run


class _Constant:
    """A constant; numbers of the same type and value are the same one."""

    def __init__(self, value: Any) -> None:
        self.value = value
        plain = getattr(value, "ndim", 0) == 0
        self.key = (str(getattr(value, "dtype", type(value))), float(value)) if plain else id(value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Constant) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)


class _Node(NamedTuple):
    """One operation."""

    equation: Any
    operands: tuple[Any, ...]
    """Numbers of values, or constants."""
    results: tuple[int, ...]

    @property
    def name(self) -> str:
        """Name of the primitive."""
        return self.equation.primitive.name

    @property
    def size(self) -> int:
        """Elements of the result."""
        return self.equation.outvars[0].aval.size


class _Graph:
    """Operations of a function with all calls opened and each different one once, in order."""

    def __init__(self, closed: ClosedJaxpr) -> None:
        self.nodes: list[_Node] = []
        self.maker: dict[int, int] = {}
        """Place of the operation that each value results from; inputs have none."""
        self._count = 0
        self._known: dict[Any, Sequence[Any]] = {}
        self.inputs = [self._fresh() for _ in closed.jaxpr.invars]
        self.outputs = self._opened(closed, self.inputs)

    def _fresh(self) -> int:
        self._count += 1
        return self._count

    def _opened(self, closed: ClosedJaxpr, inputs: Sequence[Any]) -> list[Any]:
        """Outputs of a function whose operations are added."""
        known: dict[Any, Any] = dict(zip(closed.jaxpr.invars, inputs, strict=True))
        known |= {
            variable: _Constant(const)
            for variable, const in zip(closed.jaxpr.constvars, closed.consts, strict=True)
        }

        def read(atom: Any) -> Any:
            return _Constant(atom.val) if isinstance(atom, Literal) else known[atom]

        for equation in closed.jaxpr.eqns:
            operands, params = tuple(read(atom) for atom in equation.invars), equation.params
            if equation.primitive.name in CALLS:
                results = self._opened(params.get("jaxpr") or params["call_jaxpr"], operands)
            else:
                results = self._added(equation, operands)
            known.update(zip(equation.outvars, results, strict=True))
        return [read(atom) for atom in closed.jaxpr.outvars]

    def _added(self, equation: Any, operands: tuple) -> Sequence[Any]:
        """Results of one operation, those of an equal one where there is one."""
        name, params = equation.primitive.name, equation.params
        key = (name, str(params), operands) if name in LOOPS else object()
        if key not in self._known:
            results = tuple(self._fresh() for _ in equation.outvars)
            self.maker |= dict.fromkeys(results, len(self.nodes))
            self.nodes.append(_Node(equation, operands, results))
            self._known[key] = results
        return self._known[key]


def _numbers(operands: Iterable[Any]) -> list[int]:
    """Operands that aren't constants."""
    return [operand for operand in operands if isinstance(operand, int)]


def _read(values: dict[int, Any], operand: Any) -> Any:
    return values[operand] if isinstance(operand, int) else operand.value


class _Storage:
    """Chooses the values that are stored, from the last operation to the first."""

    def __init__(self, graph: _Graph) -> None:
        self.graph = graph
        self.stored = set(_numbers(graph.outputs))
        self._loops: dict[int, set[int]] = {}
        """Loops that compute each operation, by the place of their last one."""
        for place in reversed(range(len(graph.nodes))):
            self._decide(place, graph.nodes[place])

    def _decide(self, place: int, node: _Node) -> None:
        loops = self._loops.setdefault(place, set())
        asked = bool(self.stored.intersection(node.results))
        if not loops and not asked:
            return  # nothing reads it
        sizes = [self.graph.nodes[loop].size for loop in loops]
        shared = len(loops) > 1 or node.size > LONGEST * min(sizes, default=node.size)
        if node.name not in LOOPS or (node.name not in FREE and shared):
            self.stored.update(node.results)
        if self.stored.intersection(node.results):
            own = loops | {place} if node.name in FREE else {place}
        else:
            own = loops
        for operand in _numbers(node.operands):
            if operand in self.graph.maker:
                self._loops.setdefault(self.graph.maker[operand], set()).update(own)
            if node.name not in LOOPS:
                self.stored.add(operand)
            elif _repeats(node):
                self._store(operand)

    def _store(self, number: int) -> None:
        """Stores what is behind operations that are free."""
        if number not in self.graph.maker:
            return
        node = self.graph.nodes[self.graph.maker[number]]
        if node.name not in FREE:
            self.stored.add(number)
            return
        for operand in _numbers(node.operands):
            self._store(operand)


def _repeats(node: _Node) -> bool:
    """Whether a loop over the result would compute elements of its operand several times."""
    if node.name != "broadcast_in_dim":
        return False
    before, after = node.equation.invars[0].aval, node.equation.outvars[0].aval
    return 1 < before.size < after.size


class _Step(NamedTuple):
    """One loop, or one operation that no loop computes."""

    last: _Node
    body: list[_Node]
    """Operations of a loop in order; none for what isn't one."""
    asked: list[int]
    """Values that it reads from memory."""


def _steps(graph: _Graph) -> list[_Step]:
    """What is run, in order."""
    stored, steps = _Storage(graph).stored, []
    for place, node in enumerate(graph.nodes):
        if stored.intersection(node.results):
            body = _body(graph, stored, place) if node.name in LOOPS else []
            nodes = body or [node]
            made = {number for one in nodes for number in one.results}
            read = _numbers(operand for one in nodes for operand in one.operands)
            steps.append(_Step(node, body, [one for one in dict.fromkeys(read) if one not in made]))
    return steps


def _body(graph: _Graph, stored: set[int], place: int) -> list[_Node]:
    """Operations that one loop computes, in order."""
    found: set[int] = set()
    ahead = [place]
    while ahead:
        own = ahead.pop()
        if own not in found:
            found.add(own)
            operands = _numbers(graph.nodes[own].operands)
            ahead += [
                graph.maker[one] for one in operands if one in graph.maker and one not in stored
            ]
    return [graph.nodes[own] for own in sorted(found)]


class _Emission:
    """Binds the steps of a graph, loops as kernels."""

    def __init__(self, graph: _Graph, values: dict[int, Any]) -> None:
        self.values = values
        self.outputs = set(_numbers(graph.outputs))
        self.steps = _steps(graph)
        self.readers: dict[int, set[int]] = {}
        """Steps that read each value from memory."""
        for place, step in enumerate(self.steps):
            for number in step.asked:
                self.readers.setdefault(number, set()).add(place)

    def run(self) -> None:
        """All of them."""
        waiting: list[int] = []
        for place, step in enumerate(self.steps):
            size = sum(len(self.steps[one].body) for one in waiting)
            if waiting and (not step.body or size + len(step.body) > LARGEST):
                self._kernel(waiting)
                waiting = []
            if step.body:
                waiting.append(place)
            else:
                given = [_read(self.values, operand) for operand in step.last.operands]
                results = bound(step.last.equation, given)
                self.values |= zip(step.last.results, results, strict=True)
        if waiting:
            self._kernel(waiting)

    def _kernel(self, places: list[int]) -> None:
        """Binds some loops as one kernel."""
        steps, inside = [self.steps[place] for place in places], set(places)
        wanted = [
            number for step in steps for number in step.last.results
            if number in self.outputs or not self.readers.get(number, inside) <= inside
        ]  # fmt: skip
        read = (number for step in steps for number in step.asked if number in self.values)
        asked = list(dict.fromkeys(read))

        def compute(*arrays: Any) -> list:
            values = dict(zip(asked, arrays, strict=True))
            for step in steps:
                _loop(step, values)
            return [values[number] for number in wanted]

        results = _apart(compute, KERNEL)(*(self.values[number] for number in asked))
        self.values |= zip(wanted, results, strict=True)


def _loop(step: _Step, values: dict[int, Any]) -> None:
    """Binds one loop and adds its results to the values."""

    def compute(*arrays: Any) -> list:
        local = dict(zip(step.asked, arrays, strict=True))
        for node in step.body:
            given = [_read(local, operand) for operand in node.operands]
            local |= zip(node.results, bound(node.equation, given), strict=True)
        return [local[number] for number in step.last.results]

    results = _apart(compute, LOOP)(*(values[number] for number in step.asked))
    values |= zip(step.last.results, results, strict=True)


def _apart(function: Callable[..., Any], attributes: dict[str, str]) -> Callable[..., Any]:
    """A function as a call that stays one."""

    def call(*arguments: Any) -> Any:
        with set_xla_metadata(**attributes):
            return jax.jit(function, inline=False)(*arguments)

    return call
