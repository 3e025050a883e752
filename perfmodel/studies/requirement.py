"""Conditions that a result must meet, such as `mfu>=0.4`."""

import operator
import re
from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches
from typing import NamedTuple

from perfmodel.config.faults import Fault, refuse, shown
from perfmodel.results.columns import COLUMNS
from perfmodel.studies.best_layout import Row

_FORM = re.compile(r"\s*([a-z][a-z0-9_]*)\s*(<=|>=|==|<|>)\s*([-+]?[0-9.]+(?:[eE][-+]?[0-9]+)?)\s*")

_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "==": operator.eq,
    "<": operator.lt,
    ">": operator.gt,
}


class Requirement(NamedTuple):
    """One condition on a column."""

    text: str
    key: str
    holds: Callable[[float, float], bool]
    limit: float


def parse_requirements(
    texts: Iterable[str], names: Iterable[str] | None = None, option: str = "--require"
) -> list[Requirement]:
    """Reads conditions.

    Parameters
    ----------
    texts
        Column, comparison and number in SI, one condition each.
    names
        What a condition may be about; the columns of a row when not given.
    option
        What the user typed it behind.

    Returns
    -------
    list[Requirement]
        Conditions.

    Raises
    ------
    Faults
        Names every text that is not a condition.
    """
    columns = {column.key for column in COLUMNS.values()} | {"chips", "ratio"}
    known = columns if names is None else set(names)
    found: list[Requirement] = []
    faults: list[Fault] = []
    for text in texts:
        match = _FORM.fullmatch(text)
        if match is None or not _is_number(match[3]):
            expected = "COLUMN>=NUMBER, for example mfu>=0.4"
            faults.append(_fault(option, text, ("is not a condition", expected)))
        elif match[1] not in known:
            near = get_close_matches(match[1], known, 1)
            problem = f'no column is called "{match[1]}"', ""
            faults.append(_fault(option, text, problem, *near))
        else:
            found.append(Requirement(text, match[1], _COMPARISONS[match[2]], float(match[3])))
    refuse(faults)
    return found


def _fault(option: str, text: str, said: tuple[str, str], nearest: str = "") -> Fault:
    problem, expected = said
    return Fault(
        field=option, value=shown(text), problem=problem, expected=expected, nearest=nearest
    )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def unmet(requirements: Sequence[Requirement], rows: Iterable[Row]) -> list[str]:
    """Conditions that a row does not meet, one line each.

    Parameters
    ----------
    requirements
        Conditions.
    rows
        Rows; an infeasible one meets no condition.

    Returns
    -------
    list[str]
        Lines for people.
    """
    lines = []
    for row in rows:
        name = f"{row.get('name', row['site'])}, {row['workload']}"
        for need in requirements:
            value = row.get(need.key, float("nan"))
            if not need.holds(value, need.limit):
                lines.append(f"{need.text} does not hold for {name}: {need.key} is {value:.6g}")
    return lines
