"""Functions as kernels against the same functions, and what the compiler makes of them."""

import re
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from perfmodel.engine import fusing
from perfmodel.engine.fusing import OPTIONS, in_kernels

SIZE = 64


def _arrays(count: int) -> list[np.ndarray]:
    draw = np.random.default_rng(1)
    return [draw.uniform(0.5, 2.0, SIZE).astype(np.float32) for _ in range(count)]


def _shared(a, b):
    """A costly value that three results read, one of them through a broadcast."""
    costly = jnp.exp(a) * b
    table = jnp.stack([costly, a, b]) * costly[None]
    return {"sum": costly + a, "table": table, "mask": costly > b}


def _sorted(a, b):
    """An operation in the middle that no loop computes."""
    ranked = lax.sort(a * b)
    return ranked * 2.0 - jnp.sqrt(a), ranked.sum()


def _branched(a, b):
    """Control flow, an input and a constant as results."""
    chosen = lax.cond(a[0] > 1.0, lambda: jnp.log(a), lambda: jnp.tanh(b))
    return chosen + a, b, jnp.float32(3.0)


def _looped(a, b):
    """A function in a loop, as the search runs it."""
    return lax.fori_loop(0, 5, lambda i, pair: (pair[1] * 0.5, jnp.sin(pair[0]) + i * a), (a, b))


@pytest.mark.parametrize("function", [_shared, _sorted, _branched, _looped])
def test_kernels_give_what_the_function_gives(function: Callable) -> None:
    given = _arrays(2)
    formed = jax.jit(in_kernels(function), compiler_options=OPTIONS)(*given)
    plain = function(*given)
    assert jax.tree.structure(formed) == jax.tree.structure(plain)
    for one, other in zip(jax.tree.leaves(formed), jax.tree.leaves(plain), strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_allclose(one, other, rtol=1e-6)


def _compiled(function: Callable, count: int) -> str:
    return jax.jit(function, compiler_options=OPTIONS).lower(*_arrays(count)).compile().as_text()


def test_what_several_loops_read_is_computed_once() -> None:
    assert len(re.findall(r" exponential\(", _compiled(in_kernels(_shared), 2))) == 1


def test_loops_are_one_kernel() -> None:
    text = _compiled(in_kernels(_shared), 2)
    assert len(re.findall(r' call\(.*xla_cpu_small_call="true"', text)) == 1
    assert not re.findall(r"custom_call|kind=kCustom", text)


def test_a_kernel_has_no_more_operations_than_it_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fusing, "LARGEST", 4)
    text = _compiled(in_kernels(_shared), 2)
    assert len(re.findall(r' call\(.*xla_cpu_small_call="true"', text)) > 1


def test_equal_operations_are_one() -> None:
    text = _compiled(in_kernels(lambda a, b: (jnp.exp(a) + b, jnp.exp(a) * b)), 2)
    assert len(re.findall(r" exponential\(", text)) == 1


def test_what_nothing_reads_is_left_out() -> None:
    def function(a, b):
        unread = jnp.exp(a) * b
        del unread
        return a + b

    assert "exponential(" not in _compiled(in_kernels(function), 2)


def test_a_long_array_is_stored_before_it_is_summed() -> None:
    def function(a, b):
        table = jnp.exp(jnp.outer(jnp.arange(1.0, 13.0, dtype=jnp.float32), a))
        return sum(table[place] for place in range(12)) + b

    text = _compiled(in_kernels(function), 2)
    assert len(re.findall(r" exponential\(", text)) == 1
    given = _arrays(2)
    formed = jax.jit(in_kernels(function), compiler_options=OPTIONS)(*given)
    np.testing.assert_allclose(formed, function(*given), rtol=1e-5)


def test_zeros_of_two_signs_are_two_constants() -> None:
    def function(a, b):
        return a / jnp.full_like(a, 0.0) + b, a / jnp.full_like(a, -0.0) + b

    above, below = jax.jit(in_kernels(function), compiler_options=OPTIONS)(*_arrays(2))
    assert (np.asarray(above) == np.inf).all()
    assert (np.asarray(below) == -np.inf).all()
