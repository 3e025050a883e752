"""The best few layouts of a search once more, their pipelines played slot by slot."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from perfmodel.engine.run import Kept
from perfmodel.engine.store import Wanted
from perfmodel.studies.best_layout import Row, layout_of
from perfmodel_kernels.layout import Layout
from perfmodel_kernels.max_plus import PartTimes, Sends, over_parts, pipeline_time
from perfmodel_kernels.schedule_orders import Orders, order_tables
from perfmodel_kernels.step_parts import StepParams, stage_times, step_parts

OUTSIDE = ("data", "optimizer", "straggler", "overhead")
"""Parts of a step that no pipeline holds."""

STEADY = 3
"""Micro-batches over the stages after which a pipeline runs at its steady pace."""


class _Stages(NamedTuple):
    """What a pipeline is played with."""

    passes: Any
    """Forward, backward, weight, hidden by kind of stage. Axes: pass, stage. [s]"""
    send: Any
    occupied: Any


def _stages(params: StepParams, layout: Layout) -> _Stages:
    parts = step_parts(params, layout)
    passes = stage_times(parts, params.stack.overlap).passes
    return _Stages(jnp.stack(passes), parts.traffic.send, 1.0 - params.stack.overlap.pipeline)


_stages_program = Kept(_stages, ("stages of a pipeline",))


def wanted_stages(params: StepParams) -> tuple[Wanted]:
    """The program that gives the parts of a pipeline, to be made ready before layouts are played.

    Parameters
    ----------
    params
        Machine, model, workload and software.

    Returns
    -------
    tuple[Wanted]
        For :func:`perfmodel.engine.store.make_ready`.
    """
    numbers = Layout(*[np.float32(0.0)] * len(Layout._fields))
    return (_stages_program.wanted_for(_single(params), numbers),)


@cache
def _play(stages: int, chunks: int) -> Callable:
    """Pipeline time of stages and chunks, for any number of micro-batches."""

    def play(found: _Stages, orders: Orders) -> Any:
        rows = over_parts(found.passes, stages, chunks)
        each = jnp.ones(stages, rows.dtype)
        return pipeline_time(PartTimes(*rows), Sends(found.send * each, found.occupied), orders)

    return Kept(play, ("pipeline", stages, chunks))


@cache
def _orders(schedule: float, stages: int, chunks: int, count: int) -> Orders:
    return order_tables(schedule, stages, chunks, count)


def scanned_step_time(params: StepParams, row: Row) -> float:
    """Step time with the pipeline played operation by operation.

    Beyond a few times the stages every further group of micro-batches adds the same time.

    Parameters
    ----------
    params
        Machine, model, workload and software.
    row
        A layout with its time split.

    Returns
    -------
    float
        Step time. [s]
    """
    layout = layout_of(row)
    numbers = Layout(*(np.float32(value) for value in layout))
    found = _stages_program(_single(params), numbers)
    stages, chunks, count = (int(layout[place]) for place in (2, 3, 8))
    group = stages if chunks > 1 else 2 * stages
    shorter = STEADY * group + count % group if count > (STEADY + 1) * group else count

    def played(micro_batches: int) -> float:
        orders = _orders(float(layout.schedule), stages, chunks, micro_batches)
        return float(_play(stages, chunks)(found, orders))

    time = played(shorter)
    if shorter < count:
        time += (played(shorter + group) - time) * (count - shorter) / group
    return time + sum(row[f"time_split_{name}_s"] for name in OUTSIDE)


def _single(params: StepParams) -> StepParams:
    import jax

    return jax.tree.map(np.float32, params)


def decided(params: StepParams, rows: Sequence[Row]) -> list[Row]:
    """Layouts in the order of their throughput with pipelines that were played.

    The closed forms of a search are bounds where stages differ or messages overlap in part.

    Parameters
    ----------
    params
        Machine, model, workload and software.
    rows
        The best few, by the closed forms.

    Returns
    -------
    list[Row]
        The same with `scanned_step_time_s`, best first; equal ones keep their order.
    """
    known = [row | {"scanned_step_time_s": scanned_step_time(params, row)} for row in rows]
    return sorted(known, key=lambda row: -_throughput(row))


def _throughput(row: Row) -> float:
    return row["tokens_per_s"] * row["step_time_s"] / row["scanned_step_time_s"]
