"""Parquet files of result columns, with units, labels and provenance inside."""

from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

import numpy as np

from perfmodel.results.atomic import whole_file
from perfmodel.results.columns import (
    BARS,
    COLUMNS,
    COST,
    GOODPUT,
    NETWORK,
    OUTCOME,
    POWER,
    TRAINING,
)
from perfmodel.results.provenance import Provenance, from_metadata, to_metadata

if TYPE_CHECKING:
    import pyarrow as pa

BY_KEY = {
    c.key: c
    for table in (TRAINING, COST, GOODPUT, OUTCOME, BARS, COLUMNS, NETWORK)
    for c in table.values()
} | {c.key: c for c in POWER}
"""Every output quantity by the name of its Parquet column."""

Rows = Mapping[str, Sequence[Any] | np.ndarray]
"""Columns by key, equally long."""


class Stored(NamedTuple):
    """A file read back."""

    rows: dict[str, np.ndarray]
    """Columns by key, in the order of the file."""
    units: dict[str, str]
    """SI unit of each column that has one."""
    provenance: Provenance
    """Where the numbers came from."""


def write(path: Path, rows: Rows, provenance: Provenance) -> None:
    """Store columns in one Parquet file that appears whole or not at all.

    The same rows and provenance give the same bytes.

    Parameters
    ----------
    path
        The file; an older one is replaced.
    rows
        Columns in SI units, known quantities under their :attr:`Column.key`.
    provenance
        Where the numbers came from.

    Raises
    ------
    ValueError
        Columns differ in length, hold values that have no Parquet type, or the file cannot
        be written.
    """
    with whole_file(path) as file:
        _put(file, rows, provenance, {})


def encoded(rows: Rows, provenance: Provenance, units: Mapping[str, str] | None = None) -> bytes:
    """The bytes that :func:`write` would store.

    Parameters
    ----------
    rows, provenance
        As there.
    units
        SI unit of columns that are no known quantity.

    Returns
    -------
    bytes
        A Parquet file.
    """
    file = BytesIO()
    _put(file, rows, provenance, units or {})
    return file.getvalue()


def _put(file: BinaryIO, rows: Rows, provenance: Provenance, units: Mapping[str, str]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = _table(rows, provenance, units)
    # numbers rarely repeat: looking for those that do takes 5 times as long as all the rest
    texts = [field.name for field in table.schema if pa.types.is_string(field.type)]
    pq.write_table(
        table,
        file,
        compression="zstd",
        use_dictionary=texts,  # pyright: ignore[reportArgumentType] a list by its manual
    )


def read(path: Path) -> Stored:
    """Read a file that :func:`write` stored.

    Raises
    ------
    ValueError
        There is no such file, or it is not a result file of this program.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.ParquetFile(path).read()
    except (OSError, pa.ArrowException) as error:
        raise ValueError(f"{path}: cannot be read as Parquet: {error}") from error
    try:
        provenance = from_metadata(_text_pairs(table.schema.metadata))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    rows = {
        name: column.to_numpy()
        for name, column in zip(table.column_names, table.columns, strict=True)
    }
    return Stored(rows, _units(table.schema), provenance)


def _table(rows: Rows, provenance: Provenance, units: Mapping[str, str]) -> "pa.Table":
    import pyarrow as pa

    arrays = {key: _array(key, values) for key, values in rows.items()}
    _check_lengths({key: len(array) for key, array in arrays.items()})
    fields = [
        pa.field(key, array.type, metadata=_notes(key, units)) for key, array in arrays.items()
    ]
    schema = pa.schema(fields, metadata=to_metadata(provenance))
    return pa.Table.from_arrays(list(arrays.values()), schema=schema)


def _array(key: str, values: Sequence[Any] | np.ndarray) -> "pa.Array":
    import pyarrow as pa

    try:
        return pa.array(values if isinstance(values, list) else np.asarray(values))
    except pa.ArrowException as error:
        raise ValueError(f"column {key}: cannot be stored: {error}") from error


def _check_lengths(lengths: Mapping[str, int]) -> None:
    if len(set(lengths.values())) > 1:
        found = ", ".join(f"{key} {length}" for key, length in lengths.items())
        raise ValueError(f"columns differ in length: {found}")


def _notes(key: str, units: Mapping[str, str]) -> dict[str, str] | None:
    """Unit and label of a known quantity, unit of another one, as metadata of its field."""
    column = BY_KEY.get(key)
    if column is None:
        return {"unit": units[key]} if units.get(key) else None
    return {"unit": column.unit, "label": column.label}


def _units(schema: "pa.Schema") -> dict[str, str]:
    notes = {field.name: _text_pairs(field.metadata).get("unit", "") for field in schema}
    return {name: unit for name, unit in notes.items() if unit}


def _text_pairs(pairs: Mapping[bytes, bytes] | None) -> dict[str, str]:
    return {key.decode(): value.decode() for key, value in (pairs or {}).items()}
