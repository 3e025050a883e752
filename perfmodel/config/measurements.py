"""Reads files of measurements: CSV against the schema of its rows, every fault with its line."""

import csv
import stat
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple, TextIO, TypeVar

from perfmodel.config.documents import Place
from perfmodel.config.faults import (
    Fault,
    Faults,
    attempt,
    nearest,
    one_of,
    refuse,
    short_path,
    shown,
)
from perfmodel.config.fields import annotation_of, expectation, kinds
from perfmodel.config.library import shipped
from perfmodel.config.schema.measurement import Row
from perfmodel.config.validation import validate

R = TypeVar("R", bound=Row)

FOLDER = "validation"
"""Folder of the measurements that ship, beside those of the configs."""


class Record(NamedTuple):
    """One line of a CSV file, quoted line breaks joined."""

    line: int
    """Where it begins, counted from 1."""
    cells: list[str]
    """Its cells, blanks around them removed."""


def shipped_measurements(name: str) -> Path:
    """Path of a file of measurements that ships.

    Parameters
    ----------
    name
        File name, such as ``collectives.csv``.
    """
    return shipped() / FOLDER / name


def read_files(paths: Sequence[Path], schema: type[R]) -> list[R]:
    """Read several files; the faults of all are said together.

    Parameters
    ----------
    paths
        CSV files.
    schema
        What a row holds.

    Returns
    -------
    list[R]
        Rows, file by file.

    Raises
    ------
    Faults
        All that is wrong with any of them.
    """
    found: list[Fault] = []
    rows = [row for path in paths for row in attempt(found, read_rows, path, schema) or ()]
    refuse(found)
    return rows


def read_rows(path: Path, schema: type[R]) -> list[R]:
    """Read one CSV file with a head line; blank cells are none, unknown columns are passed over.

    Parameters
    ----------
    path
        The file.
    schema
        What a row holds.

    Returns
    -------
    list[R]
        One object per row, in the order of the file.

    Raises
    ------
    Faults
        Missing columns, cells that are not what the schema says, with line and column.
    """
    place = short_path(path)
    records = _records(path, place)
    head = next(records, None)
    if head is None:
        raise Faults([Fault(problem="is empty", file=place, expected="a line of column names")])
    refuse(fault.at(place, head.line) for fault in _head_faults(head.cells, schema))
    found: list[Fault] = []
    rows = [attempt(found, _row, record, head.cells, schema, path) for record in records]
    if not rows:
        found.append(Fault(problem="holds no rows", file=place))
    refuse(found)
    return [row for row in rows if row is not None]


def _row(record: Record, head: Sequence[str], schema: type[R], path: Path) -> R:
    place = Place(short_path(path), record.line)
    if len(record.cells) != len(head):
        problem = f"a row of {len(record.cells)} cells"
        raise Faults([Fault(problem=problem, expected=f"{len(head)} as in the head").at(*place)])
    cells = dict(zip(head, record.cells, strict=True))
    named = {column: cells[column] for column in schema.model_fields if column in cells}
    filled = {column: cell for column, cell in named.items() if cell}
    blank = dict.fromkeys(column for column in named if _may_be_blank(schema, column))
    table = {"id": f"{path.stem}:{record.line}", **blank, **filled}
    try:
        return validate(schema, table, lambda _: place)
    except Faults as error:
        faults = error.faults
    raise Faults(_in_words(fault, schema) for fault in faults)


def _in_words(fault: Fault, schema: type[Row]) -> Fault:
    """A field that a table lacks is a blank cell here."""
    if fault.problem != "is missing":
        return fault
    return replace(fault, problem="is blank", expected=_meaning(schema, fault.field))


def _may_be_blank(schema: type[Row], column: str) -> bool:
    """Whether none is a value of the field; others take their default, if they have one."""
    return type(None) in getattr(schema.model_fields[column].annotation, "__args__", ())


def _head_faults(head: Sequence[str], schema: type[Row]) -> list[Fault]:
    fields = schema.model_fields
    repeated = dict.fromkeys(name for name in head if name and head.count(name) > 1)
    found = [Fault(problem="a column that comes twice", value=shown(name)) for name in repeated]
    needed = [name for name, info in fields.items() if info.is_required() and name != "id"]
    found += [_absent(name, head, schema) for name in needed if name not in head]
    if schema.TIMES and not set(schema.TIMES) & set(head):
        expected = one_of(schema.TIMES)
        found.append(Fault(problem="no column of what was measured", expected=expected))
    return found


def _absent(name: str, head: Sequence[str], schema: type[Row]) -> Fault:
    unknown = [column for column in head if column not in schema.model_fields]
    close = nearest(name, unknown)
    problem = f"no such column, but one called {shown(close)}" if close else "no such column"
    return Fault(problem=problem, field=name, expected=_meaning(schema, name))


def _meaning(schema: type[Row], column: str) -> str:
    """What belongs into a column: its type, then what the schema says of it."""
    info = schema.model_fields[column]
    annotation = annotation_of(info)
    type_words = "a text" if str in kinds(annotation) else expectation(annotation)
    meaning = (info.description or "").partition(" [")[0].rstrip(".")
    return f"{type_words} ({meaning})" if meaning else type_words


def _records(path: Path, place: str) -> Iterator[Record]:
    """Lines one after the other; a file that is no text ends them with a fault."""
    _refuse_no_file(path, place)
    reached = 0
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            for record in _split(file):
                reached = record.line
                yield record
    except UnicodeDecodeError:
        raise Faults([Fault(problem="not UTF-8 text", file=place, expected="CSV")]) from None
    except csv.Error as error:
        problem = f"not valid CSV: {error}"
        raise Faults([Fault(problem=problem, file=place, line=reached + 1)]) from None


def _split(file: TextIO) -> Iterator[Record]:
    reader = csv.reader(file, strict=True)
    line = 1
    for cells in reader:
        if any(cell.strip() for cell in cells):
            yield Record(line, [cell.strip() for cell in cells])
        line = reader.line_num + 1


def _refuse_no_file(path: Path, place: str) -> None:
    """A pipe or a device could be without end."""
    problem = "no such file"
    try:
        if stat.S_ISREG(path.stat().st_mode):
            return
        problem = "not a file"
    except FileNotFoundError:
        pass
    except (OSError, ValueError) as error:
        problem = f"cannot be read: {getattr(error, 'strerror', None) or error}"
    raise Faults([Fault(problem=problem, file=place, expected="a CSV file")])
