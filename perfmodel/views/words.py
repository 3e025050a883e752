"""Values of a stored run in words: geometric axes hold 16384.000000000004, people 16,384."""

from typing import Any

from perfmodel.results.columns import Column
from perfmodel.views.quantities import engineering, human

WHOLE = 1e-9
"""Numbers this close to a whole one, relative to it, are shown as it."""


def nearly_whole(value: float) -> float:
    """Round a number that is whole but for the last digits of a floating-point power."""
    if abs(value) < 2.0**53 and abs(value - round(value)) <= WHOLE * abs(value):
        return float(round(value))
    return value


def point_value(column: Column, value: Any) -> str:
    """Show a value of a point.

    Parameters
    ----------
    column
        What it is.
    value
        Number in SI, name or flag.

    Returns
    -------
    str
        Number with its unit, or the name.
    """
    value = value.item() if hasattr(value, "item") else value
    number = isinstance(value, float) and not column.unit and not column.display
    return human(nearly_whole(value) if number else value, column)


def named_value(column: Column, value: float) -> str:
    """Show a result with its name: `169 M tokens/s`, `MFU 41 %`.

    Parameters
    ----------
    column
        What it is.
    value
        A finite number in SI.

    Returns
    -------
    str
        The number, and the label as its unit where it is a rate.
    """
    if column.unit == "1/s":
        return f"{engineering(value)} {column.label}"
    return f"{column.label} {point_value(column, value)}"
