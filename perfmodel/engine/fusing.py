"""A function of arrays as a few kernels: what is computed together, and what is stored between.

XLA computes a value once more for each loop that reads it, and its runtime on a CPU takes as long
to start a loop as the loop takes for a batch of points. Here what several loops read is computed
once and stored, all else is computed where it is read, and hundreds of loops make up one kernel.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.experimental.xla_metadata import set_xla_metadata
from jax.extend.core import ClosedJaxpr, Jaxpr, JaxprEqn, Literal, Var, jaxpr_as_fun

from perfmodel.engine.rules import CALLS

FREE = frozenset({
    *("broadcast_in_dim", "reshape", "slice", "squeeze", "convert_element_type"),
    *("gt", "lt", "ge", "le", "eq", "ne", "and", "or", "not", "iota"),
})  # fmt: skip
"""Primitives that cost less to repeat than to store."""

LOOPS = FREE | frozenset({
    *("concatenate", "stack", "pad", "select_n", "clamp", "is_finite", "sign", "rem", "abs", "neg"),
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
        formed = jaxpr_as_fun(ClosedJaxpr(_formed(graph), ()))
        outputs = formed(*closed.consts, *jax.tree.leaves(arguments))
        return jax.tree.unflatten(jax.tree.structure(shape), outputs)

    return run


class _Constant:
    """A constant; numbers of the same type and bits are the same one, so two zeros are two."""

    def __init__(self, literal: Literal) -> None:
        self.literal = literal
        value, aval = literal.val, literal.aval
        plain = np.ndim(value) == 0
        self.key = (str(aval), np.asarray(value).tobytes()) if plain else id(value)

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
        self.variables: dict[int, Var] = {}
        jaxpr = closed.jaxpr
        self.inputs = [self._fresh(one.aval) for one in (*jaxpr.constvars, *jaxpr.invars)]
        self.outputs = self._opened(jaxpr, self.inputs)

    def _fresh(self, aval: Any) -> int:
        self._count += 1
        self.variables[self._count] = Var(aval)
        return self._count

    def _opened(self, jaxpr: Jaxpr, inputs: Sequence[Any]) -> list[Any]:
        """Outputs of a function whose operations are added."""
        known: dict[Any, Any] = dict(zip((*jaxpr.constvars, *jaxpr.invars), inputs, strict=True))

        def read(atom: Any) -> Any:
            return _Constant(atom) if isinstance(atom, Literal) else known[atom]

        for equation in jaxpr.eqns:
            operands, params = tuple(read(atom) for atom in equation.invars), equation.params
            if equation.primitive.name in CALLS:
                inner = params.get("jaxpr") or params["call_jaxpr"]
                consts = [_Constant(Literal(one, var.aval)) for one, var in zip(
                    inner.consts, inner.jaxpr.constvars, strict=True
                )]  # fmt: skip
                results = self._opened(inner.jaxpr, [*consts, *operands])
            else:
                results = self._added(equation, operands)
            known.update(zip(equation.outvars, results, strict=True))
        return [read(atom) for atom in jaxpr.outvars]

    def _added(self, equation: Any, operands: tuple) -> Sequence[Any]:
        """Results of one operation, those of an equal one where there is one."""
        name, params = equation.primitive.name, equation.params
        key = (name, str(params), operands) if name in LOOPS else object()
        if key not in self._known:
            results = tuple(self._fresh(one.aval) for one in equation.outvars)
            self.maker |= dict.fromkeys(results, len(self.nodes))
            self.nodes.append(_Node(equation, operands, results))
            self._known[key] = results
        return self._known[key]


def _numbers(operands: Iterable[Any]) -> list[int]:
    """Operands that aren't constants."""
    return [operand for operand in operands if isinstance(operand, int)]


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
            elif _repeats(node) or _chooses(node):
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


def _chooses(node: _Node) -> bool:
    """Whether a loop over the result would choose among many operands for every element."""
    return node.name in ("concatenate", "stack") and len(node.operands) > LONGEST


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


