"""One column as an axis or a colour shows it: label with unit, places of its values, ticks."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from perfmodel.config import units
from perfmodel.results.columns import BARS, Column
from perfmodel.views.figures.sheet import distinct, plain_text
from perfmodel.views.quantities import MISSING, PREFIXES, human, scale
from perfmodel.views.words import nearly_whole

if TYPE_CHECKING:
    from matplotlib.axis import Axis
    from matplotlib.ticker import Locator

LOG, LINEAR, NAMES = "log", "linear", "names"
"""How the values of a column lie."""

WIDE = 30.0
"""Results whose largest value is more than this times the smallest get a logarithmic axis."""

LONGEST_LABEL, LONGEST_NAME = 44, 28
"""Letters of a label and of a name that there is room for."""

SHORT = 0.6
"""Logarithmic axes of fewer decades have ticks at round values."""

MANY = 24
"""More values than this are no ticks of their own."""

UNPREFIXED = ("", "1/s", "kg", "EUR", "K", "m", "m^3/s", "EUR/W", "EUR/J", "kg/J", "m^3/J")
"""SI units that take no prefix."""

THROUGHPUT = "tokens_per_s"
"""The column whose label is its unit."""


class Quantity(NamedTuple):
    """A column that is to be shown."""

    key: str
    """Its name in the rows."""
    column: Column
    """What it is."""
    scale: str
    """How its values lie: log, linear or names."""


class Dimension(NamedTuple):
    """A column as it is shown."""

    label: str
    """With its unit in brackets."""
    unit: str
    """Unit that is shown, empty for counts and names."""
    size: float
    """That unit in SI."""
    scale: str
    """log, linear or names."""
    names: tuple[str, ...]
    """Names in the order of their places; empty for numbers."""


def dimension(quantity: Quantity, values: np.ndarray) -> Dimension:
    """Choose unit and scale for the values of a column.

    Parameters
    ----------
    quantity
        The column.
    values
        All of its values in the figure, SI units.

    Returns
    -------
    Dimension
        How it is shown.
    """
    label = plain_text(quantity.column.label, LONGEST_LABEL)
    if quantity.scale == NAMES:
        return Dimension(label, "", 1.0, NAMES, tuple(map(str, distinct(values))))
    numbers = np.asarray(values, float)
    numbers = numbers[np.isfinite(numbers)]
    kind = quantity.scale if numbers.size and numbers.min() > 0.0 else LINEAR
    unit, size = _unit(quantity.column, numbers)
    if quantity.column.name == THROUGHPUT:
        label, unit = "throughput", label
    return Dimension(f"{label} [{plain_text(unit)}]" if unit else label, unit, size, kind, ())


def result(key: str, column: Column, values: np.ndarray) -> Quantity:
    """A result as a quantity: on a logarithmic axis where its values span a lot.

    Parameters
    ----------
    key
        Its name in the rows.
    column
        What it is.
    values
        Its values.

    Returns
    -------
    Quantity
        The result.
    """
    numbers = np.asarray(values, float)
    numbers = numbers[np.isfinite(numbers)]
    wide = numbers.size and 0.0 < WIDE * numbers.min() < numbers.max()
    return Quantity(key, column, LOG if wide else LINEAR)


def ends(column: Column) -> tuple[str, str] | None:
    """Columns with the ends of the 90 % interval of a result, if it can have one."""
    pair = [BARS.get(f"{column.name}_{end}") for end in ("low", "high")]
    low, high = pair
    return (low.key, high.key) if low and high else None


def places(shown: Dimension, values: np.ndarray) -> np.ndarray:
    """Where values lie on the axis, in the unit that is shown; names lie one apart."""
    if shown.scale != NAMES:
        return np.asarray(values, float) / shown.size
    order = {name: place for place, name in enumerate(shown.names)}
    return np.array([order[str(value)] for value in values.tolist()], float)


def value_text(shown: Dimension, value: object) -> str:
    """One value with its unit, for a legend or a title."""
    if shown.scale == NAMES or not isinstance(value, int | float):
        return plain_text(str(value), LONGEST_NAME)
    return f"{number_text(value / shown.size)} {plain_text(shown.unit)}".rstrip()


def number_text(value: float) -> str:
    """Show a number that stands alone: counts in full, 98,304 being no 98.3k."""
    near = nearly_whole(value)
    return human(near) if near.is_integer() else tick_text(value)


def tick_text(value: float, _: object = None) -> str:
    """Show a number shortly: 0.4, 1024, 98.3k, 2.5M."""
    if not np.isfinite(value):
        return MISSING
    if value == 0.0 or 1e-3 <= abs(value) < 9999.5:
        return f"{value:.4g}"
    power = 3 * int(np.floor(np.log10(abs(value) * (1.0 + 5e-4)) / 3.0))
    if power < 0 or power not in PREFIXES:
        return f"{value:.2e}"
    return f"{value / 10.0**power:.3g}{PREFIXES[power]}"


def lay(axis: "Axis", shown: Dimension, at: np.ndarray, room: int = 8) -> None:
    """Set scale, ticks and label of an axis.

    Parameters
    ----------
    axis
        Level or upright axis.
    shown
        What lies on it.
    at
        Places of the values that are sampled; empty for a result.
    room
        Ticks that there is room for.
    """
    axis.set_label_text(shown.label)
    if shown.scale == NAMES:
        _name_ticks(axis, shown, room)
    elif shown.scale == LOG:
        _log_ticks(axis, np.unique(at[np.isfinite(at)]), room)
    else:
        _linear_ticks(axis, room)


def _name_ticks(axis: "Axis", shown: Dimension, room: int) -> None:
    every = max(1, -(-len(shown.names) // max(room, 12)))
    labels = [plain_text(name, LONGEST_NAME) for name in shown.names]
    letters = sum(map(len, labels))
    axis.set_ticks(range(0, len(labels), every), labels[::every])
    if axis is axis.axes.xaxis and letters > 7 * room:
        for label in axis.get_ticklabels():
            label.set(rotation=30, ha="right", rotation_mode="anchor")


def _log_ticks(axis: "Axis", values: np.ndarray, room: int) -> None:
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    _set_log(axis)
    axis.set_major_formatter(FuncFormatter(tick_text))
    axis.set_minor_locator(NullLocator())
    chosen = values[:: max(1, -(-len(values) // room))]
    gaps = np.diff(np.log(chosen))
    even = len(chosen) > 1 and gaps.min() * room > 0.6 * np.ptp(np.log(values))
    if len(values) <= MANY and even:
        axis.set_major_locator(FixedLocator(chosen.tolist()))
    else:
        axis.set_major_locator(_log_locator(axis, room))


def _log_locator(axis: "Axis", room: int) -> "Locator":
    """Ticks at 1, 2 and 5 where there is room, at powers of ten else, round values in a decade."""
    from matplotlib.ticker import LogLocator, MaxNLocator

    low, high = axis.get_view_interval()
    decades = np.log10(high / low)
    if decades < SHORT:
        return MaxNLocator(room, steps=[1, 2, 2.5, 5, 10])
    subs = (1.0, 2.0, 5.0) if 3.0 * decades <= room + 1.0 else (1.0,)
    return LogLocator(subs=subs, numticks=20)


def _set_log(axis: "Axis") -> None:
    axes = axis.axes
    (axes.set_xscale if axis is axes.xaxis else axes.set_yscale)("log")


def _linear_ticks(axis: "Axis", room: int) -> None:
    from matplotlib.ticker import EngFormatter, MaxNLocator, ScalarFormatter

    axis.set_major_locator(MaxNLocator(room, steps=[1, 2, 2.5, 5, 10]))
    low, high = axis.get_view_interval()
    large = max(abs(low), abs(high)) >= 1e4
    formatter = EngFormatter(sep="") if large else ScalarFormatter(useOffset=False)
    axis.set_major_formatter(formatter)


def _unit(column: Column, numbers: np.ndarray) -> tuple[str, float]:
    """Unit that people read: that of the table of quantities, or a prefix that suits the values."""
    if column.display and column.display != column.unit:
        shown = scale(column)
        return shown.unit, shown.size
    if column.unit in units.PER_ENERGY:
        written = units.PER_ENERGY[column.unit]
        return written, units.quantity(f"1 {written}", column.unit)
    positive = np.abs(numbers[numbers != 0.0])
    if column.unit in UNPREFIXED or not positive.size:
        return ("" if column.name == THROUGHPUT else column.unit), 1.0
    power = 3 * int(np.floor(np.log10(np.median(positive)) / 3.0 + 1e-9))
    power = min(max(power, min(PREFIXES)), 0 if column.unit == "s" else max(PREFIXES))
    return f"{PREFIXES[power]}{column.unit}", 10.0**power
