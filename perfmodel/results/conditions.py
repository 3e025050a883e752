"""Conditions on rows of a stored run, such as `chip=h100` or `fabric.nic_bandwidth>=400 Gb/s`."""

import operator
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from perfmodel.config import units
from perfmodel.config.faults import Fault, Problem, nearest, one_of, refuse, shown
from perfmodel.results.columns import Column

NUMBER, FLAG, TEXT = "number", "flag", "text"
"""What a column holds."""

CLOSE = 1e-6
"""Numbers this close count as equal: results are stored with seven digits."""

FLAGS = {"yes": True, "true": True, "no": False, "false": False}
"""Words for a flag."""

EXAMPLE = "COLUMN>=VALUE or COLUMN=NAME, such as mfu>=0.4 or chip=h100"

_FORM = re.compile(r"\s*([^\s<>=!]+)\s*(<=|>=|==|!=|=|<|>)\s*(.*?)\s*", re.DOTALL)


class Condition(NamedTuple):
    """One condition on a column."""

    text: str
    """As the user wrote it."""
    key: str
    """The column."""
    holds: Callable[[np.ndarray, Any], np.ndarray]
    """Comparison of values with the limit."""
    limit: float | str | bool
    """What they are compared with, SI units."""

    def met(self, values: np.ndarray) -> np.ndarray:
        """Rows that meet it.

        Parameters
        ----------
        values
            The column, SI units.

        Returns
        -------
        np.ndarray
            One flag per row; a value that is missing meets no order.
        """
        return self.holds(values, self.limit)


def _near(values: np.ndarray, limit: float) -> np.ndarray:
    return np.isclose(values, limit, rtol=CLOSE, atol=0.0)


_ORDERS: Mapping[str, Callable[[Any, Any], Any]] = {
    "<=": lambda values, limit: (values <= limit) | _near(values, limit),
    ">=": lambda values, limit: (values >= limit) | _near(values, limit),
    "<": lambda values, limit: (values < limit) & ~_near(values, limit),
    ">": lambda values, limit: (values > limit) & ~_near(values, limit),
    "==": _near,
    "!=": lambda values, limit: ~_near(values, limit),
}

_SAMENESS: Mapping[str, Callable[[Any, Any], Any]] = {"==": operator.eq, "!=": operator.ne}


class Known(NamedTuple):
    """Columns that a condition may be about."""

    quantities: Mapping[str, Column]
    """What each one is, by key."""
    kinds: Mapping[str, str]
    """What each one holds, by key."""


def parse_conditions(
    texts: Iterable[str], known: Known, option: str = "--where"
) -> list[Condition]:
    """Read conditions.

    Parameters
    ----------
    texts
        Column, comparison and value, one condition each. A number may have a unit and is in SI
        without one.
    known
        Columns that they may be about.
    option
        What the user typed them behind.

    Returns
    -------
    list[Condition]
        Conditions.

    Raises
    ------
    Faults
        Names every text that is not a condition.
    """
    found: list[Condition] = []
    faults: list[Fault] = []
    for text in texts:
        try:
            found.append(_condition(text, known))
        except Problem as error:
            close = nearest(error.field, known.quantities) if error.field else ""
            problem, expected = error.problem, error.expected
            faults.append(
                Fault(
                    field=option,
                    value=shown(text),
                    problem=problem,
                    expected=expected,
                    nearest=close,
                )
            )
    refuse(faults)
    return found


def _condition(text: str, known: Known) -> Condition:
    match = _FORM.fullmatch(text)
    if match is None or not match[3]:
        raise Problem("is not a condition", EXAMPLE)
    key, sign, value = match[1], "==" if match[2] == "=" else match[2], match[3]
    if key not in known.quantities:
        raise Problem(f"the run has no column {shown(key)}", field=key)
    kind = known.kinds[key]
    if kind == NUMBER:
        return Condition(text, key, _ORDERS[sign], _number(value, known.quantities[key]))
    if sign not in _SAMENESS:
        raise Problem(f"names have no order, {key} holds names", f"{key}=NAME or {key}!=NAME")
    limit = _flag(value) if kind == FLAG else value.strip("\"'")
    return Condition(text, key, _SAMENESS[sign], limit)


def _number(value: str, column: Column) -> float:
    try:
        number = float(value)
    except ValueError:
        return units.quantity(value, column.unit)
    if not np.isfinite(number):
        raise Problem("not a finite number", "a number")
    return number


def _flag(value: str) -> bool:
    if value.lower() not in FLAGS:
        raise Problem("not a flag", one_of(FLAGS))
    return FLAGS[value.lower()]
