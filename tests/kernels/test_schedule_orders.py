"""Tables of a schedule: every pass once, inputs before outputs, faults of a shape named."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perfmodel_kernels.schedule import DUALPIPE, GPIPE, ONE_F_ONE_B, ZERO_BUBBLE
from perfmodel_kernels.schedule_orders import Orders, order_tables

shapes = st.one_of(
    st.tuples(st.just(ONE_F_ONE_B), st.integers(1, 9), st.integers(1, 4), st.integers(1, 30)),
    st.tuples(
        st.sampled_from((GPIPE, ZERO_BUBBLE)), st.integers(1, 9), st.just(1), st.integers(1, 30)
    ),
    st.tuples(st.integers(1, 4), st.integers(0, 9)).map(
        lambda drawn: (DUALPIPE, 2 * drawn[0], 1, 4 * drawn[0] + 2 * drawn[1])
    ),
)


def parts_of(orders: Orders) -> int:
    """Number of parts, which stands for none."""
    return int(np.max(orders.parts))


@settings(max_examples=80, deadline=None)
@given(shape=shapes)
def test_every_stage_runs_every_pass_of_its_parts_once_per_micro_batch(shape):
    schedule, stages, chunks, micro_batches = shape
    orders = order_tables(*shape)
    for stage in range(stages):
        for passes in np.moveaxis(np.asarray(orders.parts)[:, stage], 1, 0):
            found = np.bincount(passes[passes < stages * chunks], minlength=stages * chunks)
            expected = np.zeros(stages * chunks)
            expected[stage::stages] = micro_batches
            if schedule == DUALPIPE:
                expected = 0.5 * (expected + expected[::-1])
            np.testing.assert_array_equal(found, expected)


@settings(max_examples=80, deadline=None)
@given(shape=shapes)
def test_messages_cross_the_boundaries_of_their_stage(shape):
    schedule, stages, _, _ = shape
    orders = order_tables(*shape)
    for crossed in (orders.arriving, orders.leaving):
        for stage in range(stages):
            here = set(np.unique(np.asarray(crossed)[:, stage]).tolist())
            beside = {stage, stage - 1} | ({stages - 1} if stage == 0 else set())
            assert here <= beside | {stages}
            if schedule != ONE_F_ONE_B:
                assert stages - 1 not in here


def test_as_many_messages_leave_as_arrive():
    orders = order_tables(ONE_F_ONE_B, 4, 3, 9)
    for boundary in range(4):
        arriving, leaving = (
            int((np.asarray(crossed) == boundary).sum())
            for crossed in (orders.arriving, orders.leaving)
        )
        # 9 micro-batches both ways, on 3 chunks, on 2 where the boundary leads round
        assert arriving == leaving == 9 * 2 * (2 if boundary == 3 else 3)


def test_chunks_of_one_stage_send_nothing():
    orders = order_tables(ONE_F_ONE_B, 1, 3, 4)
    assert np.all(np.asarray(orders.arriving) == 1)
    assert np.all(np.asarray(orders.leaving) == 1)


def test_1f1b_of_two_stages_by_hand():
    orders = order_tables(ONE_F_ONE_B, 2, 1, 2)
    ahead, behind = (np.asarray(orders.parts)[..., column].T.tolist() for column in (0, 1))
    # F0 F1 B0 B1 over . F0 B0 F1 B1: 2 stands for none
    assert ahead == [[0, 0, 2, 2, 2, 2], [2, 1, 2, 1, 2, 2]]
    assert behind == [[2, 2, 2, 0, 2, 0], [2, 2, 1, 2, 1, 2]]


def test_faults_of_a_shape_are_named_all_at_once():
    with pytest.raises(ValueError, match=r"stages is 3.*micro_batches is 5.*from 6 upwards"):
        order_tables(DUALPIPE, 3, 1, 5)
    with pytest.raises(ValueError, match="chunks is 2; only 1F1B"):
        order_tables(GPIPE, 4, 2, 8)
    with pytest.raises(ValueError, match="none of the codes"):
        order_tables(7.0, 4, 1, 8)
    with pytest.raises(ValueError, match="1 or more"):
        order_tables(ONE_F_ONE_B, 4, 1, 0)
