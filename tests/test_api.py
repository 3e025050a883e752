"""The Python API: typed answers, columns with units, frames and grids."""

import numpy as np
import pytest

import perfmodel
from perfmodel.config.faults import Faults

JOB = ("ai-factory", "llama3-8b", "site.chips=64", "workload.batch.sequences=64")


def test_an_estimate_is_a_mapping_with_names():
    found = perfmodel.estimate(*JOB, "layout.tp=2")
    assert found.feasible and found.reason == ""
    assert found.step_time == found["step_time_s"]
    low, high = found.step_time_interval
    assert low < found.step_time < high
    assert found.energy_per_token == pytest.approx(found.site_power / found.tokens_per_s)
    assert dict(found)["layout"] == found.layout


def test_a_search_returns_tables():
    found = perfmodel.search(*JOB, space="few", top=3, pareto=("time", "memory"), where=["pp<=4"])
    assert found.best.rows == 3
    assert (np.diff(found.best["tokens_per_s"]) <= 0.0).all()
    assert found.best.units["step_time_s"] == "s"
    assert (found.best["pp"] <= 4).all()
    assert found.front.rows >= 2
    assert 0 < found.feasible_points <= found.points


def test_a_search_for_what_nobody_knows_is_refused():
    with pytest.raises(Faults) as error:
        perfmodel.search(*JOB, objective="beauty", pareto=("charm",), space="outer")
    assert len(error.value.faults) == 3


def test_a_sweep_becomes_a_frame_and_a_grid():
    texts = ("layout.tp=2", "node.nic_bandwidth=25 GB/s,50 GB/s,100 GB/s", "chip=h100,gb200")
    found = perfmodel.sweep(*JOB, *texts)
    assert found.rows == 6 and found.axes == ("node.nic_bandwidth", "chip")
    frame = found.to_pandas()
    assert frame.attrs["units"]["node.nic_bandwidth"] == "B/s"
    assert len(frame) == 6
    grid = found.to_xarray()
    assert grid["tokens_per_s"].dims == ("node.nic_bandwidth", "chip")
    assert float(grid["mfu"].sel({"chip": "h100"})[0]) == pytest.approx(found["mfu"][0])


def test_a_comparison_says_what_a_site_buys():
    found = perfmodel.compare(
        ["gigafactory-h100"], ["llama3-8b"], "site.chips=4096", base="ai-factory"
    )
    assert found.ratio["chips"] == pytest.approx(4096 / 25_000)
    assert set(found.sites["name"]) == {"gigafactory-h100", "ai-factory"}
    assert found.scaling.rows > 10 and found.conclusion


def test_importing_the_package_starts_nothing():
    import subprocess
    import sys

    code = "import sys, perfmodel; print(any(m in sys.modules for m in ('jax', 'numpy')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
