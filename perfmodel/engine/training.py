"""Evaluates runs of a budget: the best size and the loss of every other one, many at once."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from numpy.typing import NDArray

from perfmodel.engine.run import Kept
from perfmodel_kernels.training_run import (
    BatchLaw,
    Budget,
    LossLaw,
    Trained,
    largest_run,
    sized_run,
)


class Runs(NamedTuple):
    """Runs of some budgets, by the fields of what was trained."""

    best: Mapping[str, NDArray]
    """Axes: budget."""
    sized: Mapping[str, NDArray]
    """Axes: budget, size."""


def evaluate_runs(
    budgets: Sequence[Budget], sizes: Sequence[float], laws: tuple[LossLaw, BatchLaw]
) -> Runs:
    """Evaluates runs.

    Parameters
    ----------
    budgets
        Machines over a time.
    sizes
        Parameters to try beside the best ones.
    laws
        Of the loss and of the critical batch.

    Returns
    -------
    Runs
        Arrays.
    """
    columns = jax.tree.map(lambda *own: np.array(own, np.float32), *budgets)
    given = jax.tree.map(np.float32, laws)
    found = _runs_program(columns, np.array(sizes, np.float32), given)
    return Runs(*(jax.tree.map(_double, one._asdict()) for one in found))


def _double(leaf: Any) -> NDArray:
    return np.asarray(leaf, float)


def _runs(budgets: Budget, sizes: Any, laws: tuple[LossLaw, BatchLaw]) -> tuple[Trained, Trained]:
    def one(budget: Budget) -> tuple[Trained, Trained]:
        sized = jax.vmap(lambda size: sized_run(size, budget, *laws))(sizes)
        return largest_run(budget, *laws), sized

    return jax.vmap(one)(budgets)


_runs_program = Kept(_runs, ("runs of a budget",))
