"""A stored run as a table of pandas or a grid of xarray, where these are installed."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from perfmodel.config.faults import Fault, Faults, short_path

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from perfmodel.results.dataset import Run


def to_pandas(run: "Run", *keys: str) -> "pd.DataFrame":
    """Make a table with a row per point.

    Parameters
    ----------
    run
        The run.
    keys
        Columns; all of them when none is given.

    Returns
    -------
    pandas.DataFrame
        SI units, named in ``attrs["units"]``.

    Raises
    ------
    Faults
        pandas is not installed, or there is no such column.
    """
    return frame(run.columns(*keys), run.units)


def frame(columns: Mapping[str, np.ndarray], units: Mapping[str, str]) -> "pd.DataFrame":
    """Make a table of columns, see :func:`to_pandas`.

    Parameters
    ----------
    columns
        Values by key.
    units
        SI unit of those that have one.

    Returns
    -------
    pandas.DataFrame
        Units in ``attrs["units"]``.
    """
    table = _module("pandas").DataFrame(dict(columns))
    table.attrs["units"] = {key: units[key] for key in table.columns if units.get(key)}
    return table


def to_xarray(run: "Run", *keys: str) -> "xr.Dataset":
    """Make a grid with a dimension per axis of the run.

    Parameters
    ----------
    run
        The run; points that are missing have no value.
    keys
        Columns beside the axes; all of them when none is given.

    Returns
    -------
    xarray.Dataset
        Units and labels in the ``attrs`` of each variable.

    Raises
    ------
    Faults
        xarray is not installed, there is no such column, or the points are no grid.
    """
    _module("xarray")
    axes = run.manifest.keys
    wanted = [key for key in keys or run.quantities if key not in axes]
    rows = run.columns(*axes, *wanted)
    notes = {key: _attrs(run, key) for key in rows}
    try:
        found = _gridded(rows, axes, notes, run.manifest.points)
    except Faults as error:
        raise Faults(one.at(short_path(run.folder)) for one in error.faults) from None
    return found.assign_attrs(title=run.manifest.title)


def grid(
    columns: Mapping[str, np.ndarray], axes: tuple[str, ...], units: Mapping[str, str]
) -> "xr.Dataset":
    """Make a grid of columns, see :func:`to_xarray`.

    Parameters
    ----------
    columns
        Values by key.
    axes
        Keys of the dimensions.
    units
        SI unit of the columns that have one.

    Returns
    -------
    xarray.Dataset
        Units in the ``attrs`` of each variable.
    """
    notes = {key: {"units": units.get(key, "")} for key in columns}
    return _gridded(columns, axes, notes, len(next(iter(columns.values()), ())))


def _gridded(
    rows: Mapping[str, np.ndarray],
    axes: tuple[str, ...],
    notes: Mapping[str, dict[str, str]],
    most: int,
) -> "xr.Dataset":
    """Lays rows over their axes; more places than points means that these are no grid."""
    xarray = _module("xarray")
    values = {key: np.unique(rows[key]) for key in axes}
    shape = tuple(len(one) for one in values.values())
    at = np.zeros(len(rows[axes[0]]) if axes else 0, dtype=np.int64)
    for key, one in values.items():
        at = at * len(one) + np.searchsorted(one, rows[key])
    if not axes or len(np.unique(at)) < len(at) or np.prod(shape) > most:
        problem = "the points are no grid over the axes"
        raise Faults([Fault(problem=problem, expected="to_pandas()")])
    grids = {
        key: (axes, _grid(rows[key], at, shape), notes[key]) for key in rows if key not in axes
    }
    along = {key: (key, one, notes[key]) for key, one in values.items()}
    return xarray.Dataset(grids, along)


def _grid(column: np.ndarray, at: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Values laid over all axes; what is missing is NaN, an empty text or false."""
    empty = np.nan if column.dtype.kind == "f" else "" if column.dtype.kind == "O" else 0
    grid = np.full(int(np.prod(shape)), empty, dtype=column.dtype)
    grid[at] = column
    return grid.reshape(shape)


def _attrs(run: "Run", key: str) -> dict[str, str]:
    column = run.quantities[key]
    return {"units": column.unit, "long_name": column.label}


def _module(name: str) -> Any:
    from importlib import import_module

    try:
        return import_module(name)
    except ImportError:
        expected = "python3 -m pip install 'perfmodel[frames]'"
        problem = f"{name} is not installed"
        raise Faults([Fault(problem=problem, expected=expected)]) from None
