"""The verb `power`: tables, files and the figure."""

import json
from pathlib import Path

import pytest

from perfmodel import cli
from perfmodel.commands.outputs import schema_of

WORDS = ("power", "ai-factory", "llama3-8b", "site.chips=512", "workload.batch.sequences=512")
CONNECTION = ("--design", "ai-factory", "--limit", "1 MW")


def test_an_answer_has_the_keys_of_its_schema_and_names_its_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    assert cli.run([*WORDS, *CONNECTION, "--out", str(tmp_path), "--format", "json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert set(answer) == set(schema_of("power", None)["properties"])
    assert sorted(Path(name).name for name in answer["files"]) == sorted(
        path.name for path in tmp_path.iterdir()
    )
    assert {path.suffix for path in tmp_path.iterdir()} == {".parquet", ".png", ".svg"}
    figures = {path.stem for path in tmp_path.iterdir() if path.suffix == ".png"}
    assert figures == {"power_cap", "power_year"}
    assert len(answer["year"]) == 14
    assert answer["holds"][0]["site_power_w"] <= 1e6


def test_a_table_says_the_parts_the_cap_the_year_and_the_connection(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    assert cli.run([*WORDS, "site.power_limit=300 kW", *CONNECTION, "--out", str(tmp_path)]) == 0
    text = capsys.readouterr().out
    for words in ("power supplies", "Most efficient cap", "hottest 1 %", "What 1 MW hold"):
        assert words in text
    assert "The grid connection of 0.3 MW binds" in text


def test_a_wrong_limit_is_said_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert cli.run([*WORDS, *CONNECTION[:-1], "100", "--out", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert "--limit" in error
    assert "Traceback" not in error
