"""What the Python API returns: columns and rows with units, typed where everyone asks."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from perfmodel.results.parquet import BY_KEY

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

Row = dict[str, Any]


@dataclass(frozen=True)
class Table(Mapping[str, NDArray[Any]]):
    """Columns of equal length by key, SI units."""

    columns: Mapping[str, NDArray[Any]]
    """Values by key."""
    units: Mapping[str, str] = field(default_factory=dict)
    """SI unit of the columns that have one."""

    def __getitem__(self, key: str) -> NDArray[Any]:
        """A column."""
        return self.columns[key]

    def __iter__(self) -> Iterator[str]:
        """Keys, in order."""
        return iter(self.columns)

    def __len__(self) -> int:
        """Columns."""
        return len(self.columns)

    @property
    def rows(self) -> int:
        """Rows."""
        return len(next(iter(self.columns.values()), ()))

    def row(self, number: int) -> Row:
        """A row by key."""
        return {key: _plain(column[number]) for key, column in self.columns.items()}

    def to_pandas(self) -> "pd.DataFrame":
        """The table as pandas has it, units in ``attrs["units"]``.

        Raises
        ------
        Faults
            pandas is not installed.
        """
        from perfmodel.results.frames import frame

        return frame(self.columns, self.units)


@dataclass(frozen=True)
class Grid(Table):
    """A table whose rows are the points of a sweep."""

    axes: tuple[str, ...] = ()
    """Keys of the fields that move, the last one the fastest."""

    def to_xarray(self) -> "xr.Dataset":
        """The points as a grid with a dimension per axis.

        Raises
        ------
        Faults
            xarray is not installed, or the points are no grid.
        """
        from perfmodel.results.frames import grid

        return grid(self.columns, self.axes, self.units)


@dataclass(frozen=True)
class Estimate(Mapping[str, Any]):
    """One job on one site: every quantity by its key, the usual ones by name."""

    quantities: Row
    """All of it, SI units."""

    def __getitem__(self, key: str) -> Any:
        """A quantity."""
        return self.quantities[key]

    def __iter__(self) -> Iterator[str]:
        """Keys, in order."""
        return iter(self.quantities)

    def __len__(self) -> int:
        """Quantities."""
        return len(self.quantities)

    @property
    def feasible(self) -> bool:
        """Whether a layout fits."""
        return bool(self.quantities["feasible"])

    @property
    def reason(self) -> str:
        """Why none fits; empty where one does."""
        return self.quantities["reason"]

    @property
    def layout(self) -> str:
        """How the job is spread."""
        return self.quantities["layout"]

    @property
    def step_time(self) -> float:
        """Time of a training step. [s]"""  # noqa: D400, D415
        return self.quantities["step_time_s"]

    @property
    def tokens_per_s(self) -> float:
        """Throughput of the site."""
        return self.quantities["tokens_per_s"]

    @property
    def mfu(self) -> float:
        """Model FLOP over the peak of the chips in use."""
        return self.quantities["mfu"]

    @property
    def memory_fraction(self) -> float:
        """Memory of a chip in use, over its capacity."""
        return self.quantities["memory_fraction"]

    @property
    def site_power(self) -> float:
        """Power of the whole site. [W]"""  # noqa: D400, D415
        return self.quantities["site_power_w"]

    @property
    def energy_per_token(self) -> float:
        """Energy of the site for a token. [J]"""  # noqa: D400, D415
        return self.quantities["energy_per_token_j"]

    @property
    def bottleneck(self) -> str:
        """Largest part of the step."""
        return self.quantities["bottleneck"]

    @property
    def step_time_interval(self) -> tuple[float, float]:
        """Ends of the interval that holds the step time in 90 % of cases. [s]"""  # noqa: D400, D415
        return self.quantities["step_time_low_s"], self.quantities["step_time_high_s"]


@dataclass(frozen=True)
class Search:
    """The best layouts of a job."""

    best: Table
    """Best first."""
    front: Table
    """Layouts that no other one beats; empty where none was asked for."""
    points: int
    """Layouts that were evaluated."""
    feasible_points: int
    """Of them, those that fit in memory."""
    infeasible_by_reason: Mapping[str, int]
    """The others, and those that are not legal."""


@dataclass(frozen=True)
class Comparison:
    """Sites side by side."""

    sites: Table
    """A row per site, workload and rule of the batch."""
    scaling: Table
    """Curves of the first workload."""
    decomposition: Table
    """Causes whose factors multiply to the ratio."""
    ratio: Mapping[str, float]
    """Quantities of the subject over those of the base."""
    conclusion: str
    """A paragraph."""


def table_of(rows: list[Row]) -> Table:
    """Rows as a table, with the units of known quantities.

    Parameters
    ----------
    rows
        All with the same keys.

    Returns
    -------
    Table
        Columns.
    """
    keys = rows[0] if rows else ()
    columns = {key: np.array([row[key] for row in rows]) for key in keys}
    return Table(columns, units_of(columns))


def units_of(keys: Mapping[str, Any]) -> dict[str, str]:
    """SI unit of the known quantities among some keys."""
    return {key: BY_KEY[key].unit for key in keys if key in BY_KEY and BY_KEY[key].unit}


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value
