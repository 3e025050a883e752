"""One answer in the three forms that verbs offer: table, JSON and CSV."""

import sys
from collections.abc import Sequence
from typing import NamedTuple

from pydantic import BaseModel

from perfmodel.results.canonical import csv_text, json_text
from perfmodel.views.terminal import show, table


class Sheet(NamedTuple):
    """A table of records."""

    record: type[BaseModel]
    """What a line holds."""
    heads: tuple[str, ...]
    """Fields that people see."""
    title: str = ""
    """Stands above the table."""


def print_records(
    answer: BaseModel,
    rows: Sequence[BaseModel],
    form: str,
    sheet: Sheet,
) -> None:
    """Print an answer on standard output.

    Parameters
    ----------
    answer
        The whole, as JSON has it.
    rows
        Its list of records, as CSV has it.
    form
        ``table``, ``json`` or ``csv``.
    sheet
        How a table shows the records.
    """
    if form == "json":
        sys.stdout.write(json_text(answer.model_dump()) + "\n")
    elif form == "csv":
        fields = sheet.record.model_fields
        sys.stdout.write(csv_text({name: [getattr(row, name) for row in rows] for name in fields}))
    else:
        cells = [[getattr(row, head) for head in sheet.heads] for row in rows]
        show(table(sheet.title, sheet.heads, cells))
