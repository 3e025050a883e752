"""Tables, splits and progress on a terminal; plain text into a pipe or a file."""

import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich import box
from rich.console import Console, RenderableType
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from perfmodel.results.canonical import csv_text, json_text
from perfmodel.results.columns import Column
from perfmodel.views.quantities import engineering, human

__all__ = ["csv_text", "facts", "json_text", "progress", "show", "split", "table"]

WIDEST = 160
"""Tables stop growing here, however wide the terminal. [character]"""
UNKNOWN_WIDTH = 120
"""Width of text into a pipe or a file. [character]"""
BAR_WIDTH = 32
"""Width of the longest bar of a split. [character]"""
EIGHTHS = " ▏▎▍▌▋▊▉"
"""Block elements of Unicode, by the eighths of a character that they fill."""


def show(*parts: RenderableType) -> None:
    """Print on standard output, an empty line between parts, in colour only on a terminal.

    A letter that its encoding lacks becomes a question mark, never an error.
    """
    width = min(shutil.get_terminal_size((UNKNOWN_WIDTH, 24)).columns, WIDEST)
    console = Console(file=sys.stdout, width=width, highlight=False, markup=False, emoji=False)
    with console.capture() as captured:
        for i, part in enumerate(parts):
            console.line(min(i, 1))
            console.print(part)
    text = captured.get()
    if not console.is_terminal:
        text = "".join(f"{line.rstrip()}\n" for line in text.splitlines())
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(text.encode(encoding, "replace").decode(encoding))


def table(title: str, columns: Sequence[Column | str], rows: Sequence[Sequence[Any]]) -> Table:
    """Lay out one line per row and one column per quantity.

    Parameters
    ----------
    title
        Stands above the table.
    columns
        Quantities, shown in their display units, or the heads of plain columns.
    rows
        Values in SI, in the order of the columns.
    """
    sheet = _empty(title)
    cells = [
        [human(value, _known(column)) for value, column in zip(row, columns, strict=True)]
        for row in rows
    ]
    for i, column in enumerate(columns):
        head = column.label if isinstance(column, Column) else column
        numeric = any(_is_number(row[i]) for row in rows)
        _add_column(sheet, head, [line[i] for line in cells], numeric=numeric)
    for line in cells:
        sheet.add_row(*map(Text, line))
    return sheet


def facts(
    title: str, names: Sequence[str], columns: Sequence[Column], rows: Sequence[Mapping[str, Any]]
) -> Table:
    """Lay out one line per quantity and one column per site: few things, much to say of each.

    Parameters
    ----------
    title
        Stands above the table.
    names
        Head of each column.
    columns
        The quantities, from top to bottom.
    rows
        One mapping per name, values in SI by :attr:`Column.key`.
    """
    sheet = _empty(title)
    sheet.add_column("")
    lines = [[human(row.get(column.key), column) for row in rows] for column in columns]
    for i, name in enumerate(names):
        _add_column(sheet, name, [line[i] for line in lines], numeric=True)
    for column, line in zip(columns, lines, strict=True):
        sheet.add_row(Text(column.label), *map(Text, line))
    return sheet


def split(title: str, parts: Mapping[str, float], unit: str) -> Table:
    """Lay out the parts of a whole as bars, with their shares and values.

    Parameters
    ----------
    title
        Stands above the bars.
    parts
        Label to value, in SI; parts that are zero are left out.
    unit
        SI unit of the values.
    """
    sheet = Table.grid(padding=(0, 2))
    sheet.title, sheet.title_justify, sheet.title_style = Text(title), "left", "bold"
    for justify in ("left", "left", "right", "right"):
        sheet.add_column(justify=justify, no_wrap=True)
    total, longest = sum(parts.values()), max(parts.values(), default=0.0)
    for label, value in parts.items():
        if value > 0.0:
            bar = Text(_bar(value / longest), style="cyan")
            sheet.add_row(Text(label), bar, f"{value / total:.1%}", engineering(value, unit))
    sheet.add_row("total", "", "", engineering(total, unit), style="bold")
    return sheet


@contextmanager
def progress(description: str, total: int) -> Iterator[Callable[..., None]]:
    """Show a bar with rate and time left on standard error, nothing where that is no terminal.

    Parameters
    ----------
    description
        What is being counted, such as ``layouts``.
    total
        How many there are.

    Yields
    ------
    Callable[..., None]
        Call it with the number that has been done since the last call, and with a new description
        if there is one.
    """
    console = Console(file=sys.stderr, highlight=False)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        Rate(),
        TimeRemainingColumn(),
    )
    silent = not console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=silent) as bar:
        task = bar.add_task(description, total=total)

        def done(count: int, said: str | None = None) -> None:
            bar.update(task, advance=count, description=said)

        yield done


class Rate(ProgressColumn):
    """How many are done in a second."""

    def render(self, task: Task) -> Text:
        """Show the rate with three digits, nothing before the first report."""
        return Text(engineering(task.speed, "1/s") if task.speed else "")


def _empty(title: str) -> Table:
    return Table(
        title=Text(title),
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
    )


def _add_column(sheet: Table, head: str, cells: Sequence[str], *, numeric: bool) -> None:
    """Add a column whose head wraps between words; numbers never wrap."""
    unbroken = [*head.split(), *(cells if numeric else ())]
    sheet.add_column(
        Text(head),
        justify="right" if numeric else "left",
        overflow="fold",
        min_width=max(map(len, unbroken), default=0),
    )


def _known(column: Column | str) -> Column | None:
    return column if isinstance(column, Column) else None


def _is_number(value: Any) -> bool:
    plain = value.item() if hasattr(value, "item") else value
    return isinstance(plain, int | float) and not isinstance(plain, bool)


def _bar(share: float) -> str:
    """Bar of a length between nothing and :data:`BAR_WIDTH`, to an eighth of a character."""
    if not _has_blocks():
        return "#" * round(share * BAR_WIDTH)
    full, eighths = divmod(round(share * BAR_WIDTH * 8), 8)
    return ("█" * full + EIGHTHS[eighths]).rstrip()


def _has_blocks() -> bool:
    return (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
