"""The best hardware under budgets: gradients for its figures, a search for the layout, in turn."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from perfmodel.config.faults import Fault, Faults, shown
from perfmodel.config.schema.scenario import Scenario
from perfmodel.config.units import text
from perfmodel.engine.search import Best, Found, Limits, search
from perfmodel.lowering.hardware import with_figures
from perfmodel.lowering.layout import RECOMPUTE, SHARDING, word
from perfmodel.lowering.site import lower_site
from perfmodel.results.columns import COLUMNS
from perfmodel.spaces.legality import Job
from perfmodel.spaces.space import Space, blocks, space
from perfmodel.studies.best_layout import NO_LAYOUT, OUT_OF_MEMORY, Row, best_row, job, layout_row
from perfmodel.studies.design_question import COST, Budget, Design
from perfmodel.studies.design_step import (
    Forces,
    Vector,
    climb,
    cost_of,
    direction,
    ends,
    forces,
    limits_of,
    point,
)
from perfmodel_kernels.layout import Layout

STEPS = 24
"""Accepted steps at most."""

TRIED = 2
"""Layouts of each list that a step climbs under: the best of those that differ in their ranks."""

REACH, LEAST_REACH = 3.0, 0.04
"""Largest change of the logarithm of a figure in one step, and the one below which none helps."""

GAIN = 1e-5
"""Relative gain below which a step is not taken."""

SAME, LOOKS = 1e-3, 5
"""Difference of logarithms below which two designs count as one, and designs that a step holds
against a search of layouts at most, those with the highest objective first."""

OVERRUN = 1e-4
"""Share by which a climb may end above a budget; the search after it has the last word."""

START = 1e-4
"""Share by which a climb begins beside the start: configs often stand on a kink."""


class Step(NamedTuple):
    """One design on the way."""

    values: Vector
    """Free figures. [SI]"""
    layout: Layout
    row: Row
    """Its estimate, switches and modules whole."""
    rivals: list[Layout]
    """Layouts to go on with."""


class Looked(NamedTuple):
    """What a search of layouts finds for a design."""

    kept: list[tuple[Layout, Row]]
    """Those within the budgets, the best first."""
    rivals: list[Layout]
    """The best of those that differ in their ranks, by objective and with other aims."""
    reason: str
    """Why there is none, where that is so."""


class Answer(NamedTuple):
    """Where the way leads."""

    steps: list[Step]
    """The start, then each design that was accepted."""
    row: Row
    """The last one as printed figures give it."""
    forces: Forces
    overrides: list[str]
    """Figures, and the layout where the best by throughput alone would be another."""
    converged: bool


def codesign(design: Design, done: Callable[[int], None] = lambda _: None) -> Answer:
    """Answers the question.

    Parameters
    ----------
    design
        Free figures, budgets, objective.
    done
        Told after each design that is accepted.

    Returns
    -------
    Answer
        The path, the design and what holds it back.

    Raises
    ------
    Faults
        When no layout fits, or no design within the bounds keeps the budgets.
    """
    finder = _Finder(design)
    values = _affordable(design)
    looked = finder.look(values)
    if not looked.rivals:
        problem = f"{looked.reason}, at the start of the design"
        raise Faults([Fault(field="layout", problem=problem)])
    if not looked.kept:
        values, looked = _into_budget(design, finder, values)
    steps, reach = [_step(values, looked)], REACH
    while reach >= LEAST_REACH and len(steps) <= STEPS:
        better = _better(design, finder, steps[-1], reach)
        if better is None:
            reach /= 4.0
        else:
            steps.append(better)
            done(1)
    last = steps[-1]
    told = forces(design, last.layout, last.values)
    row, overrides = _printed(design, finder, last)
    return Answer(steps, row, told, overrides, reach < LEAST_REACH)


class _Finder:
    """Searches layouts of designs; the layouts of a job are enumerated once."""

    def __init__(self, design: Design) -> None:
        machine = design.scenario.machine
        batch = design.scenario.workload.batch.sequences
        wanted: Job = job(design.scenario, machine.chips, batch)
        self.design = design
        self.asked: Space = space(wanted, None)
        self.shapes = list(blocks(self.asked))
        self.power = min(
            [one.limit for one in design.budgets if one.aim == "site_power"] or [np.inf]
        )

    def scenario(self, values: Vector) -> Scenario:
        """The scenario of a design."""
        return with_figures(self.design.scenario, self.design.figures, values.tolist())

    def searched(self, values: Vector, limits: Limits) -> Found:
        """All layouts of a design."""
        return search(lower_site(self.scenario(values)), self.asked, limits, self.shapes)

    def frugal(self, values: Vector) -> list[tuple[Layout, Row]]:
        """Layouts that draw least power for what they do, the least first."""
        front = self.searched(values, Limits(respects=("power", "time"))).front
        return list(_rows(front)) if front else []

    def look(self, values: Vector) -> "Looked":
        """Layouts of a design within the budgets, and those to go on with."""
        tokens = self.design.objective == "tokens_per_s"
        found = self.searched(values, Limits(self.power))
        lists = found.best
        best = _rows(lists["power-limited" if tokens else "energy"])
        kept = [one for one in best if self.keeps(one[1], values)]
        # what overruns a budget here may keep it with other figures, and be faster
        others = [list(_rows(lists[name])) for name in ("throughput", "energy")]
        rivals = [layout for rows in (kept, *others) for layout in _apart(rows)]
        unlike = list({tuple(map(float, one)): one for one in rivals}.values())
        return Looked(kept, unlike, OUT_OF_MEMORY if found.points else NO_LAYOUT)

    def keeps(self, row: Row, values: Vector) -> bool:
        """Whether a design keeps all budgets."""
        return all(
            (cost_of(self.design, values) if one.aim == COST else row[COLUMNS[one.aim].key])
            <= one.limit + (1e-9 * abs(one.limit) if one.aim == COST else 0.0)
            for one in self.design.budgets
        )

    def score(self, row: Row) -> float:
        """What is to be large."""
        value = float(row[COLUMNS[self.design.objective].key])
        return value if self.design.objective == "tokens_per_s" else 1.0 / value


def _rows(best: Best) -> Iterator[tuple[Layout, Row]]:
    for place in range(len(best.score)):
        layout = best.layouts.row(place)
        yield layout, layout_row(best.evaluation, layout, place)


def _step(values: Vector, looked: Looked) -> Step:
    return Step(values, *looked.kept[0], looked.rivals)


def _apart(found: Iterable[tuple[Layout, Row]]) -> list[Layout]:
    """The first layouts that differ in their ranks."""
    kinds: dict[tuple, Layout] = {}
    for layout, _ in found:
        kinds.setdefault((layout.tp, layout.cp, layout.pp, layout.ep), layout)
    return list(kinds.values())[:TRIED]


def _better(design: Design, finder: _Finder, last: Step, reach: float) -> Step | None:
    """The best design within reach, its layout searched again; none where nothing is gained."""
    excess, tried = _excess(design, last), []
    limits = limits_of(design, excess)
    for layout, begin in _ways(design, finder, last, reach):
        logs = climb(design, layout, begin, reach, excess)
        here = point(design, layout, logs)
        if all(limit.value(here) > -OVERRUN for limit in limits):
            tried.append((here, logs))
    tried.sort(key=lambda one: -direction(design) * one[0].found.values[design.objective])
    seen: set[tuple[int, ...]] = set()
    for _, logs in tried:
        place = tuple(np.round(logs / SAME).astype(int).tolist())
        if place in seen or len(seen) == LOOKS:
            continue
        seen.add(place)
        values = np.exp(logs)
        looked = finder.look(values)
        if looked.kept and finder.score(looked.kept[0][1]) > finder.score(last.row) * (1.0 + GAIN):
            return _step(values, looked)
    return None


def _ways(
    design: Design, finder: _Finder, last: Step, reach: float
) -> Iterator[tuple[Layout, Vector]]:
    """Where climbs begin: at the design, and at first from the middle and the lowest of the bounds.

    Where a figure does nothing, as a cap that no chip reaches, no slope leads away from it.
    """
    low, high = ends(design)
    begins = [_beside(design, np.log(last.values))]
    if reach == REACH:
        for other in (0.5 * (low + high), low):
            begins.append(other)
            yield from ((layout, other) for layout in finder.look(np.exp(other)).rivals[:TRIED])
    yield from ((layout, begin) for layout in last.rivals for begin in begins)


def _beside(design: Design, logs: Vector) -> Vector:
    low, high = ends(design)
    middle = 0.5 * (low + high)
    return logs + np.sign(middle - logs) * np.minimum(START, np.abs(middle - logs))


def _excess(design: Design, last: Step) -> dict[str, float]:
    """How much more whole switches and modules take than their mean, by budget."""
    here = point(design, last.layout, np.log(last.values))
    return {
        one.name: max(
            0.0, float(np.log(last.row[COLUMNS[one.aim].key] / here.found.values[one.aim]))
        )
        for one in design.budgets
        if one.aim != COST
    }


def _affordable(design: Design) -> Vector:
    """The start, or the nearest design towards the cheapest corner that keeps the cost."""
    start = np.array([one.figure.value for one in design.free])
    limit = min([one.limit for one in design.budgets if one.aim == COST] or [np.inf])
    if limit >= 0.0:
        return start
    cheap = np.array([one.low if one.price > 0.0 else one.figure.value for one in design.free])
    least = cost_of(design, cheap)
    if least > limit:
        raise Faults([_infeasible(design, COST, least)])
    return start + (limit / least) * (cheap - start)


def _into_budget(design: Design, finder: _Finder, values: Vector) -> tuple[Vector, Looked]:
    """The way down to the budgets, where the start is above them."""
    budget = _first_broken(design, finder, values)
    costs = tuple(one for one in design.budgets if one.aim == COST)
    downhill = design._replace(objective=budget.aim, budgets=costs)
    drawn = least = np.inf
    for _ in range(STEPS):
        values, drawn = _down(downhill, finder, values)
        looked = finder.look(values)
        if looked.kept:
            return values, looked
        if drawn > least * (1.0 - GAIN):
            break
        least = drawn
    raise Faults([_infeasible(design, budget.name, min(least, drawn))])


def _down(downhill: Design, finder: _Finder, values: Vector) -> tuple[Vector, float]:
    """One step down under the layouts that draw least, the fastest of them included."""
    found, begin = finder.frugal(values), _beside(downhill, np.log(values))
    ways = []
    for layout, _ in (found[0], found[-1]):
        logs = climb(downhill, layout, begin, REACH, {})
        here = point(downhill, layout, logs).found
        ways.append((here.values[downhill.objective], np.exp(logs)))
    drawn, best = min(ways, key=lambda way: way[0])
    return best, drawn


def _first_broken(design: Design, finder: _Finder, values: Vector) -> Budget:
    """The budget that even the most frugal layout overruns most."""
    _, row = finder.frugal(values)[0]
    powers = [one for one in design.budgets if one.aim != COST]
    return max(powers, key=lambda one: row[COLUMNS[one.aim].key] / one.limit)


def _infeasible(design: Design, name: str, least: float) -> Fault:
    budget = next(one for one in design.budgets if one.name == name)
    return Fault(
        field="--budget",
        value=shown(f"{name}={text(budget.limit, budget.unit)}"),
        problem="cannot be kept within the bounds",
        expected=f"at least {text(least, budget.unit)}, the least that was found",
    )


def _printed(design: Design, finder: _Finder, last: Step) -> tuple[Row, list[str]]:
    """The design with its figures as printed, and the overrides that give it."""
    texts = [
        f"{one.figure.name}={one.figure.text(float(value))}"
        for one, value in zip(design.free, last.values, strict=True)
    ]
    row = best_row(design.resolve(texts))
    kept = row["feasible"] and finder.keeps(row, last.values)
    if kept and finder.score(row) >= finder.score(last.row) * (1.0 - GAIN):
        return row, texts
    texts += layout_overrides(last.layout)
    batch = last.row["batch_sequences"]
    if batch != design.scenario.workload.batch.sequences:  # within the tolerance of the workload
        texts.append(f"workload.batch.sequences={batch}")
    return best_row(design.resolve(texts)), texts


def layout_overrides(layout: Layout) -> list[str]:
    """A layout of the search as overrides.

    Parameters
    ----------
    layout
        Numbers, of the axes that comparisons search.

    Returns
    -------
    list[str]
        Such as `layout.tp=8`.
    """
    counts = ("tp", "cp", "pp", "vpp", "ep", "dp", "micro_batch")
    words: dict[str, Any] = {name: int(getattr(layout, name)) for name in counts}
    words["sharding"] = word(SHARDING, layout.sharding)
    words["recompute"] = word(RECOMPUTE, layout.recompute)
    return [f"layout.{name}={value}" for name, value in words.items()]
