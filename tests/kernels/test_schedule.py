"""Pipeline schedules against operations played one by one, and the slowest of many workers."""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perfmodel_kernels.schedule import (
    DUALPIPE,
    GPIPE,
    ONE_F_ONE_B,
    ZERO_BUBBLE,
    Passes,
    Pipeline,
    Spread,
    bubble_time,
    expected_maximum,
    idle_time,
    on_chips,
    period_on_chips,
    straggler_fraction,
)
from tests.kernels.compiling import compiled
from tests.kernels.difference import check_gradient, derivative
from tests.kernels.pipelines import step_time
from tests.kernels.schedule_jobs import Three, even, job_of, pipeline, present

bubble = compiled(bubble_time)
idle = compiled(idle_time)
periods_of = compiled(period_on_chips)
largest = compiled(expected_maximum)
stragglers = compiled(straggler_fraction)


def of_kernel(periods: Three, shape: Pipeline) -> float:
    """Computation of the slowest stage and its bubble."""
    wait = float(bubble(np.array(periods), shape))
    return float(shape.micro_batches) * max(present(periods, int(shape.stages))) + wait


def played(periods: Three, shape: Pipeline) -> float:
    """1F1B operation by operation; a backward pass takes twice as long as a forward pass."""
    third = np.array(periods) / 3.0
    return step_time(job_of(Passes(third, third, third, 0.0 * third), shape))


def whole(passes: Passes, shape: Pipeline) -> float:
    """Periods of the slowest chip and what comes on top."""
    first, middle, last = np.asarray(periods_of(passes, shape)).tolist()
    slowest = max(present((first, middle, last), int(shape.stages)))
    return float(shape.micro_batches) * slowest + float(idle(passes, shape))


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
    assert 0.0 <= many <= few * (1.0 + 1e-12)


splits = st.floats(0.3, 3.0)
shapes = st.one_of(
    st.tuples(st.just(ONE_F_ONE_B), st.integers(1, 8), st.integers(1, 4), st.integers(1, 25)),
    st.tuples(st.just(GPIPE), st.integers(1, 8), st.just(1), st.integers(1, 25)),
    st.tuples(st.just(ZERO_BUBBLE), st.integers(1, 8), st.just(1), st.integers(8, 25)),
    st.tuples(st.just(DUALPIPE), st.sampled_from((2, 4, 6, 8)), st.just(1), st.just(24)),
)


def shape_of(drawn: tuple[float, int, int, int]) -> Pipeline:
    schedule, stages, chunks, micro_batches = drawn
    return pipeline(stages, chunks, micro_batches, schedule)


@settings(max_examples=200, deadline=None)
@given(drawn=shapes, forward=splits, backward=splits, weight=splits, share=st.floats(0.0, 0.45))
def test_even_stages_of_every_schedule_take_the_time_of_their_operations(
    drawn, forward, backward, weight, share
):
    shape = shape_of(drawn)
    hidden = share * min(forward, backward + weight) if shape.schedule == DUALPIPE else 0.0
    passes = even(forward, backward, weight, hidden)
    assert whole(passes, shape) == pytest.approx(step_time(job_of(passes, shape)), rel=1e-9)


@settings(max_examples=60, deadline=None)
@given(forward=splits, backward=splits, weight=splits, count=st.integers(1, 7))
def test_zero_bubble_with_few_micro_batches_is_a_tenth_too_fast_at_most(
    forward, backward, weight, count
):
    passes, shape = even(forward, backward, weight), pipeline(8, 1, count, ZERO_BUBBLE)
    ratio = whole(passes, shape) / step_time(job_of(passes, shape))
    assert 0.9 <= ratio <= 1.0 + 1e-9


triples = st.tuples(times, times, times)


@settings(max_examples=100, deadline=None)
@given(drawn=shapes, forward=triples, backward=triples, weight=triples)
def test_gpipe_is_exact_on_unequal_stages(drawn, forward, backward, weight):
    shape = shape_of(drawn)._replace(schedule=GPIPE, chunks=1.0)
    passes = Passes(*map(np.array, (forward, backward, weight, [0.0] * 3)))
    assert whole(passes, shape) == pytest.approx(step_time(job_of(passes, shape)), rel=1e-9)


@pytest.mark.parametrize("schedule", [ZERO_BUBBLE, DUALPIPE])
@settings(max_examples=60, deadline=None)
@given(stages=st.sampled_from((2, 4, 6, 8)), forward=triples, backward=triples, weight=triples)
def test_unequal_stages_are_within_a_sixth_of_their_operations(
    schedule, stages, forward, backward, weight
):
    shape = pipeline(stages, 1, 16, schedule)
    passes = Passes(*map(np.array, (forward, backward, weight, [0.0] * 3)))
    ratio = whole(passes, shape) / step_time(job_of(passes, shape))
    assert 0.9 <= ratio <= 7.0 / 6.0


