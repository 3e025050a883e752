"""Rows of published measurements: what each column of their CSV files holds."""

import re
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, ConfigDict, Field

from perfmodel.config.faults import Problem
from perfmodel.config.schema._model import LARGEST_COUNT, MOST, Config

_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d{1,3})?", re.ASCII)

MICROSECOND = 1e-6
"""Unit of the columns that end in ``_us``. [s]"""


def _plain(cell: Any) -> Any:
    """Text of a cell as a number; a comma or a unit in it is a mistake, never a guess."""
    if isinstance(cell, str) and _NUMBER.fullmatch(cell) is None:
        raise Problem("not a number", "digits with a decimal point, no unit and no separators")
    return cell


def _integral(cell: Any) -> Any:
    value = float(_plain(cell)) if isinstance(cell, str) else cell
    if isinstance(value, float) and not (value.is_integer() and abs(value) <= LARGEST_COUNT):
        raise Problem("no whole number", "a whole number")
    return int(value)


Number = Annotated[float, BeforeValidator(_plain), Field(ge=0.0, le=MOST)]
"""A figure that cannot be negative, without a unit: the column's name says which."""

Whole = Annotated[int, BeforeValidator(_integral), Field(ge=0, le=LARGEST_COUNT)]
"""A count or a size in bytes."""

Flag = Annotated[bool, Field()]
"""1 or 0."""


class Row(Config):
    """One row of a table; columns that a schema does not name are passed over."""

    model_config: ClassVar[ConfigDict] = ConfigDict(
        extra="ignore", strict=False, str_max_length=2000
    )

    TIMES: ClassVar[tuple[str, ...]] = ()
    """Columns that may hold what is judged: a file has at least one of them."""

    id: str
    """Name of the row; its file and line where the column is blank or absent."""
    notes: str | None = None
    """Remarks."""
    source: str | None = None
    """Where it was printed."""


class MeasuredRow(Row):
    """One row of a file of measurements."""

    use: Literal["fit", "check", "report", "exclude"] = "check"
    """What a row may be used for: fitted and judged, judged alone, reported in a set of its own, or
    listed alone."""
    exclude_reason: str | None = None
    """Why a row is listed alone."""


class CollectiveRow(MeasuredRow):
    """One message size of a benchmark of collectives."""

    TIMES: ClassVar[tuple[str, ...]] = ("time_us", "median_us")

    system: str
    """Machine as its source names it."""
    chip_id: str | None
    """Accelerator; blank where the source names none."""
    nodes: Whole | None
    """Nodes that take part."""
    chips: Whole | None = None
    """Ranks, one per accelerator."""
    tasks_per_node: Whole | None = None
    """Ranks per node."""
    fabric: str | None = None
    """Network as its source names it."""
    mpi: str | None = None
    """MPI implementation."""
    collective: str
    """Operation, such as all_reduce."""
    library: str | None = None
    """Software that ran it, such as nccl."""
    algorithm: str | None
    """Algorithm, auto for the library's own choice."""
    algorithm_printed: str | None = None
    """Algorithm as its source names it."""
    memory: Literal["device", "host"]
    """Where the buffers lie."""
    size_bytes: Whole | None
    """Buffer of one rank as the benchmark prints it. [B]"""
    time_us: Number | None = None
    """Completion time. [us]"""
    median_us: Number | None = None
    """Median of the completion time over the iterations. [us]"""
    min_us: Number | None = None
    """Least completion time. [us]"""
    p95_us: Number | None = None
    """95th percentile of the completion time. [us]"""
    busbw_gb_per_s: Number | None = None
    """Bus bandwidth by the definition of nccl-tests. [GB/s]"""
    iterations: Whole | None = None
    """Repeats of the call."""
    derived_time: Flag | None = None
    """Whether the time was computed from the printed bus bandwidth."""
    run: str | None = None
    """Run of the benchmark that it belongs to."""

    @property
    def ranks(self) -> int | None:
        """Ranks that take part, none where the source does not say."""
        if self.chips is not None:
            return self.chips
        return self.nodes * self.tasks_per_node if self.nodes and self.tasks_per_node else None

    @property
    def time(self) -> float | None:
        """Completion time, or its median; none where none was printed.

        Returns
        -------
        float | None
            Time. [s]
        """
        time = self.time_us if self.time_us is not None else self.median_us
        return None if not time else time * MICROSECOND
