"""The best layouts of one job by an objective, why the others lost, and the front between aims."""

import math
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np

from perfmodel.config.schema.scenario import Scenario
from perfmodel.engine.run import evaluate_few, wanted_few
from perfmodel.engine.search import Best, Found, Limits, evaluate_found, search, wanted_search
from perfmodel.engine.search_kernel import NET
from perfmodel.engine.store import make_ready
from perfmodel.lowering.layout import lower_layout
from perfmodel.lowering.site import lower_site
from perfmodel.results.columns import TIME_SPLIT
from perfmodel.spaces.layouts import Axes, alone
from perfmodel.spaces.legality import OUT_OF_MEMORY
from perfmodel.spaces.space import Block, Space, blocks, space
from perfmodel.studies.best_layout import Row, job, layout_row
from perfmodel.studies.bounds import Bounds
from perfmodel.studies.coupled import AIMS, Beside, coupling_of, with_outcome
from perfmodel.studies.envelope import outside
from perfmodel.studies.power_limit import limit_of
from perfmodel.studies.scanned import decided, wanted_stages
from perfmodel.studies.uncertainty import error_bars
from perfmodel.studies.verdict import lead, verdict

PLAYED = ("throughput", "power-limited")
"""Objectives that the order of operations in a pipeline decides."""

SMALLEST = 5e-4
"""Share of the step below which a part is not worth a word."""

PARTS = 3
"""Parts that a reason names at most."""


class Asked(NamedTuple):
    """What the user wants of a search."""

    objective: str
    top: int
    respects: tuple[str, ...]
    bounds: Bounds
    axes: Axes
    named: Sequence[Scenario]
    """The job with layouts that are to be explained against the best."""
    decide: int = 0
    """How many of the best have their pipelines played before they are ranked."""
    beside: Beside | None = None
    """Failures, storage and prices, for the objectives of `perfmodel.studies.coupled.AIMS`."""


class Watch(NamedTuple):
    """Who hands out the blocks of a space, and may stop before the last one."""

    blocks: Callable[[Space], Iterable[Block]]
    stopped: threading.Event
    compiling: Callable[[], None] = lambda: None
    """Told where the programs of the search are not there yet."""


class Answer(NamedTuple):
    """What a search says."""

    best: list[Row]
    front: list[Row]
    named: list[Row]
    """Layouts of the user, with what they lose."""
    found: Found
    infeasible: dict[str, int]
    """Points by reason: rules that they break, memory."""
    searched_s: float
    """Wall time of enumeration and evaluation. [s]"""
    complete: bool
    """Whether all layouts were searched."""


def search_layouts(scenario: Scenario, asked: Asked, watch: Watch | None = None) -> Answer:
    """Answers the question.

    Parameters
    ----------
    scenario
        The machine and the job.
    asked
        Objective, front, bounds, axes.
    watch
        Who watches; nobody when not given. Once it has stopped, no pipelines are played.

    Returns
    -------
    Answer
        Rows, best first.
    """
    started = time.perf_counter()
    params = lower_site(scenario)
    limits = Limits(limit_of(scenario), asked.respects, *asked.bounds.columns())
    if asked.beside is not None:
        limits = limits._replace(coupling=coupling_of(scenario, asked.beside, asked.objective))
    wanted = job(scenario, scenario.machine.chips, scenario.workload.batch.sequences)
    watch = watch or Watch(blocks, threading.Event())
    layouts = space(wanted, asked.axes, asked.bounds.kept)
    played = wanted_stages(params.step) if asked.objective in PLAYED and asked.decide else ()
    explained = [wanted_few(params)] if asked.named else []
    needed = wanted_search(params, layouts), *explained, *played
    make_ready(*needed, told=watch.compiling)
    found = search(params, layouts, limits, watch.blocks(layouts))
    searched = time.perf_counter() - started
    complete = not watch.stopped.is_set()
    aim = asked.objective if asked.beside is None else NET
    best = _rows(found.best[aim])[: max(asked.top, asked.decide)]
    if asked.objective in PLAYED and complete:
        best = [*decided(params.step, best[: asked.decide]), *best[asked.decide :]]
    best = [row | {"rank": place} for place, row in enumerate(best[: asked.top], start=1)]
    best = [_told(scenario, row, asked.beside) for row in best]
    front = _rows(found.front) if found.front else []
    named = [_told(one, _named(one), asked.beside) for one in asked.named]
    for row in (*best, *named):
        row["why"] = why(row, best[0], asked.objective) if best else ""
    for row in named:
        row["verdict"] = _verdict(scenario, row, best[0], asked) if best else ""
    infeasible = {code: count for code, count in found.dropped.items() if count}
    infeasible[OUT_OF_MEMORY] = found.points - found.feasible
    return Answer(best, front, named, found, infeasible, searched, complete)


