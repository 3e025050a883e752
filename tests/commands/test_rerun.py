"""The verb `rerun`: the same numbers, or which differ."""

import json
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from perfmodel import cli
from perfmodel.commands.outputs import schema_of
from perfmodel.studies.rerun import stored_question
from perfmodel.studies.sweep import chunk_bytes

WORDS = (
    "sweep",
    "ai-factory",
    "llama3-8b",
    "layout.tp=2",
    "site.chips=512,1000",
    "chip=h100,gb200",
)


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    assert cli.run([*WORDS, "--chunk", "2", "--out", str(tmp_path / "run")]) == 0
    capsys.readouterr()
    return tmp_path / "run"


def test_a_run_gives_the_same_numbers_again(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["rerun", str(run), "--format", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert set(told) == set(schema_of("rerun", None)["properties"])
    assert told["same"] and told["files"] == told["equal"] == 2
    assert told["differences"] == told["changed"] == {}


def test_a_run_that_chose_its_own_files_comes_out_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run([*WORDS, "--out", str(tmp_path / "run")]) == 0
    before = (tmp_path / "run" / "chunk-000000.parquet").read_bytes()
    _, told = stored_question(tmp_path / "run")
    assert chunk_bytes(stored_question(tmp_path / "run")[0], 0) == before
    assert told["chunks"] == 1
    capsys.readouterr()
    assert cli.run(["rerun", str(tmp_path / "run")]) == 0
    assert "1 of 1 files have the same values" in capsys.readouterr().out


def test_a_number_that_differs_is_found(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = run / "chunk-000001.parquet"
    table = pq.ParquetFile(file).read()
    place = table.schema.get_field_index("step_time_s")
    slower = pc.multiply(table["step_time_s"], 1.5).cast("float")
    changed = table.set_column(place, table.schema.field(place), slower)
    pq.write_table(changed, file)
    assert cli.run(["rerun", str(run)]) == 1
    text = capsys.readouterr().out
    assert "step_time_s" in text and "0.33" in text and "1 of 2 files" in text
    assert cli.run(["rerun", str(run), "--files", "1"]) == 0


def test_a_folder_without_a_run_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["rerun", str(tmp_path)]) == 2
    assert "manifest.json: no such file or directory; expected the folder of a run" in (
        capsys.readouterr().err
    )
    (tmp_path / "manifest.json").write_text("{}")
    assert cli.run(["rerun", str(tmp_path)]) == 2
    assert "not the manifest of a sweep" in capsys.readouterr().err
