"""Compiled programs kept on disk by all that decides them: a warm start traces nothing.

The store of JAX is looked up by the lowered program, so that each process traces and lowers first,
which takes longer than loading what is found.
"""

import hashlib
import os
import pickle
import platform
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import jax
from jax.experimental.compilation_cache import compilation_cache
from jax.experimental.serialize_executable import deserialize_and_load, serialize

from perfmodel.engine.background import beside
from perfmodel.results.atomic import whole_file

SOURCES = ("perfmodel_kernels", "perfmodel.engine", "perfmodel.spaces")
"""Packages whose text decides what a program computes."""


class Programs(NamedTuple):
    """Programs that belong together."""

    compiled: Sequence[Any]
    notes: Any = None
    """What else was found when they were built; has to be picklable."""


def _nothing(compiled: Sequence[Any]) -> None:
    """No notes."""
    del compiled


class Build(NamedTuple):
    """How programs are made."""

    lowered: Iterable[Any]
    """One after the other, traced when it is asked for; what compiles longest comes first."""
    notes: Callable[[Sequence[Any]], Any] = _nothing
    """Takes what was compiled."""


class Wanted(NamedTuple):
    """Programs that someone needs."""

    key: Sequence[Any]
    """What they depend on besides our text, the version and the devices; by its `repr`."""
    build: Callable[[], Build]


_READY: dict[str, Programs] = {}
"""Programs that were made ready and not yet asked for."""

_HANDED: set[str] = set()
"""What was asked for before: whoever did keeps it."""


def stored(wanted: Wanted) -> Programs:
    """Programs from disk, or built and written there; best effort.

    Parameters
    ----------
    wanted
        The programs.

    Returns
    -------
    Programs
        The same ones.
    """
    name = repr(wanted.key)
    if name not in _READY:
        _make([wanted])
    _HANDED.add(name)
    return _READY.pop(name)


def make_ready(*wanted: Wanted, told: Callable[[], None] = lambda: None) -> None:
    """Loads or builds programs for those who ask next: while some compile, others are traced.

    Parameters
    ----------
    wanted
        The programs, those that compile longest first.
    told
        Called once before some have to be built.
    """
    _make([one for one in wanted if repr(one.key) not in _HANDED | _READY.keys()], told)


def _make(wanted: Sequence[Wanted], told: Callable[[], None] = lambda: None) -> None:
    missing = []
    for one in wanted:
        path = _path(one.key)
        found = _read(path) if path else None
        if found is None:
            missing.append((one, path))
        else:
            _READY[repr(one.key)] = found
    if not missing:
        return
    told()
    with _freshly_compiled():
        begun = [_begun(one.build()) for one, _ in missing]
        for (one, path), (build, waiting) in zip(missing, begun, strict=True):
            compiled = [future.result() for future in waiting]
            found = _READY[repr(one.key)] = Programs(compiled, build.notes(compiled))
            if path:
                _write(path, found)


def _begun(build: Build) -> tuple[Build, list[Future]]:
    """Traces programs and lets them compile."""
    return build, [beside(one.compile) for one in build.lowered]


@contextmanager
def _freshly_compiled() -> Iterator[None]:
    """Keeps JAX from its own store: what was loaded from there cannot be written once more, since
    the runtime drops the text of its kernels.
    """
    _use_own_store_of_jax(False)
    try:
        yield
    finally:
        _use_own_store_of_jax(True)


def _use_own_store_of_jax(used: bool) -> None:
    jax.config.update("jax_enable_compilation_cache", used)
    compilation_cache.reset_cache()


def _path(key: Sequence[Any]) -> Path | None:
    """File of some programs in the folder that JAX keeps its own in; none where that is off."""
    settings: Any = jax.config
    folder = settings.jax_compilation_cache_dir
    if not folder:
        return None
    devices = [(one.platform, one.device_kind, one.id) for one in jax.local_devices()]
    parts = (
        *(platform.python_version(), jax.__version__, os.environ.get("XLA_FLAGS", "")),
        *(settings.jax_enable_x64, devices, _text_hash(), *key),
    )
    name = hashlib.sha256("\n".join(map(repr, parts)).encode()).hexdigest()
    return Path(folder) / "whole" / f"{name[:40]}.pickle"


@cache
def _text_hash() -> str:
    """Fingerprint of the text of our packages."""
    from importlib.resources import files

    known = hashlib.sha256()
    for package in SOURCES:
        for file in sorted(files(package).iterdir(), key=lambda one: one.name):
            if file.name.endswith(".py"):
                known.update(file.name.encode() + b"\0" + file.read_bytes())
    return known.hexdigest()


def _read(path: Path) -> Programs | None:
    try:
        parts, notes = pickle.loads(path.read_bytes())
        return Programs([_loaded(*part) for part in parts], notes)
    except Exception:  # absent, cut short, or of a runtime that cannot load it: built again
        return None


def _loaded(numbers: Sequence[int], parts: tuple) -> Any:
    devices = {one.id: one for one in jax.local_devices()}
    return deserialize_and_load(*parts, execution_devices=[devices[one] for one in numbers])


def _devices(compiled: Any) -> list[int]:
    """Numbers of the devices that a program runs on."""
    shardings = jax.tree.leaves(compiled.input_shardings)
    return sorted({one.id for sharding in shardings for one in sharding.device_set})


def _write(path: Path, programs: Programs) -> None:
    try:
        parts = [(_devices(one), serialize(one)) for one in programs.compiled]
        with whole_file(path) as file:
            file.write(pickle.dumps((parts, programs.notes)))
    except Exception:  # a full disk, or a runtime that cannot write programs: not kept
        return
