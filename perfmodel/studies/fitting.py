"""Bounded least squares with priors: values, standard errors, and what identified each."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

from perfmodel.engine.fit import Linear, Residual, linearised
from perfmodel.studies.identification import covariance_of, information_shares, noise_ratio

IDENTIFIED = 0.1
"""Information that data must add to that of the prior before they count as having said anything."""

AT_BOUND = 1e-6
"""Distance to a bound, in spreads of the prior, below which a parameter lies on it."""

Side = Literal["", "low", "high"]
"""Bound that a parameter lies on, if any."""


class Parameter(NamedTuple):
    """What is fitted, and what is known of it beforehand."""

    name: str
    """Such as ``h100.energy_per_flop``."""
    prior: float
    """Most likely value before the data, in SI."""
    spread: float
    """Standard deviation of the prior: of the logarithm where the scale is ``log`` (0.1 is about
    10 %), in the parameter's own unit where it is ``linear``."""
    low: float
    """Least value."""
    high: float
    """Greatest value."""
    scale: Literal["log", "linear"] = "log"
    """Positive parameters are fitted as logarithms, others as they are."""
    unit: str = ""
    """SI unit, for people."""


class Data(NamedTuple):
    """What the parameters are fitted to."""

    residual: Residual
    """Takes the values, in the order of the parameters, then ``arrays``; returns one residual per
    row, such as the logarithm of predicted over measured."""
    arrays: Sequence[Any]
    """Trees of arrays for the residual."""
    groups: Sequence[str]
    """Kind of data that each row belongs to, such as ``kernels``."""
    noise: np.ndarray
    """Standard deviation that is expected of each residual, repeats of a measurement included."""
    weight: np.ndarray
    """How many independent rows each row stands for, 1 for most."""
    threshold: float = 2.0
    """Residual, in units of its noise, beyond which a row pulls less than in proportion.
    estimate: two standard deviations hold 95 % of rows without outliers."""


class Estimate(NamedTuple):
    """One fitted parameter."""

    parameter: Parameter
    """What was known of it beforehand."""
    value: float
    """Fitted value."""
    standard_error: float
    """Standard deviation after the data; not a number at a bound."""
    information: Mapping[str, float]
    """Share of what is known that comes from each group of data and from the prior; sums to 1."""
    gain: float
    """Information that the data add, in units of the prior's, other parameters being free."""
    bound: Side
    """Bound that it lies on."""

    @property
    def identified(self) -> bool:
        """Whether the data say more of it than a tenth of what the prior does."""
        return self.gain >= IDENTIFIED


class Fit(NamedTuple):
    """What came of a fit."""

    estimates: tuple[Estimate, ...]
    """In the order of the parameters."""
    rows: int
    """Rows that it was fitted to."""
    cost_before: float
    """Half the sum of the robust squares with every parameter at its prior."""
    cost_after: float
    """The same with the fitted values, prior included."""
    noise_ratio: float
    """Spread of the residuals over the noise that was expected; standard errors scale with it."""
    covariance: np.ndarray
    """Of the fitted coordinates, logarithms where the scale is ``log``."""
    converged: bool
    """Whether the search ended at a minimum."""

    @property
    def values(self) -> dict[str, float]:
        """Fitted value by name."""
        return {estimate.parameter.name: estimate.value for estimate in self.estimates}


def fit(parameters: Sequence[Parameter], data: Data) -> Fit:
    r"""Fit parameters to data by robust least squares within bounds.

    .. math:: \min_u \frac{1}{2} \sum_i w_i c^2 \rho\left(\frac{r_i^2}{c^2 \sigma_i^2}\right)
              + \frac{1}{2} \sum_k \left(\frac{u_k - u_{0k}}{s_k}\right)^2,
              \quad \rho(z) = 2 (\sqrt{1 + z} - 1)

    Parameters
    ----------
    parameters
        What is fitted.
    data
        What it is fitted to.

    Returns
    -------
    Fit
        Values, standard errors, and what identified each.

    Raises
    ------
    ValueError
        A prior lies outside its bounds, or a residual is not finite at the priors.

    References
    ----------
    Branch, Coleman and Li, "A subspace, interior, and conjugate gradient method for large-scale
    bound-constrained minimization problems", SIAM J. Sci. Comput. 21 (1999), as
    ``scipy.optimize.least_squares``.
    """
    from scipy.optimize import least_squares

    space = _Space.of(parameters)
    problem = _Problem(space, data)
    start = np.zeros(len(parameters))
    problem.check(start)
    found = least_squares(
        problem.residual,
        start,
        problem.jacobian,  # pyright: ignore[reportArgumentType] a callable by its manual
        bounds=(space.low, space.high),
        method="trf",
        loss=problem.loss,  # pyright: ignore[reportArgumentType] a callable by its manual
        x_scale=1.0,
        ftol=1e-10,
        xtol=1e-10,
        gtol=1e-10,
    )
    return _described(problem, found.x, problem.cost(start), bool(found.success))


class _Space(NamedTuple):
    """Coordinates of the search: distance from the prior in units of its spread."""

    parameters: tuple[Parameter, ...]
    is_log: np.ndarray
    centre: np.ndarray
    """Prior, a logarithm where the scale is one."""
    spread: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @classmethod
    def of(cls, parameters: Sequence[Parameter]) -> "_Space":
        """Checked coordinates."""
        for parameter in parameters:
            _check(parameter)
        is_log = np.array([parameter.scale == "log" for parameter in parameters])
        columns = np.array([(p.prior, p.low, p.high, p.spread) for p in parameters], float).T
        with np.errstate(divide="ignore", invalid="ignore"):
            prior, low, high = np.where(is_log, np.log(columns[:3]), columns[:3])
        spread = columns[3]
        scaled = (low - prior) / spread, (high - prior) / spread
        return cls(tuple(parameters), is_log, prior, spread, *scaled)

    def values(self, at: np.ndarray) -> np.ndarray:
        """Parameters in their own units."""
        moved = self.centre + self.spread * at
        return np.where(self.is_log, np.exp(np.where(self.is_log, moved, 0.0)), moved)

    def slope(self, at: np.ndarray) -> np.ndarray:
        """Derivative of each parameter by its coordinate."""
        return self.spread * np.where(self.is_log, self.values(at), 1.0)


