"""The best figures under one layout, by exact gradients, and what holds them back."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from perfmodel.engine.gradient import Gradients, gradients
from perfmodel.lowering.dual import PARTS
from perfmodel.lowering.jacobian import lower_with_derivatives
from perfmodel.studies.design_question import COST, Budget, Design
from perfmodel_kernels.layout import Layout

Vector = NDArray[np.float64]

MARGIN = 1e-5
"""Share of a budget that is left unspent, for the rounding of float32 and of printed figures."""

ACTIVE = 1e-3
"""Share of a budget, or of a bound, within which it counts as reached."""

PRECISION = 1e-6
"""Relative gain of the objective at which a climb ends: what float32 resolves."""

ROUNDS = 40
"""Iterations of one climb at most."""

CAPACITY = "chip.memory.capacity"
"""The one figure that decides whether a layout fits."""


class Point(NamedTuple):
    """Figures under a layout, with derivatives by the logarithm of each."""

    values: Vector
    """In the order of the free figures. [SI]"""
    found: Gradients


class Limit(NamedTuple):
    """A condition that holds while it is not negative, in shares of what it limits."""

    value: Callable[[Point], float]
    slope: Callable[[Point], Vector]
    """By the logarithm of each free figure."""


class Forces(NamedTuple):
    """What stops a design: relative gain of the objective for relative room."""

    budgets: dict[str, float]
    """By name of the budget that is reached. For cost: for one EUR a chip."""
    bounds: dict[str, float]
    """By name of the figure at a bound; negative at the lower one."""
    memory: float
    """For more memory, where its size is free and the layout fills it."""
    left: float
    """Slope that neither explains, over the whole slope: none at an optimum."""


def point(design: Design, layout: Layout, logs: Vector) -> Point:
    """Evaluates figures under a layout, switches and modules counted in the mean.

    Parameters
    ----------
    design
        The question.
    layout
        Held.
    logs
        Logarithms of the free figures.

    Returns
    -------
    Point
        Aims and their derivatives.
    """
    values = np.exp(logs)
    lowered = lower_with_derivatives(design.scenario, design.figures, values.tolist(), PARTS)
    return Point(values, gradients(lowered.params, layout, lowered.jacobian * values))


def direction(design: Design) -> float:
    """Sign of the objective: one where it is to be large.

    Parameters
    ----------
    design
        The question.

    Returns
    -------
    float
        One or minus one.
    """
    return 1.0 if design.objective == "tokens_per_s" else -1.0


def cost_of(design: Design, values: Vector) -> float:
    """What figures cost a chip beyond those of the start.

    Parameters
    ----------
    design
        The question.
    values
        Free figures. [SI]

    Returns
    -------
    float
        Cost for each chip; negative where less is bought. [EUR]
    """
    starts = np.array([one.figure.value for one in design.free])
    return float(np.sum(_prices(design) * (values - starts)))


def _prices(design: Design) -> Vector:
    return np.array([one.price for one in design.free])


def climb(
    design: Design, layout: Layout, logs: Vector, reach: float, excess: dict[str, float]
) -> Vector:
    """Goes uphill under one layout as far as bounds, budgets and reach allow.

    Sequential quadratic programming in the logarithms of the figures.

    Parameters
    ----------
    design
        The question.
    layout
        Held.
    logs
        Where to begin.
    reach
        Largest change of a logarithm.
    excess
        By budget, how much more whole boxes take than their mean, in shares.

    Returns
    -------
    Vector
        Logarithms of the best figures found.

    References
    ----------
    D. Kraft, "A software package for sequential quadratic programming", DFVLR-FB 88-28 (1988).
    """
    from scipy.optimize import minimize

    known: dict[bytes, Point] = {}

    def at(here: Vector) -> Point:
        key = here.tobytes()
        if key not in known:
            known[key] = point(design, layout, here)
        return known[key]

    sign = direction(design)
    limits = limits_of(design, excess)
    constraints: list[Any] = [
        {
            "type": "ineq",
            "fun": lambda here, limit=limit: limit.value(at(here)),
            "jac": lambda here, limit=limit: limit.slope(at(here)),
        }
        for limit in limits
    ]
    low, high = ends(design)
    result = minimize(
        lambda here: -sign * np.log(at(here).found.values[design.objective]),
        logs,
        jac=lambda here: -sign * at(here).found.slopes[design.objective],
        method="SLSQP",
        bounds=list(
            zip(np.maximum(low, logs - reach), np.minimum(high, logs + reach), strict=True)
        ),
        constraints=constraints,
        options={"ftol": PRECISION, "maxiter": ROUNDS},
    )
    return np.clip(result.x, low, high)


def ends(design: Design) -> tuple[Vector, Vector]:
    """Logarithms of the bounds.

    Parameters
    ----------
    design
        The question.

    Returns
    -------
    tuple[Vector, Vector]
        Lower and upper.
    """
    pairs = np.log([(one.low, one.high) for one in design.free])
    return pairs[:, 0], pairs[:, 1]


def limits_of(design: Design, excess: dict[str, float]) -> list[Limit]:
    """Budgets, and the memory where its size is free, as conditions.

    Parameters
    ----------
    design
        The question.
    excess
        As in :func:`climb`.

    Returns
    -------
    list[Limit]
        Conditions.
    """
    limits = [_limit(design, one, excess.get(one.name, 0.0)) for one in design.budgets]
    if has_free_memory(design):
        limits.append(_within("memory_fraction", 1.0, MARGIN))
    return limits


def has_free_memory(design: Design) -> bool:
    """Whether the size of the memory may move.

    Parameters
    ----------
    design
        The question.
    """
    return any(one.figure.name == CAPACITY for one in design.free)


def _limit(design: Design, budget: Budget, excess: float) -> Limit:
    if budget.aim != COST:
        return _within(budget.aim, budget.limit, MARGIN + excess)
    prices, whole = _prices(design), _priced(design)
    return Limit(
        lambda at: (budget.limit - cost_of(design, at.values)) / whole - PRECISION,
        lambda at: -prices * at.values / whole,
    )


def _priced(design: Design) -> float:
    """What all priced figures of the start cost for each chip, in [EUR]."""
    starts = np.array([one.figure.value for one in design.free])
    return float(np.sum(np.abs(_prices(design)) * starts))


def _within(aim: str, limit: float, margin: float) -> Limit:
    return Limit(
        lambda at: float(np.log(limit / at.found.values[aim])) - margin,
        lambda at: -at.found.slopes[aim],
    )


def forces(design: Design, layout: Layout, values: Vector) -> Forces:
    r"""Multipliers of the budgets and bounds that a design has reached.

    Least squares without negative multipliers on the condition of Karush, Kuhn and Tucker, in
    logarithms of the figures:

    .. math:: \nabla \log y = \sum_i \lambda_i \nabla c_i \pm \mu_j e_j

    Parameters
    ----------
    design
        The question.
    layout
        Held.
    values
        Free figures. [SI]

    Returns
    -------
    Forces
        Multipliers.
    """
    from scipy.optimize import nnls

    here, logs = point(design, layout, np.log(values)), np.log(values)
    rise = direction(design) * here.found.slopes[design.objective]
    low, high = ends(design)
    budgets = [one for one in design.budgets if _room(design, one, here) < ACTIVE]
    columns = [_burden(design, one, here) for one in budgets]
    full = has_free_memory(design) and here.found.values["memory_fraction"] > 1.0 - ACTIVE
    columns += [here.found.slopes["memory_fraction"]] if full else []
    unit = np.eye(len(logs))
    at_ends = [
        (design.free[j].figure.name, side)
        for j in range(len(logs))
        for side, end in ((1.0, high[j]), (-1.0, low[j]))
        if abs(logs[j] - end) < ACTIVE
    ]
    names = [one.figure.name for one in design.free]
    columns += [side * unit[names.index(name)] for name, side in at_ends]
    if not columns:
        return Forces({}, {}, 0.0, 1.0)
    found, left = nnls(np.array(columns).T, rise)
    size = float(np.linalg.norm(rise))
    split = len(budgets) + full
    return Forces(
        {one.name: float(by) for one, by in zip(budgets, found, strict=False)},
        {
            name: side * float(by)
            for (name, side), by in zip(at_ends, found[split:], strict=True)
            if by > 0.0
        },
        float(found[len(budgets)]) if full else 0.0,
        float(left) / size if size > 0.0 else 0.0,
    )


def _room(design: Design, budget: Budget, here: Point) -> float:
    """What is left of a budget, in shares of it."""
    if budget.aim == COST:
        return (budget.limit - cost_of(design, here.values)) / _priced(design)
    return float(np.log(budget.limit / here.found.values[budget.aim]))


def _burden(design: Design, budget: Budget, here: Point) -> Vector:
    """Slope of what a budget limits: of its logarithm, or of the cost in EUR."""
    if budget.aim == COST:
        return _prices(design) * here.values
    return here.found.slopes[budget.aim]
