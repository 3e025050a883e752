"""The verb `goodput`: tables, files, the figure, mistakes."""

import json
from pathlib import Path

import pytest

from perfmodel import cli
from perfmodel.commands.outputs import schema_of

WORDS = ("goodput", "ai-factory", "llama3-8b", "site.chips=512", "workload.batch.sequences=512")
LAID = (*WORDS, "layout.tp=4")


def test_an_answer_has_the_keys_of_its_schema_and_names_its_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    assert cli.run([*LAID, "--out", str(tmp_path), "--format", "json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert set(answer) == set(schema_of("goodput", None)["properties"])
    assert sorted(Path(name).name for name in answer["files"]) == sorted(
        path.name for path in tmp_path.iterdir()
    )
    assert {path.stem for path in tmp_path.glob("*.png")} == {"goodput_map"}
    assert [case["case"] for case in answer["cases"]] == ["low", "base", "high"]
    assert answer["goodput"] == answer["cases"][1]["goodput"]


def test_a_table_shows_the_cases_the_runs_and_the_published_points(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    assert cli.run([*LAID, "--out", str(tmp_path), "--reliability", "base"]) == 0
    text = capsys.readouterr().out
    for words in ("mean time to interrupt", "Drawn failure by failure", "Fault-tolerant HSDP"):
        assert words in text


def test_overrides_reach_storage_and_reliability(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    words = [*LAID, "--out", str(tmp_path), "--format", "json"]
    changed = ["storage.read_bandwidth=1 GB/s", "reliability.restart.detect=1 h"]
    assert cli.run([*words, *changed]) == 0
    base = json.loads(capsys.readouterr().out)
    assert base["restart_s"] > 3600.0
    assert base["load_s"] > 100.0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("storage.write_bandwidth=1 TB",), "storage.write_bandwidth"),
        (("--storage", "tectonik"), "tectonic"),
        (("--reliability", "worst"), "no reliability has that name"),
        (("reliability.failures.shape=0",), "above 0"),
    ],
)
def test_a_mistake_is_said_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str
):
    assert cli.run([*LAID, *words, "--out", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert "Traceback" not in error
    assert len(error.splitlines()) == 1


def test_other_verbs_refuse_what_they_do_not_use(capsys: pytest.CaptureFixture[str]):
    assert cli.run(["estimate", *LAID[1:], "storage.readers=1.0"]) == 2
    assert "does not belong to a job" in capsys.readouterr().err
