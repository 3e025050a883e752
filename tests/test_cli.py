"""The command line from outside: exit status, streams, and what is imported when."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from perfmodel import cli
from perfmodel.config.faults import Fault, Faults

HEAVY = ("jax", "matplotlib", "pydantic", "pint", "numpy", "pyarrow", "scipy")


def perfmodel(*words: str, stdin: int | None = None) -> subprocess.CompletedProcess[str]:
    """Runs the program in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "perfmodel", *words],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=120,
        check=False,
        stdin=stdin,
    )


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of the user with one right and one wrong chip."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PERFMODEL_CONFIGS", raising=False)
    chips = tmp_path / "mine" / "chips"
    chips.mkdir(parents=True)
    (chips / "right.toml").write_text('extends = "h100"\nname = "Right"\n', "utf-8")
    wrong = 'extends = "h100"\n[memory]\nbandwidth = "3,35 TB/s"  # data sheet\n'
    (chips / "wrong.toml").write_text(wrong, "utf-8")
    return tmp_path / "mine"


def test_help_imports_nothing_heavy():
    code = (
        "import sys; from perfmodel.cli import run; assert run(['--help']) == 0;"
        f"print(sorted(set(sys.modules) & set({HEAVY!r})), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stderr.strip() == "[]"
    assert all(verb in done.stdout for verb in cli.VERBS)


def test_configs_are_shown_without_jax():
    code = (
        "import sys; from perfmodel.cli import run; assert run(['configs', 'list', 'chips']) == 0;"
        "assert not {'jax', 'matplotlib'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60, check=True)


def test_every_verb_has_a_documentation_of_its_own():
    said = [cli.documentation(target) for target in cli.VERBS.values()]
    assert all(said)
    assert len(set(said)) == len(said)
    assert not [text for text in said if "Parameters\n" in text]


def test_the_help_of_a_verb_is_its_docstring():
    from perfmodel.commands.devices import devices

    target = "perfmodel.commands.devices:devices"
    assert (devices.__doc__ or "").startswith(cli.documentation(target).splitlines()[0])


def test_a_right_command_ends_with_zero_and_prints_on_standard_output(mine: Path):
    done = perfmodel("configs", "show", "right", "--configs", str(mine), "--format", "json")
    assert (done.returncode, done.stderr) == (0, "")
    sheet = json.loads(done.stdout)
    assert (sheet["kind"], sheet["name"]) == ("chips", "right")
    assert {"field", "value", "unit", "text", "source", "file", "line"} == set(sheet["fields"][0])


def test_nothing_is_coloured_into_a_pipe(mine: Path):
    for words in (["--help"], ["configs", "show", "right", "--configs", str(mine)]):
        assert "\x1b" not in perfmodel(*words).stdout


def test_wrong_files_end_with_two_and_every_fault_on_standard_error(mine: Path):
    done = perfmodel("configs", "check", "mine")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        'perfmodel: mine/chips/wrong.toml:3: memory.bandwidth = "3,35 TB/s": a comma in the '
        'number; expected a decimal point, a number and a unit, such as "3.35 TB/s"\n'
    )


def test_faults_come_as_json_too(mine: Path):
    done = perfmodel("configs", "check", "mine", "--format", "json")
    assert done.returncode == 2
    report = json.loads(done.stdout)
    assert report["files"] == 2
    assert [(fault["field"], fault["line"]) for fault in report["faults"]] == [
        ("memory.bandwidth", 3)
    ]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["confgs"], 'Unknown command "confgs". Did you mean "configs"?'),
        (["configs", "list", "--formt", "json"], "Unknown option: --formt. Did you mean --format?"),
        (["configs", "list", "--format", "xml"], 'Invalid value "xml" for --format.'),
        (["configs", "show"], "requires an argument"),
        (["configs", "show", "h100", "x\x1b[31m"], "Unused Tokens"),
        (["configs", "show", "\x1b[31m"], '"\\x1b[31m": no config has that name'),
        (["configs", "list", "--configs", "no\nwhere"], "no\\nwhere: no such folder of configs"),
        (["schema", "comapre"], 'did you mean "compare"?'),
        (["schema", "config", "chps"], 'did you mean "chips"?'),
    ],
)
def test_a_wrong_command_ends_with_two_and_one_line(
    capsys: pytest.CaptureFixture[str], words: list[str], said: str
):
    assert cli.run(words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 1
    assert said in err
    assert err.rstrip("\n").isprintable()


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (KeyboardInterrupt(), 130, "perfmodel: interrupted\n"),
        (
            Faults([Fault(problem="bad"), Fault(problem="worse")]),
            2,
            "perfmodel: bad\nperfmodel: worse\n",
        ),
        (PermissionError(13, "Permission denied", "/x"), 2, "perfmodel: /x: Permission denied\n"),
    ],
)
def test_what_a_verb_raises_becomes_an_exit_status(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    status: int,
    said: str,
):
    def verb(*words: object, **options: object) -> None:
        raise error

    monkeypatch.setattr(cli, "build", lambda: verb)
    assert cli.run(["devices"]) == status
    assert capsys.readouterr().err == said


def test_a_mistake_of_ours_is_not_called_one_of_the_user(monkeypatch: pytest.MonkeyPatch):
    def verb(*words: object, **options: object) -> None:
        raise ValueError("ours")

    monkeypatch.setattr(cli, "build", lambda: verb)
    with pytest.raises(ValueError, match="ours"):
        cli.run(["devices"])


@pytest.mark.parametrize("status", [0, 1, None])
def test_the_status_of_a_verb_is_that_of_the_program(
    monkeypatch: pytest.MonkeyPatch, status: int | None
):
    monkeypatch.setattr(cli, "build", lambda: lambda *words, **options: status)
    assert cli.run([]) == (status or 0)


def test_a_reader_that_stops_reading_is_no_error(mine: Path):
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "perfmodel", "configs", "show", "chips/h100"],
        stdout=writer,
        stderr=subprocess.PIPE,
        timeout=60,
        check=False,
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_new_config_is_started_and_not_overwritten(mine: Path):
    words = ["configs", "new", "chips", "fresh", "--into", "mine", "--extends", "h100"]
    first, second = perfmodel(*words), perfmodel(*words)
    assert first.returncode == 0
    assert first.stdout.startswith("mine/chips/fresh.toml\n")
    assert (second.returncode, second.stderr) == (
        2,
        "perfmodel: mine/chips/fresh.toml: is there already\n",
    )


def test_a_folder_that_cannot_be_written_is_said(mine: Path):
    done = perfmodel("configs", "new", "chips", "x", "--into", "mine/chips/right.toml")
    assert done.returncode == 2
    assert done.stderr.startswith("perfmodel: mine/chips/right.toml/chips: ")
    assert "Traceback" not in done.stderr


def test_devices_says_what_is_used():
    done = perfmodel("devices", "--format", "json")
    assert done.returncode == 0
    seen = json.loads(done.stdout)["devices"]
    assert any(device["used"] and device["platform"] == "cpu" for device in seen)


@pytest.mark.parametrize("form", ["table", "csv"])
def test_a_list_has_a_head_in_every_form(capsys: pytest.CaptureFixture[str], mine: Path, form: str):
    assert cli.run(["configs", "list", "chips", "--format", form, "--configs", "mine"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].replace(",", " ").split() == ["kind", "name", "title", "file"]
    assert any("mine/chips/right.toml" in line for line in lines)
