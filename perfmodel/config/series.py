"""Lists and geometric ranges of counts and quantities, as a user writes them in one word."""

import re
from collections.abc import Callable

from perfmodel.config.faults import Fault, Faults, Problem, attempt, refuse, shown
from perfmodel.config.schema._model import LARGEST_COUNT, MOST
from perfmodel.config.units import quantity

MOST_VALUES = 200
"""Values of one series; more make neither a table nor a figure that anyone reads."""

DOUBLING = 2.0
"""Ratio of a range that names none, that of the usual benchmarks of collectives."""

_RANGE = re.compile(r"(?P<first>.+?)\.\.(?P<last>.+?)(?::(?P<ratio>[^:]+))?")
_COUNT = re.compile(r"[+-]?[0-9]{1,20}")
_RATIO = re.compile(r"[0-9]+\.?[0-9]*")

Read = Callable[[str], float]


def counts(text: str, field: str) -> list[int]:
    """Read whole numbers from 1, such as ``8,64,512`` or ``8..4096``.

    Parameters
    ----------
    text
        Values separated by commas; ``a..b`` doubles from a up to b, ``a..b:4`` takes four times.
    field
        Where it was written, for messages.

    Returns
    -------
    list[int]
        Each value once, in the order given.

    Raises
    ------
    Faults
        All that is wrong with it.
    """
    return list(dict.fromkeys(every_count(text, field)))


def every_count(text: str, field: str) -> list[int]:
    """The same for values of which several may be equal, such as the degrees ``8,16,16``.

    Parameters
    ----------
    text, field
        As in :func:`counts`.

    Returns
    -------
    list[int]
        Every value, in the order given.

    Raises
    ------
    Faults
        All that is wrong with it.
    """
    return [round(value) for value in _series(text, field, _count)]


def quantities(text: str, field: str, unit: str) -> list[float]:
    """Read quantities above zero, such as ``1kB,1MB`` or ``1kB..16GB``.

    Parameters
    ----------
    text
        Values separated by commas; ``a..b`` doubles from a up to b, ``a..b:4`` takes four times.
    field
        Where it was written, for messages.
    unit
        SI unit.

    Returns
    -------
    list[float]
        Each value once, in the order given. [unit]

    Raises
    ------
    Faults
        All that is wrong with it.
    """

    def read(word: str) -> float:
        value = quantity(word, unit)
        if not 0.0 < value <= MOST:
            raise Problem("not above zero" if value <= 0.0 else "too large")
        return value

    return list(dict.fromkeys(_series(text, field, read)))


def _series(text: str, field: str, read: Read) -> list[float]:
    found: list[Fault] = []
    words = [word.strip() for word in text.split(",")]
    parts = [attempt(found, _values, word, field, read) for word in words]
    refuse(found)
    values = [value for part in parts for value in part or ()]
    if len(values) > MOST_VALUES:
        problem, expected = f"{len(values)} values", f"at most {MOST_VALUES}"
        raise Faults([Fault(problem=problem, expected=expected, field=field, value=shown(text))])
    return values


def _values(word: str, field: str, read: Read) -> list[float]:
    """Values of one word between commas."""
    found: list[Fault] = []
    match = _RANGE.fullmatch(word)
    if match is None:
        return [_one(word, field, read)]
    first = attempt(found, _one, match["first"], field, read)
    last = attempt(found, _one, match["last"], field, read)
    ratio = attempt(found, _one, match["ratio"] or str(DOUBLING), field, _ratio)
    if first is not None and last is not None and last < first:
        expected = "from the smaller to the larger"
        problem = "a range that runs backwards"
        found.append(Fault(problem=problem, expected=expected, field=field, value=shown(word)))
    refuse(found)
    return _range(first or 0.0, last or 0.0, ratio or DOUBLING)


def _range(first: float, last: float, ratio: float) -> list[float]:
    """Geometric range with both ends, no longer than what is refused anyway."""
    values = [first]
    while values[-1] * ratio < last and len(values) <= MOST_VALUES:
        values.append(values[-1] * ratio)
    return [*values, last] if last > first else values


def _one(word: str, field: str, read: Read) -> float:
    try:
        return read(word.strip())
    except Problem as error:
        fault = Fault(
            problem=error.problem, expected=error.expected, field=field, value=shown(word.strip())
        )
    raise Faults([fault])


def _count(word: str) -> float:
    expected = "a whole number from 1, such as 512"
    if not _COUNT.fullmatch(word):
        raise Problem("not a whole number", expected)
    value = int(word)
    if not 1 <= value <= LARGEST_COUNT:
        raise Problem("less than one" if value < 1 else "too large", expected)
    return float(value)


def _ratio(word: str) -> float:
    expected = "the ratio of neighbours, such as 4"
    if not _RATIO.fullmatch(word) or len(word) > 20:
        raise Problem("not a ratio", expected)
    value = float(word)
    if value < 1.01:
        raise Problem("a ratio that does not grow", expected)
    return value
