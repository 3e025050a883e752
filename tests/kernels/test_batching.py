"""Batch-last evaluation equals a loop of single points and jax.vmap, rule by rule and in whole."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from jax.extend.core import jaxprs_in_params

from perfmodel.engine import rules
from perfmodel.engine.batching import batch_last
from perfmodel.engine.rules import _RULES, CALLS
from perfmodel_kernels.layout import FULL, HEADS, KEYS, NONE, ZERO1, ZERO3, Layout
from perfmodel_kernels.site import evaluate
from tests.kernels.compiling import compiled
from tests.kernels.examples import EXPERTS, SITE, as_arrays, named_leaves

SIZE = 7


class Shared(NamedTuple):
    """Parameters that all points share."""

    scalar: Any
    vector: Any
    matrix: Any


class Point(NamedTuple):
    """One point."""

    x: Any
    y: Any


SHARED = Shared(np.float64(0.7), np.array([0.3, -1.2, 2.0, 0.9]), np.arange(36.0).reshape(12, 3))


def points(seed: int = 0) -> Point:
    draw = np.random.default_rng(seed)
    return Point(draw.uniform(0.1, 0.9, SIZE), draw.uniform(-2.0, 2.0, SIZE))


def column(point: Point) -> jax.Array:
    return jnp.stack([point.x, point.y, point.x * point.y, point.x + point.y])


Function = Callable[[Shared, Point], Any]


def of_x(operation: Callable) -> Function:
    """A function of a batched vector that lies between 0 and 1."""
    return lambda shared, point: operation(point.x * jnp.abs(shared.vector) / 3.0)


def of_both(operation: Callable) -> Function:
    """A function of a shared vector and a batched one."""
    return lambda shared, point: operation(shared.vector, column(point))


def whole(values: jax.Array) -> jax.Array:
    return lax.convert_element_type(jnp.floor(values * 10.0), jnp.int32)


def truth(values: jax.Array) -> jax.Array:
    return values > 0.3


EXAMPLES: dict[str, Function] = {
    "abs": of_both(lambda s, v: lax.abs(v - s)),
    "add": of_both(lax.add),
    "and": of_both(lambda s, v: lax.bitwise_and(truth(s), truth(v))),
    "ceil": of_both(lambda s, v: lax.ceil(v + s)),
    "div": of_both(lambda s, v: lax.div(v, s)),
    "eq": of_both(lambda s, v: lax.eq(whole(s), whole(v))),
    "erf_inv": of_x(lax.erf_inv),
    "exp": of_x(lax.exp),
    "exp2": of_x(lax.exp2),
    "expm1": of_x(lax.expm1),
    "floor": of_both(lambda s, v: lax.floor(v + s)),
    "ge": of_both(lax.ge),
    "gt": of_both(lax.gt),
    "integer_pow": of_both(lambda s, v: lax.integer_pow(v, 3)),
    "is_finite": of_both(lambda s, v: lax.is_finite(lax.div(v, lax.floor(lax.abs(v))))),
    "le": of_both(lax.le),
    "log": of_x(lambda v: lax.log(v + 0.1)),
    "log1p": of_x(lax.log1p),
    "logistic": of_both(lambda s, v: lax.logistic(v)),
    "lt": of_both(lax.lt),
    "max": of_both(lax.max),
    "min": of_both(lax.min),
    "mul": of_both(lax.mul),
    "ne": of_both(lambda s, v: lax.ne(whole(s), whole(v))),
    "neg": of_both(lambda s, v: lax.neg(v)),
    "not": of_both(lambda s, v: lax.bitwise_not(truth(v))),
    "or": of_both(lambda s, v: lax.bitwise_or(truth(s), truth(v))),
    "pow": of_x(lambda v: lax.pow(v, jnp.full_like(v, 1.7))),
    "rem": of_both(lambda s, v: lax.rem(v, s)),
    "round": of_both(lambda s, v: lax.round(10.0 * v)),
    "rsqrt": of_x(lambda v: lax.rsqrt(v + 0.1)),
    "select_n": of_both(lambda s, v: lax.select_n(truth(v), s, v)),
    "sign": of_both(lambda s, v: lax.sign(v)),
    "sqrt": of_x(lax.sqrt),
    "square": of_both(lambda s, v: lax.square(v)),
    "sub": of_both(lax.sub),
    "tanh": of_both(lambda s, v: lax.tanh(v)),
    "clamp": lambda s, p: lax.clamp(p.x - 1.0, column(p), s.scalar),
    "broadcast_in_dim": lambda s, p: lax.broadcast_in_dim(column(p), (2, 4, 3), (1,)),
    "reshape": lambda s, p: lax.reshape(column(p), (2, 2)),
    "squeeze": lambda s, p: lax.squeeze(column(p)[:, None] * s.vector[:, None], (1,)),
    "slice": lambda s, p: lax.slice(column(p), (1,), (4,), (2,)),
    "concatenate": lambda s, p: lax.concatenate([column(p), s.vector], 0),
    "stack": lambda s, p: jnp.stack([column(p), s.vector], axis=1),
    "dot_general": lambda s, p: jnp.matmul(s.matrix, column(p)[:3], precision="highest"),
    "add_any": lambda s, p: jax.grad(lambda x: x * x * s.scalar + x**3)(p.x),
    "pad": lambda s, p: lax.pad(column(p), s.scalar * 0.0, ((1, 2, 0),)),
    "unstack": lambda s, p: sum(jnp.unstack(column(p) * s.vector)),
    "split": lambda s, p: lax.split(column(p), (1, 3))[1] * s.scalar,
    "reduce_sum": lambda s, p: (s.matrix[:, :, None] * column(p)[None, None]).sum((0, 2)),
    "reduce_max": lambda s, p: (s.vector[:, None] * column(p)[None]).max(0),
    "reduce_min": lambda s, p: (s.vector[:, None] * column(p)[None]).min(1),
    "argmax": lambda s, p: lax.argmax(s.vector * column(p), 0, jnp.int32),
    "convert_element_type": lambda s, p: lax.convert_element_type(column(p), jnp.float32),
}
"""A function whose batched operands meet each rule."""


KINDS = np.array([[0.0, 1.0, 1.0, 0.0], [0.0, 0.0, 0.0, 0.0], [0.5, 0.0, 1.0, 2.0]])

PRODUCTS: dict[str, Function] = {
    "matrix first": lambda s, p: jnp.matmul(KINDS, column(p)),
    "vector first": lambda s, p: jnp.matmul(column(p)[:3], KINDS),
    "first axis of both": lambda s, p: jnp.einsum("ij,i->j", KINDS, column(p)[:3]),
    "derivative": lambda s, p: jax.grad(lambda v: (KINDS @ v**2).max())(column(p)),
    "filled": lambda s, p: jnp.matmul(np.arange(1.0, 1025.0).reshape(256, 4), column(p)),
    "two matrices": lambda s, p: jnp.matmul(KINDS, column(p)[:, None] * s.vector[None]),
}
"""Constant matrices, few of whose numbers count, on either side."""


def primitives(jaxpr: Any) -> set[str]:
    """Names of the primitives in a program, inside calls too."""
    found = set()
    for equation in jaxpr.eqns:
        found.add(equation.primitive.name)
        for inner in jaxprs_in_params(equation.params):
            found |= primitives(inner)
    return found


def check(function: Function, shared: Any, batch: Any, tolerance: float = 1e-12) -> None:
    """Fails unless batch-last, a loop and vmap agree in values, shapes and types."""
    found = compiled(batch_last(function, SIZE))(shared, batch)
    mapped = compiled(jax.vmap(function, in_axes=(None, 0), out_axes=-1))(shared, batch)
    single = compiled(function)
    leaves, tree = jax.tree.flatten(batch)
    looped = [single(shared, jax.tree.unflatten(tree, each)) for each in zip(*leaves, strict=True)]
    together = jax.tree.map(lambda *leaves: np.stack(leaves, axis=-1), *looped)
    for other in (mapped, together):
        for (name, one), (_, two) in zip(named_leaves(found), named_leaves(other), strict=True):
            assert one.shape == two.shape, name
            assert one.dtype == two.dtype, name
            np.testing.assert_allclose(one, two, rtol=tolerance, atol=1e-300, err_msg=name)


@pytest.mark.parametrize("rule", EXAMPLES)
def test_a_rule_equals_vmap_and_a_loop(rule):
    one = jax.tree.map(lambda leaf: leaf[0], points())
    assert rule in primitives(jax.make_jaxpr(EXAMPLES[rule])(SHARED, one).jaxpr)
    check(
        EXAMPLES[rule],
        SHARED,
        points(),
        tolerance=1e-6 if rule == "convert_element_type" else 1e-12,
    )


def test_every_rule_has_an_example():
    assert set(EXAMPLES) == set(_RULES)


def test_a_primitive_without_a_rule_goes_through_vmap():
    assert not {"sort", "cumsum"} & set(_RULES)
    check(lambda s, p: jnp.sort(s.vector * column(p)), SHARED, points())
    check(
        lambda s, p: lax.cumsum(s.matrix[:, :, None] * column(p)[None, None], 0), SHARED, points()
    )


def test_a_batched_matrix_takes_the_general_product():
    def product(shared, point):
        left = shared.matrix[:4, :] * column(point)[:, None]
        return jnp.matmul(left, shared.matrix[:3, :], precision="highest")

    check(product, SHARED, points())


def test_wrapped_functions_are_opened():
    @jax.custom_jvp
    def forward(value):
        return jnp.sin(value)

    @jax.custom_vjp
    def backward(value):
        return jnp.cos(value)

    forward.defjvp(lambda primals, tangents: (forward(*primals), tangents[0]))
    backward.defvjp(lambda value: (backward(value), value), lambda value, slope: (slope * value,))

    def wrapping(shared, point):
        return forward(point.x) + backward(point.y) + jax.jit(jnp.tanh)(point.y * shared.scalar)

    one = jax.tree.map(lambda leaf: leaf[0], points())
    calls = primitives(jax.make_jaxpr(wrapping)(SHARED, one).jaxpr) & CALLS
    assert {"custom_jvp_call", "custom_vjp_call"} < calls
    check(wrapping, SHARED, points())


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("length", [1, 2, 3, 7, 8, 9, 20])
def test_sums_of_short_and_long_axes_agree(axis, length):
    table = np.random.default_rng(length).normal(size=(length, 5) if axis == 0 else (5, length))
    check(lambda s, p: (table * (p.x + s.scalar * p.y)).sum(axis), SHARED, points())


def test_outputs_that_no_point_enters_are_repeated():
    check(lambda s, p: (s.vector.sum(), jnp.float64(3.0), p.y, p.x > s.scalar), SHARED, points())


def test_shared_truth_values_and_whole_numbers_cross_over():
    def chosen(shared, point):
        index = lax.argmax(shared.vector, 0, jnp.int32)
        return jnp.where(shared.vector > 0.5, point.x, point.y), index + whole(point.y)

    check(chosen, SHARED, points())


UNARY = ("abs", "ceil", "exp", "expm1", "floor", "logistic", "neg", "sign", "square", "tanh")
BINARY = ("add", "sub", "mul", "max", "min")


def random_function(seed: int) -> Function:
    """A chain of forty operations on what came before, drawn by lot."""
    draw = np.random.default_rng(seed)
    steps = [
        (
            str(draw.choice(UNARY)),
            str(draw.choice(BINARY)),
            draw.integers(0, 1000, 2),
            draw.random(),
        )
        for _ in range(40)
    ]

    def function(shared: Shared, point: Point) -> tuple:
        pool = [point.x, point.y, shared.scalar, shared.vector, column(point), shared.vector[1]]
        for unary, binary, (left, right), kind in steps:
            one, two = pool[left % len(pool)], pool[right % len(pool)]
            bounded = jnp.tanh(getattr(lax, unary)(one))
            if kind < 0.6:
                wide = jnp.broadcast_shapes(jnp.shape(bounded), jnp.shape(two))
                operands = (jnp.broadcast_to(value, wide) for value in (bounded, two))
                pool.append(getattr(lax, binary)(*operands))
            elif kind < 0.7 and jnp.ndim(two) == 1:
                pool.append(jnp.where(two > 0.1, bounded.sum(), two))
            elif kind < 0.8 and jnp.ndim(two) == 1:
                pool.append(jnp.matmul(shared.matrix[:4, :], two[:3], precision="highest") / 40.0)
            elif kind < 0.9 and jnp.ndim(two) == 1:
                pool.append((two[:, None] * shared.vector[None, :]).max(0))
            else:
                pool.append(jnp.clip(two, -0.5, shared.scalar))
        return tuple(pool[-6:]), sum(value.sum() for value in pool)

    return function


@pytest.mark.parametrize("seed", range(2))
def test_random_functions_equal_vmap_and_a_loop(seed):
    check(random_function(seed), SHARED, points(seed), tolerance=1e-10)


def layouts(size: int) -> Layout:
    """Layouts drawn at random, one array per field."""
    draw = np.random.default_rng(3)

    def one_of(*values: float) -> np.ndarray:
        return draw.choice(np.array(values, float), size)

    stages = one_of(1, 2, 4, 8)
    return Layout(
        tp=one_of(1, 2, 4, 8),
        cp=one_of(1, 2),
        pp=stages,
        vpp=np.where(stages > 1, one_of(1, 2, 3), 1.0),
        ep=one_of(1, 4, 16),
        etp=one_of(1, 2),
        dp=one_of(16, 32, 100),
        micro_batch=one_of(1, 2, 4),
        micro_batches=stages * one_of(1, 2, 8),
        sequence_parallel=one_of(0, 1),
        context=one_of(KEYS, HEADS),
        schedule=one_of(0, 1, 2, 3),
        sharding=one_of(ZERO1, ZERO3),
        replicas=one_of(1, 2, 4),
        recompute=one_of(NONE, 1.0, 2.0, FULL),
        recomputed=one_of(0.25, 1.0),
        offload_states=one_of(0.0, 1.0),
        offload_activations=one_of(0.0, 0.5),
    )


@pytest.mark.parametrize("name", PRODUCTS)
def test_products_with_constant_matrices(name):
    check(PRODUCTS[name], SHARED, points(), 1e-11)


def test_no_operation_of_a_derivative_goes_through_vmap(monkeypatch):
    def slow(equation, values, size):
        raise AssertionError(f"{equation.primitive.name} has no rule")

    def rate(site, layout):
        return jnp.log(evaluate(site, layout).site.tokens_per_s)

    monkeypatch.setattr(rules, "_by_vmap", slow)
    site = as_arrays(SITE._replace(step=SITE.step._replace(model=EXPERTS)))
    outputs = jax.eval_shape(batch_last(jax.grad(rate), 64), site, layouts(64))
    assert all(leaf.shape[-1] == 64 for leaf in jax.tree.leaves(outputs))


@pytest.mark.parametrize("model", [SITE.step.model, EXPERTS], ids=["dense", "experts"])
def test_no_operation_of_an_evaluation_goes_through_vmap(monkeypatch, model):
    def slow(equation, values, size):
        raise AssertionError(f"{equation.primitive.name} has no rule")

    monkeypatch.setattr(rules, "_by_vmap", slow)
    site = as_arrays(SITE._replace(step=SITE.step._replace(model=model)))
    outputs = jax.eval_shape(batch_last(evaluate, 64), site, layouts(64))
    assert all(leaf.shape == (64,) for leaf in jax.tree.leaves(outputs))


@pytest.mark.parametrize("model", ["dense", "experts"])
def test_a_batch_of_evaluations_equals_single_ones_and_vmap(batched_evaluation, evaluation, model):
    site = SITE if model == "dense" else SITE._replace(step=SITE.step._replace(model=EXPERTS))
    points = layouts(64)
    batched, mapped = (run(as_arrays(site), points) for run in batched_evaluation)
    for (name, one), (_, two) in zip(named_leaves(batched), named_leaves(mapped), strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-9, atol=1e-12, err_msg=name)
    for place in range(0, 64, 4):
        single = evaluation(site, Layout(*(column[place] for column in points)))
        for (name, one), (_, two) in zip(named_leaves(batched), named_leaves(single), strict=True):
            np.testing.assert_allclose(one[place], two, rtol=1e-9, atol=1e-12, err_msg=name)


@pytest.fixture(scope="module")
def batched_evaluation() -> tuple[Callable, Callable]:
    """`evaluate` over 64 layouts, by batch_last and by vmap, compiled once each."""
    mapped = jax.vmap(evaluate, in_axes=(None, 0), out_axes=-1)
    return compiled(batch_last(evaluate, 64)), compiled(mapped)


def test_the_order_of_points_is_kept(batched_evaluation):
    points = layouts(64)
    backwards = Layout(*(column[::-1] for column in points))
    forth, back = (batched_evaluation[0](as_arrays(SITE), one) for one in (points, backwards))
    np.testing.assert_array_equal(forth.step.step_time, back.step.step_time[::-1])
    assert len(np.unique(np.asarray(forth.step.step_time))) > 30
