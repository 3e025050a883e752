"""The verbs `plot` and `report`: files, answers, mistakes."""

import json
from pathlib import Path

import pytest

from perfmodel import cli
from perfmodel.commands.outputs import schema_of
from perfmodel.views import report as page
from tests.results.stored_runs import write_run


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(page, "_pictures", lambda *_: [])
    return write_run(Path("run"))


def test_figures_lie_in_the_folder_of_the_run(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["plot", "run"]) == 0
    out, err = capsys.readouterr()
    names = ["line_tokens_per_s.png", "line_tokens_per_s.svg"]
    assert out.splitlines() == [f"run/figures/{name}" for name in names]
    assert err == ""
    assert sorted(path.name for path in Path("run/figures").iterdir()) == names


def test_several_kinds_and_a_folder(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--kind", "heat", "pareto", "--y", "mfu", "--where", "chip=gb300", "site.chips>=4096"]
    assert cli.run(["plot", "run", *words, "--out", "here"]) == 0
    stems = {path.stem for path in Path("here").iterdir()}
    assert stems == {"heat_mfu", "pareto_mfu_energy_per_token_j"}


@pytest.mark.parametrize("verb", ["plot", "report"])
def test_an_answer_has_the_keys_of_its_schema_and_names_its_files(
    run: Path, capsys: pytest.CaptureFixture[str], verb: str
) -> None:
    assert cli.run([verb, "run", "--format", "json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    schema = schema_of(verb, None)
    assert set(answer) == set(schema["properties"]) == set(schema["required"])
    assert all(Path(name).is_file() for name in answer["files"])
    assert (answer["points"], answer["chunks"], answer["chunks_there"]) == (108, 3, 3)


def test_a_report_is_one_file(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["report", "run", "--out", "new/page.html"]) == 0
    assert capsys.readouterr().out == "new/page.html\n"
    assert [path.name for path in Path("new").iterdir()] == ["page.html"]
    assert Path("new/page.html").read_text("utf-8").startswith("<!DOCTYPE html>")


def test_a_run_under_way_is_said_on_standard_error(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("run/chunk-000002.parquet").unlink()
    assert cli.run(["report", "run"]) == 0
    out, err = capsys.readouterr()
    assert (out, err) == ("run/report.html\n", "the run is not complete: 2 of 3 chunks\n")


@pytest.mark.parametrize("verb", ["plot", "report"])
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["none"], "none: no such folder; expected a folder that `perfmodel sweep --out` wrote"),
        (
            ["run/manifest.json"],
            "run/manifest.json: a file, not the folder of a run; "
            "expected a folder that `perfmodel sweep --out` wrote",
        ),
        (
            ["run", "--where", "mfx>0.1"],
            '--where = "mfx>0.1": the run has no column "mfx"; did you mean "mfu"?',
        ),
        (["run", "--where", "mfu>0.99"], "--where: no point meets all conditions"),
        (["run", "--out", "run/manifest.json/x"], "is not a folder"),
    ],
)
def test_a_mistake_is_said_once(
    run: Path, capsys: pytest.CaptureFixture[str], verb: str, words: list[str], said: str
) -> None:
    before = sorted(run.rglob("*"))
    assert cli.run([verb, *words]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 1
    assert said in err
    assert sorted(run.rglob("*")) == before


def test_an_unknown_kind_is_refused(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["plot", "run", "--kind", "pie"]) == 2
    assert 'Invalid value "pie" for --kind' in capsys.readouterr().err


def test_all_faults_of_the_columns_come_at_once(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["plot", "run", "--x", "chip", "--y", "mfx", "--color", "chips"]) == 2
    assert capsys.readouterr().err.splitlines() == [
        'perfmodel: --y = "mfx": the run has no such column; did you mean "mfu"?',
        'perfmodel: --color = "chips": the run has no such column; did you mean "chip"?',
    ]


@pytest.mark.slow
def test_a_real_sweep_is_drawn_and_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    job = ["ai-factory", "llama3-8b", "site.chips=256,512", "chip.memory.bandwidth=2 TB/s,4 TB/s"]
    assert cli.run(["sweep", *job, "layout.tp=4", "--out", "run"]) == 0
    assert cli.run(["plot", "run", "--kind", "line", "heat", "pareto", "time-split"]) == 0
    assert len(list(Path("run/figures").glob("*.png"))) == 4
    assert cli.run(["report", "run"]) == 0
    text = Path("run/report.html").read_text("utf-8")
    assert "Best of 4 points" in text
    assert text.count("<img") >= 5
