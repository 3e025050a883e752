"""The verb `validate`, with a set of three rows: options, forms, files, exit status."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from cyclopts import App

from perfmodel import cli
from perfmodel.commands.outputs import schema_of
from perfmodel.commands.validate import Files, validate
from perfmodel.config.faults import Faults
from perfmodel.config.library import Library
from perfmodel.studies import validate as study
from perfmodel.studies.judged import Judged, Judgement, MeasurementSet


@pytest.fixture(autouse=True)
def toy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    def judged(files: Sequence[Path], library: Library) -> Judged:
        rows = (
            Judgement("one", 1e-3, 1.1e-3, groups={"system": "Alps"}),
            Judgement("two", 2e-3, 1.5e-3, groups={"system": "Alps"}, low=1e-3, high=3e-3),
            Judgement("three", 3e-3, skipped="no such chip", groups={"system": "Node"}),
        )
        return Judged(rows, "completion time", "s", "system")

    monkeypatch.chdir(tmp_path)
    one = MeasurementSet("Toy measurements", ("collectives.csv",), judged)
    # the verb holds a reference to the same table
    monkeypatch.setitem(study.SETS, "toy", one)
    for name in [name for name in study.SETS if name != "toy"]:
        monkeypatch.delitem(study.SETS, name)


def test_the_table_shows_groups_worst_and_skipped_rows(capsys: pytest.CaptureFixture[str]):
    assert validate() == 0
    out, err = capsys.readouterr()
    assert [word in out for word in ("Toy measurements", "17.5 %", "no such chip", "two")] == [
        True
    ] * 4
    assert "2 of 3 rows" in out
    assert "running on" in err


def test_the_json_has_the_keys_of_its_schema(capsys: pytest.CaptureFixture[str]):
    assert validate(format="json", by="system") == 0
    found = json.loads(capsys.readouterr().out)
    schema = schema_of("validate", None)
    assert set(found) == set(schema["properties"])
    assert set(schema["required"]) <= set(found)
    assert found["mape"] == pytest.approx(0.175)
    assert set(found["per_row"][0]) == set(schema["properties"]["per_row"]["items"]["properties"])
    part = schema["properties"]["sets"]["additionalProperties"]["properties"]
    assert set(found["sets"]["toy"]) == set(part)


def test_a_passed_bound_ends_with_one_and_says_which(capsys: pytest.CaptureFixture[str]):
    Path("gate.toml").write_text('[toy."Alps"]\nmape = 0.1\nmedian_ape = 0.5\n', "utf-8")
    assert validate(gate=Path("gate.toml"), format="json") == 1
    out, err = capsys.readouterr()
    assert err.splitlines()[-1] == 'gate: toy, "Alps": mape is 0.175, above its bound of 0.1'
    (failure,) = json.loads(out)["gate"]
    assert (failure["group"], failure["figure"], failure["bound"]) == ("Alps", "mape", 0.1)


def test_bounds_stand_in_the_table_and_one_that_holds_ends_with_zero(
    capsys: pytest.CaptureFixture[str],
):
    Path("gate.toml").write_text('[toy."Alps"]\nmape = 0.2\n', "utf-8")
    assert validate(gate=Path("gate.toml")) == 0
    assert "mape 20.0 %" in capsys.readouterr().out


def test_a_wrong_gate_or_grouping_is_a_fault(tmp_path: Path):
    with pytest.raises(Faults, match=r"none\.toml: no such file"):
        validate(gate=Path("none.toml"))
    with pytest.raises(Faults, match="no such grouping"):
        validate(by="sistem")


def test_the_answer_and_a_figure_are_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert validate(out=tmp_path / "out") == 0
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"validate.json", "predicted_measured_toy.png", "predicted_measured_toy.svg"}
    stored = json.loads((tmp_path / "out" / "validate.json").read_text("utf-8"))
    assert stored["per_row"][2]["skipped"] == "no such chip"
    assert "(3 files)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "files"),
    [
        ([], None),
        (["--toy"], []),
        (["--toy", "a.csv", "b.csv"], [Path("a.csv"), Path("b.csv")]),
        (["--toy=a.csv", "--by", "x"], [Path("a.csv")]),
        (["--toy", "--by", "x"], []),
    ],
)
def test_the_option_of_a_set_stands_alone_or_before_files(words: list[str], files):
    app = App(result_action="return_value")

    @app.default
    def verb(*, toy: Files = None, by: str = "") -> list[Path] | None:
        return toy

    assert app(words, exit_on_error=False) == files


def test_the_help_reads_the_documentation_without_importing_the_verb():
    assert "Predict published measurements" in cli.documentation(
        "perfmodel.commands.validate:validate"
    )
