"""Fits whose answer is known: linear, exponential, at a bound, with outliers, unidentified."""

import os
import subprocess
import sys

import jax.numpy as jnp
import numpy as np
import pytest

from perfmodel.engine.fit import linearised
from perfmodel.studies.fitting import Data, Parameter, fit
from perfmodel.studies.identification import PRIOR

RANDOM = np.random.default_rng(7)
ABSCISSA = np.linspace(0.0, 4.0, 40)


def line(values, x, y):
    return values[0] + values[1] * x - y


def decay(values, x, y):
    return jnp.log(values[0]) - values[1] * x - jnp.log(y)


def data(residual, y, noise, groups=None, *, weight=None, **others) -> Data:
    rows = len(y)
    return Data(
        residual,
        (ABSCISSA[:rows], np.asarray(y)),
        groups or ["runs"] * rows,
        np.full(rows, noise),
        np.ones(rows) if weight is None else weight,
        **others,
    )


def free(name: str, prior: float) -> Parameter:
    """A parameter of which almost nothing is known beforehand."""
    return Parameter(name, prior, spread=1e3, low=-1e6, high=1e6, scale="linear")


def test_a_line_is_found_with_the_errors_of_ordinary_least_squares():
    y = 1.5 - 0.7 * ABSCISSA + 0.1 * RANDOM.standard_normal(40)
    found = fit([free("offset", 0.0), free("slope", 0.0)], data(line, y, 0.1, threshold=1e6))
    design = np.stack([np.ones(40), ABSCISSA], axis=1)
    expected, squares, *_ = np.linalg.lstsq(design, y, rcond=None)
    errors = np.sqrt(np.diag(np.linalg.inv(design.T @ design)) * squares[0] / 38)
    np.testing.assert_allclose([e.value for e in found.estimates], expected, rtol=1e-5)
    np.testing.assert_allclose([e.standard_error for e in found.estimates], errors, rtol=1e-3)
    assert found.converged
    assert found.rows == 40
    assert found.cost_after < found.cost_before
    assert found.noise_ratio == pytest.approx(np.sqrt(squares[0] / 38) / 0.1, rel=1e-3)


def test_an_exponential_is_found_on_a_logarithmic_scale():
    y = 3e-11 * np.exp(-0.4 * ABSCISSA)
    parameters = [
        Parameter("energy", 1e-11, 2.0, 1e-13, 1e-9),
        Parameter("rate", 1.0, 2.0, 0.0, 10.0),
    ]
    found = fit(parameters, data(decay, y, 0.05))
    assert found.values == pytest.approx({"energy": 3e-11, "rate": 0.4}, rel=1e-3)


def test_a_quoted_error_covers_the_truth_as_often_as_it_should():
    inside = 0
    for seed in range(40):
        noise = np.random.default_rng(seed).standard_normal(40)
        y = 2.0 * np.exp(-0.5 * ABSCISSA + 0.1 * noise)
        parameters = [Parameter("a", 1.0, 3.0, 1e-3, 1e3), Parameter("b", 1.0, 3.0, 1e-3, 1e3)]
        estimate = fit(parameters, data(decay, y, 0.2, threshold=5.0)).estimates[1]
        inside += abs(estimate.value - 0.5) < estimate.standard_error
        assert estimate.identified
    assert 0.5 < inside / 40 < 0.85  # one standard error holds 68 %


def test_a_prior_and_one_row_meet_in_the_middle_of_equal_weights():
    found = fit(
        [Parameter("offset", 0.0, 1.0, -9.0, 9.0, "linear")],
        data(lambda values, x, y: values[0] - y, [2.0], 1.0, threshold=1e6),
    )
    assert found.estimates[0].value == pytest.approx(1.0)
    assert found.estimates[0].information == pytest.approx({"runs": 0.5, PRIOR: 0.5})


def test_a_bound_holds_and_is_said():
    y = np.exp(1.5) * np.exp(-0.4 * ABSCISSA)
    parameters = [
        Parameter("efficiency", 0.9, 1.0, 0.1, 1.0),
        Parameter("rate", 1.0, 2.0, 0.0, 10.0),
    ]
    efficiency, rate = fit(parameters, data(decay, y, 0.05)).estimates
    assert efficiency.value == pytest.approx(1.0, abs=1e-5)
    assert efficiency.value <= 1.0
    assert efficiency.bound == "high"
    assert np.isnan(efficiency.standard_error)
    assert (rate.bound, rate.standard_error > 0.0) == ("", True)


def test_an_outlier_moves_the_robust_fit_less_than_a_plain_one():
    y = 1.0 + 0.0 * ABSCISSA
    y[3] = 100.0
    parameters = [free("offset", 0.0), free("slope", 0.0)]
    robust = fit(parameters, data(line, y, 0.1)).values
    plain = fit(parameters, data(line, y, 0.1, threshold=1e6)).values
    assert abs(robust["offset"] - 1.0) < 0.05
    assert abs(plain["offset"] - 1.0) > 3.0


