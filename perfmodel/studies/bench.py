"""Our own speed: full evaluations per second, beside what the device sustains."""

import time
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from perfmodel.config.schema.scenario import Scenario
from perfmodel.engine.ceilings import Ceilings, clock, measure
from perfmodel.engine.search import Limits, search, work_of
from perfmodel.lowering.site import lower_site
from perfmodel.spaces.layouts import GROUP, WIDE, Layouts
from perfmodel.spaces.space import Block, Space, blocks, space, written
from perfmodel.studies.best_layout import job
from perfmodel.studies.gradient_cost import gradient_ratio

ROUNDS = 3
"""Runs of each size; the fastest counts."""

LONG = 5.0
"""Runs that take longer are not repeated. [s]"""


class Speed(NamedTuple):
    """How fast a machine searches."""

    ceilings: Ceilings
    curve: list[dict[str, Any]]
    """Rows of points, wall and processor time and points per second of each, by size."""
    work: dict[str, float]
    """Operations and bytes of one evaluation."""
    first_s: float
    """The first search of the process: tracing, compiling or loading, and a thousand points. [s]"""
    gradient: float | None
    """Time of throughput with its derivatives by every parameter over that of throughput alone."""


def speed(scenario: Scenario, sizes: Sequence[int], gradient: bool = False) -> Speed:
    """Measures searches of some sizes.

    Parameters
    ----------
    scenario
        The machine and the job whose layouts are evaluated.
    sizes
        Numbers of points.
    gradient
        Whether derivatives are timed as well.

    Returns
    -------
    Speed
        Rates.
    """
    params = lower_site(scenario)
    asked = space(job(scenario, scenario.machine.chips, scenario.workload.batch.sequences), WIDE)
    started = time.perf_counter()
    search(params, asked, shapes=_first(asked, 1000))
    first = time.perf_counter() - started
    ceilings, curve = measure(), []
    for size in sizes:
        best, least, spent, points = np.inf, np.inf, 0.0, 0
        while spent < LONG:
            started, busy = time.perf_counter(), clock()
            points = search(params, asked, Limits(), _first(asked, size)).points
            best = min(best, time.perf_counter() - started)
            least = min(least, clock() - busy)
            spent += LONG / ROUNDS if best < LONG / ROUNDS else LONG
        rates = {"points_per_s": points / best, "points_per_core_s": points / least}
        curve.append({"points": points, "search_s": best, "busy_s": least} | rates)
    ratio = gradient_ratio(params, _few(asked)) if gradient else None
    return Speed(ceilings, curve, _work(params, asked), first, ratio)


def _few(asked: Space) -> Layouts:
    """The first layouts of a space, written out."""
    return written(asked._replace(bases=asked.bases[:1], modes=asked.modes[:1]))


def _first(asked: Space, points: int) -> Iterator[Block]:
    """Blocks of the first so many points, over and over where the space has fewer."""
    left = -(-points // len(asked.modes))
    while left > 0:
        for block in blocks(asked):
            count = min(left, len(block.base))
            yield Block(block.base[:count], block.shapes[:count], block.dropped)
            left -= count
            if left <= 0:
                return


def _work(params: Any, asked: Space) -> dict[str, float]:
    """Operations of an evaluation: alone, and where bases, groups and shapes are shared."""
    work, shapes, groups = work_of(params, asked), 0, 0
    for block in blocks(asked):
        shapes += len(block.base)
        keys = np.concatenate([block.base[:, None], block.shapes[:, : len(GROUP)]], axis=1)
        groups += 1 + int((keys[1:] != keys[:-1]).any(1).sum()) if len(keys) else 0
    modes, (_, base, group, shape, point) = len(asked.modes), work.flop
    shared = base * len(asked.bases) + group * groups + shape * shapes
    return {
        "flop_alone": float(base + group + shape + point),
        "flop_shared": point + shared / (shapes * modes),
        "bytes": float(work.bytes),
        "temporary_bytes": float(work.temporary),
    }
