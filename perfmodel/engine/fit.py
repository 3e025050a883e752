"""Residuals of a fit and their exact Jacobian, one compiled program in double precision."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from perfmodel.engine.run import compiled

Residual = Callable[..., Any]
"""Takes the vector of parameters, then the arrays of the data; returns one number per row."""


class Linear(NamedTuple):
    """Residuals at some parameters, and how they change with each."""

    residual: np.ndarray
    """One per row."""
    jacobian: np.ndarray
    """Derivative of each row's residual by each parameter; axes: row, parameter."""


def linearised(residual: Residual, arrays: Sequence[Any] = ()) -> Callable[[np.ndarray], Linear]:
    """Residuals with their Jacobian, by forward mode: a fit has fewer parameters than rows.

    Double precision holds for this program alone, whatever the rest of the process uses: the
    curvature of a fit loses the digits that single precision lacks.

    Parameters
    ----------
    residual
        The model against the data; differentiable and of one shape whatever the parameters.
    arrays
        Data, trees of arrays; passed to the program, not compiled into it.

    Returns
    -------
    Callable[[np.ndarray], Linear]
        Takes the vector of parameters.
    """

    def with_value(values: Any, *data: Any) -> tuple[Any, Any]:
        found = residual(values, *data)
        return found, found

    program = compiled(jax.jacfwd(with_value, has_aux=True))
    doubles = jax.tree.map(_double, tuple(arrays))

    def at(values: np.ndarray) -> Linear:
        with jax.enable_x64(True):
            jacobian, found = program(np.asarray(values, np.float64), *doubles)
        return Linear(np.asarray(found), np.asarray(jacobian))

    return at


def _double(leaf: Any) -> np.ndarray:
    """An array in double precision where it holds real numbers."""
    array = np.asarray(leaf)
    return array.astype(np.float64) if np.issubdtype(array.dtype, np.floating) else array
