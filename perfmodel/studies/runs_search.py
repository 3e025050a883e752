"""Search for the chips and stacks that meet published training runs, by linearised models."""

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from perfmodel.config.library import Library
from perfmodel.studies.fitting import Data, Fit, Parameter, fit
from perfmodel.studies.run_knobs import STACK_FIELDS, Knob, Reach, reach
from perfmodel.studies.run_predictions import (
    LoweredRows,
    first_order,
    metrics_of,
    sensitivities,
)
from perfmodel_kernels.step_parts import StepParams

NOISE = 0.1
"""Of the logarithm of a time; identical rows scatter by 1-8 %, the model by more. estimate."""

THRESHOLD = 1.0
"""Residual, in units of the noise, beyond which a row pulls less than in proportion. estimate."""

PROBE = 0.005
"""Step of a logarithm for a derivative of what configs lower to; most of it is linear."""

LONGEST_STEP = 0.7
"""Greatest change of a logarithm in one linearisation: a factor of two."""

HELD = 1e-4
"""Spread of a prior that holds its knob."""

CLOSE = 0.02
"""Change of the coordinates, in spreads of the prior, below which a search has ended."""

HOSTS = (1.0, 3.0, 6.0, 10.0, 14.0, 20.0)
"""Factors on the prior of a host's dispatch of which a search begins at the best: a host faster
than the device leaves no trace in a step time, so that nothing pulls from below. estimate."""


class Line(NamedTuple):
    """The model to first order around some values."""

    log_time: np.ndarray
    """Natural logarithm of the step time in seconds, by row."""
    slopes: np.ndarray
    """Derivatives of it by the logarithms of the knobs; axes: row, knob."""


class Problem(NamedTuple):
    """Rows, and what may be changed to meet them."""

    rows: LoweredRows
    reach: Reach
    kept: np.ndarray
    """Places of the rows that are fitted."""

    @property
    def knobs(self) -> tuple[Knob, ...]:
        """Parameters."""
        return self.reach.knobs

    def params(self, logs: np.ndarray) -> StepParams:
        """Numbers of the rows at some logarithms of the knobs."""
        values = {place: float(value) for place, value in enumerate(np.exp(logs))}
        return self.rows.with_configs(self.reach.configs(values)).params

    def holding(self, places: np.ndarray) -> "Problem":
        """The same, some knobs held at their priors.

        Parameters
        ----------
        places
            Mask of the knobs.
        """
        knobs = tuple(
            knob._replace(field=knob.field._replace(spread=HELD)) if held else knob
            for knob, held in zip(self.knobs, places.tolist(), strict=True)
        )
        return self._replace(reach=self.reach._replace(knobs=knobs))

    def without(self, rows: np.ndarray) -> "Problem":
        """The same, some rows left out.

        Parameters
        ----------
        rows
            Mask of all rows.
        """
        return self._replace(kept=self.kept[~rows[self.kept]])


def problem_of(rows: LoweredRows, library: Library, knobs: tuple[Knob, ...]) -> Problem:
    """All rows, and the knobs that may meet them.

    Parameters
    ----------
    rows
        Lowered and measured.
    library
        Configs.
    knobs
        Parameters.

    Returns
    -------
    Problem
        What :func:`search` takes.
    """
    return Problem(rows, reach(library, knobs), np.arange(len(rows.families)))


def start_of(problem: Problem) -> np.ndarray:
    """Logarithms of the priors, the dispatch of each stack's host where it meets its rows best.

    A search that begins on the wrong side of a kink stays there. A row runs with one stack, so that
    one evaluation per factor tries all of them.

    Parameters
    ----------
    problem
        Rows and knobs.

    Returns
    -------
    np.ndarray
        By knob.
    """
    priors = np.log([knob.prior for knob in problem.knobs])
    hosts = [place for place, knob in enumerate(problem.knobs) if _is_dispatch(knob)]
    reached = [problem.reach.stacks.get(run.stack, ()) for run in problem.rows.runs]
    mine = np.array([[host in places for places in reached] for host in hosts])
    raised = np.log(HOSTS)
    tried = priors + raised[:, None] * np.isin(np.arange(priors.size), hosts)
    costs = np.stack([mine @ _row_costs(problem, np.log(times_at(problem, at))) for at in tried])
    costs += 0.5 * (raised[:, None] / _spreads(problem)[hosts]) ** 2
    priors[hosts] += raised[np.argmin(costs, axis=0)]
    return priors


def _is_dispatch(knob: Knob) -> bool:
    return knob.field.path == STACK_FIELDS["dispatch"].path


def _row_costs(problem: Problem, log_times: np.ndarray) -> np.ndarray:
    """Half the robust square of each row, nothing where it is not fitted."""
    error = (log_times - np.log(problem.rows.measured)) / (NOISE * THRESHOLD)
    soft = family_weights(problem.rows) * THRESHOLD**2 * (np.sqrt(1.0 + error**2) - 1.0)
    return np.where(np.isin(np.arange(soft.size), problem.kept), soft, 0.0)


class Stop(NamedTuple):
    """Where a search stands."""

    logs: np.ndarray
    """Logarithms of the knobs."""
    cost: float
    """Half the sum of the robust squares there, priors included."""
    found: Fit
    """What the model, linearised there, is best met with."""

    @property
    def move(self) -> np.ndarray:
        """Change of the logarithms that the linearised model asks for."""
        return logs_of(self.found) - self.logs


