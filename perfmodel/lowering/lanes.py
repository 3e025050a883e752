"""A number of many scenarios at once, for code that was written for one: it splits at branches."""

import operator
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T")


class DivergedError(Exception):
    """The code asks for one number, and the lanes hold several."""

    def __init__(self, values: NDArray[Any]) -> None:
        super().__init__("lanes take different branches")
        self.values = values


class Lanes:
    """One value per scenario; arithmetic is by lane.

    Where code needs one answer, in a branch, a count or a text, it gets that of all lanes if they
    agree. Otherwise :class:`DivergedError` says what they answer, and :func:`by_branches` runs the
    code again for those that agree. So code for one scenario is exact for all of them.
    """

    __slots__ = ("values",)

    def __init__(self, values: NDArray[Any]) -> None:
        self.values = values

    def _one(self) -> Any:
        first = self.values[0]
        if (self.values != first).any():
            raise DivergedError(self.values)
        return first.item()

    def __bool__(self) -> bool:
        truth = self.values != 0
        if truth.any() and not truth.all():
            raise DivergedError(truth)
        return bool(truth[0])

    def __float__(self) -> float:
        return float(self._one())

    def __int__(self) -> int:
        return int(self._one())

    def __index__(self) -> int:
        return operator.index(self._one())

    def __format__(self, form: str) -> str:
        return format(self._one(), form)

    def __str__(self) -> str:
        return str(self._one())

    def __round__(self, digits: int | None = None) -> Any:
        rounded = np.round(self.values, digits or 0)
        return Lanes(rounded if digits is not None else rounded.astype(np.int64))

    def __ceil__(self) -> "Lanes":
        return Lanes(np.ceil(self.values).astype(np.int64))

    def __floor__(self) -> "Lanes":
        return Lanes(np.floor(self.values).astype(np.int64))

    def __neg__(self) -> "Lanes":
        return Lanes(-self.values)

    def __abs__(self) -> "Lanes":
        return Lanes(np.abs(self.values))

    def log2(self) -> "Lanes":
        """Logarithm, as NumPy asks for it in an array of objects."""
        return Lanes(np.log2(self.values))

    def sqrt(self) -> "Lanes":
        """Root, as NumPy asks for it in an array of objects."""
        return Lanes(np.sqrt(self.values))

    def __array_function__(self, function: Any, types: Any, given: Any, named: Any) -> Any:
        """Interpolates by lane; no other function of arrays is used on a number."""
        if function is not np.interp or isinstance(given[1], Lanes) or isinstance(given[2], Lanes):
            return NotImplemented
        return Lanes(np.interp(given[0].values, *given[1:], **named))


def _by_lane(apply: Callable[[Any, Any], Any]) -> Callable[[Lanes, Any], Any]:
    """An operator of two numbers on lanes, whichever of both they are."""

    def operate(own: Lanes, other: Any) -> Any:
        if isinstance(other, Lanes):
            return Lanes(apply(own.values, other.values))
        if isinstance(other, bool | int | float | np.number | np.bool_):
            return Lanes(apply(own.values, other))
        return NotImplemented

    return operate


def _swapped(apply: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    return lambda own, other: apply(other, own)


for _name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow"):
    _apply = getattr(operator, _name)
    setattr(Lanes, f"__{_name}__", _by_lane(_apply))
    setattr(Lanes, f"__r{_name}__", _by_lane(_swapped(_apply)))
for _name in ("lt", "le", "gt", "ge", "eq", "ne"):
    setattr(Lanes, f"__{_name}__", _by_lane(getattr(operator, _name)))


def by_branches(code: Callable[[NDArray[np.int64]], T], count: int) -> Iterator[tuple[Any, T]]:
    """Runs code once per set of scenarios that take the same way through it.

    Parameters
    ----------
    code
        Takes the numbers of some scenarios and works on lanes of them.
    count
        Scenarios.

    Yields
    ------
    tuple[Any, T]
        Numbers of scenarios, and what the code returned for them. Every scenario comes once.
    """
    waiting = [np.arange(count)]
    while waiting:
        chosen = waiting.pop()
        try:
            result = code(chosen)
        except DivergedError as error:
            waiting.extend(_parts(chosen, error.values))
            continue
        yield chosen, result


def _parts(chosen: NDArray[np.int64], values: NDArray[Any]) -> list[NDArray[np.int64]]:
    """Those with the same value together, the lowest value last, which is taken next."""
    order = np.argsort(values, kind="stable")
    bounds = np.flatnonzero(np.diff(values[order])) + 1
    return [chosen[np.sort(part)] for part in reversed(np.split(order, bounds))]


def lane(values: NDArray[Any]) -> Any:
    """Lanes of some values, or the one number where all are equal.

    Parameters
    ----------
    values
        One per scenario.

    Returns
    -------
    Any
        A number or lanes.
    """
    return values[0].item() if (values == values[0]).all() else Lanes(values)
