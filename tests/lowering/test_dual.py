"""Numbers with derivatives: rules of arithmetic, comparison by value, steps, nothing dropped."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfmodel.lowering.dual import PARTS, SLOPED, WHOLE, Dual, plain, variables

POSITIVE = st.floats(0.01, 100.0)

FORMULAS: dict[str, tuple[Callable[[Any, Any], Any], Callable[[float, float], tuple]]] = {
    "sum": (lambda x, y: 3.0 + x + y + 1, lambda x, y: (1.0, 1.0)),
    "difference": (lambda x, y: 5.0 - x - (y - 2), lambda x, y: (-1.0, -1.0)),
    "product": (lambda x, y: 2 * x * y * np.float64(3.0), lambda x, y: (6 * y, 6 * x)),
    "quotient": (lambda x, y: x / y / 2.0, lambda x, y: (0.5 / y, -0.5 * x / y**2)),
    "inverse": (lambda x, y: np.float64(2.0) / x, lambda x, y: (-2.0 / x**2, 0.0)),
    "power": (lambda x, y: x**3 - y**0.5, lambda x, y: (3 * x**2, -0.5 * y**-0.5)),
    "magnitude": (lambda x, y: abs(-x) + (+y), lambda x, y: (1.0, 1.0)),
}


@pytest.mark.parametrize("name", FORMULAS)
@given(x=POSITIVE, y=POSITIVE)
def test_every_rule_gives_the_value_and_the_derivatives_of_its_formula(
    name: str, x: float, y: float
):
    formula, slopes = FORMULAS[name]
    found = formula(*variables([x, y]))
    assert found.value == formula(x, y)
    np.testing.assert_allclose(found.partials, slopes(x, y), rtol=1e-12, atol=1e-12)


def test_comparisons_go_by_the_value():
    x, y = variables([1.0, 2.0])
    known: dict[Any, str] = {1.0: "one"}
    assert x < y and x <= 1.0 and y > 1.5 and y >= x and x == 1.0 and x != y
    assert max(x, y) is y
    assert min(x, 0.5) == 0.5
    assert known[x] == "one"
    assert not variables([0.0])[0]


def test_interpolation_has_the_slope_of_its_piece_and_of_the_right_one_at_a_corner():
    places, heights = (0.0, 1.0, 2.0), (5.0, 7.0, 6.0)
    for at, value, slope in ((0.5, 6.0, 2.0), (1.0, 7.0, -1.0), (0.0, 5.0, 2.0), (3.0, 6.0, 0.0)):
        number: Any = variables([at])[0]
        found: Any = np.interp(number, places, heights)
        assert (found.value, found.partials.tolist()) == (value, [slope])


def test_a_count_is_a_step_unless_it_is_taken_in_the_mean():
    (step,), (mean,), (parts,) = (variables([2.5], how) for how in (WHOLE, SLOPED, PARTS))
    assert math.ceil(step * 3.0) == 8
    assert isinstance(math.ceil(step), int)
    for number, value in ((mean, 8.0), (parts, 7.5)):
        found: Any = math.ceil(number * 3.0)
        assert (found.value, found.partials.tolist()) == (value, [3.0])


def test_rounding_to_digits_gives_a_plain_number():
    assert round(variables([1.23456])[0], 2) == 1.23


def test_derivatives_cannot_be_dropped_unseen():
    x: Any = variables([1.0])[0]
    with pytest.raises(TypeError):
        float(x)
    with pytest.raises(TypeError):
        np.log2(x)
    with pytest.raises(TypeError):
        np.interp(0.5, (0.0, x), (1.0, 2.0))


def test_arrays_keep_the_numbers_they_hold():
    x, y = variables([1.0, 2.0])
    array = np.array([x, 3.0, y])
    assert array.dtype == object
    assert isinstance(array[0], Dual)
    assert [plain(one) for one in array] == [1.0, 3.0, 2.0]
