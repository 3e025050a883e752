"""The verb `sweep`: answer, kills, workers, shards, faults, and any text that a user may type."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from perfmodel import cli
from perfmodel.commands.outputs import schema_of
from perfmodel.commands.sweep_question import shard_of
from perfmodel.config.faults import Faults
from perfmodel.results.run_folder import Shard

WORDS = ("sweep", "ai-factory", "llama3-8b", "layout.tp=2", "site.chips=512")
AXES = ("chip=h100,gb200", "node.nic_bandwidth=geomspace(10 GB/s, 100 GB/s, 50)")
LONG = ("chip.memory.bandwidth=linspace(2 TB/s, 9 TB/s, 400)",)
COMMAND = [sys.executable, "-c", "from perfmodel.cli import main; main()"]


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("chunk-*.parquet"))}


def environment(cache: Path) -> dict[str, str]:
    kept = {
        name: value for name, value in os.environ.items() if name != "PERFMODEL_NO_COMPILE_CACHE"
    }
    return kept | {"XDG_CACHE_HOME": str(cache), "JAX_PLATFORMS": "cpu"}


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Programs that later processes load."""
    folder = tmp_path_factory.mktemp("cache")
    words = [*WORDS, "chip=h100,gb200", "--out", str(folder / "run")]
    subprocess.run([*COMMAND, *words], env=environment(folder), check=True, capture_output=True)
    return folder


