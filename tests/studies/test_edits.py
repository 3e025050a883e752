"""Fitted values in config files: the lines that change, and those that stay."""

from pathlib import Path

import pytest

from perfmodel.studies.edits import Edit, apply

TEXT = """\
# A fabric.
name = "Small"

[[level]]
latency = "2 us"  # data sheet
bandwidth = "50 GB/s"  # data sheet

[[level]]
latency = "5 us"  # estimate: two more hops
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "small.toml"
    path.write_text(TEXT, "utf-8")
    return path


def test_one_line_changes_and_keeps_its_neighbours(path: Path):
    changed = apply([Edit(path, ("level", 1, "latency"), '"4.2 us"', "fitted to 20 rows")])
    assert changed == [path]
    expected = TEXT.replace('"5 us"  # estimate: two more hops', '"4.2 us"  # fitted to 20 rows')
    assert path.read_text("utf-8") == expected


def test_a_field_that_the_file_does_not_state_goes_into_its_table(path: Path):
    edits = [
        Edit(path, ("level", 1, "bandwidth"), '"25 GB/s"', "fit"),
        Edit(path, ("kind",), '"tree"', "fit"),
        Edit(path, ("congestion", "share"), "0.9", "fit"),
    ]
    apply(edits)
    text = path.read_text("utf-8")
    assert '[[level]]\nbandwidth = "25 GB/s"  # fit\nlatency = "5 us"' in text
    assert text.startswith('# A fabric.\nkind = "tree"  # fit\nname = "Small"\n')
    assert text.endswith("\n\n[congestion]\nshare = 0.9  # fit\n")


def test_the_same_values_again_change_nothing(path: Path):
    edits = [Edit(path, ("level", 0, "latency"), '"3 us"', "fit")]
    assert apply(edits) == [path]
    assert apply(edits) == []


def test_nothing_is_written_when_one_edit_cannot_be(path: Path):
    edits = [
        Edit(path, ("level", 0, "latency"), '"3 us"', "fit"),
        Edit(path, ("level", 7, "latency"), '"3 us"', "fit"),
    ]
    with pytest.raises(ValueError, match=r"no table for level\.7\.latency"):
        apply(edits)
    assert path.read_text("utf-8") == TEXT


def test_a_field_inside_an_inline_table_is_refused(path: Path):
    path.write_text("overlap = { tensor = 0.5, data = 0.9 }\n", "utf-8")
    with pytest.raises((ValueError, KeyError)):
        apply([Edit(path, ("overlap", "tensor"), "0.6", "fit")])
    assert "0.5" in path.read_text("utf-8")


def test_a_text_that_is_no_toml_is_refused(path: Path):
    with pytest.raises(ValueError):
        apply([Edit(path, ("level", 0, "latency"), "3 us", "fit")])
    assert path.read_text("utf-8") == TEXT