@settings(max_examples=40, deadline=None)
@given(stages=st.integers(1, 64), count=st.integers(1, 128), period=st.floats(0.1, 10.0))
def test_without_weights_apart_the_schedules_order_as_published(stages, count, period):
    third = period / 3.0
    plain, gpipe, zero = (
        float(idle(even(third, third, third), pipeline(stages, 1, count + 64, schedule)))
        for schedule in (ONE_F_ONE_B, GPIPE, ZERO_BUBBLE)
    )
    assert plain == pytest.approx((stages - 1) * period)
    assert gpipe == pytest.approx(plain)
    # arXiv 2401.10241, section 2.1: a third of 1F1B where the three take the same time
    assert zero == pytest.approx(plain / 3.0)


@pytest.mark.parametrize(("stages", "pairs"), [(2, 0), (4, 1), (8, 3), (16, 7)])
def test_dualpipe_is_idle_as_published(stages, pairs):
    # arXiv 2412.19437, table 2: (p / 2 - 1)(F&B + B - 3 W), B = 4 with weights, F = W = 2
    wait = float(idle(even(2.0, 2.0, 2.0), pipeline(stages, 1, 4 * stages, DUALPIPE)))
    assert wait == pytest.approx(pairs * (6.0 + 4.0 - 6.0))


def test_what_dualpipe_hides_counts_in_its_period_alone():
    passes = even(1.0, 1.0, 1.0, 0.25)
    found = [
        float(np.asarray(periods_of(passes, pipeline(4, 1, 8, code)))[0])
        for code in (ONE_F_ONE_B, DUALPIPE)
    ]
    assert found == [3.0, 2.75]


def test_both_ends_of_the_model_meet_on_a_chip_of_dualpipe():
    values = np.array([1.0, 5.0, 3.0])
    swap = compiled(on_chips)
    np.testing.assert_allclose(swap(values, pipeline(8, 1, 16, DUALPIPE)), [2.0, 5.0, 2.0])
    np.testing.assert_allclose(swap(values, pipeline(8, 1, 16, ZERO_BUBBLE)), values)
    np.testing.assert_allclose(swap(values, pipeline(1, 1, 16, DUALPIPE)), values)


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


def idle_by(factors: jax.Array) -> Any:
    return bubble_time(jnp.array(PERIODS) * factors, SHAPE)


@pytest.mark.parametrize("kind", [0, 1])
def test_gradient_of_the_bubble_equals_the_difference(kind):
    mark = np.eye(3)[kind]
    check_gradient(lambda factor: idle_by(1.0 + mark * (factor - 1.0)), 1.0, 1)


def test_the_slowest_stage_does_not_wait_for_itself():
    mark = np.eye(3)[2]
    assert derivative(lambda factor: idle_by(1.0 + mark * (factor - 1.0)), 1.0) == 0.0


UNEVEN = Passes(*map(np.array, ((1.0, 0.9, 1.2), (1.3, 1.2, 1.6), (0.9, 0.8, 1.1), [0.1] * 3)))


@pytest.mark.parametrize("schedule", [ONE_F_ONE_B, GPIPE, ZERO_BUBBLE, DUALPIPE])
def test_gradient_of_the_idle_time_equals_the_difference(schedule):
    shape = pipeline(8, 1, 64, schedule)

    def slower(factor: Any) -> Any:
        return idle_time(UNEVEN._replace(backward=UNEVEN.backward * factor), shape)

    check_gradient(slower, 1.0, 1)


@pytest.mark.parametrize("schedule", [ONE_F_ONE_B, GPIPE, ZERO_BUBBLE, DUALPIPE])
@pytest.mark.parametrize("stages", [1, 2, 3])
def test_idle_time_stays_finite_on_few_stages(schedule, stages):
    shape = pipeline(stages, 1, 1, schedule)
    assert 0.0 <= float(idle(UNEVEN, shape)) < 10.0
    slope = jax.grad(lambda factor: idle_time(Passes(*(x * factor for x in UNEVEN)), shape))(1.0)
    assert np.isfinite(slope)


def test_gradient_of_the_stragglers_equals_the_difference():
    check_gradient(lambda n: straggler_fraction(n, 16.0, Spread(0.005, 0.02)), 1000.0, 1)
    check_gradient(lambda s: straggler_fraction(1000.0, 16.0, Spread(s, 0.02)), 0.005, 1)
    check_gradient(lambda s: straggler_fraction(1000.0, 16.0, Spread(0.005, s)), 0.02, 1)