def _check(parameter: Parameter) -> None:
    name, low, high = parameter.name, parameter.low, parameter.high
    if not low < high or not low <= parameter.prior <= high:
        raise ValueError(f"{name}: prior {parameter.prior:g} is not within {low:g} to {high:g}")
    if not 0.0 < parameter.spread < np.inf:
        raise ValueError(f"{name}: spread {parameter.spread:g} is not positive and finite")
    if parameter.scale == "log" and (low < 0.0 or parameter.prior <= 0.0):
        raise ValueError(f"{name}: a parameter on a logarithmic scale is positive")


class _Problem:
    """Rows and priors as one vector of residuals, each in units of its standard deviation."""

    def __init__(self, space: _Space, data: Data) -> None:
        self.space, self.data, self.rows = space, data, len(data.groups)
        self._linearised: Callable[[np.ndarray], Linear] = linearised(data.residual, data.arrays)
        self._factor = np.sqrt(np.broadcast_to(data.weight, self.rows)) / data.noise
        self._weight = np.broadcast_to(np.asarray(data.weight, float), self.rows)
        self._last: tuple[bytes, Linear] | None = None

    @property
    def freedom(self) -> float:
        """Independent rows."""
        return float(self._weight.sum())

    def rows_at(self, at: np.ndarray) -> Linear:
        """Weighted residuals of the data and their derivatives by the coordinates."""
        key = at.tobytes()
        if self._last is None or self._last[0] != key:
            residual, jacobian = self._linearised(self.space.values(at))
            scaled = self._factor[:, None] * jacobian * self.space.slope(at)
            self._last = key, Linear(self._factor * residual, scaled)
        return self._last[1]

    def residual(self, at: np.ndarray) -> np.ndarray:
        """Data, then priors: a coordinate is its own residual."""
        return np.concatenate([self.rows_at(at).residual, at])

    def jacobian(self, at: np.ndarray) -> np.ndarray:
        """Of :meth:`residual`."""
        return np.vstack([self.rows_at(at).jacobian, np.eye(at.size)])

    def loss(self, squares: np.ndarray) -> np.ndarray:
        """Soft absolute value for data, squares for priors; value and two derivatives."""
        bound = self._weight * self.data.threshold**2
        root = np.sqrt(1.0 + squares[: self.rows] / bound)
        value = 2.0 * squares[: self.rows] / (root + 1.0)  # no difference of large numbers
        soft = np.stack([value, 1.0 / root, -0.5 / (bound * root**3)])
        priors = squares[self.rows :]
        plain = np.stack([priors, np.ones_like(priors), np.zeros_like(priors)])
        return np.concatenate([soft, plain], axis=1)

    def cost(self, at: np.ndarray) -> float:
        """What the search minimises."""
        return float(0.5 * self.loss(self.residual(at) ** 2)[0].sum())

    def check(self, at: np.ndarray) -> None:
        """Refuse data that the model cannot be held to."""
        linear = self.rows_at(at)
        bad = ~(np.isfinite(linear.residual) & np.isfinite(linear.jacobian).all(axis=1))
        if bad.any():
            kinds = sorted({self.data.groups[place] for place in np.flatnonzero(bad).tolist()})
            raise ValueError(
                f"{bad.sum()} rows have no finite residual at the priors: {', '.join(kinds)}"
            )


def _described(problem: _Problem, at: np.ndarray, before: float, converged: bool) -> Fit:
    space, linear = problem.space, problem.rows_at(at)
    influence = problem.loss(problem.residual(at) ** 2)[1, : problem.rows]
    sides: list[Side] = [_side(space, at, k) for k in range(at.size)]
    free = np.array([not side for side in sides])
    # rows beyond the threshold count for what their pull is worth
    pull = np.sqrt(influence)
    ratio = noise_ratio(pull * linear.residual, problem.freedom - int(free.sum()))
    rows = linear.jacobian * pull[:, None] / ratio
    covariance = covariance_of(rows, free)
    by_group = information_shares(rows, problem.data.groups)
    slope = space.slope(at)
    estimates = tuple(
        Estimate(
            parameter=parameter,
            value=float(value),
            standard_error=float(slope[k] * np.sqrt(covariance[k, k])) if free[k] else np.nan,
            information={name: float(part[k]) for name, part in by_group.items()},
            gain=float(1.0 / covariance[k, k] - 1.0) if free[k] else float((rows[:, k] ** 2).sum()),
            bound=sides[k],
        )
        for k, (parameter, value) in enumerate(zip(space.parameters, space.values(at), strict=True))
    )
    return Fit(
        estimates=estimates,
        rows=problem.rows,
        cost_before=before,
        cost_after=problem.cost(at),
        noise_ratio=ratio,
        covariance=covariance * np.outer(space.spread, space.spread),
        converged=converged,
    )


def _side(space: _Space, at: np.ndarray, k: int) -> Side:
    if at[k] - space.low[k] < AT_BOUND:
        return "low"
    return "high" if space.high[k] - at[k] < AT_BOUND else ""
