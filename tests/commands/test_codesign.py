"""The verb `codesign`: forms of the answer, the command that gives the design, mistakes."""

import json
import shlex
from pathlib import Path

import pytest

from perfmodel import cli
from perfmodel.commands.codesign_answer import laid_over
from perfmodel.commands.outputs import schema_of
from perfmodel.results.parquet import read

SITE = ("ai-factory", "llama3-8b", "site.chips=512")
FREE = ("--free", "chip.power.tdp", "--bounds", "chip.power.tdp=400 W..700 W")
WORDS = ("codesign", *SITE, *FREE, "--budget", "site.power=420 kW")


@pytest.mark.slow
def test_an_answer_has_the_keys_of_its_schema_and_its_command_gives_the_design(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    assert cli.run([*WORDS, "--format", "json", "--out", str(tmp_path)]) == 0
    answer = json.loads(capsys.readouterr().out)
    schema = schema_of("codesign", None)["properties"]
    assert set(answer) == set(schema)
    for name in ("budgets", "bounds"):
        assert set(answer[name][0]) == set(schema[name]["items"]["properties"])
    stored = read(tmp_path / "codesign.parquet").rows
    assert len(stored["step"]) == len(answer["steps"])
    program, *words = shlex.split(answer["command"])
    assert program == "perfmodel"
    assert cli.run([*words, "--format", "json"]) == 0
    again = json.loads(capsys.readouterr().out)
    assert again["tokens_per_s"] == answer["design"]["tokens_per_s"]
    assert again["site_power_w"] == answer["budgets"][0]["spent"] <= 420e3


@pytest.mark.slow
def test_a_table_says_what_stops_the_design(capsys: pytest.CaptureFixture[str]):
    assert cli.run(WORDS) == 0
    out = capsys.readouterr().out
    assert "Budget site.power" in out
    assert "\nperfmodel estimate ai-factory llama3-8b site.chips=512 " in out


def test_a_start_of_the_user_gives_way_to_the_design():
    assert laid_over(["chip.power.tdp=500 W", "site.chips=8"], ["chip.power.tdp=600 W"]) == [
        *("site.chips=8", "chip.power.tdp=600 W")
    ]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (FREE[2:], "--free"),
        (("--free", "chip.tdp", *FREE[2:]), 'did you mean "chip.power.tdp"?'),
        ((*FREE[:3], "chip.power.tdp=700 W..400 W"), "lower bound above upper"),
        ((*FREE, "--budget", "power=1 MW"), "nothing that can be limited"),
        ((*FREE, "--objective", "mfu"), "--objective"),
        (("layout.tp=4", *FREE), "searched for each design"),
    ],
)
def test_a_mistake_is_said(capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str):
    assert cli.run(["codesign", *SITE, *words]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert "Traceback" not in error