def search(problem: Problem, start: np.ndarray, steps: int) -> Fit:
    """Least squares by linearising the model anew until the values stay.

    A step that raises the cost is taken back and repeated a third as long: where the host ends to
    be faster than the device the model has a kink.

    Parameters
    ----------
    problem
        Rows and knobs.
    start
        Logarithms of the knobs to linearise at first.
    steps
        Most linearisations.

    Returns
    -------
    Fit
        The best of them; not converged where the values still moved.
    """
    best = _stop(problem, start)
    before, longest = best.found.cost_before, LONGEST_STEP
    for _ in range(steps - 1):
        if _rest(problem, best) < CLOSE:
            break
        at = _stop(problem, best.logs + np.clip(best.move, -longest, longest))
        if at.cost > best.cost:
            longest /= 3.0
        else:
            best, longest = at, min(1.5 * longest, LONGEST_STEP)
    ended = best.found.converged and _rest(problem, best) < CLOSE
    return best.found._replace(cost_before=before, converged=ended)


def _rest(problem: Problem, stop: Stop) -> float:
    """Longest way that a knob still wants to go, in spreads of its prior."""
    return float(np.max(np.abs(stop.move) / _spreads(problem)))


def _stop(problem: Problem, logs: np.ndarray) -> Stop:
    line = jacobian(problem, logs)
    return Stop(logs, cost(problem, line, logs), _linear_fit(problem, logs, line))


def cost(problem: Problem, line: Line, logs: np.ndarray) -> float:
    """What a search minimises: robust squares of the data, squares of the priors.

    Parameters
    ----------
    problem
        Rows and knobs.
    line
        The model at these logarithms.
    logs
        Logarithms of the knobs.

    Returns
    -------
    float
        Half the sum, as in :func:`perfmodel.studies.fitting.fit`.
    """
    priors = (logs - np.log([knob.prior for knob in problem.knobs])) / _spreads(problem)
    return float(_row_costs(problem, line.log_time).sum() + 0.5 * (priors**2).sum())


def jacobian(problem: Problem, logs: np.ndarray) -> Line:
    """Step times and their derivatives by the knobs, all in logarithms.

    Parameters
    ----------
    problem
        Rows and knobs.
    logs
        Logarithms of the knobs.

    Returns
    -------
    Line
        By row, and by row and knob.
    """
    before = problem.params(logs)
    found = sensitivities(before, problem.rows.layouts)
    steps = PROBE * np.eye(logs.size)
    columns = [first_order(found, before, problem.params(logs + step)) / PROBE for step in steps]
    return Line(np.asarray(found.log_time, float), np.stack(columns, axis=1))


def _linear_fit(problem: Problem, logs: np.ndarray, line: Line) -> Fit:
    rows, kept = problem.rows, problem.kept
    log_time, slopes = line
    residual = log_time - np.log(rows.measured)
    families = np.array(rows.families)[kept].tolist()
    data = Data(
        residual=_residual,
        arrays=(residual[kept], slopes[kept], logs),
        groups=families,
        noise=np.full(kept.size, NOISE),
        weight=family_weights(rows)[kept],
        threshold=THRESHOLD,
    )
    return fit([_parameter(knob) for knob in problem.knobs], data)


def _residual(values: Any, residual: Any, slopes: Any, logs: Any) -> Any:
    """Logarithm of predicted over measured, to first order around some values."""
    return residual + slopes @ (jnp.log(values) - logs)


def family_weights(rows: LoweredRows) -> np.ndarray:
    """Weights by which a family counts as the square root of its independent rows.

    Parameters
    ----------
    rows
        With the weight of each row among independent ones.

    Returns
    -------
    np.ndarray
        One per row.
    """
    names = np.array(rows.families)
    worth = {name: rows.weights[names == name].sum() for name in dict.fromkeys(rows.families)}
    return rows.weights / np.sqrt([worth[name] for name in rows.families])


def left_out_times(problem: Problem, logs: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Step times of each group from a fit to the others, linearised where the fit to all ends.

    Parameters
    ----------
    problem
        Rows and knobs.
    logs
        Logarithms of the knobs fitted to all.
    groups
        Name of the group of each row; empty for rows that are never left out.

    Returns
    -------
    np.ndarray
        One per row; not a number where it was never left out. [s]
    """
    line, times = jacobian(problem, logs), np.full(groups.size, np.nan)
    for group in dict.fromkeys(groups[groups != ""].tolist()):
        own = groups == group
        found = _linear_fit(problem.without(own), logs, line)
        times[own] = times_at(problem, logs_of(found))[own]
    return times


def times_at(problem: Problem, logs: np.ndarray) -> np.ndarray:
    """Step times in seconds at some logarithms of the knobs."""
    metrics = metrics_of(problem.params(logs), problem.rows.layouts)
    return np.asarray(metrics.step_time, float)


def logs_of(found: Fit) -> np.ndarray:
    """Logarithms of fitted values."""
    return np.log([estimate.value for estimate in found.estimates])


def _spreads(problem: Problem) -> np.ndarray:
    return np.array([knob.field.spread for knob in problem.knobs])


def _parameter(knob: Knob) -> Parameter:
    field = knob.field
    return Parameter(knob.label, knob.prior, field.spread, field.low, field.high, "log", field.unit)
