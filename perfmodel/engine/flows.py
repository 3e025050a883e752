"""Solves instances of flows on links: checks, makes them small, runs one compiled program."""

import time
from functools import cache, partial
from typing import Any, NamedTuple

import jax
import numpy as np

from perfmodel.engine.run import compiled
from perfmodel.fabrics.condensing import condensed, roomy, sized
from perfmodel_kernels.drain import Completions, drain
from perfmodel_kernels.fairness import Verdict, verify
from perfmodel_kernels.fixed_point import MOST_TERMS
from perfmodel_kernels.flows import BLOCK, SOLVED, Flows, max_min_rates

TOLERANCE = 2e-5
"""Relative error at which rates in single precision count as fair: ten of its tolerances."""

WINDOW = 0.02
"""Width of a batch of completions that keeps the makespan of a random permutation within 1 %."""


class Solved(NamedTuple):
    """Rates and how they were found."""

    rate: np.ndarray
    """Rate of every flow. [B/s]"""
    rounds: int
    wall: float
    """What the solution took once its program was there, condensing included. [s]"""
    verified: bool
    """Whether the rates are fair on the whole instance, by definition."""


class Drained(NamedTuple):
    """Completion times and how they were found."""

    time: np.ndarray
    """Completion of every flow, infinite where a dead link holds it. [s]"""
    solves: int
    wall: float
    """What it took once the program was there. [s]"""


def check(flows: Flows) -> None:
    """Says what no solution can be found for.

    Parameters
    ----------
    flows
        Flows.

    Raises
    ------
    ValueError
        With every fault.
    """
    faults = []
    for name in ("capacity", "weight", "limit"):
        values = np.asarray(getattr(flows, name))
        wrong = np.flatnonzero(~(values >= 0.0))
        if len(wrong):
            faults.append(f"{name}: {values[wrong[0]]} at {wrong[0]}, expected zero or more")
    route, links = np.asarray(flows.route), len(flows.capacity)
    if route.size and (route.min() < 0 or route.max() > links):
        faults.append(f"route: a link beyond the {links:,} that there are")
    elif route.size and np.bincount(route.ravel(), minlength=links + 1)[:links].max() > MOST_TERMS:
        faults.append(f"route: a link with more than {MOST_TERMS:,} flows")
    if faults:
        raise ValueError("; ".join(faults))


def solve(flows: Flows) -> Solved:
    """Max-min fair rates, held against the definition.

    Parameters
    ----------
    flows
        Flows; capacities and limits in one unit.

    Returns
    -------
    Solved
        Rates.
    """
    check(flows)
    count = len(flows.weight)
    if not count:
        return Solved(np.empty(0), 0, 0.0, True)
    small, unit = _ready(flows)  # compiles for the size, and brings the arrays into the caches
    _program(max_min_rates).ready(small)
    begun = time.perf_counter()
    small, unit = _ready(flows)
    found = jax.block_until_ready(_program(max_min_rates).run(small))
    wall = time.perf_counter() - begun
    rate = np.asarray(found.rate)[:count].astype(float) * unit
    fine = int(found.outcome) == SOLVED and bool(judge(flows, rate).holds)
    return Solved(rate, int(found.rounds), wall, fine)


def judge(flows: Flows, rate: np.ndarray) -> Verdict:
    """Holds rates against the definition of fairness on the whole instance.

    Parameters
    ----------
    flows
        Flows.
    rate
        Their rates. [B/s]

    Returns
    -------
    Verdict
        What was found.
    """
    links, (count, hops) = len(flows.capacity), np.shape(flows.route)
    whole, unit = _scaled(sized(flows, roomy(links), roomy(count), hops))
    padded = np.pad(rate / unit, (0, len(whole.weight) - count)).astype(whole.weight.dtype)
    return _program(verify).run(whole, padded, whole.weight.dtype.type(TOLERANCE))


def finish(flows: Flows, size: np.ndarray, window: float = WINDOW) -> Drained:
    """Completion times of flows that start together.

    Parameters
    ----------
    flows
        Flows.
    size
        What each sends. [B]
    window
        Width of a batch over the time since the start.

    Returns
    -------
    Drained
        Times.
    """
    check(flows)
    small, unit = _ready(flows)
    scale = float(np.max(size, initial=0.0)) or 1.0
    kind = small.weight.dtype
    padded = np.pad(size / scale, (0, len(small.weight) - len(size))).astype(kind)
    program = _program(drain)
    program.ready(small, padded, kind.type(window))
    begun = time.perf_counter()
    done: Completions = jax.block_until_ready(program.run(small, padded, kind.type(window)))
    wall = time.perf_counter() - begun
    times = np.asarray(done.time)[: len(size)].astype(float) * scale / unit
    return Drained(times, int(done.solves), wall)


def _ready(flows: Flows) -> tuple[Flows, float]:
    """A small instance in the shape of a program, and the unit of its capacities."""
    small = condensed(flows)
    sizes = roomy(len(small.capacity)), roomy(len(small.weight)), small.route.shape[1]
    return _scaled(sized(small, *sizes))


def _scaled(flows: Flows) -> tuple[Flows, float]:
    """Capacities over the largest, in the precision of the session."""
    kind = np.dtype(jax.dtypes.canonicalize_dtype(np.float64))
    unit = float(np.max(flows.capacity, initial=0.0))
    finite = flows.limit[np.isfinite(flows.limit)]
    unit = max(unit, float(finite.max(initial=0.0))) or 1.0
    parts = (flows.capacity / unit, flows.route, flows.weight, flows.limit / unit)
    return Flows(*(part.astype(np.int32 if part is flows.route else kind) for part in parts)), unit


class _Program:
    """A kernel as a program for each size."""

    def __init__(self, call: Any) -> None:
        self.call, self.made = call, {}

    def ready(self, *args: Any) -> Any:
        """The program for arrays of these sizes."""
        key = tuple((np.shape(leaf), np.result_type(leaf)) for leaf in jax.tree.leaves(args))
        if key not in self.made:
            self.made[key] = self.call.lower(*args).compile()
        return self.made[key]

    def run(self, *args: Any) -> Any:
        """Its result."""
        return self.ready(*args)(*args)


@cache
def _program(kernel: Any) -> _Program:
    """The kernel for this machine: flows in blocks that fit a cache, all at once on a GPU."""
    if kernel is verify:
        return _Program(compiled(kernel))
    on_cpu = jax.default_backend() == "cpu"
    return _Program(compiled(partial(kernel, block=BLOCK if on_cpu else ACCELERATOR_BLOCK)))


ACCELERATOR_BLOCK = 1 << 20
"""Flows per block where all lanes run at once."""
