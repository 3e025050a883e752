"""Ten thousand mutated inputs: each is read, or refused in plain words, and no more happens."""

import time
import tomllib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from perfmodel.config.checking import check_file
from perfmodel.config.documents import MOST_BYTES, read
from perfmodel.config.faults import MOST_LISTED, Faults, Problem
from perfmodel.config.library import Library
from perfmodel.config.overrides import SCHEMAS, paths
from perfmodel.config.units import EXAMPLES, quantity

from .conftest import SMALL

ODD = (
    *(
        "",
        " ",
        "\t",
        "\n",
        "\r\n",
        "\0",
        "\x1b[31m",
        "\u202e",
        "\u200f",
        "\ufeff",
        "\u00a0",
        "é",
        "𝟛",
    ),
    *('"', "'", '"""', "\\", "\\u202e", "#", "=", "==", ".", "..", "../", ",", "/", "*", "**", "^"),
    *("[", "]", "[[", "]]", "{", "}", "(", ")", "-", "+", "%", "$", "€", "°C", "µ", "~", "`", ";"),
    *(
        "nan",
        "inf",
        "-inf",
        "1e400",
        "1e-400",
        "9" * 400,
        "0x10",
        "0b1",
        "1_0",
        "-1",
        "0",
        "1",
        "00",
    ),
    *("true", "false", "none", "1979-05-27", "07:32:00", "unlimited", "fill", "extends", "name"),
    *(
        "TB/s",
        "GB",
        "W",
        "degC",
        "FLOPs",
        "kk",
        "s^9",
        "W*W",
        "1/s",
        "__import__",
        "{0}",
        "%s",
        "a" * 200,
    ),
)
"""Pieces that have broken readers of units, TOML and command lines before."""

JARGON = ("pydantic", "http", "Traceback", "_type", "_parsing", "Error", "<class", "None")
"""What no user should have to read."""

Edit = tuple[float, int, str]
edits = st.lists(
    st.tuples(
        st.floats(0.0, 1.0),
        st.integers(0, 12),
        st.one_of(st.sampled_from(ODD), st.text(max_size=6)),
    ),
    min_size=1,
    max_size=4,
)
"""Where, how much is taken out, what is put in."""

plenty = settings(
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def mutated(text: str, changes: list[Edit]) -> str:
    for place, length, piece in changes:
        start = int(place * len(text))
        text = text[:start] + piece + text[start + length :]
    return text


def assert_plain(message: str, given: str) -> None:
    for line in message.splitlines():
        assert line.isprintable()
        assert len(line) < 1500
    assert [word for word in JARGON if word in message and word not in given] == []


@settings(plenty, max_examples=4000)
@given(st.sampled_from(sorted(EXAMPLES)), edits)
def test_a_mutated_quantity_is_read_or_refused(unit: str, changes: list[Edit]):
    text = mutated(EXAMPLES[unit], changes)
    try:
        value = quantity(text, unit)
    except Problem as problem:
        assert problem.expected
        assert len(str(problem)) < 300
    else:
        assert abs(value) < float("inf")


@settings(plenty, max_examples=3000)
@given(st.sampled_from([path for noun in SCHEMAS for path in paths(noun)]), edits)
def test_a_mutated_override_is_obeyed_or_refused(small: Library, path: str, changes: list[Edit]):
    text = mutated(f"{path}=8 GB", changes)
    try:
        small.scenario("small-site", "small-job", overrides=[text])
    except Faults as faults:
        assert faults.faults
        assert_plain(str(faults), text)


@settings(plenty, max_examples=3000)
@given(st.sampled_from(sorted(SMALL)), edits)
def test_a_mutated_file_is_read_or_refused(folder: Path, name: str, changes: list[Edit]):
    text = mutated(SMALL[name], changes).encode("utf-8", "surrogatepass")
    path = folder / f"{name}.toml"
    path.write_bytes(text)
    try:
        check_file(Library([folder]), path)
    except Faults as faults:
        assert faults.faults
        assert_plain(str(faults), text.decode("utf-8", "replace"))


@settings(plenty, max_examples=200)
@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(tmp_path: Path, data: bytes):
    path = tmp_path / "bytes.toml"
    path.write_bytes(data)
    try:
        table, _ = read(path)
    except Faults as faults:
        assert_plain(str(faults), "")
    else:
        assert table == tomllib.loads(data.decode("utf-8-sig"))


@pytest.mark.parametrize(
    "line",
    [
        "a = 1\n",
        "[t{}]\nx = 1\n",
        "[[t]]\n",
        "a.b{} = 1\n",
        "x{} = [\n",
        '"' * 7 + "\n",
        "[a.b.c{}]\n",
    ],
)
def test_a_file_at_the_limit_is_refused_within_seconds(folder: Path, line: str):
    body = "".join(line.replace("{}", str(i)) for i in range(MOST_BYTES // (len(line) + 5)))
    path = folder / "chips" / "full.toml"
    path.write_text(body[:MOST_BYTES], "utf-8")
    started = time.perf_counter()
    with pytest.raises(Faults) as caught:
        check_file(Library([folder]), path)
    assert len(str(caught.value).splitlines()) <= MOST_LISTED + 1
    assert time.perf_counter() - started < 30.0
