"""Quantities of configs: text with a unit, read by dimension into SI and shown again."""

import math
import re
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from perfmodel.config.faults import Problem

if TYPE_CHECKING:
    from pint import UnitRegistry

LONGEST = 64
"""Characters of the longest text that is still read as a quantity."""

EXAMPLES = {
    "": "5 %",
    "1/s": "0.0038 1/d",
    "B": "80 GB",
    "B/s": "3.35 TB/s",
    "EUR": "25000 EUR",
    "EUR/J": "0.09 EUR/kWh",
    "EUR/W": "8.3 USD/W",
    "FLOP": "3.8e25 FLOP",
    "FLOP/s": "989.4 TFLOP/s",
    "Hz": "1980 MHz",
    "J": "20 MWh",
    "J/B": "35 pJ/B",
    "J/FLOP": "0.84 pJ/FLOP",
    "K": "10.5 degC",
    "W": "700 W",
    "kg": "300 kg",
    "kg/J": "380 g/kWh",
    "m": "30 m",
    "m^3/J": "0.3 L/kWh",
    "s": "2 us",
}
"""What a user may write, by SI unit."""

PER_ENERGY = {"EUR/J": "EUR/MWh", "kg/J": "g/kWh", "m^3/J": "L/kWh"}
"""What an amount per energy is shown in, by SI unit."""

UNPREFIXED = ("kg", "EUR/W")
"""Shown as they are."""

PREFIXES = {-12: "p", -9: "n", -6: "u", -3: "m", 0: "", 3: "k", 6: "M", 9: "G", 12: "T", 15: "P"}
"""Power of ten to the prefix in which a config shows it."""

_NUMBER = re.compile(r"\s*([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)(.*)", re.DOTALL)
_NAME = r"(?:°C|%|[A-Za-zµμ€$]+(?:\^-?[1-9])?)"
_UNIT = re.compile(rf"(?:1/)?{_NAME}(?:\s*[/*·]\s*{_NAME})*")
_AS_IDENTIFIER = {"°C": "degC", "%": "percent", "€": "EUR", "$": "USD", "·": "*", "^": "**"}


def quantity(value: Any, unit: str) -> float:
    """Read a number with its unit.

    Parameters
    ----------
    value
        Text such as ``"3.35 TB/s"``; anything else is refused.
    unit
        SI unit of the wanted dimension, such as ``B/s``; empty for a ratio.

    Returns
    -------
    float
        The quantity in that unit.
    """
    expected = f'a number and a unit, such as "{example(unit)}"'
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        raise Problem("a number without a unit", expected)
    if not isinstance(value, str):
        raise Problem("not a text", expected)
    if len(value) > LONGEST:
        raise Problem(f"a text of {len(value)} characters", expected)
    number, written = _split(value, expected)
    factor, offset = _conversion(written, unit)
    result = _nonzero(number, value, expected) * factor + offset
    if not math.isfinite(result):
        raise Problem("a number too large to compute with", expected)
    return result


def example(unit: str) -> str:
    """Give a text that would be right for an SI unit."""
    return EXAMPLES.get(unit, f"1 {unit}")


def text(value: float, unit: str, display: str | None = None) -> str:
    """Show an SI number as a config would write it.

    Parameters
    ----------
    value
        Number in SI.
    unit
        Its SI unit.
    display
        Unit to show it in; none chooses a prefix, and degrees Celsius for a temperature.

    Returns
    -------
    str
        Such as ``3.35 TB/s``; reads back to the same number within six digits.
    """
    display = _display(value, unit) if display is None else display
    factor, offset = _conversion(display, unit) if display else (1.0, 0.0)
    return f"{(value - offset) / factor:.6g} {display}".rstrip()


def _split(value: str, expected: str) -> tuple[str, str]:
    match = _NUMBER.fullmatch(value)
    if match is None:
        raise Problem("no number before the unit", expected)
    number, written = match[1], match[2].strip(" \t")
    if not written:
        raise Problem("a number without a unit", expected)
    if re.match(r",[0-9]", written):
        raise Problem("a comma in the number", f"a decimal point, {expected}")
    if _UNIT.fullmatch(written) is None:
        raise Problem("what follows the number is not a unit", expected)
    return number, written


def _nonzero(number: str, value: str, expected: str) -> float:
    result = float(number)
    if result == 0.0 and re.search(r"[1-9]", re.split(r"[eE]", number)[0]):
        raise Problem("a number too small to compute with", expected)
    return result


@lru_cache(maxsize=4096)
def _conversion(written: str, unit: str) -> tuple[float, float]:
    """Factor and offset from a written unit to an SI unit."""
    from pint import PintError

    registry = _registry()
    expected = f'a unit of {unit or "a ratio"}, such as in "{example(unit)}"'
    try:
        source, target = _parsed(written), _parsed(unit)
        offset = registry.convert(0.0, source, target)
        return registry.convert(1.0, source, target) - offset, offset
    except (PintError, ValueError, TypeError, AttributeError) as error:
        problem = _unit_problem(written, unit, error)
    raise Problem(problem, expected)


def _unit_problem(written: str, unit: str, error: Exception) -> str:
    from pint import DimensionalityError

    if isinstance(error, DimensionalityError):
        return f'"{written}" does not measure {unit or "a ratio"}'
    return f'no unit is called "{written}"'


def _parsed(written: str) -> Any:
    plain = written
    for symbol, identifier in _AS_IDENTIFIER.items():
        plain = plain.replace(symbol, identifier)
    for name in re.findall(r"[^\W\d]+", plain):
        _refuse_plural_symbol(name)
    return _registry().parse_units(plain)


def _refuse_plural_symbol(name: str) -> None:
    """Refuse "Ws" and "FLOPs": pint reads them as plurals of W and FLOP, a reader may not."""
    if name.endswith("s") and f"{_registry().parse_units(name):~}" == name[:-1]:
        raise ValueError(name)


@lru_cache(maxsize=1)
def _registry() -> "UnitRegistry[Any]":
    from pint import UnitRegistry

    return UnitRegistry(str(Path(__file__).with_name("units.txt")), cache_folder=None)


def _display(value: float, unit: str) -> str:
    if unit == "K":
        return "degC"
    if unit in PER_ENERGY:
        return PER_ENERGY[unit]
    if (
        not unit
        or unit[0].isdigit()
        or unit in UNPREFIXED
        or not math.isfinite(value)
        or value == 0.0
    ):
        return unit
    power = 3 * math.floor(math.log10(abs(value)) / 3)
    highest = 0 if unit == "s" else max(PREFIXES)
    return PREFIXES[min(max(power, min(PREFIXES)), highest)] + unit
