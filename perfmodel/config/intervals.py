"""Reads what runs that were left out of a fit say of the error of a prediction."""

from functools import cache

from perfmodel.config.documents import FieldPath, Place, read
from perfmodel.config.faults import short_path
from perfmodel.config.measurements import shipped_measurements
from perfmodel.config.schema.intervals import Intervals
from perfmodel.config.validation import validate

FILE = "intervals.toml"
"""Beside the measurements; `perfmodel calibrate --runs --write` renews it."""


@cache
def shipped_intervals() -> Intervals:
    """Widths and envelope that ship.

    Returns
    -------
    Intervals
        Checked.
    """
    path = shipped_measurements(FILE)
    table, lines = read(path)

    def place(field: FieldPath) -> Place:
        return Place(short_path(path), lines.get(field))

    return validate(Intervals, table, place)
