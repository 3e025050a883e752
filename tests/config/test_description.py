"""A config as people read it: every value, in the units they know, with its source."""

from collections.abc import Callable

from perfmodel.config.description import DEFAULT, describe, entries, find_config
from perfmodel.config.library import Library


def test_values_are_shown_in_human_units_with_their_sources(small: Library):
    shown = {one.field: one for one in describe(small.document("chips", "small"))}
    capacity = shown["memory.capacity"]
    assert (capacity.value, capacity.unit, capacity.text) == (8e10, "B", "80 GB")
    assert (capacity.source, capacity.line) == ("data sheet", 14)
    assert shown["efficiency.gemm_16bit"].text == "0.9"
    assert shown["name"].text == "Small chip"


def test_a_default_is_shown_as_one(small: Library):
    shown = {one.field: one for one in describe(small.document("chips", "small"))}
    assert (shown["devices"].text, shown["devices"].source) == ("1", DEFAULT)
    assert "peak.fp8" not in shown


def test_words_and_flags_are_shown_as_they_are_written(small: Library):
    shown = {one.field: one.text for one in describe(small.document("sites", "small-site"))}
    assert shown["facility.power_limit"] == "unlimited"
    assert shown["facility.outside_temperature"] == "10.5 degC"
    fabric = {one.field: one.text for one in describe(small.document("fabrics", "small-fabric"))}
    assert (fabric["reduction"], fabric["level.1.latency"]) == ("0.0", "8 us")


def test_a_config_is_found_by_kind_noun_or_a_name_of_its_own(small: Library):
    for target in ("chips/small", "chip/small", "small"):
        assert find_config(small, target) == ("chips", "small")


def test_a_name_of_two_kinds_has_to_say_which(small: Library, write: Callable, faults_of: Callable):
    write("nodes/small", 'extends = "small-node"\n')
    assert faults_of(find_config, small, "small") == [
        '"small": several kinds have it; expected one of "chips/small", "nodes/small"'
    ]


def test_a_name_of_none_suggests_the_nearest(small: Library, faults_of: Callable):
    assert faults_of(find_config, small, "small-nod") == [
        '"small-nod": no config has that name; did you mean "small-node"?'
    ]


def test_all_configs_are_listed_the_faulty_ones_too(small: Library, write: Callable):
    write("chips/broken", "a =")
    listed = entries(small)
    assert len(listed) == 13
    assert listed[0].title.startswith("faulty: not valid TOML")
    assert [one.title for one in entries(small, "nodes")] == ["Small node"]