def _rows(best: Best) -> list[Row]:
    rows = []
    for place in range(len(best.score)):
        row = layout_row(best.evaluation, best.layouts.row(place), place)
        known = {"score": float(best.score[place]), "scanned_step_time_s": math.nan}
        rows.append(known | _checked(row))
    return rows


def _checked(row: Row) -> Row:
    return row | {"outside": outside(row)}


def _told(scenario: Scenario, row: Row, beside: Beside | None) -> Row:
    """A row with its 90 % interval, what of it no run was measured with, and what it comes to."""
    row = row | error_bars(scenario, row | {"chips": scenario.machine.chips}, evaluate_found)
    return row if beside is None else with_outcome(scenario, row, beside)


def _verdict(scenario: Scenario, row: Row, best: Row, asked: Asked) -> str:
    beside = asked.beside
    if beside is None:
        return verdict(scenario, row, best, asked.objective)
    return verdict(
        scenario, row, best, asked.objective, lambda one: with_outcome(scenario, one, beside)
    )


def _named(scenario: Scenario) -> Row:
    chips, batch = scenario.machine.chips, scenario.workload.batch.sequences
    if scenario.layout is None:
        raise ValueError("a scenario without a layout has nothing to explain")
    layout = lower_layout(scenario.layout, chips, batch, scenario.model.layers)
    row = layout_row(evaluate_few(lower_site(scenario), alone(layout)), layout)
    fits = row["memory_fraction"] <= 1.0
    marks = {"rank": 0, "feasible": fits, "reason": "" if fits else OUT_OF_MEMORY}
    return _checked(row) | marks


def losses(row: Row, best: Row) -> dict[str, float]:
    """What each part of the step costs a token more than in the best layout.

    Parameters
    ----------
    row, best
        Rows with their time splits.

    Returns
    -------
    dict[str, float]
        Time by label over the whole time of the best; negative where the row is faster. The values
        add up to the difference.
    """
    own, reference = row["tokens_per_s"], best["tokens_per_s"]
    return {
        label: row[key] / row["step_time_s"] * reference / own - best[key] / best["step_time_s"]
        for key, label in ((f"time_split_{name}_s", label) for name, label in TIME_SPLIT.items())
    }


def why(row: Row, best: Row, objective: str = "throughput") -> str:
    """Why a layout loses against the best, in a few words.

    Parameters
    ----------
    row, best
        Rows with their time splits.
    objective
        What was maximised.

    Returns
    -------
    str
        Parts of the step that cost more, the dearest first; empty for the best itself.
    """
    if row["layout"] == best["layout"]:
        return ""
    if not row["feasible"]:
        return f"{row['memory_fraction']:.0%} of the memory"
    parts = sorted(losses(row, best).items(), key=lambda item: -item[1])
    named = [f"{label} {share:+.1%}" for label, share in parts if share > SMALLEST][:PARTS]
    slower = best["tokens_per_s"] / row["tokens_per_s"] - 1.0
    head = f"time {slower:+.2%}"
    played = [_played(one) for one in (best, row)]
    if all(math.isfinite(one) for one in played):
        head += f", pipeline played {played[0] / played[1] - 1.0:+.2%}"
    if objective == "energy":
        dearer = row["energy_per_token_j"] / best["energy_per_token_j"] - 1.0
        head = f"energy {dearer:+.2%}, {head}"
    elif objective in AIMS:
        lost = lead(row, best, objective)
        kept = row["useful_share"] - best["useful_share"]
        head = f"{objective} {lost:+.2%}, useful share {kept:+.2%}, {head}"
    elif objective == "memory":
        head = f"memory {row['memory_fraction'] - best['memory_fraction']:+.2%}, {head}"
    return f"{head}: {', '.join(named)}" if named else head


def _played(row: Row) -> float:
    """Throughput with the pipeline played, not a number where it was not.

    Returns
    -------
    float
        Throughput. [token/s]
    """
    return row["tokens_per_s"] * row["step_time_s"] / row.get("scanned_step_time_s", math.nan)


def map_rows(grid: np.ndarray) -> list[Row]:
    """Highest throughput by tensor ranks and stages, for a figure.

    Parameters
    ----------
    grid
        As a search returns it.

    Returns
    -------
    list[Row]
        One row per cell that something fits in.
    """
    return [
        {"tp": 2**power, "pp": stages, "tokens_per_s": float(grid[power, stages])}
        for power, stages in np.argwhere(np.isfinite(grid)).tolist()
    ]
