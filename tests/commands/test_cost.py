"""The verb `cost`: answers and mistakes."""

import json
from pathlib import Path

import pytest

from perfmodel import cli
from perfmodel.commands.outputs import schema_of

WORDS = (
    *("cost", "ai-factory", "llama3-8b", "site.chips=512", "workload.batch.sequences=512"),
    "layout.tp=4",
)


def test_an_answer_has_the_keys_of_its_schema(capsys: pytest.CaptureFixture[str]):
    assert cli.run([*WORDS, "--format", "json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert set(answer) == set(schema_of("cost", None)["properties"])
    assert answer["chip_hour_eur"] == answer["cases"][1]["chip_hour_eur"]
    assert answer["eur_per_chip_hour"] == answer["chip_hour_eur"]
    assert answer["eur_per_million_tokens"] == answer["million_tokens_eur"]
    assert answer["kgco2_per_million_tokens"] == answer["million_tokens_carbon_kg"]


def test_a_table_shows_the_cases(capsys: pytest.CaptureFixture[str]):
    assert cli.run([*WORDS, "cost.utilization=0.5"]) == 0
    text = capsys.readouterr().out
    for words in ("chip-hour", "million tokens", "base", "high"):
        assert words in text


def test_tables_and_the_figure_go_to_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert cli.run([*WORDS, "--out", str(tmp_path), "--years", "2", "--format", "json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert sorted(Path(name).name for name in answer["files"]) == sorted(
        path.name for path in tmp_path.iterdir()
    )
    assert {path.name for path in tmp_path.glob("*.png")} == {"cost.png"}
    assert [(row["case"], row["year"]) for row in answer["years"]][:4] == [
        ("low", 0),
        ("low", 1),
        ("low", 2),
        ("base", 0),
    ]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("cost",), "nothing to price is named"),
        (("cost", "--programme", "invest"), "investai"),
        ((*WORDS, "--years", "99"), "--years"),
        ((*WORDS, "cost.utilization=2"), "cost.utilization"),
        ((*WORDS, "site.country=US"), "no electricity of this country"),
        ((*WORDS, "site.partition.0.node=mi300x-node"), "no price of this chip"),
    ],
)
def test_a_mistake_is_said_without_a_traceback(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str
):
    assert cli.run(list(words)) == 2
    error = capsys.readouterr().err
    assert said in error
    assert "Traceback" not in error
