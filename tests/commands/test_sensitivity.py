"""The verb `sensitivity`: forms of the answer, files, mistakes."""

import csv
import json
from pathlib import Path

import pytest

from perfmodel import cli
from perfmodel.commands.outputs import schema_of
from perfmodel.results.parquet import read

WORDS = ("sensitivity", "ai-factory", "llama3-8b", "site.chips=512", "layout.tp=4")


@pytest.mark.slow
def test_an_answer_has_the_keys_of_its_schema_and_names_its_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    assert cli.run([*WORDS, "--out", str(tmp_path), "--format", "json", "--of", "mfu"]) == 0
    answer = json.loads(capsys.readouterr().out)
    schema = schema_of("sensitivity", None)["properties"]
    assert set(answer) == set(schema)
    figure = answer["figures"][0]
    own = {"mfu_elasticity", "mfu_elasticity_whole", "mfu_slope"}
    assert set(figure) == set(schema["figures"]["items"]["properties"]) | own
    assert list(answer["values"]) == ["mfu"]
    assert sorted(Path(name).name for name in answer["files"]) == [
        *("sensitivity.parquet", "sensitivity.png", "sensitivity.svg")
    ]
    stored = read(tmp_path / "sensitivity.parquet").rows
    assert list(stored["field"]) == [row["field"] for row in answer["figures"]]


@pytest.mark.slow
def test_a_table_and_csv_list_the_figures(capsys: pytest.CaptureFixture[str]):
    assert cli.run([*WORDS, "--top", "3"]) == 0
    assert "No effect here" in capsys.readouterr().out
    assert cli.run([*WORDS, "--format", "csv"]) == 0
    rows = list(csv.DictReader(capsys.readouterr().out.splitlines()))
    assert {"chip.memory.bandwidth", "node.nic_bandwidth"} <= {row["field"] for row in rows}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--of", "tokens_pers"), 'did you mean "tokens_per_s"?'),
        (("--of", ""), "no quantity that can be derived"),
        (("--top", "0"), "a number from 1"),
        (("chip.memory.bandwidth=8",), "a number without a unit"),
        (("layout.pp=100",), "layers"),
        (("--format", "xml"), "--format"),
    ],
)
def test_a_mistake_is_said_once(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str
):
    assert cli.run([*WORDS, *words]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert "Traceback" not in error
    assert len(error.splitlines()) == 1