def test_a_parameter_that_no_row_depends_on_keeps_its_prior_and_is_not_identified():
    y = 1.5 - 0.7 * ABSCISSA + 0.1 * RANDOM.standard_normal(40)
    spare = Parameter("spare", 0.3, 0.2, 0.0, 1.0)
    *_, estimate = fit([free("a", 0.0), free("b", 0.0), spare], data(line, y, 0.1)).estimates
    assert estimate.value == pytest.approx(0.3)
    assert not estimate.identified
    assert estimate.standard_error == pytest.approx(0.3 * 0.2)
    assert estimate.information == pytest.approx({"runs": 0.0, PRIOR: 1.0})


def test_two_parameters_of_which_only_the_sum_shows_share_one_identification():
    """Data fix the sum exactly; each alone stays half as uncertain as its prior, in variance."""
    y = np.full(40, 1.0) + 1e-3 * RANDOM.standard_normal(40)
    parameters = [Parameter(name, 0.4, 1.0, -9.0, 9.0, "linear") for name in "ab"]
    found = fit(parameters, data(lambda values, x, y: values[0] + values[1] - y, y, 1e-3))
    for estimate in found.estimates:
        assert estimate.standard_error == pytest.approx(np.sqrt(0.5), rel=1e-3)
    assert found.covariance[0, 1] == pytest.approx(-0.5, rel=1e-3)
    assert sum(found.values.values()) == pytest.approx(1.0, rel=1e-3)


def test_information_is_shared_out_among_the_groups_of_data():
    groups = ["kernels"] * 10 + ["runs"] * 30
    y = 1.0 + 0.1 * RANDOM.standard_normal(40)
    found = fit([free("offset", 0.0)], data(lambda v, x, y: v[0] - y, y, 0.1, groups))
    shares = found.estimates[0].information
    assert sum(shares.values()) == pytest.approx(1.0)
    assert shares["kernels"] == pytest.approx(0.25, abs=0.05)
    assert shares[PRIOR] < 1e-6


def test_a_row_that_stands_for_many_weighs_as_many():
    y = np.array([1.0] * 4 + [2.0])
    weight = np.array([1.0] * 4 + [4.0])
    found = fit(
        [free("offset", 0.0)],
        data(lambda v, x, y: v[0] - y, y, 1.0, weight=weight, threshold=1e6),
    )
    assert found.values["offset"] == pytest.approx(1.5, rel=1e-5)
    repeated = fit(
        [free("offset", 0.0)],
        data(lambda v, x, y: v[0] - y, np.array([1.0] * 4 + [2.0] * 4), 1.0, threshold=0.3),
    )
    heavy = fit(
        [free("offset", 0.0)],
        data(lambda v, x, y: v[0] - y, y, 1.0, weight=weight, threshold=0.3),
    )
    assert heavy.values == pytest.approx(repeated.values, rel=1e-6)
    assert heavy.cost_after == pytest.approx(repeated.cost_after)
    assert heavy.estimates[0].standard_error == pytest.approx(repeated.estimates[0].standard_error)


@pytest.mark.parametrize(
    ("parameter", "said"),
    [
        (Parameter("a", 2.0, 0.1, 0.0, 1.0), "a: prior 2 is not within 0 to 1"),
        (Parameter("a", 0.5, 0.0, 0.0, 1.0), "a: spread 0 is not positive and finite"),
        (Parameter("a", 0.0, 0.1, 0.0, 1.0), "a: a parameter on a logarithmic scale is positive"),
    ],
)
def test_a_parameter_that_cannot_be_fitted_is_named(parameter: Parameter, said: str):
    with pytest.raises(ValueError, match=said):
        fit([parameter], data(lambda v, x, y: v[0] - y, [1.0], 1.0))


def test_rows_without_a_finite_residual_are_counted_by_group():
    y = np.array([1.0, -1.0, 2.0])
    groups = ["kernels", "runs", "runs"]
    parameters = [Parameter("a", 1.0, 0.1, 0.1, 9.0), Parameter("b", 1.0, 0.1, 0.1, 9.0)]
    with pytest.raises(ValueError, match="1 rows have no finite residual at the priors: runs"):
        fit(parameters, data(decay, y, 0.1, groups))


def test_the_jacobian_is_that_of_finite_differences():
    y = np.exp(-0.3 * ABSCISSA)
    at = linearised(decay, (ABSCISSA, y))
    values = np.array([1.2, 0.4])
    jacobian = at(values).jacobian
    for k, step in enumerate(np.eye(2) * 1e-6):
        slope = (at(values + step).residual - at(values - step).residual) / 2e-6
        np.testing.assert_allclose(jacobian[:, k], slope, rtol=1e-6, atol=1e-9)


def test_a_fit_is_in_double_precision_where_the_process_is_in_single():
    script = """
import numpy as np, jax, jax.numpy as jnp
from perfmodel.engine.fit import linearised
at = linearised(lambda values, x: values[0] * x, (np.ones(3),))
assert at(np.array([1.0 + 1e-12])).residual[0] == 1.0 + 1e-12
assert jnp.ones(1).dtype == np.float32
"""
    environment = {**os.environ, "JAX_PLATFORMS": "cpu"}
    subprocess.run([sys.executable, "-c", script], check=True, env=environment)
