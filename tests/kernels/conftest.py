"""Shape checks of the kernels, and the compiled evaluation that many tests share."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import jax
import numpy as np
import pytest
from jaxtyping import install_import_hook

CHECKED = (
    "layout", "memory", "operators", "power", "schedule", "site", "step", "topology",
    "traffic", "transformer",
)  # fmt: skip
"""Kernels whose annotated shapes hold; test_annotations.py says what keeps the others out."""

with install_import_hook([f"perfmodel_kernels.{name}" for name in CHECKED], "beartype.beartype"):
    from perfmodel_kernels.layout import Layout
    from perfmodel_kernels.site import Evaluation, SiteParams, evaluate
    from tests.kernels.compiling import compiled
    from tests.kernels.examples import as_arrays
    from tests.kernels.sensitivity import Sensitivities, sensitivities


def implicit_promotion() -> AbstractContextManager:
    """Lets stage_blocks multiply a truth value by a number; see test_annotations.py."""
    return jax.numpy_dtype_promotion("standard")


@pytest.fixture(scope="module")
def promoting() -> Iterator[None]:
    """Implicit promotion for a whole file of tests."""
    with implicit_promotion():
        yield


def _in_double(function: Callable) -> Callable:
    program = compiled(function)

    def call(params: SiteParams, layout: Layout):
        with implicit_promotion():
            result = program(as_arrays(params), as_arrays(layout))
        return jax.tree.map(np.asarray, result)

    return call


def _in_single(function: Callable) -> Callable:
    program = compiled(function)

    def call(params: SiteParams, layout: Layout):
        with implicit_promotion(), jax.enable_x64(False):
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
