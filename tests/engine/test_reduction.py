"""Lists and fronts on the device against sorting on the host."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perfmodel.engine.reduction import Place, enters, merged, no_front, no_points, unbeaten, widened


def _real(values: object) -> jax.Array:
    return jnp.asarray(np.asarray(values, np.float32))


def _place(numbers: np.ndarray) -> Place:
    return Place(jnp.asarray(numbers // 4, jnp.int32), jnp.asarray(numbers % 4, jnp.int32))


@given(seed=st.integers(0, 10_000), levels=st.integers(2, 50))
@settings(max_examples=20, deadline=None)
def test_lists_keep_the_best_and_of_equals_the_first(seed: int, levels: int) -> None:
    draw = np.random.default_rng(seed)
    score = draw.integers(0, levels, (2, 40)).astype(np.float32)
    number = draw.permutation(40)
    kept = no_points(2, 5, 1)
    for part in np.split(np.arange(40), 4):
        place, table = _place(number[part]), jnp.asarray(number[part], jnp.float32)[:, None]
        kept = merged(kept, jnp.asarray(score[:, part]), place, table)
    for objective in range(2):
        order = np.lexsort((number, -score[objective]))[:5]
        np.testing.assert_array_equal(kept.score[objective], score[objective][order])
        np.testing.assert_array_equal(kept.table[objective, :, 0], number[order])


def test_only_what_is_good_enough_enters() -> None:
    place, table = _place(np.arange(3)), _real(np.zeros((3, 1)))
    full = merged(no_points(1, 2, 1), _real([[3.0, 2.0, 1.0]]), place, table)
    assert not bool(enters(full.score[:, -1:], _real([[1.0, -jnp.inf]])))
    assert bool(enters(full.score[:, -1:], _real([[2.0, -jnp.inf]])))  # an equal one may come first
    assert not bool(enters(no_points(1, 2, 1).score[:, -1:], _real([[-jnp.inf]])))


@given(seed=st.integers(0, 10_000), respects=st.integers(2, 4))
@settings(max_examples=20, deadline=None)
def test_a_front_is_what_nothing_beats_in_whatever_parts_it_comes(seed: int, respects: int) -> None:
    draw = np.random.default_rng(seed)
    value = draw.integers(1, 9, (60, respects)).astype(np.float32)
    number = draw.permutation(60)
    front = no_front(64, respects, 1)
    for part in np.split(np.arange(60), 6):
        table = jnp.asarray(number[part], jnp.float32)[:, None]
        front = widened(front, jnp.asarray(value[part]), _place(number[part]), table)
    expected = {
        int(number[one])
        for one in range(60)
        if not any(
            (value[other] <= value[one]).all()
            and ((value[other] < value[one]).any() or number[other] < number[one])
            for other in range(60)
            if other != one
        )
    }
    filled = np.isfinite(np.asarray(front.value)).all(1)
    assert {int(one) for one in np.asarray(front.table)[filled, 0]} == expected
    assert int(front.lost) == 0


def test_a_beaten_point_does_not_come_near() -> None:
    front = widened(no_front(4, 2, 1), _real([[1.0, 2.0]]), _place(np.array([0])), _real([[0.0]]))
    value = _real([[2.0, 2.0], [2.0, 1.0], [np.inf, np.inf]])
    assert np.asarray(unbeaten(front, value, _place(np.arange(1, 4)))).tolist() == [
        False, True, False,
    ]  # fmt: skip


def test_a_front_without_room_says_how_much_it_lost() -> None:
    value = _real(np.stack([np.arange(6.0), 6.0 - np.arange(6.0)], axis=1))
    front = widened(no_front(4, 2, 1), value, _place(np.arange(6)), _real(np.zeros((6, 1))))
    assert int(front.lost) == 2
    assert np.isfinite(np.asarray(front.value)).all()


@pytest.mark.parametrize("platform", ["cpu", "cuda", "tpu", "rocm"])
def test_reductions_lower_everywhere(platform: str) -> None:
    def both(score, value):
        place, table = _place(np.arange(8)), jnp.zeros((8, 3), jnp.float32)
        front = widened(no_front(4, 2, 3), value, place, table)
        return merged(no_points(2, 4, 3), score, place, table), front

    shapes = (
        jax.ShapeDtypeStruct((2, 8), np.float32),
        jax.ShapeDtypeStruct((8, 2), np.float32),
    )
    jax.export.export(jax.jit(both), platforms=[platform])(*shapes)
