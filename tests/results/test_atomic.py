"""Files that appear whole or not at all."""

import errno
import os
import subprocess
import sys

import pytest

from perfmodel.results.atomic import whole_file


def test_the_name_appears_only_at_the_end(tmp_path):
    path = tmp_path / "deep" / "er" / "table.csv"
    with whole_file(path) as file:
        file.write(b"chips\n")
        file.flush()
        assert not path.exists()
    assert path.read_bytes() == b"chips\n"
    assert list(path.parent.iterdir()) == [path]


def test_an_error_while_writing_keeps_the_old_file_and_leaves_nothing_beside_it(tmp_path):
    path = tmp_path / "table.csv"
    path.write_bytes(b"old")
    with pytest.raises(ZeroDivisionError), whole_file(path) as file:
        file.write(b"new")
        raise ZeroDivisionError
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_is_one_message_and_no_file(tmp_path, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    path = tmp_path / "table.csv"
    monkeypatch.setattr(os, "fsync", full)
    message = f"^{path}: cannot be written: no space left on device$"
    with pytest.raises(ValueError, match=message), whole_file(path) as file:
        file.write(b"new")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_the_system_cuts_short_is_one_message_and_no_file(tmp_path):
    path = tmp_path / "table.csv"
    script = f"""
import resource, pathlib
from perfmodel.results.atomic import whole_file
resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
try:
    with whole_file(pathlib.Path({str(path)!r})) as file:
        file.write(bytes(10_000))
except ValueError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)
    assert done.stdout.decode().strip() == f"{path}: cannot be written: file too large"
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_the_way_of_a_folder_is_named(tmp_path):
    obstacle = tmp_path / "out"
    obstacle.write_text("")
    path = obstacle / "table.csv"
    message = f"^{path}: cannot be written: {obstacle} is not a folder$"
    with pytest.raises(ValueError, match=message), whole_file(path):
        pass


def test_a_folder_of_that_name_is_left_alone(tmp_path):
    path = tmp_path / "table.csv"
    path.mkdir()
    with pytest.raises(ValueError, match="cannot be written: is a directory"), whole_file(path):
        pass
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_write_permission_is_one_message(tmp_path):
    tmp_path.chmod(0o500)
    path = tmp_path / "table.csv"
    message = f"^{path}: cannot be written: permission denied$"
    with pytest.raises(ValueError, match=message), whole_file(path):
        pass
