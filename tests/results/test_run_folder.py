"""The folder of a run: one writer or named shards, whole files, the same run or a refusal."""

import subprocess
import sys
from pathlib import Path

import pytest

from perfmodel.config.faults import Faults
from perfmodel.results.run_folder import MANIFEST, Shard, opened

TOLD = {"format": 1, "chunks": 4, "asked": {"texts": ["a=1"], "site": "x"}, "scenario": {"n": 1}}


def test_chunks_that_are_there_are_not_missing(tmp_path: Path):
    with opened(tmp_path / "run", TOLD) as folder:
        assert folder.missing() == [0, 1, 2, 3]
        folder.keep(2, b"two")
    with opened(tmp_path / "run", TOLD) as folder:
        assert folder.missing() == [0, 1, 3]
        assert folder.done() == [2]
        assert folder.file(2).read_bytes() == b"two"


def test_shards_share_the_chunks(tmp_path: Path):
    with (
        opened(tmp_path, TOLD, Shard(0, 3)) as first,
        opened(tmp_path, TOLD, Shard(1, 3)) as second,
        opened(tmp_path, TOLD, Shard(2, 3)) as third,
    ):
        assert [one.missing() for one in (first, second, third)] == [[0, 3], [1], [2]]


@pytest.mark.parametrize(
    ("held", "asked", "said"),
    [
        (Shard(0, 1), Shard(0, 1), "another process writes this run"),
        (Shard(0, 1), Shard(0, 2), "another process writes shard 0/2 of this run"),
        (Shard(0, 2), Shard(0, 1), "another process writes this run"),
        (Shard(1, 2), Shard(1, 2), "another process writes shard 1/2 of this run"),
    ],
)
def test_a_second_writer_is_refused(tmp_path: Path, held: Shard, asked: Shard, said: str):
    with (
        opened(tmp_path, TOLD, held),
        pytest.raises(Faults, match=said),
        opened(tmp_path, TOLD, asked),
    ):
        pass


def test_a_lock_ends_with_its_process(tmp_path: Path):
    code = (
        "import os, sys; from pathlib import Path\n"
        "from perfmodel.results.run_folder import opened\n"
        f"with opened(Path(sys.argv[1]), {TOLD!r}): os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert done.returncode == -9
    with opened(tmp_path, TOLD) as folder:
        assert folder.missing() == [0, 1, 2, 3]


def test_another_run_is_refused_and_what_changed_is_said(tmp_path: Path):
    with opened(tmp_path, TOLD):
        pass
    other = TOLD | {"asked": {"texts": ["a=2"], "site": "x"}, "scenario": {"n": 2}}
    with pytest.raises(Faults) as error, opened(tmp_path, other):
        pass
    assert 'asked.texts: was ["a=1"], is now ["a=2"]' in str(error.value)
    assert "scenario" not in str(error.value)
    changed = TOLD | {"scenario": {"n": 2}}
    with pytest.raises(Faults, match=r"scenario\.n: was 1, is now 2"), opened(tmp_path, changed):
        pass


def test_a_folder_with_other_files_is_refused(tmp_path: Path):
    (tmp_path / "thesis.tex").touch()
    said = r"holds other files, such as thesis\.tex"
    with pytest.raises(Faults, match=said), opened(tmp_path, TOLD):
        pass


def test_a_file_in_place_of_the_folder_is_refused(tmp_path: Path):
    (tmp_path / "run").touch()
    with pytest.raises(Faults, match="cannot be written"), opened(tmp_path / "run", TOLD):
        pass


def test_what_a_dead_process_left_half_written_is_removed(tmp_path: Path):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    left = tmp_path / f".chunk-000001.parquet.{dead.pid}.partial"
    with opened(tmp_path, TOLD):
        left.touch()
    with opened(tmp_path, TOLD) as folder:
        assert not left.exists()
        assert folder.missing() == [0, 1, 2, 3]


def test_a_full_disk_is_one_fault_and_keeps_what_is_there(tmp_path: Path, monkeypatch):
    import os

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with opened(tmp_path, TOLD) as folder:
        folder.keep(0, b"zero")
        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(Faults, match="no space left on device"):
            folder.keep(1, b"one")
        assert folder.done() == [0]
        assert not list(tmp_path.glob("*.partial")) and (tmp_path / MANIFEST).exists()
