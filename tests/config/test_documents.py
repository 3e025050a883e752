"""Config files as text: what is refused before a schema sees it, and on which line things stand."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from perfmodel.config.documents import (
    DEEPEST,
    LONGEST_LINE,
    MOST_BYTES,
    Document,
    dotted,
    locate,
    read,
    statement,
    walk,
)
from perfmodel.config.faults import Faults

TEXT = """\
name = "x"
a.b = 1

[one]
two = 3  # two = 4
"quoted key" = 5

[[level]]
size = 1
[level.inner]
deep = 2

[[level]]
size = 2
"""

BROKEN = {
    "a = 1\nb = \n": "bad.toml:2: not valid TOML: Invalid value",
    "[a]\n[a]\n": "bad.toml:2: not valid TOML: Cannot declare [a] twice",
    "a = 1\na = 2\n": "bad.toml:2: not valid TOML: Cannot overwrite a value",
    "a\0b = 1": "bad.toml:1: not valid TOML: Expected '=' after a key in a key/value pair",
    "\ufeff\ufeffa = 1": "bad.toml:1: not valid TOML: Invalid statement",
    'a = "\u202e3 W"': 'bad.toml:1: a = "\\u202e3 W": holds control or invisible characters; '
    "expected plain text",
    '\n"a\\u0007" = 1': "bad.toml: a\\x07 = 1: holds control or invisible characters; "
    "expected plain text",
    "a = 1\nb = [\n": "bad.toml: not valid TOML: Invalid value",
    "a = [\n"
    + "[\n" * 5000: f"bad.toml: nested too deeply; expected at most {DEEPEST} levels of tables",
    "a." * 9 + "b = 1": f"bad.toml: nested too deeply; expected at most {DEEPEST} levels of tables",
    "a." * 500 + "b = 1": f"bad.toml:1: a line of 1005 characters; expected at most {LONGEST_LINE} "
    "characters",
}


def document(name: str, own: dict, parent: Document | None = None) -> Document:
    return Document("chips", name, Path(f"{name}.toml"), own, {}, parent)


@pytest.mark.parametrize(("text", "message"), BROKEN.items(), ids=range(len(BROKEN)))
def test_what_is_no_plain_toml_is_refused_with_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, message: str
):
    monkeypatch.chdir(tmp_path)
    Path("bad.toml").write_bytes(text.encode())
    with pytest.raises(Faults) as caught:
        read(Path("bad.toml"))
    said = str(caught.value).splitlines()
    assert said == [message]


def test_a_file_of_200_mb_is_refused_without_reading_it_all(tmp_path: Path, faults_of: Callable):
    path = tmp_path / "large.toml"
    with path.open("wb") as file:
        file.truncate(200_000_000)
    assert faults_of(read, path)[0].endswith("larger than 1 MB; expected a config file")


def test_a_file_of_one_megabyte_is_read(tmp_path: Path):
    path = tmp_path / "full.toml"
    comment = "#" * 99 + "\n"
    path.write_text("a = 1\n" + comment * ((MOST_BYTES - 6) // 100), encoding="utf-8")
    assert read(path)[0] == {"a": 1}


def test_a_folder_a_pipe_and_nothing_are_no_files(tmp_path: Path, faults_of: Callable):
    os.mkfifo(tmp_path / "pipe")
    assert faults_of(read, tmp_path)[0].endswith(": not a file; expected a TOML file")
    assert faults_of(read, tmp_path / "pipe")[0].endswith(": not a file; expected a TOML file")
    assert faults_of(read, tmp_path / "none.toml")[0].endswith("none.toml: no such file")
    assert faults_of(read, Path("nul\0"))[0].endswith("cannot be read: embedded null byte")
    assert faults_of(read, tmp_path / ("x" * 300))[0].endswith("cannot be read: File name too long")


def test_text_that_is_not_utf8_is_refused_with_its_line(tmp_path: Path, faults_of: Callable):
    path = tmp_path / "latin.toml"
    path.write_bytes("a = 1\n# J\xfclich\n".encode("latin-1"))
    assert faults_of(read, path)[0].endswith(":2: not UTF-8 text; expected a TOML file in UTF-8")
    path.write_bytes("a = 1".encode("utf-16"))
    assert "not UTF-8 text" in faults_of(read, path)[0]


def test_a_byte_order_mark_and_windows_line_ends_are_welcome(tmp_path: Path):
    path = tmp_path / "windows.toml"
    path.write_bytes(b"\xef\xbb\xbfa = 1\r\nb = 2\r\n")
    assert read(path) == ({"a": 1, "b": 2}, {("a",): 1, ("b",): 2})


def test_each_key_and_header_has_its_line():
    assert locate(TEXT) == {
        ("name",): 1,
        ("a", "b"): 2,
        ("one",): 4,
        ("one", "two"): 5,
        ("one", "quoted key"): 6,
        ("level", 0): 8,
        ("level", 0, "size"): 9,
        ("level", 0, "inner"): 10,
        ("level", 0, "inner", "deep"): 11,
        ("level", 1): 13,
        ("level", 1, "size"): 14,
    }


@pytest.mark.parametrize(
    ("line", "parts"),
    [
        ("a = 1  # why", ("1", "why")),
        ("a.b = 1", ("1", "")),
        ('a = "3 #W"  # it\'s "so"', ('"3 #W"', 'it\'s "so"')),
        (r'a = "\"# \\"  # x', (r'"\"# \\"', "x")),
        (r"a = '\'  ## x", (r"'\'", "x")),
        ("a = {b = 1, c = 2}  # both", ("{b = 1, c = 2}", "both")),
        ("[head]  # said", ("[head]", "said")),
        ("", ("", "")),
    ],
)
def test_a_line_splits_into_value_and_comment(line: str, parts: tuple[str, str]):
    assert statement(line) == parts


def test_a_child_is_laid_over_its_parent_table_by_table():
    parent = document("parent", {"a": {"x": 1, "y": 2}, "list": [1, 2], "b": 1})
    child = document("child", {"a": {"y": 3}, "list": [9], "c": 4}, parent)
    assert child.merged() == {"a": {"x": 1, "y": 3}, "list": [9], "b": 1, "c": 4}
    assert parent.merged() == {"a": {"x": 1, "y": 2}, "list": [1, 2], "b": 1}


def test_a_value_is_placed_in_the_file_that_wrote_it():
    parent = document("parent", {"a": {"x": 1, "y": 2}, "list": [{"z": 1}, {"z": 2}]})
    child = document("child", {"a": {"y": 3}, "list": [{"z": 3}]}, parent)
    assert child.place(("a", "x")).file == "parent.toml"
    assert child.place(("a", "y")).file == "child.toml"
    assert child.place(("list", 1, "z")).file == "child.toml"
    assert child.place(("missing",)).file == "child.toml"


def test_a_missing_field_is_placed_at_the_table_that_should_hold_it():
    lone = Document("chips", "x", Path("x.toml"), {"one": {"two": 3}}, locate(TEXT))
    assert lone.place(("one", "three")).line == 4


def test_walking_lists_every_value_in_order():
    found = walk({"a": 1, "b": {"c": [2, {"d": 3}]}, "e": {}})
    assert [(dotted(path), value) for path, value in found] == [
        ("a", 1),
        ("b.c.0", 2),
        ("b.c.1.d", 3),
    ]
