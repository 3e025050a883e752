"""The verb `bench`: rates beside what the device sustains."""

import json
from pathlib import Path

import pytest

from perfmodel import cli
from perfmodel.commands.outputs import schema_of
from perfmodel.commands.speed import joined


@pytest.mark.slow
def test_an_answer_has_the_keys_of_its_schema(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "cpu.json"
    assert cli.run(["bench", "--points", "2000", "--out", str(path), "--format", "json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert set(answer) == set(schema_of("bench", None)["properties"])
    assert json.loads(path.read_text(encoding="utf-8")) == answer
    assert answer["flop_per_point"] < answer["flop_per_evaluation"]
    assert answer["copy_bytes_per_s"] > 1e8
    assert [row["points"] > 0 for row in answer["curve"]] == [True]


def test_rows_for_other_numbers_of_devices_stay_unless_versions_differ(tmp_path: Path) -> None:
    path, old, new = tmp_path / "cpu.json", {"devices": 1, "points": 9}, {"devices": 2, "points": 5}
    told = {"device": "cpu", "devices": 2, "versions": {"jax": "1"}, "curve": [new]}
    assert joined(path, told) == [new]
    known = told | {"curve": [old, {"devices": 2, "points": 7}]}
    path.write_text(json.dumps(known), encoding="utf-8")
    assert joined(path, told) == [old, new]
    path.write_text(json.dumps(known | {"versions": {"jax": "2"}}), encoding="utf-8")
    assert joined(path, told) == [new]


@pytest.mark.parametrize("words", [("--points", "0"), ("--virtual", "1000")])
def test_sizes_out_of_range_are_refused(
    words: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["bench", *words]) == 2
    assert words[0] in capsys.readouterr().err
