"""JSON and CSV text that depends on the values alone."""

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

import numpy as np


def json_text(value: Any, indent: int | None = 2) -> str:
    """Write nested values as JSON, numbers that JSON cannot hold as null.

    Parameters
    ----------
    value
        Mappings, sequences, named tuples, arrays, numbers, text.
    indent
        Spaces per level; none for one line.

    Returns
    -------
    str
        JSON text in the order of the mappings, without a final line break.
    """
    return json.dumps(plain(value), indent=indent, ensure_ascii=False, allow_nan=False)


def csv_text(rows: Mapping[str, Sequence[Any] | np.ndarray]) -> str:
    """Write columns as CSV with a head line, numbers that are not finite as empty cells.

    Parameters
    ----------
    rows
        One sequence per column, equally long.

    Returns
    -------
    str
        CSV text, lines ended by a line feed.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(rows)
    writer.writerows(zip(*(plain(column) for column in rows.values()), strict=True))
    return text.getvalue()


def plain(value: Any) -> Any:
    """Reduce a value to what JSON knows: objects, lists, text, numbers, booleans and null."""
    fields = getattr(value, "_asdict", None)  # of a named tuple
    if fields is not None:
        value = fields()
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if hasattr(value, "tolist"):  # NumPy and JAX arrays and scalars
        return plain(value.tolist())
    return _leaf(value)


def _leaf(value: Any) -> bool | int | float | str | None:
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, PurePath):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")
