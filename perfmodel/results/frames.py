"""A stored run as a table of pandas or a grid of xarray, where these are installed."""

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
    table = _module("pandas").DataFrame(run.columns(*keys))
    table.attrs["units"] = {key: run.units[key] for key in table.columns if key in run.units}
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
    xarray = _module("xarray")
    axes = run.manifest.keys
    wanted = [key for key in keys or run.quantities if key not in axes]
    rows = run.columns(*axes, *wanted)
    values = {key: np.unique(rows[key]) for key in axes}
    shape = tuple(len(one) for one in values.values())
    at = np.zeros(len(rows[axes[0]]) if axes else 0, dtype=np.int64)
    for key, one in values.items():
        at = at * len(one) + np.searchsorted(one, rows[key])
    if not axes or len(np.unique(at)) < len(at) or np.prod(shape) > run.manifest.points:
        problem = "the points are no grid over the axes"
        raise Faults([Fault(file=short_path(run.folder), problem=problem, expected="to_pandas()")])
    grids = {key: (axes, _grid(rows[key], at, shape), _attrs(run, key)) for key in wanted}
    along = {key: (key, one, _attrs(run, key)) for key, one in values.items()}
    return xarray.Dataset(grids, along, attrs={"title": run.manifest.title})


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
