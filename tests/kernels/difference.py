"""Derivatives by automatic differentiation beside central differences in double precision."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from tests.kernels.compiling import compiled

STEP = 1e-6
"""Relative step: cancels no more than ten of sixteen digits, curvature adds about 1e-12."""


def derivative(function: Callable[[Any], Any], at: float) -> float:
    """Derivative of a scalar function, finite or the test fails."""
    value = float(compiled(jax.grad(function))(float(at)))
    assert np.isfinite(value)
    return value


def central_difference(function: Callable[[Any], Any], at: float) -> float:
    """Slope between two points close to each other."""
    move = STEP * abs(at)
    program = compiled(function)
    return float(program(at + move) - program(at - move)) / (2.0 * move)


def check_gradient(function: Callable[[Any], Any], at: float, sign: int) -> None:
    """Fails unless the derivative has its sign and equals the central difference."""
    found, expected = derivative(function, at), central_difference(function, at)
    assert np.sign(found) == sign, f"derivative {found:.3e} at {at}"
    np.testing.assert_allclose(found, expected, rtol=1e-5)
