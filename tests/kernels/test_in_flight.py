"""Activations in flight against passes counted in the orders of the stages."""

import numpy as np
import pytest

from perfmodel_kernels.in_flight import activations_in_flight, parameter_copies
from perfmodel_kernels.schedule import DUALPIPE, GPIPE, ONE_F_ONE_B, ZERO_BUBBLE, Pipeline
from perfmodel_kernels.schedule_orders import order_tables
from tests.kernels.compiling import compiled
from tests.kernels.difference import check_gradient

flight = compiled(activations_in_flight)
SHAPES = [
    (ONE_F_ONE_B, 4, 1, 9), (ONE_F_ONE_B, 8, 1, 3), (ONE_F_ONE_B, 4, 2, 8), (ONE_F_ONE_B, 4, 3, 13),
    (ONE_F_ONE_B, 4, 3, 3), (ONE_F_ONE_B, 1, 1, 4), (GPIPE, 4, 1, 7), (GPIPE, 1, 1, 3),
    (ZERO_BUBBLE, 5, 1, 12), (ZERO_BUBBLE, 5, 1, 3), (DUALPIPE, 2, 1, 8), (DUALPIPE, 8, 1, 20),
]  # fmt: skip


def counted(shape: tuple[float, int, int, int], stage: int) -> float:
    """Most micro-batches that a stage holds, each chunk for its share, until all gradients are."""
    _, _, chunks, _ = shape
    parts = np.asarray(order_tables(*shape).parts)[:, stage]
    begun = np.cumsum(parts[:, 0] < parts.max())
    ended = np.cumsum(parts[:, 2] < parts.max())
    return float((begun - np.concatenate([[0], ended[:-1]])).max()) / chunks


def held(shape: tuple[float, int, int, int]) -> np.ndarray:
    schedule, stages, chunks, count = shape
    pipeline = Pipeline(float(stages), float(chunks), float(count), schedule)
    return np.asarray(flight(np.ones(3), pipeline))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_kinds_of_stage_hold_what_their_orders_leave_open(shape):
    stages = shape[1]
    first, middle, last = held(shape)
    assert last == pytest.approx(counted(shape, stages - 1))
    if stages > 1:
        assert first == pytest.approx(counted(shape, 0))
    if stages > 2:
        assert middle == pytest.approx(counted(shape, 1))


def test_a_chip_of_dualpipe_has_half_of_both_ends():
    pipeline = Pipeline(8.0, 1.0, 32.0, DUALPIPE)
    np.testing.assert_allclose(flight(np.array([2.0, 5.0, 4.0]), pipeline), [27.0, 45.0, 27.0])


def test_only_dualpipe_holds_the_parameters_twice():
    codes = (ONE_F_ONE_B, GPIPE, ZERO_BUBBLE, DUALPIPE)
    assert [float(parameter_copies(code)) for code in codes] == [1.0, 1.0, 1.0, 2.0]


def test_gradient_of_what_is_held_equals_the_difference():
    pipeline = Pipeline(8.0, 1.0, 32.0, GPIPE)
    check_gradient(lambda scale: activations_in_flight(np.ones(3) * scale, pipeline)[0], 2.0, 1)
