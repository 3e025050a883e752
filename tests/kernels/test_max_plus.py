"""The recurrence over slots against pipelines played event by event."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perfmodel_kernels.max_plus import (
    OperationTimes,
    PartTimes,
    Sends,
    operation_times,
    over_parts,
    pipeline_time,
)
from perfmodel_kernels.schedule import DUALPIPE, GPIPE, ONE_F_ONE_B, ZERO_BUBBLE
from perfmodel_kernels.schedule_orders import Orders, order_tables
from tests.kernels.compiling import compiled
from tests.kernels.difference import check_gradient
from tests.kernels.pipelines import Job, play, step_time

CODES = {
    "1f1b": ONE_F_ONE_B,
    "interleaved": ONE_F_ONE_B,
    "gpipe": GPIPE,
    "zero bubble": ZERO_BUBBLE,
    "dualpipe": DUALPIPE,
}
SHAPES = {
    "1f1b": [(1, 1, 3), (2, 1, 5), (3, 1, 2), (4, 1, 9), (5, 1, 5), (7, 1, 16), (8, 1, 24)],
    "interleaved": [(1, 3, 2), (2, 2, 5), (3, 4, 2), (4, 2, 4), (4, 3, 17), (5, 2, 15), (8, 2, 9)],
    "gpipe": [(1, 1, 2), (2, 1, 4), (3, 1, 7), (4, 1, 3), (6, 1, 12), (8, 1, 16)],
    "zero bubble": [(1, 1, 3), (2, 1, 5), (3, 1, 2), (4, 1, 9), (5, 1, 3), (7, 1, 16), (8, 1, 24)],
    "dualpipe": [(2, 1, 4), (2, 1, 10), (4, 1, 8), (4, 1, 14), (6, 1, 12), (8, 1, 20)],
}
"""Stages, chunks and micro-batches: few and many, groups that do not fill the stages."""

CASES = 100
"""Random cases of every schedule."""

operations = compiled(operation_times)


def orders_of(job: Job) -> Orders:
    return order_tables(CODES[job.schedule], job.stages, job.chunks, job.micro_batches)


def values_of(job: Job) -> tuple[PartTimes, Sends]:
    times = (job.forward, job.backward, job.weight, job.hidden)
    return PartTimes(*map(np.asarray, times)), Sends(np.asarray(job.send), job.occupied)


def random_job(schedule: str, case: int) -> Job:
    """Stages that differ by a factor of six, sends up to a whole pass, blocking or not."""
    rng = np.random.default_rng([case, *schedule.encode()])
    shapes = SHAPES[schedule]
    stages, chunks, micro_batches = shapes[case % len(shapes)]
    parts = stages * chunks
    forward, backward, weight = rng.uniform(0.5, 3.0, (3, parts))
    hidden = rng.uniform(0.0, 0.5, parts)
    send = rng.uniform(0.0, 1.0, stages) * rng.choice([0.0, 0.1, 1.0])
    occupied = rng.choice([0.0, rng.uniform(), 1.0])
    return Job(
        schedule, stages, chunks, micro_batches,
        *(list(map(float, row)) for row in (forward, backward, weight, hidden, send)),
        occupied=float(occupied),
    )  # fmt: skip


def by_stage(found: OperationTimes, orders: Orders) -> list[list[tuple[float, float]]]:
    """Starts and ends of the operations of each stage, empty slots left out."""
    start, duration = np.asarray(found.start), np.asarray(found.duration)
    filled = np.any(orders.parts < np.max(orders.parts), axis=-1)
    return [
        [(start[slot, stage], start[slot, stage] + duration[slot, stage])
         for slot in np.flatnonzero(filled[:, stage])]
        for stage in range(start.shape[1])
    ]  # fmt: skip


@pytest.mark.parametrize("schedule", CODES)
def test_every_operation_starts_and_ends_as_it_is_played(schedule):
    for case in range(CASES):
        job = random_job(schedule, case)
        orders = orders_of(job)
        found = by_stage(operations(*values_of(job), orders), orders)
        for stage, operations_ in enumerate(found):
            runs = [(run.start, run.end) for run in play(job) if run.stage == stage]
            np.testing.assert_allclose(operations_, runs, rtol=1e-9, atol=1e-9, err_msg=f"{job}")


@pytest.mark.parametrize("schedule", CODES)
def test_the_time_of_the_pipeline_is_the_end_of_the_last_operation(schedule):
    job = random_job(schedule, 3)
    found = float(compiled(pipeline_time)(*values_of(job), orders_of(job)))
    assert found == pytest.approx(step_time(job), rel=1e-9)


def even(schedule: str, shape: tuple[int, int, int]) -> Job:
    """All passes take a second; nothing hides, sends take no time."""
    parts = shape[0] * shape[1]
    ones, none = [1.0] * parts, [0.0] * parts
    return Job(schedule, *shape, ones, ones, ones, none, [0.0] * shape[0])


def time_of(job: Job) -> float:
    found = operations(*values_of(job), orders_of(job))
    return float((found.start + found.duration).max())


@pytest.mark.parametrize("schedule", ["1f1b", "gpipe", "zero bubble"])
def test_one_stage_computes_without_a_pause(schedule):
    job = even(schedule, (1, 1, 7))._replace(send=[5.0], occupied=1.0)
    assert time_of(job) == pytest.approx(21.0)


def test_zero_bubble_waits_a_third_of_1f1b():
    # arXiv 2401.10241, section 2: (p - 1) F of (p - 1)(F + B + W) where the three are equal
    assert time_of(even("zero bubble", (4, 1, 8))) - 24.0 == pytest.approx(3.0)
    assert time_of(even("1f1b", (4, 1, 8))) - 24.0 == pytest.approx(9.0)


def test_dualpipe_waits_as_published():
    # arXiv 2412.19437, table 2: (p / 2 - 1)(F&B + B - 3 W), B with the weights, nothing hidden
    assert time_of(even("dualpipe", (8, 1, 20))) - 60.0 == pytest.approx(3 * (3 + 2 - 3))


@pytest.mark.parametrize("schedule", CODES)
def test_no_pipeline_beats_its_busiest_stage_or_one_micro_batch(schedule):
    for case in range(7):
        job = random_job(schedule, case)
        job = job._replace(hidden=[0.0] * len(job.forward))
        each = np.add(np.add(job.forward, job.backward), job.weight)
        held = each.reshape(job.chunks, job.stages).sum(0)
        busiest = 0.5 * (held + held[::-1]) if schedule == "dualpipe" else held
        assert time_of(job) >= job.micro_batches * busiest.max() - 1e-9
        assert time_of(job) >= np.add(job.forward, job.backward).sum() - 1e-9


def test_a_send_that_blocks_is_never_faster():
    for case in range(20):
        job = random_job(list(CODES)[case % 5], case)._replace(occupied=0.0)
        assert time_of(job._replace(occupied=1.0)) >= time_of(job) - 1e-9


def test_a_closed_form_of_equal_periods_misses_unequal_stages_by_two_to_twenty_percent():
    """What the recurrence is for: periods alone do not say how stages wait for each other."""
    misses = []
    for case in range(60):
        job = random_job("1f1b", 5 + 7 * case)._replace(send=[0.0] * 7)
        each = [sum(parts) for parts in zip(job.forward, job.backward, job.weight, strict=True)]
        periods = job.micro_batches * max(each) + sum(each) - max(each)
        misses.append(periods / time_of(job) - 1.0)
    assert min(misses) + 1e-9 >= 0.0
    assert 0.02 < np.mean(misses) < 0.2


@pytest.mark.parametrize(
    ("stages", "chunks", "expected"),
    [
        (1, 1, [3.0]),
        (2, 2, [0.5, 1.5, 0.5, 1.5]),
        (4, 1, [1.0, 2.0, 2.0, 3.0]),
        (3, 2, [0.5, 1.0, 1.5, 0.5, 1.0, 1.5]),
    ],
)
def test_kinds_of_stage_spread_over_the_parts(stages, chunks, expected):
    rows = jnp.array([[1.0, 2.0, 3.0], [2.0, 4.0, 6.0]])
    found = over_parts(rows, stages, chunks)
    np.testing.assert_allclose(found, np.array([expected, np.multiply(2.0, expected)]))


SMALL = random_job("interleaved", 4)
"""Four stages of three chunks, 17 micro-batches."""


def scaled(change: Callable[[PartTimes, Sends, Any], tuple], factor: Any) -> Any:
    times, sends = values_of(SMALL)
    arrays = PartTimes(*map(jnp.asarray, times))
    times, sends = change(arrays, Sends(jnp.asarray(sends.time), 0.5), factor)
    return pipeline_time(times, sends, orders_of(SMALL))


def slower_stages(times: PartTimes, sends: Sends, factor: Any) -> tuple:
    return times._replace(forward=times.forward * factor), sends


def slower_sends(times: PartTimes, sends: Sends, factor: Any) -> tuple:
    return times, sends._replace(time=sends.time * factor)


@pytest.mark.parametrize("change", [slower_stages, slower_sends])
def test_gradient_equals_the_difference(change):
    check_gradient(lambda factor: scaled(change, factor), 1.0, 1)


def test_single_precision_gives_the_same_time():
    job = random_job("zero bubble", 6)
    with jax.enable_x64(False):
        times, sends = jax.tree.map(lambda leaf: np.asarray(leaf, np.float32), values_of(job))
        single = float(jax.jit(pipeline_time)(times, sends, orders_of(job)))
    assert single == pytest.approx(step_time(job), rel=1e-5)