def test_an_answer_has_the_keys_of_its_schema(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [*WORDS, *AXES, "--chunk", "30", "--format", "json", "--out", str(tmp_path / "run")]
    assert cli.run(words) == 0
    answer = json.loads(capsys.readouterr().out)
    assert set(answer) == set(schema_of("sweep", None)["properties"])
    assert answer["points"] == answer["feasible_points"] == 100
    assert answer["complete"] and len(answer["files"]) == 4
    rates = [row["tokens_per_s"] for row in answer["best"]]
    assert rates == sorted(rates, reverse=True) and len(rates) == 10
    assert cli.run(words) == 0
    assert json.loads(capsys.readouterr().out)["best"] == answer["best"]


def test_a_table_says_what_is_best_and_why_others_are_not_feasible(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["sweep", "ai-factory", "llama3-8b", "layout.tp=2,3", "site.chips=512", "--out"]
    assert cli.run([*words, str(tmp_path / "run")]) == 0
    text = capsys.readouterr().out
    for part in ("by throughput", "tensor ranks do not divide the heads", "2 of 2 points"):
        assert part in text


def test_a_condition_that_does_not_hold_ends_with_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [*WORDS, "chip=h100,gb200", "--out", str(tmp_path), "--require", "mfu>=0.99"]
    assert cli.run(words) == 1
    assert "mfu>=0.99 does not hold" in capsys.readouterr().err


def test_a_dry_run_counts_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.run([*WORDS, *AXES, "--dry-run", "--format", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["points"] == 100 and told["expected_s"] > 0.0 and told["expected_bytes"] > 0.0
    assert not list(tmp_path.iterdir())


def test_a_sweep_by_its_name_takes_changes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["sweep", "nic-bandwidth", "workload=llama3-8b", "site.chips=512", "layout.tp=2"]
    more = ["node.nic_bandwidth=25 GB/s,50 GB/s", "--format", "json", "--out", str(tmp_path)]
    assert cli.run([*words, *more]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["points"] == 2
    told = json.loads((tmp_path / "manifest.json").read_text())
    assert told["title"] == "Bandwidth of the network cards"
    assert told["figure"]["x"] == "node.nic_bandwidth"


FAULTS = {
    ("ai-factori", "llama3-8b"): 'no site has that name; did you mean "ai-factory"?',
    ("ai-factory",): "no workload behind the site",
    ("nic-bandwith",): 'did you mean "nic-bandwidth"?',
    ("absent.toml",): "absent.toml",
    (*WORDS[1:], "site.chips=1,2"): "site.chips: is given twice",
    (*WORDS[1:], "--shard", "2/2"): '--shard = "2/2": is no part of a run',
    (*WORDS[1:], "--chunk", "-1"): "--chunk = -1: is negative",
    (*WORDS[1:], "--where", "speed>1"): 'no column is called "speed"',
    (*WORDS[1:], "fabric.spread=linspace(0,1,9999999)", "chip=h100,gb200"): "or --yes if that",
    (*WORDS[1:], "--cluster", "local:0"): "is no number of workers",
}


@pytest.mark.parametrize(("words", "said"), FAULTS.items())
def test_a_mistake_ends_with_two_and_one_message(
    words: tuple[str, ...],
    said: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.run(["sweep", *words]) == 2
    text = capsys.readouterr().err
    assert said in text
    assert sum(line.startswith("perfmodel: ") for line in text.splitlines()) == 1
    assert not list(tmp_path.glob("*/chunk-*"))


def test_a_shard_comes_from_the_task_of_a_job_array(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shard_of("") == Shard(0, 1)
    assert shard_of("3/8") == Shard(3, 8)
    for name, value in (("ID", "7"), ("MIN", "5"), ("COUNT", "4")):
        monkeypatch.setenv(f"SLURM_ARRAY_TASK_{name}", value)
    assert shard_of("") == Shard(2, 4)
    with pytest.raises(Faults):
        shard_of("half")


@pytest.mark.slow
def test_killed_at_any_moment_it_goes_on_to_the_same_bytes(tmp_path: Path, cache: Path) -> None:
    """Thirty kills; the run is done when it ends by itself."""
    words = [*COMMAND, *WORDS, *AXES, *LONG, "--chunk", "500", "--out"]
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    subprocess.run([*words, str(whole)], env=environment(cache), check=True, capture_output=True)
    draw, kills, status = random.Random(5), 0, None
    while kills < 30:
        process = subprocess.Popen(
            [*words, str(broken)],
            env=environment(cache),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            status = process.wait(timeout=draw.uniform(0.3, 3.0))
            for path in draw.sample(sorted(broken.glob("chunk-*")), 40):
                path.unlink()  # it was done before all kills: give it more to do
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            kills += 1
    subprocess.run([*words, str(broken)], env=environment(cache), check=True, capture_output=True)
    assert status in (None, 0)
    assert files_of(whole) == files_of(broken)
    assert len(files_of(whole)) == 80
    assert not list(broken.glob("*.partial"))


@pytest.mark.slow
def test_an_interrupt_is_answered_at_once_and_keeps_what_is_done(
    tmp_path: Path, cache: Path
) -> None:
    words = [*COMMAND, *WORDS, *AXES, *LONG, "--chunk", "200", "--out", str(tmp_path / "run")]
    process = subprocess.Popen(words, env=environment(cache), stderr=subprocess.PIPE, text=True)
    while len(files_of(tmp_path / "run")) < 3:
        time.sleep(0.02)
    asked = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, text = process.communicate(timeout=20)
    assert process.returncode == 130
    assert time.monotonic() - asked < 2.0
    assert text.endswith("perfmodel: interrupted\n") and "Traceback" not in text
    assert len(files_of(tmp_path / "run")) >= 3


@pytest.mark.slow
def test_two_workers_of_which_one_is_killed_lose_nothing(tmp_path: Path, cache: Path) -> None:
    words = [*COMMAND, *WORDS, *AXES, *LONG, "--chunk", "500", "--out"]
    alone, shared = tmp_path / "alone", tmp_path / "shared"
    subprocess.run([*words, str(alone)], env=environment(cache), check=True, capture_output=True)
    process = subprocess.Popen(
        [*words, str(shared), "--cluster", "local:2"],
        env=environment(cache),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while len(files_of(shared)) < 5 and process.poll() is None:
        time.sleep(0.02)
    os.kill(_workers(process.pid)[0], signal.SIGKILL)
    _, text = process.communicate(timeout=300)
    assert process.returncode == 0, text
    assert "Traceback" not in text
    assert files_of(alone) == files_of(shared)


def _workers(parent: int) -> list[int]:
    """Processes of the workers that a local cluster has started."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
            words = (path.parent / "cmdline").read_bytes()
        except OSError:
            continue
        if int(fields[1]) == parent and b"spawn_main" in words:
            found.append(int(path.parent.name))
    return sorted(found)


WORD = (
    *("site.chips", "chip", "node.nic_bandwidth", "layout.tp"),
    "fabric.level.core.oversubscription",
    *("=", "=", "=", ",", ",", "(", ")", "range", "linspace", "geomspace", "zip(", "uniform"),
    *("choice", ";", "1", "2", "-1", "1e9", "GB/s", "100 Gb/s", "nan", "inf", "'", '"', "[", "]"),
    *("h100", "gb300", "../../etc/passwd", "<script>", "$HOME", "\x00", "\u202e", "9" * 40),
    *("", " ", "unlimited", "--yes"),
)  # fmt: skip


@pytest.mark.slow
def test_two_thousand_texts_that_nobody_meant_end_with_zero_or_two(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dry of evaluations: what is read is planned, not computed."""
    from perfmodel.commands import sweep_answer

    monkeypatch.setattr(sweep_answer, "_dry_run", lambda *_: 0)
    monkeypatch.chdir(tmp_path)
    draw = random.Random(11)
    statuses = {0: 0, 2: 0}
    for _ in range(2000):
        texts = [
            "".join(draw.choices(WORD, k=draw.randint(1, 9))) for _ in range(draw.randint(1, 3))
        ]
        status = cli.run(["sweep", "ai-factory", "llama3-8b", "--dry-run", "--", *texts])
        statuses[status] += 1
        assert "Traceback" not in capsys.readouterr().err
    assert statuses[2] > 1000
    assert not list(tmp_path.iterdir())


def test_a_plan_is_told_before_jax_is_loaded() -> None:
    code = (
        "import sys\n"
        "from perfmodel.commands.sweep_answer import planned, started_line\n"
        "from perfmodel.commands.sweep_question import Given, asked\n"
        "given = Given('nic-bandwidth', (), 0, 0, 0, None, None, (), 0, ())\n"
        "assert '27 points' in started_line(planned(asked(given).question))\n"
        "print('jax' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
