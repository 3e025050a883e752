"""Pipeline schedules against operations played one by one, and the slowest of many workers."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perfmodel_kernels.schedule import (
    Pipeline,
    Spread,
    bubble_time,
    expected_maximum,
    send_exposure,
    straggler_fraction,
)
from tests.kernels.compiling import compiled
from tests.kernels.difference import check_gradient, derivative
from tests.kernels.pipelines import Job, step_time

bubble = compiled(bubble_time)
exposed_sends = compiled(send_exposure)
largest = compiled(expected_maximum)
stragglers = compiled(straggler_fraction)


def pipeline(stages: int, chunks: int = 1, micro_batches: int = 1) -> Pipeline:
    return Pipeline(float(stages), float(chunks), float(micro_batches))


def of_kernel(periods: tuple[float, float, float], shape: Pipeline) -> float:
    """Computation of the slowest stage and its bubble."""
    first, _, last = periods
    present = {1: [last], 2: [first, last]}.get(int(shape.stages), list(periods))
    idle = float(bubble(np.array(periods), shape))
    return shape.micro_batches * max(present) + idle


def played(periods: tuple[float, float, float], shape: Pipeline, send: float = 0.0) -> float:
    """The same, operation by operation; a backward pass takes twice as long as a forward pass."""
    first, middle, last = periods
    stages = int(shape.stages)
    each = [first, *[middle] * (stages - 2), last] if stages > 1 else [last]
    forward = [period / 3 for period in each]
    backward = [2 * period / 3 for period in each]
    return step_time(Job(forward, backward, int(shape.chunks), int(shape.micro_batches), send))


EVEN = (3.0, 3.0, 3.0)
SHAPES = [(1, 1, 4), (2, 1, 4), (4, 1, 4), (8, 1, 64), (4, 2, 8), (8, 3, 16), (8, 4, 64)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_even_stages_take_the_time_of_their_operations(shape):
    size = pipeline(*shape)
    assert of_kernel(EVEN, size) == pytest.approx(played(EVEN, size), rel=1e-9)


@pytest.mark.parametrize(("stages", "chunks", "micro_batches"), SHAPES)
def test_the_share_of_the_bubble_is_that_published(stages, chunks, micro_batches):
    # arXiv 2104.04473, section 2.2: (p - 1) / (v m) of the computation
    idle = float(bubble(np.array(EVEN), pipeline(stages, chunks, micro_batches)))
    share = (stages - 1) / (chunks * micro_batches)
    assert idle / (3.0 * micro_batches) == pytest.approx(share)


def test_one_stage_has_no_bubble():
    assert float(bubble(np.array([5.0, 9.0, 3.0]), pipeline(1))) == 0.0


def test_two_stages_have_no_middle():
    assert float(bubble(np.array([2.0, 99.0, 3.0]), pipeline(2))) == 2.0


times = st.floats(0.7, 1.5)


@settings(max_examples=60, deadline=None)
@given(
    middle=times,
    last=st.floats(1.0, 2.0),
    stages=st.integers(2, 8),
    rounds=st.integers(1, 4),
)
def test_a_heavy_last_stage_takes_the_time_of_its_operations(middle, last, stages, rounds):
    periods = (middle, middle, middle * last)
    size = pipeline(stages, 1, rounds * stages)
    assert of_kernel(periods, size) == pytest.approx(played(periods, size), rel=1e-9)


@settings(max_examples=60, deadline=None)
@given(
    first=times,
    middle=times,
    last=times,
    stages=st.integers(1, 8),
    rounds=st.integers(1, 4),
)
def test_uneven_ends_are_overestimated_by_a_third_at_most(first, middle, last, stages, rounds):
    periods, size = (first, middle, last), pipeline(stages, 1, rounds * stages)
    ratio = of_kernel(periods, size) / played(periods, size)
    assert 1.0 - 1e-9 <= ratio <= 4.0 / 3.0


@settings(max_examples=40, deadline=None)
@given(
    periods=st.tuples(times, times, times),
    stages=st.integers(1, 64),
    chunks=st.integers(1, 8),
)
def test_more_chunks_never_lengthen_the_bubble(periods, stages, chunks):
    few = float(bubble(np.array(periods), pipeline(stages, chunks)))
    many = float(bubble(np.array(periods), pipeline(stages, chunks + 1)))
    assert 0.0 <= many <= few


def test_hidden_sends_leave_the_fill_and_the_drain():
    assert float(exposed_sends(1e-3, 1.0, pipeline(8, 1, 64))) == pytest.approx(14e-3)


def test_one_stage_sends_nothing():
    assert float(exposed_sends(1e-3, 0.0, pipeline(1, 1, 64))) == 0.0


def test_sends_of_1f1b_cost_what_its_operations_wait_for_them():
    shape = pipeline(8, 1, 64)
    waited = played(EVEN, shape, send=1e-3) - played(EVEN, shape)
    assert waited == pytest.approx(124e-3)
    assert float(exposed_sends(1e-3, 0.0, shape)) == pytest.approx(waited, rel=0.15)


def waited_for_sends(shape: Pipeline) -> float:
    """What sends of a millisecond add to interleaved 1F1B: one trip through all chunks and back."""
    waited = played(EVEN, shape, send=1e-3) - played(EVEN, shape)
    assert waited == pytest.approx(2 * (shape.stages * shape.chunks - 1) * 1e-3)
    return waited


@pytest.mark.parametrize("chunks", [2, 4])
def test_hidden_sends_of_interleaved_1f1b_leave_one_trip_through_the_chunks(chunks):
    shape = pipeline(8, chunks, 64)
    assert float(exposed_sends(1e-3, 1.0, shape)) == pytest.approx(waited_for_sends(shape))


@pytest.mark.parametrize("chunks", [2, 4])
def test_sends_of_interleaved_1f1b_cost_one_trip_through_the_chunks(chunks):
    shape = pipeline(8, chunks, 64)
    assert float(exposed_sends(1e-3, 0.0, shape)) == pytest.approx(waited_for_sends(shape))


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


ORDER_STATISTICS = [(1, 0.0), (2, 0.56419), (10, 1.53875), (20, 1.86748), (50, 2.24907)]
ORDER_STATISTICS += [(100, 2.50759)]
"""Expected largest of N normal values; Harter, Biometrika 48, 1961, table 1."""


@pytest.mark.parametrize(("workers", "published"), ORDER_STATISTICS)
def test_the_expected_maximum_is_that_published(workers, published):
    # below 16 values the approximation is 5 % off at most
    tolerance = 0.005 if workers >= 16 else 0.05
    assert float(largest(float(workers))) == pytest.approx(published, rel=tolerance, abs=1e-6)


def integrated_maximum(workers: int) -> float:
    """Expected largest value, from the probability that all values stay below."""
    x = np.linspace(-10.0, 10.0, 20_001)
    upper = np.array([0.5 * math.erfc(value / math.sqrt(2)) for value in x])
    all_below = np.exp(workers * np.log1p(-np.minimum(upper, 1 - 1e-16)))
    step = x[1] - x[0]
    positive = (1.0 - all_below)[x >= 0].sum() - 0.5 * (1.0 - all_below)[x == 0].sum()
    return float((positive - all_below[x < 0].sum()) * step)


@pytest.mark.parametrize("workers", [16, 1000, 12_500, 100_000])
def test_the_expected_maximum_equals_its_integral(workers):
    assert float(largest(float(workers))) == pytest.approx(integrated_maximum(workers), rel=0.005)


@settings(max_examples=60, deadline=None)
@given(workers=st.integers(1, 200_000), more=st.integers(1, 1000))
def test_the_slowest_of_more_workers_is_slower(workers, more):
    assert float(largest(float(workers + more))) > float(largest(float(workers)))


def test_equal_workers_cost_nothing():
    assert float(stragglers(12_500.0, 16.0, Spread(0.0, 0.0))) < 1e-7


def test_a_lone_worker_waits_for_nobody():
    assert float(stragglers(1.0, 16.0, Spread(0.005, 0.02))) < 1e-5


def test_variation_within_a_worker_averages_out_over_micro_batches():
    once = float(stragglers(1000.0, 1.0, Spread(0.0, 0.02)))
    often = float(stragglers(1000.0, 16.0, Spread(0.0, 0.02)))
    assert once / often == pytest.approx(4.0, rel=1e-4)


def test_healthy_workers_by_hand():
    # 0.5 % between and 2 % within (16 micro-batches) add up to 0.707 %, times E[max] of 1000
    found = float(stragglers(1000.0, 16.0, Spread(0.005, 0.02)))
    assert found == pytest.approx(math.hypot(0.005, 0.02 / 4) * 3.2414, rel=0.005)


SHAPE = pipeline(8, 2, 64)
PERIODS = (3.0, 2.5, 3.5)


def idle_by(factors: jax.Array) -> jax.Array:
    return bubble_time(jnp.array(PERIODS) * factors, SHAPE)


@pytest.mark.parametrize("kind", [0, 1])
def test_gradient_of_the_bubble_equals_the_difference(kind):
    mark = np.eye(3)[kind]
    check_gradient(lambda factor: idle_by(1.0 + mark * (factor - 1.0)), 1.0, 1)


def test_the_slowest_stage_does_not_wait_for_itself():
    mark = np.eye(3)[2]
    assert derivative(lambda factor: idle_by(1.0 + mark * (factor - 1.0)), 1.0) == 0.0


def test_gradient_of_the_sends_equals_the_difference():
    check_gradient(lambda send: send_exposure(send, 0.8, SHAPE), 1e-3, 1)
    plain = SHAPE._replace(chunks=1.0)
    check_gradient(lambda hidden: send_exposure(1e-3, hidden, plain), 0.8, -1)


def test_gradient_of_the_stragglers_equals_the_difference():
    check_gradient(lambda n: straggler_fraction(n, 16.0, Spread(0.005, 0.02)), 1000.0, 1)
    check_gradient(lambda s: straggler_fraction(1000.0, 16.0, Spread(s, 0.02)), 0.005, 1)
    check_gradient(lambda s: straggler_fraction(1000.0, 16.0, Spread(0.005, s)), 0.02, 1)
