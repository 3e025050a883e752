"""Derivatives of all that one evaluation takes by the figures of the configs."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from numpy.typing import NDArray

from perfmodel.config.schema.scenario import Scenario
from perfmodel.lowering.dual import WHOLE, Dual, plain, variables
from perfmodel.lowering.hardware import Figure, with_figures
from perfmodel.lowering.site import lower_site
from perfmodel_kernels.site import SiteParams


class Lowered(NamedTuple):
    """Parameters of a site with their derivatives."""

    params: SiteParams
    """SI numbers."""
    jacobian: NDArray[np.float64]
    """By figure, of each number of the parameters in the order in which their tree has them.
    Axes: number, figure."""


def lower_with_derivatives(
    scenario: Scenario, figures: Sequence[Figure], values: Sequence[float], counts: int = WHOLE
) -> Lowered:
    """Lowers a scenario whose figures carry their derivatives: exact, nothing is perturbed.

    What is solved beforehand for a fabric as configured stays what it is, see
    :func:`perfmodel.lowering.congestion.solved`.

    Parameters
    ----------
    scenario
        The machine and the job.
    figures
        What to derive by.
    values
        Their values. [SI]
    counts
        How switches and optical modules are counted: :data:`perfmodel.lowering.dual.WHOLE`, or
        with slopes.

    Returns
    -------
    Lowered
        Parameters and derivatives.
    """
    dual = lower_site(with_figures(scenario, figures, variables(values, counts)))
    leaves, tree = jax.tree.flatten(dual)
    rows = [_row(one, len(figures)) for leaf in leaves for one in _numbers(leaf)]
    params = jax.tree.unflatten(tree, [_plain(leaf) for leaf in leaves])
    return Lowered(params, np.array(rows))


def _numbers(leaf: Any) -> Any:
    return leaf.ravel() if isinstance(leaf, np.ndarray) else [leaf]


def _row(number: Any, size: int) -> NDArray[np.float64]:
    return number.partials if isinstance(number, Dual) else np.zeros(size)


def _plain(leaf: Any) -> Any:
    if isinstance(leaf, np.ndarray) and leaf.dtype == object:
        return np.vectorize(plain, otypes=[float])(leaf)
    return plain(leaf)
