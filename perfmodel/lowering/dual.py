"""Numbers that carry their derivatives: what arithmetic does to them, exactly."""

import math
from collections.abc import Callable, Sequence
from typing import Any, Union

import numpy as np
from numpy.typing import NDArray

Number = Union["Dual", float]
"""A number with or without derivatives."""

WHOLE, SLOPED, PARTS = 0, 1, 2
"""What the next whole number of a number is: a step without a slope; the same number with the slope
that counts of many have in the mean; the number as it is, so that all stays smooth."""


class Dual:
    r"""A value with its partial derivatives, carried through arithmetic by the chain rule.

    .. math:: (x, \dot x) \circ (y, \dot y) =
        \left(x \circ y, \frac{\partial (x \circ y)}{\partial x} \dot x
        + \frac{\partial (x \circ y)}{\partial y} \dot y\right)

    Comparisons, and with them ``max`` and ``min``, go by the value, so that a tie takes the side
    that the code takes. Rounding gives a plain number: a step has no slope. There is no way to
    ``float``: code that would drop the derivatives fails instead.

    References
    ----------
    R. E. Wengert, "A simple automatic derivative evaluation program", CACM 7 (1964).
    """

    __slots__ = ("counts", "partials", "value")
    __array_ufunc__ = None  # numbers of NumPy leave arithmetic to this class

    def __init__(self, value: float, partials: NDArray[np.float64], counts: int = WHOLE) -> None:
        self.value = value
        self.partials = partials
        self.counts = counts

    def __repr__(self) -> str:
        """Value and derivatives."""
        return f"Dual({self.value!r}, {self.partials!r})"

    def _of(self, value: float, slope: float) -> "Dual":
        """A function of this number alone."""
        return Dual(value, slope * self.partials, self.counts)

    def __add__(self, other: Number) -> "Dual":
        """Sum."""
        if isinstance(other, Dual):
            return Dual(self.value + other.value, self.partials + other.partials, self.counts)
        return self._of(self.value + other, 1.0)

    __radd__ = __add__

    def __neg__(self) -> "Dual":
        """Negative."""
        return self._of(-self.value, -1.0)

    def __pos__(self) -> "Dual":
        """The number itself."""
        return self

    def __sub__(self, other: Number) -> "Dual":
        """Difference."""
        if isinstance(other, Dual):
            return Dual(self.value - other.value, self.partials - other.partials, self.counts)
        return self._of(self.value - other, 1.0)

    def __rsub__(self, other: float) -> "Dual":
        """Difference from a plain number."""
        return self._of(other - self.value, -1.0)

    def __mul__(self, other: Number) -> "Dual":
        """Product."""
        if isinstance(other, Dual):
            partials = other.value * self.partials + self.value * other.partials
            return Dual(self.value * other.value, partials, self.counts)
        return self._of(self.value * other, float(other))

    __rmul__ = __mul__

    def __truediv__(self, other: Number) -> "Dual":
        """Quotient."""
        if isinstance(other, Dual):
            ratio = self.value / other.value
            partials = (self.partials - ratio * other.partials) / other.value
            return Dual(ratio, partials, self.counts)
        return self._of(self.value / other, 1.0 / other)

    def __rtruediv__(self, other: float) -> "Dual":
        """Quotient of a plain number."""
        ratio = other / self.value
        return self._of(ratio, -ratio / self.value)

    def __pow__(self, power: float) -> "Dual":
        """Power by a plain number."""
        return self._of(self.value**power, power * self.value ** (power - 1))

    def __abs__(self) -> "Dual":
        """Magnitude."""
        return -self if self.value < 0.0 else self

    def __bool__(self) -> bool:
        """Whether it is not zero, as for a plain number."""
        return self.value != 0.0

    def __eq__(self, other: object) -> bool:
        """By the value."""
        return self.value == plain(other)

    def __hash__(self) -> int:
        """By the value, as equality is."""
        return hash(self.value)

    def __lt__(self, other: Number) -> bool:
        """By the value."""
        return self.value < plain(other)

    def __le__(self, other: Number) -> bool:
        """By the value."""
        return self.value <= plain(other)

    def __gt__(self, other: Number) -> bool:
        """By the value."""
        return self.value > plain(other)

    def __ge__(self, other: Number) -> bool:
        """By the value."""
        return self.value >= plain(other)

    def __ceil__(self) -> Any:
        """Next whole number, see :data:`WHOLE`."""
        whole = math.ceil(self.value)
        if self.counts == WHOLE:
            return whole
        return self if self.counts == PARTS else self._of(float(whole), 1.0)

    def __round__(self, digits: int | None = None) -> float:
        """Nearest number with so many digits, without derivatives."""
        return round(self.value, digits)

    def __array_function__(
        self, function: Callable[..., Any], types: Any, arguments: Any, named: Any
    ) -> Any:
        """What of NumPy's functions a lowering asks for a single number."""
        if function is np.interp and not named:
            return _interpolated(*arguments)
        return NotImplemented


def plain(number: Any) -> Any:
    """A number without its derivatives.

    Parameters
    ----------
    number
        With or without them; anything else stays what it is.

    Returns
    -------
    Any
        The value.
    """
    return number.value if isinstance(number, Dual) else number


def variables(values: Sequence[float], counts: int = WHOLE) -> list[Dual]:
    """Independent numbers, each with derivative one by itself.

    Parameters
    ----------
    values
        Their values.
    counts
        What :func:`math.ceil` gives: :data:`WHOLE`, :data:`SLOPED` or :data:`PARTS`.

    Returns
    -------
    list[Dual]
        In the same order.
    """
    unit = np.eye(len(values))
    return [Dual(float(value), row, counts) for value, row in zip(values, unit, strict=True)]


def _interpolated(at: Any, places: Sequence[float], heights: Sequence[float]) -> Any:
    """Piecewise linear interpolation; at a corner the slope is the one to the right."""
    if any(isinstance(one, Dual) for one in (*places, *heights)):
        return NotImplemented
    value = float(np.interp(at.value, places, heights))
    right = int(np.searchsorted(places, at.value, side="right"))
    if right in (0, len(places)):
        return at._of(value, 0.0)
    rise, run = heights[right] - heights[right - 1], places[right] - places[right - 1]
    return at._of(value, rise / run)
