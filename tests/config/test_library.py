"""Configs by kind and name: which file is meant, what it inherits, what is refused."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from perfmodel.config import library as library_module
from perfmodel.config.kinds import KINDS, NOUNS
from perfmodel.config.library import Library, shipped


def test_every_kind_loads_into_its_schema(small: Library):
    for kind, schema in KINDS.items():
        names = small.names(kind)
        assert len(names) == 1
        assert isinstance(small.load(kind, names[0]), schema)


def test_quantities_arrive_in_si(small: Library):
    assert small.load("chips", "small").memory.bandwidth == 3e12
    assert small.load("nodes", "small-node").nic_bandwidth == 5e10
    assert small.load("sites", "small-site").facility.outside_temperature == pytest.approx(283.65)


def test_a_config_is_read_once(small: Library, folder: Path):
    first = small.load("chips", "small")
    (folder / "chips" / "small.toml").unlink()
    assert small.load("chips", "small") is first


def test_a_config_cannot_be_changed(small: Library):
    with pytest.raises(ValueError, match="frozen"):
        small.load("chips", "small").vendor = "Somebody"


def test_a_child_inherits_what_it_does_not_say(small: Library, write: Callable):
    write("chips/fast", 'extends = "small"\nname = "Fast"\n[memory]\nbandwidth = "8 TB/s"\n')
    fast, parent = small.load("chips", "fast"), small.load("chips", "small")
    assert fast.memory.bandwidth == 8e12
    assert fast.memory.capacity == parent.memory.capacity
    assert fast.name == "Fast"


def test_inheritance_goes_on_for_generations(small: Library, write: Callable):
    write("chips/b", 'extends = "small"\nname = "B"\n')
    write("chips/c", 'extends = "b"\nvendor = "C"\n')
    chip = small.load("chips", "c")
    assert (chip.name, chip.vendor, chip.compute.units) == ("B", "C", 100)


def test_an_array_replaces_that_of_the_parent(small: Library, write: Callable):
    level = (
        '[[level]]\nname = "one"\nchips = "unlimited"\noversubscription = 1.0\n'
        'latency = "1 us"\nload_balancing = "spray"\n'
    )
    write("fabrics/flat", f'extends = "small-fabric"\n{level}')
    assert [one.name for one in small.load("fabrics", "flat").level] == ["one"]


def test_a_circle_is_refused_with_its_chain(small: Library, write: Callable, faults_of: Callable):
    write("chips/a", '# a\nextends = "b"\n')
    write("chips/b", 'extends = "c"\n')
    write("chips/c", 'extends = "a"\n')
    assert faults_of(small.load, "chips", "a") == [
        "chips/c.toml:1: extends: extends itself: a -> b -> c -> a; "
        "expected a chain of chips that ends"
    ]


def test_a_config_cannot_extend_itself(small: Library, write: Callable, faults_of: Callable):
    write("chips/a", 'extends = "a"\n')
    assert "extends itself: a -> a" in faults_of(small.load, "chips", "a")[0]


def test_a_config_extends_only_its_own_kind(small: Library, write: Callable, faults_of: Callable):
    write("chips/a", 'extends = "small-node"\n')
    assert faults_of(small.load, "chips", "a") == [
        'chips/a.toml:1: extends = "small-node": is a node, not a chip; did you mean "small"?'
    ]


@pytest.mark.parametrize(
    "name", ["../nodes/small-node", "nodes/small-node", "/etc/passwd", "..", "", ".hidden", "a\\b"]
)
def test_a_name_cannot_leave_its_folder(
    small: Library, write: Callable, faults_of: Callable, name: str
):
    write("chips/a", f"extends = '{name}'\n")
    for messages in (faults_of(small.load, "chips", "a"), faults_of(small.load, "chips", name)):
        assert len(messages) == 1
        assert "not a name of a config; expected letters, digits" in messages[0]


@pytest.mark.parametrize("value", ["5", "[1]", "{}", "true"])
def test_what_is_extended_is_named_by_a_text(
    small: Library, write: Callable, faults_of: Callable, value: str
):
    write("chips/a", f"extends = {value}\n")
    assert "not a name of a config" in faults_of(small.load, "chips", "a")[0]


def test_an_unknown_name_suggests_the_nearest(small: Library, faults_of: Callable):
    assert faults_of(small.load, "chips", "smal") == [
        'chip = "smal": no chip has that name; did you mean "small"?'
    ]


def test_an_unknown_kind_suggests_the_nearest(small: Library, faults_of: Callable):
    assert faults_of(small.load, "chip", "small")[0].startswith('"chip": no such kind of config')
    assert 'did you mean "chips"?' in faults_of(small.load, "chip", "small")[0]


def test_the_folder_of_the_argument_comes_first_then_the_environment(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    for name in ("first", "second"):
        path = tmp_path / name / "chips" / "small.toml"
        path.parent.mkdir(parents=True)
        path.write_text(f'extends = "small"\nvendor = "{name}"\n', encoding="utf-8")
    listed = os.pathsep.join(map(str, (tmp_path / "second", folder)))
    monkeypatch.setenv(library_module.FOLDERS, listed)
    assert Library().load("chips", "small").vendor == "second"
    assert Library([tmp_path / "first"]).load("chips", "small").vendor == "first"


def test_a_config_that_extends_its_own_name_means_that_of_the_next_folder(
    folder: Path, tmp_path: Path
):
    path = tmp_path / "over" / "chips" / "small.toml"
    path.parent.mkdir(parents=True)
    path.write_text('extends = "small"\n[power]\ntdp = "1 kW"\n', encoding="utf-8")
    chip = Library([tmp_path / "over", folder]).load("chips", "small")
    assert (chip.power.tdp, chip.name) == (1000.0, "Small chip")


def test_a_folder_that_is_none_is_refused(folder: Path, tmp_path: Path, faults_of: Callable):
    assert "no such folder of configs" in faults_of(Library, [tmp_path / "none"])[0]
    assert "holds no configs" in faults_of(Library, [folder / "chips"])[0]
    assert len(faults_of(Library, [tmp_path / "none", folder / "chips"])) == 2


def test_files_that_are_no_configs_are_not_listed(small: Library, folder: Path):
    for name in (".hidden.toml", "notes.txt", "a b.toml"):
        (folder / "chips" / name).touch()
    assert small.names("chips") == ["small"]


def test_a_folder_in_place_of_a_file_is_refused(small: Library, folder: Path, faults_of: Callable):
    (folder / "chips" / "box.toml").mkdir()
    assert faults_of(small.load, "chips", "box") == [
        "chips/box.toml: not a file; expected a TOML file"
    ]


def test_the_configs_that_ship_lie_beside_the_package_or_in_it():
    assert (shipped() / "chips").is_dir()


def test_every_kind_has_a_noun():
    assert list(NOUNS.values()) == list(KINDS)


def test_a_scenario_of_seven_files_takes_less_than_three_tenths_of_a_second(folder: Path):
    Library([folder]).scenario("small-site", "small-job")
    started = time.perf_counter()
    Library([folder]).scenario("small-site", "small-job")
    assert time.perf_counter() - started < 0.3
