"""The search for chips and stacks that meet published training runs."""

import numpy as np
import pytest

from perfmodel.config.library import Library
from perfmodel.config.measurements import shipped_measurements
from perfmodel.studies.run_knobs import all_knobs
from perfmodel.studies.run_predictions import lowered_rows
from perfmodel.studies.runs_search import (
    Problem,
    cost,
    jacobian,
    logs_of,
    problem_of,
    search,
    times_at,
)

pytestmark = pytest.mark.slow

EVERY = 7
"""Knobs of which one is compared with a difference; stacks have five, so that all kinds are met."""

FEW = ("nvidia_dgxc_benchmarking", "megatron_papers", "simumax_b200")


@pytest.fixture(scope="module")
def problem() -> Problem:
    """Three families, and the knobs that reach them."""
    library = Library()
    files = [shipped_measurements(f"runs/{name}.csv") for name in FEW]
    rows = lowered_rows(files, library)
    whole = problem_of(rows, library, all_knobs())
    reached = {at for run in rows.runs for at in whole.reach.stacks.get(run.stack, ())}
    reached |= {at for run in rows.runs for at in whole.reach.chips.get(run.parts.chip, ())}
    return problem_of(rows, library, tuple(whole.knobs[at] for at in sorted(reached)))


@pytest.fixture(scope="module")
def priors(problem) -> np.ndarray:
    return np.log([knob.prior for knob in problem.knobs])


def test_slopes_of_the_step_times_equal_differences(problem, priors):
    line = jacobian(problem, priors)
    for place, knob in list(enumerate(problem.knobs))[::EVERY]:
        step = np.where(np.arange(priors.size) == place, 0.02, 0.0)
        above, below = (np.log(times_at(problem, priors + sign * step)) for sign in (1.0, -1.0))
        found = (above - below) / 0.04
        # a maximum of two times has a kink, which a difference over two per cent may straddle
        close = np.isclose(line.slopes[:, place], found, atol=5e-3, rtol=0.05)
        assert close.mean() > 0.97, knob.label


def test_a_fit_meets_times_that_other_values_made(problem, priors):
    # gemm multipliers move step times most; every other knob keeps to its prior
    moved = np.array([0.12 if "gemm_multiplier" in k.label else 0.0 for k in problem.knobs])
    invented = times_at(problem, priors + moved)
    rows = problem.rows._replace(measured=invented)
    found = logs_of(search(problem._replace(rows=rows), priors, 6))
    before = np.abs(np.log(times_at(problem, priors) / invented)).mean()
    after = np.abs(np.log(times_at(problem, found) / invented)).mean()
    assert before > 0.06
    assert after < 0.03  # priors of 15 % pull each value a little back
    assert (found - priors)[moved > 0.0].min() > 0.03


def test_a_search_lowers_the_cost(problem, priors):
    before = cost(problem, jacobian(problem, priors), priors)
    after = search(problem, priors, 4)
    assert after.cost_after < before
