"""The compiled evaluation and its gradients, which many tests share."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import pytest

from perfmodel_kernels.layout import Layout
from perfmodel_kernels.site import Evaluation, SiteParams, evaluate
from tests.kernels.compiling import compiled
from tests.kernels.examples import as_arrays
from tests.kernels.sensitivity import Sensitivities, sensitivities


def _in_double(function: Callable) -> Callable:
    program = compiled(function)

    def call(params: SiteParams, layout: Layout) -> Any:
        return jax.tree.map(np.asarray, program(as_arrays(params), as_arrays(layout)))

    return call


def _in_single(function: Callable) -> Callable:
    program = compiled(function)

    def call(params: SiteParams, layout: Layout) -> Any:
        with jax.enable_x64(False):
            result = program(as_arrays(params, np.float32), as_arrays(layout, np.float32))
        return jax.tree.map(np.asarray, result)

    return call


@pytest.fixture(scope="session")
def evaluation() -> Callable[[SiteParams, Layout], Evaluation]:
    """`evaluate` in double precision, compiled once."""
    return _in_double(evaluate)


@pytest.fixture(scope="session")
def evaluation_32() -> Callable[[SiteParams, Layout], Evaluation]:
    """`evaluate` in single precision, compiled once."""
    return _in_single(evaluate)


@pytest.fixture(scope="session")
def gradients() -> Callable[[SiteParams, Layout], Sensitivities]:
    """Outputs and their gradients in double precision, compiled once."""
    return _in_double(sensitivities)


@pytest.fixture(scope="session")
def gradients_32() -> Callable[[SiteParams, Layout], Sensitivities]:
    """Outputs and their gradients in single precision, compiled once."""
    return _in_single(sensitivities)
