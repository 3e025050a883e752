"""The timeline of a step: segments without a gap, sums by phase, activity, the rhythm."""

from typing import Any

import jax
import numpy as np
import pytest

from perfmodel_kernels.max_plus import Sends
from perfmodel_kernels.schedule import DUALPIPE, GPIPE, ONE_F_ONE_B, ZERO_BUBBLE
from perfmodel_kernels.schedule_orders import Orders, order_tables
from perfmodel_kernels.timeline import (
    BACKWARD,
    BUBBLE,
    CONTEXT,
    DATA,
    EXPERT,
    FORWARD,
    HOST,
    KINDS,
    OFFLOAD,
    OPTIMIZER,
    OVERHEAD,
    PHASES,
    PIPELINE,
    RECOMPUTE,
    TENSOR,
    PhaseTimes,
    Tail,
    Timeline,
    timeline,
)
from tests.kernels.compiling import compiled
from tests.kernels.difference import check_gradient
from tests.kernels.pipelines import Job, step_time

laid_out = compiled(timeline)

SHAPES = {
    "1f1b": (ONE_F_ONE_B, 4, 1, 8),
    "interleaved": (ONE_F_ONE_B, 4, 2, 9),
    "gpipe": (GPIPE, 4, 1, 6),
    "zero bubble": (ZERO_BUBBLE, 4, 1, 8),
    "dualpipe": (DUALPIPE, 4, 1, 8),
}


def orders_of(name: str) -> Orders:
    code, stages, chunks, micro_batches = SHAPES[name]
    return order_tables(code, stages, chunks, micro_batches)


def random_times(parts: int, hidden: float = 0.2) -> PhaseTimes:
    """Parts that differ; what is computed again counts in the backward pass alone."""
    rng = np.random.default_rng(parts)
    forward, backward = rng.uniform(0.2, 1.0, (2, KINDS, parts))
    forward[3] = 0.0
    return PhaseTimes(forward, backward, 0.9 * backward[0], np.full(parts, hidden))


def parts_of(name: str) -> int:
    _, stages, chunks, _ = SHAPES[name]
    return stages * chunks


def laid(name: str, hidden: float = 0.2) -> Timeline:
    stages = SHAPES[name][1]
    sends = Sends(np.linspace(0.1, 0.2, stages), 0.5)
    tail = Tail(np.linspace(1.0, 2.0, stages), 0.3, np.linspace(0.5, 0.2, stages), 0.1)
    found = laid_out(random_times(parts_of(name), hidden), sends, tail, orders_of(name))
    return jax.tree.map(np.asarray, found)


def played(name: str) -> float:
    _, stages, chunks, micro_batches = SHAPES[name]
    times = random_times(parts_of(name))
    back = times.backward.sum(0) - times.weight
    lists = (times.forward.sum(0), back, times.weight, times.hidden, np.linspace(0.1, 0.2, stages))
    return step_time(Job(name, stages, chunks, micro_batches, *map(list, lists), occupied=0.5))


@pytest.mark.parametrize("name", SHAPES)
def test_segments_of_a_stage_follow_each_other_without_a_gap(name):
    found = laid(name)
    ends = found.start + found.duration
    assert found.duration.min() >= -1e-12
    np.testing.assert_allclose(found.start[0], 0.0)
    np.testing.assert_allclose(found.start[1:], ends[:-1], atol=1e-9)
    np.testing.assert_allclose(ends[-1], found.step)


@pytest.mark.parametrize("name", SHAPES)
def test_phases_of_every_stage_add_up_to_the_step(name):
    found = laid(name)
    np.testing.assert_allclose(found.total.sum(0), found.step)
    for phase in range(PHASES):
        inside = found.duration[found.phase == phase].sum(0)
        np.testing.assert_allclose(found.total[phase], inside, atol=1e-9)


@pytest.mark.parametrize("name", SHAPES)
def test_the_step_is_the_pipeline_and_what_follows_it(name):
    found = laid(name)
    after = found.step - played(name)
    # gradients take 1 to 2, stragglers 0.3, the update 0.5, the host 0.1, a last message 0.1
    assert 1.9 - 1e-9 <= after <= 3.0 + 1e-9


