"""The verb `train-time`: tables, files, the figure, mistakes."""

import json
from pathlib import Path

import pytest

from perfmodel import cli
from perfmodel.commands.outputs import schema_of

WORDS = ("train-time", "ai-factory", "llama3-8b", "site.chips=512", "workload.batch.sequences=512")
LAID = (*WORDS, "layout.tp=4")


def test_an_answer_has_the_keys_of_its_schema_and_names_its_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    assert cli.run([*LAID, "--out", str(tmp_path), "--format", "json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert set(answer) == set(schema_of("train-time", None)["properties"])
    assert sorted(Path(name).name for name in answer["files"]) == sorted(
        path.name for path in tmp_path.iterdir()
    )
    assert {path.stem for path in tmp_path.glob("*.png")} == {"train_time"}
    assert [case["case"] for case in answer["cases"]] == ["low", "base", "high"]
    assert answer["training_time_s"] == answer["cases"][1]["training_time_s"]


def test_a_table_shows_the_run_the_best_model_and_batches(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    assert cli.run([*WORDS, "--out", str(tmp_path), "--days", "30", "--tokens", "1e12"]) == 0
    text = capsys.readouterr().out
    for words in ("time of the run", "best model in that time", "30.0 d", "1.00 T", "2.1 M"):
        assert words in text


def test_overrides_reach_laws_failures_and_prices(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    words = [*LAID, "--out", str(tmp_path), "--format", "json"]
    changed = ["scaling.critical_batch.factor=1", "reliability.failures.rate=1e-9 1/d"]
    assert cli.run([*words, *changed, "cost.utilization=0.5"]) == 0
    low, base, _ = json.loads(capsys.readouterr().out)["cases"]
    assert low["critical_batch_tokens"] == pytest.approx(base["critical_batch_tokens"])
    assert base["useful_share"] > 0.99


def test_a_job_that_fits_nowhere_is_answered(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    words = ["train-time", "ai-factory", "llama3-405b", "site.chips=8", "--out", str(tmp_path)]
    assert cli.run([*words, "--format", "json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["training_time_s"] is None
    assert answer["files"] == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--tokens", "-5"), "--tokens"),
        (("--days", "nan"), "--days"),
        (("--scaling", "chinchila"), "chinchilla"),
        (("scaling.critical_batch.factor=0",), "scaling.critical_batch.factor"),
        (("--storage", "tectonik"), "tectonic"),
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