def _formed(graph: _Graph) -> Jaxpr:
    """The function whose loops are kernels."""
    return _Forming(graph).whole()


class _Forming:
    """Writes the steps of a graph as calls of kernels, and these as calls of loops."""

    def __init__(self, graph: _Graph) -> None:
        self.graph = graph
        self.outputs = set(_numbers(graph.outputs))
        self.steps = _steps(graph)
        self.kernel, self.loop = _pattern(KERNEL), _pattern(LOOP)
        self.readers: dict[int, set[int]] = {}
        """Steps that read each value from memory."""
        for place, step in enumerate(self.steps):
            for number in step.asked:
                self.readers.setdefault(number, set()).add(place)

    def whole(self) -> Jaxpr:
        """All of them."""
        equations: list[JaxprEqn] = []
        waiting: list[int] = []
        for place, step in enumerate(self.steps):
            size = sum(len(self.steps[one].body) for one in waiting)
            if waiting and (not step.body or size + len(step.body) > LARGEST):
                equations.append(self._kernel(waiting))
                waiting = []
            if step.body:
                waiting.append(place)
            else:
                equations.append(self._equation(step.last))
        if waiting:
            equations.append(self._kernel(waiting))
        return self._function(self.graph.inputs, self.graph.outputs, equations)

    def _kernel(self, places: list[int]) -> JaxprEqn:
        """Some loops as one kernel."""
        steps, inside = [self.steps[place] for place in places], set(places)
        made = [number for step in steps for number in step.last.results]
        wanted = [
            number for number in made
            if number in self.outputs or not self.readers.get(number, inside) <= inside
        ]  # fmt: skip
        read = dict.fromkeys(number for step in steps for number in step.asked)
        asked = [number for number in read if number not in set(made)]
        loops = [self._loop(step) for step in steps]
        return self._call(self.kernel, asked, wanted, loops)

    def _loop(self, step: _Step) -> JaxprEqn:
        """One loop."""
        equations = [self._equation(node) for node in step.body]
        return self._call(self.loop, step.asked, step.last.results, equations)

    def _call(
        self, pattern: JaxprEqn, asked: Sequence[int], made: Sequence[int], body: list[JaxprEqn]
    ) -> JaxprEqn:
        """A function and its call."""
        one = pattern.params
        into = {key: one[key] * len(asked) for key in ("in_shardings", "in_layouts")}
        into["donated_invars"] = one["donated_invars"] * len(asked)
        out = {key: one[key] * len(made) for key in ("out_shardings", "out_layouts")}
        inner = ClosedJaxpr(self._function(asked, made, body), ())
        return pattern.replace(
            invars=[self.graph.variables[number] for number in asked],
            outvars=[self.graph.variables[number] for number in made],
            params=one | into | out | {"jaxpr": inner},
        )

    def _function(
        self, inputs: Sequence[int], outputs: Sequence[Any], equations: list[JaxprEqn]
    ) -> Jaxpr:
        given = [self.graph.variables[number] for number in inputs]
        info = self.kernel.params["jaxpr"].jaxpr.debug_info
        names = info._replace(arg_names=("",) * len(inputs), result_paths=("",) * len(outputs))
        return Jaxpr((), given, self._atoms(outputs), equations, debug_info=names)

    def _equation(self, node: _Node) -> JaxprEqn:
        """An operation on our own variables."""
        results = [self.graph.variables[number] for number in node.results]
        return node.equation.replace(invars=self._atoms(node.operands), outvars=results)

    def _atoms(self, operands: Iterable[Any]) -> list[Any]:
        known = self.graph.variables
        return [known[one] if isinstance(one, int) else one.literal for one in operands]


def _pattern(attributes: dict[str, str]) -> JaxprEqn:
    """A call with attributes, of a function of one number."""

    def called(number: Any) -> Any:
        with set_xla_metadata(**attributes):
            return jax.jit(lambda one: one + 1.0, inline=False)(number)

    return jax.make_jaxpr(called)(np.float32(0.0)).jaxpr.eqns[0]
