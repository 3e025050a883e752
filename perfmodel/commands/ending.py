"""How verbs that write a folder end: JSON, CSV, or tables with a line that names the folder."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import RenderableType

from perfmodel.results.canonical import csv_text, json_text
from perfmodel.views.comparison import columns_of
from perfmodel.views.terminal import show


class Told(NamedTuple):
    """What a verb has found, in the forms that it may be asked for."""

    document: dict[str, Any]
    """JSON values."""
    rows: Sequence[dict[str, Any]]
    """What CSV holds."""
    parts: Sequence[RenderableType]
    """Tables for people."""


def tell(form: str, told: Told, out: Path) -> int:
    """Prints an answer.

    Parameters
    ----------
    form
        A table, JSON or CSV.
    told
        The answer; its document names files and run time.
    out
        Folder of the files.

    Returns
    -------
    int
        Exit status.
    """
    if form == "json":
        sys.stdout.write(json_text(told.document) + "\n")
    elif form == "csv":
        sys.stdout.write(csv_text(columns_of(told.rows)))
    else:
        files, wall = len(told.document["files"]), told.document["wall_s"]
        show(*told.parts, f"Tables and figures: {out}/ ({files} files, {wall:.1f} s)")
    return 0
