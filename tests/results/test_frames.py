"""A run in pandas and in xarray."""

import sys
from pathlib import Path

import numpy as np
import pytest

from perfmodel.config.faults import Faults
from perfmodel.results.dataset import open_run
from perfmodel.results.frames import to_pandas, to_xarray
from tests.results.stored_runs import BANDWIDTHS, CHIPS, NAMES, write_run


def test_a_table_has_a_row_per_point_and_units(tmp_path: Path) -> None:
    pytest.importorskip("pandas", reason="pandas is not installed")
    run = open_run(write_run(tmp_path))
    table = run.to_pandas("chip", "mfu", "site_power_w")
    assert list(table.columns) == ["chip", "mfu", "site_power_w"]
    assert table.attrs["units"] == {"site_power_w": "W"}
    np.testing.assert_array_equal(table["mfu"].to_numpy(), run.columns("mfu")["mfu"])
    assert len(run.to_pandas().columns) == len(run.quantities)


def test_a_grid_has_a_dimension_per_axis(tmp_path: Path) -> None:
    pytest.importorskip("xarray", reason="xarray is not installed")
    run = open_run(write_run(tmp_path))
    grid = run.to_xarray("mfu", "layout")
    assert grid["mfu"].dims == ("site.chips", "chip", "fabric.nic_bandwidth")
    assert grid["mfu"].shape == (len(CHIPS), len(NAMES), len(BANDWIDTHS))
    assert grid["fabric.nic_bandwidth"].attrs == {
        "units": "B/s",
        "long_name": "bandwidth of a network card",
    }
    rows = run.columns("chip", "site.chips", "fabric.nic_bandwidth", "mfu")
    for place in (5, 50, 100):
        along = {key: rows[key][place] for key in grid["mfu"].dims}
        assert float(grid["mfu"].sel(along)) == rows["mfu"][place]


def test_points_that_are_missing_have_no_value(tmp_path: Path) -> None:
    pytest.importorskip("xarray", reason="xarray is not installed")
    run = open_run(write_run(tmp_path, missing=[1]))
    grid = run.to_xarray("tokens_per_s", "layout", "feasible")
    assert int((grid["layout"] == "").sum()) == 16
    assert int(np.isnan(grid["tokens_per_s"]).sum()) == 16 + 4  # four that do not fit


def test_paired_axes_are_no_grid(tmp_path: Path) -> None:
    pytest.importorskip("xarray", reason="xarray is not installed")
    from tests.results.stored_runs import rows_of

    points = [(2048.0, "h100", 25e9), (4096.0, "gb300", 50e9)]
    run = open_run(write_run(tmp_path, rows_of(points)))
    with pytest.raises(Faults, match="the points are no grid over the axes"):
        run.to_xarray("mfu")


@pytest.mark.parametrize(("name", "make"), [("pandas", to_pandas), ("xarray", to_xarray)])
def test_a_package_that_is_missing_is_named_with_its_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, make: object
) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    run = open_run(write_run(tmp_path))
    with pytest.raises(Faults) as caught:
        make(run)  # pyright: ignore[reportCallIssue] one of two functions
    expected = "expected python3 -m pip install 'perfmodel[frames]'"
    assert str(caught.value) == f"{name} is not installed; {expected}"
