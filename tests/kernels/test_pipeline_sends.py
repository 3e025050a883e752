"""Sends between stages in closed form against operations played one by one."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perfmodel_kernels.schedule import (
    DUALPIPE,
    GPIPE,
    ONE_F_ONE_B,
    ZERO_BUBBLE,
    Pipeline,
    send_exposure,
)
from tests.kernels.compiling import compiled
from tests.kernels.difference import check_gradient
from tests.kernels.pipelines import step_time
from tests.kernels.schedule_jobs import even, job_of, pipeline

exposed_sends = compiled(send_exposure)


THIRDS = even(1.0, 1.0, 1.0)


def waits_for(shape: Pipeline, overlap: float) -> float:
    """What sends of a millisecond add to operations that hold their sender for what is shown."""
    with_sends = step_time(job_of(THIRDS, shape, 1e-3, 1.0 - overlap))
    return with_sends - step_time(job_of(THIRDS, shape))


def test_hidden_sends_leave_the_fill_and_the_drain():
    assert float(exposed_sends(1e-3, 1.0, pipeline(8, 1, 64))) == pytest.approx(14e-3)


def test_one_stage_sends_nothing():
    assert float(exposed_sends(1e-3, 0.0, pipeline(1, 1, 64))) == 0.0


@pytest.mark.parametrize(("stages", "count"), [(2, 8), (3, 9), (4, 16), (5, 15), (8, 64)])
def test_sends_that_run_beside_the_computation_still_hold_1f1b_up(stages, count):
    """A loop through all stages and back takes two sends a boundary and p micro-batches."""
    waited = waits_for(pipeline(stages, 1, count), 1.0)
    assert waited == pytest.approx(2e-3 * ((stages - 1) * count / stages + stages - 2))


def test_sends_of_1f1b_cost_what_its_operations_wait_for_them():
    shape = pipeline(8, 1, 64)
    waited = waits_for(shape, 1.0)
    assert waited == pytest.approx(124e-3)
    assert float(exposed_sends(1e-3, 0.0, shape)) == pytest.approx(waited, rel=0.15)


@pytest.mark.parametrize("overlap", [0.0, 1.0])
@pytest.mark.parametrize("chunks", [2, 4])
def test_sends_of_interleaved_1f1b_cost_one_trip_through_the_chunks(chunks, overlap):
    shape = pipeline(8, chunks, 64)
    waited = waits_for(shape, 1.0)
    assert waited == pytest.approx(2 * (8 * chunks - 1) * 1e-3)
    assert float(exposed_sends(1e-3, overlap, shape)) == pytest.approx(waited)


@settings(max_examples=40, deadline=None)
@given(
    overlap=st.floats(0.0, 0.9),
    stages=st.integers(1, 64),
    chunks=st.integers(1, 8),
    micro_batches=st.integers(1, 512),
)
def test_more_overlap_never_exposes_more(overlap, stages, chunks, micro_batches):
    shape = pipeline(stages, chunks, micro_batches)
    exposed = [float(exposed_sends(1e-3, hidden, shape)) for hidden in (overlap, overlap + 0.1)]
    assert 0.0 <= exposed[1] <= exposed[0]


@pytest.mark.parametrize("overlap", [0.0, 0.5, 1.0])
@pytest.mark.parametrize(("stages", "count"), [(2, 5), (4, 16), (8, 32)])
def test_sends_of_gpipe_cost_what_its_operations_wait_for_them(stages, count, overlap):
    shape = pipeline(stages, 1, count, GPIPE)
    found = float(exposed_sends(1e-3, overlap, shape))
    assert found == pytest.approx(waits_for(shape, overlap), rel=1e-9)


@pytest.mark.parametrize("schedule", [ONE_F_ONE_B, ZERO_BUBBLE, DUALPIPE])
@pytest.mark.parametrize(("stages", "count"), [(2, 12), (4, 16), (8, 32), (8, 64)])
def test_sends_that_block_cost_what_operations_wait_for_them(schedule, stages, count):
    shape = pipeline(stages, 1, count, schedule)
    waited = waits_for(shape, 0.0)
    found = float(exposed_sends(1e-3, 0.0, shape))
    # three sends are too many, at most
    assert waited - 1e-9 <= found <= waited + 3e-3 + 1e-9


@pytest.mark.parametrize(("stages", "count"), [(4, 16), (8, 32), (8, 64)])
def test_hidden_sends_of_zero_bubble_wait_twice_through_the_stages(stages, count):
    shape = pipeline(stages, 1, count, ZERO_BUBBLE)
    found = float(exposed_sends(1e-3, 1.0, shape))
    assert found == pytest.approx(4e-3 * (stages - 1))
    assert 0.5 * found <= waits_for(shape, 1.0) <= found + 1e-9


def test_gradient_of_the_sends_equals_the_difference():
    shape = pipeline(8, 1, 64)
    check_gradient(lambda send: send_exposure(send, 0.8, shape), 1e-3, 1)
    check_gradient(lambda hidden: send_exposure(1e-3, hidden, shape), 0.8, -1)
