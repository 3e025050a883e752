"""A stored run: a folder of chunks, read column by column and chunk by chunk."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from perfmodel.config.faults import Fault, Faults, nearest, refuse, short_path, shown
from perfmodel.results.columns import BARS, COLUMNS, Column
from perfmodel.results.conditions import FLAG, NUMBER, TEXT, Condition, Known, parse_conditions
from perfmodel.results.manifest import EXPECTED, Manifest, read_manifest

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    import xarray as xr

CHUNK = re.compile(r"chunk-([0-9]{6,})\.parquet")
"""Name of a chunk and its number."""

KNOWN = {column.key: column for column in (*COLUMNS.values(), *BARS.values())}
"""Quantities of a run by the name of their column."""


@dataclass(frozen=True)
class Run:
    """One stored run; opening it reads its manifest and names of columns, no values."""

    folder: Path
    """Where it lies."""
    manifest: Manifest
    """What was asked."""
    chunks: tuple[Path, ...]
    """Chunks that are there, in their order."""
    quantities: Mapping[str, Column]
    """Every column by key: what it is, its unit and label."""
    kinds: Mapping[str, str]
    """Every column by key: number, flag or text."""

    @property
    def units(self) -> dict[str, str]:
        """SI unit of each column that has one."""
        return {key: column.unit for key, column in self.quantities.items() if column.unit}

    @property
    def complete(self) -> bool:
        """Whether every chunk is there."""
        return len(self.chunks) == self.manifest.chunks

    def columns(self, *keys: str, where: Sequence[Condition] = ()) -> dict[str, np.ndarray]:
        """Read columns whole, one chunk after the other; only these are read from the disk.

        Parameters
        ----------
        keys
            Names of columns; all of them when none is given.
        where
            Conditions that rows must meet.

        Returns
        -------
        dict[str, np.ndarray]
            Columns by key in the order asked for, SI units, rows in the order of the points.

        Raises
        ------
        Faults
            There is no such column, or a chunk cannot be read.
        """
        wanted = tuple(dict.fromkeys(keys or self.quantities))
        parts = list(self.batches(*wanted, where=where))
        return {key: np.concatenate([part[key] for part in parts]) for key in wanted}

    def batches(
        self, *keys: str, where: Sequence[Condition] = ()
    ) -> Iterator[dict[str, np.ndarray]]:
        """Read columns chunk by chunk, for runs that are larger than the memory.

        Parameters
        ----------
        keys
            Names of columns.
        where
            Conditions that rows must meet.

        Yields
        ------
        dict[str, np.ndarray]
            Columns of one chunk.
        """
        needed = tuple(dict.fromkeys((*keys, *(one.key for one in where))))
        self.check({"": needed})
        for path in self.chunks:
            rows = _read(path, needed)
            if not where:
                yield rows
                continue
            keep = np.all([one.met(rows[one.key]) for one in where], axis=0)
            yield {key: rows[key][keep] for key in keys}

    def conditions(self, texts: Sequence[str]) -> list[Condition]:
        """Read conditions on the rows of this run.

        Parameters
        ----------
        texts
            Such as ``chip=h100`` or ``mfu>=0.4``.

        Returns
        -------
        list[Condition]
            For :meth:`columns`.

        Raises
        ------
        Faults
            Every text that is no condition.
        """
        return parse_conditions(texts, Known(self.quantities, self.kinds))

    def to_pandas(self, *keys: str) -> "pd.DataFrame":
        """Make a table with a row per point, see :func:`perfmodel.results.frames.to_pandas`."""
        from perfmodel.results.frames import to_pandas

        return to_pandas(self, *keys)

    def to_xarray(self, *keys: str) -> "xr.Dataset":
        """Make a grid over the axes, see :func:`perfmodel.results.frames.to_xarray`."""
        from perfmodel.results.frames import to_xarray

        return to_xarray(self, *keys)

    def check(self, asked: Mapping[str, Sequence[str]]) -> None:
        """Make sure that columns exist.

        Parameters
        ----------
        asked
            Names of columns by the option that named them.

        Raises
        ------
        Faults
            Every name that no column has, each with the nearest one that exists.
        """
        refuse(
            Fault(
                file="" if option else short_path(self.folder),
                field=option,
                value=shown(key),
                problem="the run has no such column",
                nearest=nearest(key, self.quantities),
            )
            for option, keys in asked.items()
            for key in keys
            if key not in self.quantities
        )


def open_run(path: Path | str) -> Run:
    """Open a stored run.

    Parameters
    ----------
    path
        Its folder. Chunks may be missing while it is under way.

    Returns
    -------
    Run
        The run.

    Raises
    ------
    Faults
        There is no such folder, it holds no run of this program, or no chunk yet.
    """
    folder = Path(path)
    manifest = read_manifest(folder)
    chunks = _chunks(folder, manifest.chunks)
    if not chunks:
        raise Faults([Fault(file=short_path(folder), problem="holds no finished chunk yet")])
    schema = _schema(chunks[0])
    quantities = {field.name: _quantity(field, manifest) for field in schema}
    lost = [key for key in (*manifest.keys, "feasible") if key not in quantities]
    if lost:
        problem = f"lacks the column {shown(lost[0])}"
        raise Faults([Fault(file=short_path(chunks[0]), problem=problem, expected=EXPECTED)])
    kinds = {field.name: _kind(field.type) for field in schema}
    if kinds["feasible"] != FLAG:
        problem = 'the column "feasible" holds no flags'
        raise Faults([Fault(file=short_path(chunks[0]), problem=problem, expected=EXPECTED)])
    return Run(folder, manifest, chunks, quantities, kinds)


def _chunks(folder: Path, number: int) -> tuple[Path, ...]:
    """Chunks of this run; one beyond its end is a leftover of another."""
    found = ((CHUNK.fullmatch(path.name), path) for path in folder.iterdir())
    numbered = sorted((int(match[1]), path) for match, path in found if match)
    return tuple(path for place, path in numbered if place < number)


def _quantity(field: "pa.Field", manifest: Manifest) -> Column:
    """What a column is: an axis as the manifest says, a known quantity, or what the file says."""
    axis = next((axis for axis in manifest.axes if axis.key == field.name), None)
    if axis is not None:
        return Column(axis.key, axis.unit, axis.label)
    if field.name in KNOWN:
        return KNOWN[field.name]
    notes = {key.decode(): value.decode() for key, value in (field.metadata or {}).items()}
    return Column(field.name, notes.get("unit", ""), notes.get("label", field.name))


def _kind(kind: "pa.DataType") -> str:
    import pyarrow as pa

    if pa.types.is_boolean(kind):
        return FLAG
    return NUMBER if pa.types.is_integer(kind) or pa.types.is_floating(kind) else TEXT


def _schema(path: Path) -> "pa.Schema":
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.read_schema(path)
    except (OSError, pa.ArrowException) as error:
        raise _unreadable(path, error) from None


def _read(path: Path, keys: Sequence[str]) -> dict[str, np.ndarray]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            table = file.read(columns=list(keys))
        return {key: _array(table.column(key)) for key in keys}
    except (OSError, KeyError, pa.ArrowException) as error:
        raise _unreadable(path, error) from None


def _array(column: "pa.ChunkedArray") -> np.ndarray:
    """Values as NumPy has them; what is missing becomes NaN or an empty text."""
    import pyarrow as pa

    if _kind(column.type) == TEXT:
        return column.cast(pa.string()).fill_null("").to_numpy()
    return column.to_numpy()


def _unreadable(path: Path, error: Exception) -> Faults:
    lines = str(error).splitlines() or [""]
    problem = f"cannot be read as a chunk of a run: {lines[0]}"
    return Faults([Fault(file=short_path(path), problem=problem)])
