"""Programs on disk: the same numbers, built once, and never a reason to fail."""

from collections.abc import Iterator
from pathlib import Path

import jax
import numpy as np
import pytest

from perfmodel.engine.store import Build, Wanted, make_ready, stored

SHAPE = jax.ShapeDtypeStruct((3,), np.float32)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    jax.config.update("jax_compilation_cache_dir", str(tmp_path))
    yield tmp_path
    jax.config.update("jax_compilation_cache_dir", None)


class Builder:
    """Compiles a program and counts how often."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> Build:
        self.count += 1
        function = jax.jit(lambda x: {"twice": x + x})
        return Build([function.lower(SHAPE)], lambda compiled: (len(compiled), 2))


def test_a_program_is_built_once_and_computes_the_same(folder: Path) -> None:
    build, values = Builder(), np.array([1.0, 2.0, 3.0], np.float32)
    for _ in range(2):
        found = stored(Wanted(("one",), build))
        assert found.notes == (1, 2)
        assert np.array_equal(found.compiled[0](values)["twice"], 2.0 * values)
    assert build.count == 1
    stored(Wanted(("another",), build))
    assert build.count == 2
    assert len(list(folder.glob("whole/*.pickle"))) == 2


def test_a_spoiled_file_is_built_again(folder: Path) -> None:
    build = Builder()
    stored(Wanted(("one",), build))
    next(folder.glob("whole/*.pickle")).write_bytes(b"cut short")
    stored(Wanted(("one",), build))
    assert build.count == 2


def test_a_folder_that_takes_no_file_is_no_reason_to_fail(folder: Path) -> None:
    (folder / "whole").write_text("a file where the folder should be")
    assert stored(Wanted(("one",), Builder())).notes == (1, 2)


def test_without_a_folder_nothing_is_kept() -> None:
    assert jax.config.jax_compilation_cache_dir is None  # type: ignore[attr-defined]
    build = Builder()
    stored(Wanted(("one",), build))
    stored(Wanted(("one",), build))
    assert build.count == 2


def test_what_was_made_ready_is_handed_over_once(folder: Path) -> None:
    build, other = Builder(), Builder()
    make_ready(Wanted(("ready",), build), Wanted(("beside",), other))
    make_ready(Wanted(("ready",), build))
    stored(Wanted(("ready",), build))
    assert (build.count, other.count) == (1, 1)
    next(folder.glob("whole/*.pickle")).unlink()
    make_ready(Wanted(("ready",), build))  # whoever asked keeps it
    assert build.count == 1


def test_whoever_waits_is_told_before_programs_are_built(folder: Path) -> None:
    said: list[str] = []
    for _ in range(2):
        make_ready(Wanted(("told",), Builder()), told=lambda: said.append("built"))
    assert said == ["built"]
