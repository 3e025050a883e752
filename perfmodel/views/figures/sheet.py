"""The sheet that every figure is drawn on: style, title, caption, and saving as PNG and SVG."""

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from perfmodel.config.faults import printable
from perfmodel.results.atomic import whole_file

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STYLE = Path(__file__).parent.parent / "style.mplstyle"
CAPTION_CHARACTERS_PER_INCH = 18
"""Characters of the caption's font that fit in one inch, by trial on DejaVu Sans."""

Rows = Mapping[str, Sequence[Any] | np.ndarray]
"""Columns by key, as read from a result file."""


@contextmanager
def house_style() -> Iterator[None]:
    """Draw in the style of this project, whatever the user's own matplotlib settings say."""
    from matplotlib import style

    with style.context(["default", STYLE]):
        yield


def sheet(width: float, height: float, title: str, caption: str) -> "Figure":
    """Open an empty figure; call it and draw inside :func:`house_style`.

    Parameters
    ----------
    width, height
        Size on paper. [inch]
    title
        What the figure shows.
    caption
        Where the numbers come from, such as the scenario's name and the command.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    figure.suptitle(plain_text(title), x=0.01, ha="left")
    wrapped = textwrap.fill(caption, int(width * CAPTION_CHARACTERS_PER_INCH))
    figure.supxlabel(plain_text(wrapped), x=0.01, ha="left", fontsize=6.5, color="#555555")
    return figure


def plain_text(text: str, longest: int | None = None) -> str:
    r"""Make a name or a sentence safe to draw: nothing in it is a formula or a command.

    Parameters
    ----------
    text
        Text of a user or a file.
    longest
        Characters that there is room for.

    Returns
    -------
    str
        The text with ``$`` as ``\$``, which matplotlib draws as it was, control characters
        escaped, lines kept; a leading underscore, which hides a name in a legend, has a blank
        before it.
    """
    lines = [printable(line) for line in text.split("\n")]
    shown = "\n".join(lines)
    if longest is not None and len(shown) > longest:
        shown = f"{shown[: longest - 1]}…"
    shown = shown.replace("$", r"\$")
    return f" {shown}" if shown.startswith("_") else shown


def save(figure: "Figure", folder: Path, stem: str) -> list[Path]:
    """Write a figure as PNG and SVG, each file whole or not at all.

    Parameters
    ----------
    figure
        What a figure's ``draw`` returned.
    folder
        Where to; made when missing.
    stem
        Name of both files, without an ending.

    Returns
    -------
    list[Path]
        The PNG, then the SVG.

    Raises
    ------
    ValueError
        The folder cannot be written or the disk is full.
    """
    paths = [folder / f"{stem}.{kind}" for kind in ("png", "svg")]
    with house_style():
        for path in paths:
            kind = path.suffix[1:]
            metadata = {"Date": None} if kind == "svg" else {}
            with whole_file(path) as file:
                figure.savefig(file, format=kind, metadata=metadata)
            figure.set_layout_engine("none")  # both files share one layout, computed once
    return paths


def select(rows: Rows, **values: object) -> dict[str, np.ndarray]:
    """Keep the rows whose columns have the given values."""
    columns = {key: np.asarray(column) for key, column in rows.items()}
    keep = np.ones(len(next(iter(columns.values()))), dtype=bool)
    for key, value in values.items():
        keep &= columns[key] == value
    return {key: column[keep] for key, column in columns.items()}


def distinct(column: Sequence[Any] | np.ndarray) -> list[Any]:
    """List the values of a column once each, in order of appearance."""
    return list(dict.fromkeys(np.asarray(column).tolist()))
