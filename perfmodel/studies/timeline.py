"""What every stage of a pipeline does at every moment of one step."""

from functools import cache
from typing import Any, NamedTuple

import numpy as np

from perfmodel.config.schema.scenario import Scenario
from perfmodel.engine.run import compiled
from perfmodel.lowering.site import lower_site
from perfmodel.studies.best_layout import Row, layout_of
from perfmodel.studies.power_cap import with_cap
from perfmodel_kernels.schedule_orders import order_tables
from perfmodel_kernels.step_timeline import step_timeline

PHASES = (
    "bubble",
    "recompute",
    "forward",
    "backward",
    "tensor",
    "context",
    "expert",
    "host",
    "offload",
    "pipeline",
    "data",
    "optimizer",
    "overhead",
)
"""Names of the phases, by their code in `perfmodel_kernels.timeline`."""


class Laid(NamedTuple):
    """A step over time."""

    stages: list[Row]
    """Time in each phase, one row per stage."""
    segments: list[Row]
    """Stage, phase, start and duration of every segment, in order of time on each stage."""
    period: float
    """Time between two micro-batches in the steady state. [s]"""
    step: float
    """Time of the step. [s]"""


def lay_out(scenario: Scenario, row: Row) -> Laid:
    """Lays the step of a row out over time, stage by stage.

    Parameters
    ----------
    scenario
        The machine and the job.
    row
        An estimate with its layout.

    Returns
    -------
    Laid
        Phases and segments; stages wait for each other, so that the step may differ from that of
        the closed form by what uneven stages cost.
    """
    params = lower_site(with_cap(scenario, row["power_cap_w"]), row["chips"]).step
    layout = layout_of(row)
    count = int(layout.micro_batches)
    orders = order_tables(float(layout.schedule), int(layout.pp), int(layout.vpp), count)
    found = _program(int(layout.vpp))(params, layout, orders)
    total = np.asarray(found.total, float)
    stages = [
        {"stage": stage, **{f"{name}_s": total[code, stage] for code, name in enumerate(PHASES)}}
        for stage in range(total.shape[1])
    ]
    return Laid(stages, _segments(found), float(found.period), float(found.step))


@cache
def _program(chunks: int) -> Any:
    return compiled(lambda params, layout, orders: step_timeline(params, layout, orders, chunks))


def _segments(found: Any) -> list[Row]:
    phase = np.asarray(found.phase)
    start, duration = np.asarray(found.start, float), np.asarray(found.duration, float)
    return [
        {
            "stage": stage,
            "phase": PHASES[phase[place]],
            "start_s": start[place, stage],
            "duration_s": duration[place, stage],
        }
        for stage in range(start.shape[1])
        for place in np.flatnonzero(duration[:, stage] > 0.0)
    ]
