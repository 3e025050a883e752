"""Expected extreme of many workers: integrals, limits and growth."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import norm

from perfmodel_kernels.extremes import expected_maximum
from tests.kernels.compiling import compiled
from tests.kernels.difference import check_gradient

largest = compiled(expected_maximum)


def integral(workers: int) -> float:
    """Expected largest of standard normal values, by its density."""
    density = lambda x: x * workers * norm.pdf(x) * norm.cdf(x) ** (workers - 1)  # noqa: E731
    return quad(density, -8.0, 10.0, points=[0.0, 2.0, 4.0], limit=200)[0]


@pytest.mark.parametrize(
    ("workers", "bound"), [(2, 0.05), (4, 0.02), (16, 5e-3), (1000, 5e-3), (100_000, 5e-3)]
)
def test_it_equals_the_integral(workers, bound):
    assert float(largest(float(workers))) == pytest.approx(integral(workers), rel=bound)


def test_one_worker_is_its_own_mean():
    assert float(largest(1.0)) == pytest.approx(0.0, abs=1e-3)


@given(st.floats(1.0, 1e6), st.floats(1.01, 100.0))
def test_more_workers_have_a_larger_extreme(workers, factor):
    assert float(largest(workers * factor)) >= float(largest(workers))


def test_a_table_of_counts_keeps_its_shape():
    counts = np.array([[2.0, 8.0], [64.0, 1e5]])
    one_by_one = [[float(largest(count)) for count in row] for row in counts]
    np.testing.assert_allclose(largest(counts), one_by_one)


def test_gradient_equals_the_difference():
    check_gradient(expected_maximum, 1000.0, 1)
