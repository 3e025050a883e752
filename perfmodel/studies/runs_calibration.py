"""Fit of chips and stacks to published training runs, and what it is worth on rows left out."""

import datetime
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from perfmodel.config.library import Library
from perfmodel.studies.calibrate import Calibrated
from perfmodel.studies.edits import Edit
from perfmodel.studies.fitting import Data, Estimate, Fit, Parameter, fit
from perfmodel.studies.identification import PRIOR
from perfmodel.studies.run_knobs import STACK_FIELDS, Knob, Reach, all_knobs, reach
from perfmodel.studies.run_predictions import (
    LoweredRows,
    first_order,
    lowered_rows,
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

CLOSE = 0.02
"""Change of the coordinates, in spreads of the prior, below which a search has ended."""

MOST_STEPS = 12
"""Linearisations of a search."""

HOSTS = (1.0, 3.0, 6.0, 10.0, 14.0, 20.0)
"""Factors on the prior of a host's dispatch of which a search begins at the best: a host faster
than the device leaves no trace in a step time, so that nothing pulls from below. estimate."""

FEWEST_ROWS = 5
"""Rows of a family whose error counts in the mean over families, as in the verdict."""

MOST_NAMED = 4
"""Families that a source names."""

VALUE_WIDTH = 27
"""Where the comment behind a value begins, less two blanks; a long value moves it."""

BOUNDS = {"": "", "low": ", at its lower bound", "high": ", at its upper bound"}
"""Bound of an estimate to what its source says of it."""


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

    def without(self, family: str) -> "Problem":
        """The same, one family left out."""
        names = np.array(self.rows.families)
        return self._replace(kept=self.kept[names[self.kept] != family])


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


def fit_runs(library: Library, files: Sequence[Path]) -> Calibrated:
    """Fit chips and stacks to published training runs.

    Parameters
    ----------
    library
        Configs that hold the values.
    files
        CSV files, each a family.

    Returns
    -------
    Calibrated
        Values, how the library would hold them, errors in sample and left out.
    """
    problem = problem_of(lowered_rows(files, library), library, all_knobs())
    priors = np.log([knob.prior for knob in problem.knobs])
    found = search(problem, start_of(problem), MOST_STEPS)
    before = _linear_fit(problem, priors, jacobian(problem, priors)).cost_before
    found = found._replace(cost_before=before)
    logs = _logs(found)
    left_out = left_out_times(problem, logs)
    times = {"priors": _times(problem, priors), "in sample": _times(problem, logs)}
    errors = {name: family_errors(problem.rows, each) for name, each in times.items()}
    errors["left out"] = family_errors(problem.rows, left_out)
    return Calibrated(found, _edits(problem, found, library), tuple(_notes(found, errors)))


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
    costs = np.stack([mine @ _row_costs(problem, np.log(_times(problem, at))) for at in tried])
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
        return _logs(self.found) - self.logs


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


def left_out_times(problem: Problem, logs: np.ndarray) -> np.ndarray:
    """Step times of each family from a fit to the others, linearised where the fit to all ends.

    Parameters
    ----------
    problem
        Rows and knobs.
    logs
        Logarithms of the knobs fitted to all.

    Returns
    -------
    np.ndarray
        One per row. [s]
    """
    names = np.array(problem.rows.families)
    line, times = jacobian(problem, logs), np.empty(names.size)
    for family in dict.fromkeys(problem.rows.families):
        found = _linear_fit(problem.without(family), logs, line)
        own = names == family
        times[own] = _times(problem, _logs(found))[own]
    return times


def family_errors(rows: LoweredRows, times: np.ndarray) -> dict[str, float]:
    """Mean absolute relative error of each family that counts.

    Parameters
    ----------
    rows
        Measured.
    times
        Predicted step times. [s]

    Returns
    -------
    dict[str, float]
        By family.
    """
    names, errors = np.array(rows.families), np.abs(times / rows.measured - 1.0)
    groups = {name: errors[names == name] for name in dict.fromkeys(rows.families)}
    return {name: float(own.mean()) for name, own in groups.items() if own.size >= FEWEST_ROWS}


def _times(problem: Problem, logs: np.ndarray) -> np.ndarray:
    metrics = metrics_of(problem.params(logs), problem.rows.layouts)
    return np.asarray(metrics.step_time, float)


def _logs(found: Fit) -> np.ndarray:
    return np.log([estimate.value for estimate in found.estimates])


def _spreads(problem: Problem) -> np.ndarray:
    return np.array([knob.field.spread for knob in problem.knobs])


def _parameter(knob: Knob) -> Parameter:
    field = knob.field
    return Parameter(knob.label, knob.prior, field.spread, field.low, field.high, "log", field.unit)


def _notes(found: Fit, errors: Mapping[str, Mapping[str, float]]) -> Iterator[str]:
    said = sum(one.identified for one in found.estimates)
    means = {name: np.mean(list(each.values())) for name, each in errors.items()}
    yield f"{said} parameters are identified, the others stay."
    yield (
        "Mean over families of the mean absolute error: "
        + ", ".join(f"{name} {mean:.1%}" for name, mean in means.items())
        + "."
    )
    stated = [
        f"{name} {' '.join(f'{each[name]:.1%}' for each in errors.values())}"
        for name in errors["in sample"]
    ]
    yield f"By family, at the priors, in sample and left out: {', '.join(stated)}."


def _edits(problem: Problem, found: Fit, library: Library) -> list[Edit]:
    """Values that the rows say something of, and priors that a config would else inherit."""
    pairs = list(zip(problem.knobs, found.estimates, strict=True))
    fitted = [_edit(knob, estimate, library) for knob, estimate in pairs if estimate.identified]
    kept = [
        _edit_of_prior(knob, library)
        for knob, estimate in pairs
        if not estimate.identified and not _states(knob, library)
    ]
    return [*fitted, *kept]


def _states(knob: Knob, library: Library) -> bool:
    """Whether the config of a knob states its field itself."""
    table: Any = library.document(knob.kind, knob.name).own
    for key in knob.field.path:
        table = table.get(key) if isinstance(table, dict) else None
    return table is not None


def _edit_of_prior(knob: Knob, library: Library) -> Edit:
    path = library.document(knob.kind, knob.name).path
    source = "estimate: the published runs of this stack say too little of it"
    return Edit(path, knob.field.path, _text(knob, knob.prior), source)


def _edit(knob: Knob, estimate: Estimate, library: Library) -> Edit:
    today = datetime.datetime.now(tz=datetime.UTC).date()
    shares = {name: part for name, part in estimate.information.items() if name != PRIOR}
    total = sum(shares.values())
    used = [name for name, part in sorted(shares.items(), key=_share) if part > total / 20]
    who = ", ".join(used) if len(used) <= MOST_NAMED else f"{len(used)} families"
    source = f"fit to published runs of {who} (configs/validation/runs), {today}"
    path = library.document(knob.kind, knob.name).path
    return Edit(path, knob.field.path, _text(knob, estimate.value), source + BOUNDS[estimate.bound])


def _share(item: tuple[str, float]) -> float:
    return -item[1]


def _text(knob: Knob, value: float) -> str:
    """A value as a config holds it, blanks up to the comment."""
    written = f"{value:.3g}"
    if knob.field.unit == "s":
        written = f'"{value * 1e3:.3g} ms"' if value > 1e-3 else f'"{value * 1e6:.3g} us"'
    if knob.field.unit == "J/FLOP":
        written = f'"{value * 1e12:.3g} pJ/FLOP"'
    return written.ljust(VALUE_WIDTH - len(f"{knob.field.path[-1]} = "))
