"""A check of a user's files: which files, and every fault of them."""

from collections.abc import Callable
from pathlib import Path

import pytest

from perfmodel.config.checking import check_files
from perfmodel.config.library import FOLDERS


def messages(*paths: Path) -> list[str]:
    return [str(fault) for fault in check_files(paths).faults]


def test_a_right_library_has_no_faults(folder: Path):
    checked = check_files([folder])
    assert checked == (12, ())


def test_without_a_path_the_folders_of_the_user_are_checked(
    folder: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv(FOLDERS, str(folder))
    assert check_files([]).files == 12


def test_a_file_and_a_folder_of_a_kind_can_be_checked_alone(folder: Path):
    assert check_files([folder / "chips"]) == (1, ())
    assert check_files([Path("nodes/small-node.toml")]) == (1, ())


def test_faults_of_schema_source_and_name_come_together_by_line(folder: Path, write: Callable):
    write("nodes/bad", 'extends = "small-node"\nchip = "smal"\nchips = 0\nnics = 4\n')
    assert messages(folder / "nodes" / "bad.toml") == [
        'nodes/bad.toml:2: chip = "smal": no chip has that name; did you mean "small"?',
        "nodes/bad.toml:3: chips = 0: below 1; expected a whole number from 1",
        "nodes/bad.toml:3: chips = 0: has no source; expected a comment on its line that says "
        'where it comes from, or "estimate: ..." for a guess',
        "nodes/bad.toml:4: nics = 4: has no source; expected a comment on its line that says "
        'where it comes from, or "estimate: ..." for a guess',
    ]


def test_every_file_is_checked_though_one_is_broken(folder: Path, write: Callable):
    write("chips/broken", "a = \n")
    write("stacks/broken", "a = \n")
    assert len(messages(folder)) == 2
    assert check_files([folder]).files == 14


def test_names_may_lead_to_a_folder_beside(folder: Path, tmp_path: Path):
    path = tmp_path / "other" / "nodes" / "mine.toml"
    path.parent.mkdir(parents=True)
    path.write_text('extends = "small-node"\nname = "Mine"\n', "utf-8")
    assert check_files([path], [folder]).faults == ()
    assert len(check_files([path]).faults) == 1


def test_a_fault_of_the_named_file_is_not_said_again(folder: Path, write: Callable):
    write("chips/broken", "a = \n")
    write("nodes/a", 'extends = "small-node"\nchip = "broken"\n')
    assert messages(folder / "nodes" / "a.toml") == []


def test_paths_that_are_no_configs_are_refused(folder: Path, tmp_path: Path):
    (tmp_path / "empty").mkdir()
    (folder / "loose.toml").touch()
    (folder / "chips" / "a b.toml").touch()
    said = messages(tmp_path / "empty", folder / "none.toml", folder / "loose.toml")
    assert ["holds no configs" in said[0], "no such file" in said[1]] == [True, True]
    assert "lies in no folder of a kind" in said[2]
    assert "not a name of a config" in messages(folder / "chips" / "a b.toml")[0]
