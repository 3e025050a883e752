"""The manifest of a stored run: what was asked, along which axes, and by which program."""

import json
import stat
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, NonNegativeInt, ValidationError

from perfmodel.config.faults import Fault, Faults, printable, short_path, shortened

NAME = "manifest.json"
"""File of a run's folder that holds it."""

FORMAT = 1
"""Form of the files that this program reads."""

MOST_BYTES = 64_000_000
"""Largest manifest: a scenario of a thousand partitions stays far below. [B]"""

EXPECTED = "a folder that `perfmodel sweep --out` wrote"


class Part(BaseModel):
    """A table of the manifest; keys that are not known here are passed over."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)


class Axis(Part):
    """One axis of a run."""

    key: str
    """Name of its column: the path as the user wrote it."""
    label: str
    """What a figure says."""
    unit: str = ""
    """SI unit; empty for numbers and names."""
    scale: Literal["log", "linear", "names"]
    """How its values lie."""
    values: NonNegativeInt
    """How many there are."""


class Suggestion(Part):
    """Columns of the figure that the run was made for."""

    x: str | None = None
    """Level axis."""
    y: str | None = None
    """What is drawn over it."""
    color: str | None = None
    """What tells lines apart."""
    facet: str | None = None
    """What tells panels apart."""


class Manifest(Part):
    """What a run is."""

    format: Literal[1]
    """Form of the files."""
    title: str
    """Heading of figures and reports."""
    question: str = ""
    """What it was made to answer."""
    site: str
    """Site that the axes change."""
    workload: str
    """Workload that the axes change."""
    objective: str = "throughput"
    """What the layout of each point is best in."""
    axes: tuple[Axis, ...]
    """In the order of the columns."""
    points: NonNegativeInt
    """Rows of the whole run."""
    chunk: NonNegativeInt
    """Rows of a full chunk."""
    chunks: NonNegativeInt
    """Chunks of the whole run."""
    inputs: str = ""
    """Hash of all inputs."""
    versions: dict[str, str]
    """Versions of Python and of the packages that matter."""
    device: str
    """What computed it."""
    scenario: Any = None
    """Resolved scenario, SI units."""
    command: str
    """Command line as given."""
    figure: Suggestion = Suggestion()
    """Figure that it was made for."""

    @property
    def keys(self) -> tuple[str, ...]:
        """Columns of the axes."""
        return tuple(axis.key for axis in self.axes)


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of a folder.

    Parameters
    ----------
    folder
        Folder of a run.

    Returns
    -------
    Manifest
        What the run is.

    Raises
    ------
    Faults
        There is no such folder, it holds no manifest, or the manifest is of another program.
    """
    if not folder.exists():
        raise _fault(folder, "no such folder")
    if not folder.is_dir():
        raise _fault(folder, "a file, not the folder of a run")
    path = folder / NAME
    try:
        found = json.loads(_bytes(path).decode("utf-8-sig"))
        json.dumps(found, ensure_ascii=False).encode()  # halves of letters cannot be shown
    except (ValueError, RecursionError) as error:
        if isinstance(error, Faults):
            raise
        raise _fault(path, "not JSON in UTF-8") from None
    return _checked(path, found)


def _checked(path: Path, found: Any) -> Manifest:
    if not isinstance(found, dict) or "format" not in found:
        raise _fault(path, "not the manifest of a run")
    if found["format"] != FORMAT:
        raise _fault(
            path, f"written in format {_short(found['format'])}; this program reads format {FORMAT}"
        )
    try:
        return Manifest.model_validate(found)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        message = first["msg"][:1].lower() + first["msg"][1:]
        raise _fault(path, f"not the manifest of a run: {_short(place)}: {message}") from None


def _bytes(path: Path) -> bytes:
    """Content of the manifest; a pipe or a film in its place is refused."""
    try:
        is_file = stat.S_ISREG(path.stat().st_mode)
    except FileNotFoundError:
        raise _fault(path.parent, f"holds no {NAME}") from None
    if not is_file:
        raise _fault(path, "not a file")
    with path.open("rb") as file:
        data = file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise _fault(path, f"larger than {MOST_BYTES:,} bytes")
    return data


def _short(value: Any) -> str:
    return shortened(printable(str(value)))


def _fault(path: Path, problem: str) -> Faults:
    return Faults([Fault(file=short_path(path), problem=problem, expected=EXPECTED)])
