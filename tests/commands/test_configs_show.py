"""`configs show` of stored results: the scenario that they came from."""

import json
from pathlib import Path

import pytest

from perfmodel import cli
from perfmodel.results import parquet
from perfmodel.results.provenance import Provenance, installed_versions

WORDS = ("sweep", "ai-factory", "llama3-8b", "layout.tp=2", "site.chips=512", "chip=h100,gb200")


def test_a_run_prints_its_scenario_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = str(tmp_path / "run")
    assert cli.run([*WORDS, "--out", run]) == 0
    capsys.readouterr()
    assert cli.run(["configs", "show", run, "--format", "json"]) == 0
    fields = {one["field"]: one for one in json.loads(capsys.readouterr().out)["fields"]}
    assert fields["machine.chips"]["value"] == 512
    bandwidth = fields["machine.chip.memory.bandwidth"]
    assert (bandwidth["unit"], bandwidth["text"]) == ("B/s", "3.35 TB/s")
    assert fields["layout.tp"]["value"] == 2
    chunk = f"{run}/chunk-000000.parquet"
    assert cli.run(["configs", "show", chunk]) == 0
    assert "machine.chip.memory.bandwidth" in capsys.readouterr().out


def test_a_file_of_several_scenarios_or_of_others_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    several = tmp_path / "several.parquet"
    provenance = Provenance("perfmodel compare", "cpu", [{}, {}], installed_versions())
    parquet.write(several, {"site": ["a"]}, provenance)
    assert cli.run(["configs", "show", str(several)]) == 2
    assert "holds 2 scenarios" in capsys.readouterr().err
    (tmp_path / "other.parquet").write_text("no")
    assert cli.run(["configs", "show", str(tmp_path / "other.parquet")]) == 2
    assert "cannot be read as Parquet" in capsys.readouterr().err
