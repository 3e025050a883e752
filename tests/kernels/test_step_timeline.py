"""A step over time against the sums of the step."""

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest

from perfmodel_kernels.layout import FULL
from perfmodel_kernels.schedule import DUALPIPE, GPIPE, ONE_F_ONE_B, ZERO_BUBBLE
from perfmodel_kernels.schedule_orders import order_tables
from perfmodel_kernels.step_timeline import step_timeline
from perfmodel_kernels.timeline import BUBBLE, DATA, EXPERT, OPTIMIZER, PHASES, RECOMPUTE, TENSOR
from tests.kernels.compiling import compiled
from tests.kernels.examples import EXPERTS, LAYOUT, SITE, STEP, as_arrays

CASES = {
    "1f1b": (ONE_F_ONE_B, 1.0, 16.0),
    "interleaved": (ONE_F_ONE_B, 2.0, 16.0),
    "gpipe": (GPIPE, 1.0, 16.0),
    "zero bubble": (ZERO_BUBBLE, 1.0, 16.0),
    "dualpipe": (DUALPIPE, 1.0, 16.0),
}
EVEN = STEP._replace(model=EXPERTS._replace(vocabulary=0.0, leading_dense=0.0))
"""Stages that take the same time."""


def laid(name: str, params=EVEN, **changes):
    code, chunks, count = CASES[name]
    changes = {"vpp": chunks, "micro_batches": count, "schedule": code, "ep": 8.0} | changes
    layout = as_arrays(LAYOUT._replace(**changes))
    orders = order_tables(code, int(layout.pp), int(chunks), int(count))
    return layout, _program(int(chunks))(as_arrays(params), layout, orders)


@cache
def _program(chunks: int) -> Callable:
    return compiled(lambda params, layout, orders: step_timeline(params, layout, orders, chunks))


@pytest.mark.parametrize("name", CASES)
def test_even_stages_take_the_time_of_the_step(evaluation, name):
    layout, found = laid(name)
    step = evaluation(SITE._replace(step=EVEN), layout).step
    # messages that overlap in part are bounds in the closed form
    assert float(found.step) == pytest.approx(float(step.step_time), rel=0.03)


@pytest.mark.parametrize("name", CASES)
def test_phases_of_every_stage_add_up_to_its_step(name):
    _, found = laid(name)
    assert found.total.shape == (PHASES, 4)
    np.testing.assert_allclose(found.total.sum(0), found.step)


def test_phases_are_those_of_the_step(evaluation):
    layout, found = laid("interleaved", recompute=FULL)
    split = evaluation(SITE._replace(step=EVEN), layout).step.time_split
    parts = ((RECOMPUTE, "recompute"), (TENSOR, "tensor"), (EXPERT, "expert"), (DATA, "data"))
    for phase, name in (*parts, (OPTIMIZER, "optimizer")):
        whole = float(getattr(split, name))
        assert float(found.total[phase].max()) == pytest.approx(whole, rel=1e-6), name


def test_a_heavy_last_stage_makes_the_others_wait():
    heavy = EVEN._replace(model=EXPERTS._replace(vocabulary=256_000.0, leading_dense=0.0))
    _, found = laid("1f1b", heavy)
    waits = np.asarray(found.total[BUBBLE])
    assert waits[-1] < 0.8 * waits[1]
