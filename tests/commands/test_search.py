"""The verb `search`: answer, files, figures, faults."""

import json
from pathlib import Path

import pytest

from perfmodel import cli
from perfmodel.commands.outputs import schema_of
from perfmodel.search.legality import REASONS

WORDS = ("search", "ai-factory", "llama3-8b", "site.chips=64", "workload.batch.sequences=128")
SMALL = ("--axes", "few", "--decide", "2", "--top", "4")


def test_an_answer_has_the_keys_of_its_schema_and_names_its_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = ("--pareto", "time,memory", "--where", "pp<=4", "--out", str(tmp_path))
    assert cli.run([*WORDS, *SMALL, *more, "--format", "json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert set(answer) == set(schema_of("search", None)["properties"])
    assert sorted(Path(name).name for name in answer["files"]) == sorted(
        path.name for path in tmp_path.iterdir()
    )
    stems = {path.stem for path in tmp_path.iterdir()}
    assert stems == {"search", "front", "layout_map"}
    assert len(answer["best"]) == 4
    assert all(row["pp"] <= 4 for row in answer["best"])
    assert set(answer["infeasible_by_reason"]) <= set(REASONS)
    assert answer["feasible_points"] <= answer["points"]


def test_a_table_says_why_the_others_lose_and_what_is_not_feasible(
    capsys: pytest.CaptureFixture[str],
) -> None:
    named = ("--explain", "tp=8,dp=8,recompute=full")
    assert cli.run([*WORDS, *SMALL, *named]) == 0
    text = capsys.readouterr().out
    for words in ("why it is not the best", "Not feasible", "against the best", "recompute"):
        assert words in text


def test_a_condition_that_does_not_hold_ends_with_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run([*WORDS, *SMALL, "--require", "mfu>=0.99"]) == 1
    assert "mfu>=0.99 does not hold" in capsys.readouterr().err


def test_nothing_within_the_bounds_is_an_answer(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run([*WORDS, *SMALL, "--where", "mfu>=0.99"]) == 0
    assert "no layout fits" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--top", "99"), "--top"),
        (("--pareto", "time"), "two aims"),
        (("--pareto", "time,memmory"), "memory"),
        (("--where", "micro_batchs<=2"), "micro_batch"),
        (("--explain", "tp"), "--explain"),
        (("--explain", "tp=7"), "heads"),
        (("--objective", "speed"), "objective"),
    ],
)
def test_a_mistake_is_said_without_a_traceback(
    words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run([*WORDS, *words]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert "Traceback" not in error
