"""How a stored SI number is shown to people: unit, prefix and three significant digits."""

import math
from typing import Any, NamedTuple

from perfmodel.config import units
from perfmodel.results.columns import Column

PREFIXES = {**units.PREFIXES, -6: "µ", 18: "E"}
"""Power of ten to SI prefix: those of configs, micro as it is printed, and exa for totals."""

MISSING = "–"
"""What stands for a number that does not exist, such as the step time of no layout."""

EXACT_BELOW = 10_000_000
"""Counts below this are shown in full: people compare 98,304 chips with 100,000."""


class Scale(NamedTuple):
    """A unit that people read, and its size."""

    unit: str
    """Text of the unit, empty for a count or a ratio."""
    size: float
    """The unit in SI."""


def scale(column: Column) -> Scale:
    """Find the unit in which a quantity is shown on an axis or in a table."""
    if not column.display or column.display == column.unit:
        return Scale(column.unit, 1.0)
    return Scale(column.display, units.quantity(f"1 {column.display}", column.unit))


def axis_label(column: Column) -> str:
    """Label of an axis, its unit in brackets."""
    unit = scale(column).unit
    return f"{column.label} [{unit}]" if unit else column.label


def human(value: Any, column: Column | None = None) -> str:
    """Show one stored value: a number with its unit, a text or a flag.

    Parameters
    ----------
    value
        Number in SI, text, flag or none.
    column
        What it is; without one the number has no unit.

    Returns
    -------
    str
        Such as ``143 MW``, ``41.2 %``, ``98,304`` or ``yes``.
    """
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None or not math.isfinite(value):
        return MISSING
    return _number(value, column or Column("", "", ""))


def _number(value: float, column: Column) -> str:
    is_count = not column.unit and not column.display and float(value).is_integer()
    if is_count and abs(value) < EXACT_BELOW:
        return f"{int(value):,}"
    if not column.display:
        return engineering(value, column.unit)
    unit, size = scale(column)
    return f"{three_digits(value / size)} {unit}"


def engineering(value: float, unit: str = "") -> str:
    """Show a number with an SI prefix and three significant digits.

    Parameters
    ----------
    value
        A finite number in SI.
    unit
        Its SI unit. Seconds take no prefix above one, ratios none below one.

    Returns
    -------
    str
        Such as ``143 MW``, ``1.02 M`` or ``12.5 ms``.
    """
    power = 3 * math.floor(_exponent(value) / 3)
    lowest, highest = _prefix_range(unit)
    power = min(max(power, lowest), highest)
    suffix = PREFIXES[power] + (unit.removeprefix("1") if unit.startswith("1/") else unit)
    return f"{three_digits(value / 10.0**power)} {suffix}".rstrip()


def three_digits(value: float) -> str:
    """Round to three significant digits, thousands separated: 1.43, 143, 14,300."""
    exponent = _exponent(value)
    if not -4 <= exponent <= 12:
        return f"{value:.2e}"
    rounded = float(f"{value:.2e}")
    return f"{rounded:,.{max(0, 2 - exponent)}f}"


def _exponent(value: float) -> int:
    """Decimal exponent after rounding to three digits, so that 999.7 counts as 1,000."""
    return int(f"{value:.2e}".partition("e")[2])


def _prefix_range(unit: str) -> tuple[int, int]:
    lowest, highest = min(PREFIXES), max(PREFIXES)
    if unit == "s":
        return lowest, 0
    return (0 if unit in {"", "1/s"} else lowest), highest