@pytest.mark.parametrize("name", ["1f1b", "interleaved", "gpipe", "zero bubble"])
def test_each_phase_takes_its_time_once_per_micro_batch(name):
    _, stages, chunks, count = SHAPES[name]
    times, found = random_times(parts_of(name)), laid(name)

    def of_stage(values: Any) -> np.ndarray:
        return count * values.reshape(chunks, stages).sum(0)

    kinds = times.forward + times.backward
    np.testing.assert_allclose(found.total[RECOMPUTE], of_stage(kinds[3]))
    np.testing.assert_allclose(found.total[FORWARD], of_stage(times.forward[:3].sum(0)))
    np.testing.assert_allclose(found.total[BACKWARD], of_stage(times.backward[:3].sum(0)))
    for phase, kind in ((TENSOR, 4), (CONTEXT, 5), (EXPERT, 6), (HOST, 7), (OFFLOAD, 8)):
        np.testing.assert_allclose(found.total[phase], of_stage(kinds[kind]))


def test_what_runs_together_saves_communication_alone():
    apart, together = laid("dualpipe", 0.0), laid("dualpipe", 0.2)
    work, talk = [RECOMPUTE, FORWARD, BACKWARD], [TENSOR, CONTEXT, EXPERT, HOST, OFFLOAD]
    np.testing.assert_allclose(apart.total[work], together.total[work])
    saved = (apart.total[talk] - together.total[talk]).sum(0)
    # 8 - 1.5 * 4 + 1 pairs on the outer chips, 8 - 4 - 1 on the inner ones, each saves 0.2
    np.testing.assert_allclose(saved, [0.6, 0.6, 0.6, 0.6])


def test_the_tail_has_the_phases_that_were_given():
    found = laid("1f1b")
    np.testing.assert_allclose(found.total[DATA], np.linspace(1.0, 2.0, 4))
    np.testing.assert_allclose(found.total[OPTIMIZER], np.linspace(0.5, 0.2, 4))
    np.testing.assert_allclose(found.total[OVERHEAD], 0.1)


def test_a_message_holds_every_stage_that_sends():
    found = laid("1f1b")
    across = np.linspace(0.1, 0.2, 4)  # the fourth boundary exists with chunks alone
    held = [across[0], across[0] + across[1], across[1] + across[2], across[2]]
    np.testing.assert_allclose(found.total[PIPELINE], 0.5 * 8 * np.array(held))


IDLE = [BUBBLE, HOST, OFFLOAD, OVERHEAD]
"""Phases in which a chip waits."""


@pytest.mark.parametrize("name", SHAPES)
def test_shares_of_activity_are_shares(name):
    found = laid(name)
    sums = found.activity.sum(2)
    np.testing.assert_allclose(sums[IDLE], 0.0)
    np.testing.assert_allclose(np.delete(sums, IDLE, axis=0), 1.0)
    assert found.activity.min() >= 0.0


def test_computation_has_the_mix_of_its_stage_and_messages_use_links():
    times, found = random_times(4), laid("1f1b")
    work = times.forward[:3] / times.forward[:3].sum(0)
    np.testing.assert_allclose(found.activity[FORWARD, :, :3], work.T)
    for phase in (TENSOR, CONTEXT, EXPERT, PIPELINE, DATA):
        np.testing.assert_allclose(found.activity[phase, :, 3], 1.0)
    np.testing.assert_allclose(found.activity[OPTIMIZER, :, 2], 1.0)


def even(name: str, send: float = 0.0) -> Timeline:
    """Even stages, a forward pass of one second, twice that for a backward pass."""
    stages, parts = SHAPES[name][1], parts_of(name)
    forward = np.zeros((KINDS, parts))
    forward[0] = 1.0
    times = PhaseTimes(forward, 2.0 * forward, forward[0], np.zeros(parts))
    nothing = Tail(np.zeros(stages), 0.0, np.zeros(stages), 0.0)
    return laid_out(times, Sends(np.full(stages, send), 0.0), nothing, orders_of(name))


@pytest.mark.parametrize("name", ["1f1b", "gpipe", "zero bubble"])
def test_even_stages_repeat_after_one_micro_batch(name):
    assert float(even(name).period) == pytest.approx(3.0)


def test_chunks_repeat_after_all_of_a_stage():
    assert float(even("interleaved").period) == pytest.approx(6.0)


def test_sends_of_1f1b_lengthen_its_period():
    # around a loop of four stages, six sends and four micro-batches
    assert 3.1 < float(even("1f1b", 0.1).period) < 3.2


def test_gradient_of_the_step_equals_the_difference():
    times, tail = random_times(4), Tail(np.ones(4), 0.3, np.ones(4), 0.1)
    orders = orders_of("1f1b")

    def step(factor: Any) -> Any:
        slower = times._replace(forward=times.forward * factor)
        return timeline(slower, Sends(np.full(4, 0.1), 0.5), tail, orders).step

    check_gradient(step, 1.0, 1)
