"""The folder of a run while it is written: chunk by chunk, by one process or by named shards."""

import os
import platform
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from perfmodel.config.faults import Fault, Faults, refuse, short_path, shortened
from perfmodel.results.atomic import check_folder, whole_file
from perfmodel.results.canonical import json_text

MANIFEST = "manifest.json"
"""File that says what the run is."""

ONE, MANY = ".lock", ".shard-{}-of-{}.lock"
"""Files that a process holds while it writes; hidden, so that readers of data sets skip them."""

DECIDES = ("format", "asked", "chunk", "scenario", "inputs", "device", "code", "versions")
"""Keys of the manifest that a run has to have in common with the one that it goes on with."""

TOLD = 5
"""Differences that a message lists."""


class Shard(NamedTuple):
    """Which part of the chunks a process computes."""

    number: int
    """Counted from 0."""
    of: int
    """Parts in all."""


WHOLE = Shard(0, 1)


class RunFolder(NamedTuple):
    """Where the chunks of a run go."""

    path: Path
    chunks: int
    shard: Shard = WHOLE

    def file(self, chunk: int) -> Path:
        """File of a chunk."""
        return self.path / f"chunk-{chunk:06d}.parquet"

    def missing(self) -> list[int]:
        """Chunks of this process that are not there yet, in order."""
        own = range(self.shard.number, self.chunks, self.shard.of)
        return [chunk for chunk in own if not self.file(chunk).exists()]

    def done(self) -> list[int]:
        """Chunks that are there, of all processes."""
        return [chunk for chunk in range(self.chunks) if self.file(chunk).exists()]

    def keep(self, chunk: int, content: bytes) -> None:
        """Stores a chunk: its file appears whole or not at all.

        Raises
        ------
        Faults
            The disk is full, or the folder cannot be written.
        """
        with whole_file(self.file(chunk)) as file:
            file.write(content)


@contextmanager
def opened(path: Path, manifest: Mapping[str, Any], shard: Shard = WHOLE) -> Iterator[RunFolder]:
    """Holds the folder of a run for writing; goes on with the run that it holds already.

    Parameters
    ----------
    path
        The folder; made when missing.
    manifest
        What the run is.
    shard
        Part of the chunks that this process computes.

    Yields
    ------
    RunFolder
        Where chunks go.

    Raises
    ------
    Faults
        Another process writes there, the folder holds another run or other files, or it cannot be
        written.
    """
    check_folder(path)
    with ExitStack() as held:
        _hold(path, shard, held)
        _agree(path, manifest)
        if shard.of == 1:  # of shards on other machines nobody here knows who lives
            _clear(path)
        yield RunFolder(path, manifest["chunks"], shard)


def _hold(path: Path, shard: Shard, held: ExitStack) -> None:
    """Takes the folder for one process, or for shards of which each comes once."""
    alone = shard.of == 1
    own = "" if alone else f"shard {shard.number}/{shard.of} of "
    problem = f"another process writes {own}this run"
    expected = "its end, or shares of the run by --shard"
    fault = Fault(file=short_path(path), problem=problem, expected=expected)
    locks = [(ONE, not alone)]
    locks += [] if alone else [(MANY.format(shard.number, shard.of), False)]
    for name, shared in locks:
        file = held.enter_context((path / name).open("ab"))
        if not _locked(file.fileno(), shared):
            raise Faults([fault])


def _locked(handle: int, shared: bool) -> bool:
    """Locks a file until it is closed, by whatever end; true where a file system has no locks."""
    try:
        import fcntl
    except ImportError:  # Windows: two processes are not told apart there
        return True
    try:
        fcntl.flock(handle, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def _agree(path: Path, manifest: Mapping[str, Any]) -> None:
    """Writes the manifest, or makes sure that the one there says the same."""
    import json

    file = path / MANIFEST
    text = json_text(manifest) + "\n"
    if not file.exists():
        strange = sorted(one.name for one in path.iterdir() if not one.name.startswith("."))
        if strange:
            problem = f"holds other files, such as {shortened(strange[0])}"
            expected = "an empty or a new folder, or that of the same run"
            raise Faults([Fault(file=short_path(path), problem=problem, expected=expected)])
        with whole_file(file) as out:
            out.write(text.encode())
        return
    try:
        before = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        before = {}
    now = json.loads(text)
    changes = (list(_changes(key, before.get(key), now.get(key))) for key in DECIDES)
    first = next(filter(None, changes), [])  # what the user typed changes all that follows from it
    expected = "the same inputs and program to go on with a run; another --out for a new one"
    refuse(
        Fault(file=short_path(file), field=field, problem=problem, expected=expected)
        for field, problem in first[:TOLD]
    )


def _changes(field: str, before: Any, now: Any) -> Iterator[tuple[str, str]]:
    """Values that are not the same, each with its path."""
    if before == now:
        return
    if isinstance(before, dict) and isinstance(now, dict):
        for key in {**before, **now}:
            yield from _changes(f"{field}.{key}", before.get(key), now.get(key))
    elif isinstance(before, list) and isinstance(now, list):
        lost, new = ([one for one in a if one not in b] for a, b in ((before, now), (now, before)))
        yield field, f"was {_brief(lost or before)}, is now {_brief(new or now)}"
    else:
        yield field, f"was {_brief(before)}, is now {_brief(now)}"


def _brief(value: Any) -> str:
    return "nothing" if value in (None, [], {}) else shortened(json_text(value, indent=None))


def _clear(path: Path) -> None:
    """Removes what processes left half-written that are no more."""
    for file in path.glob(".*.partial"):
        number = file.name.split(".")[-2]
        if not number.isdecimal() or not _alive(int(number)):
            file.unlink(missing_ok=True)


def _alive(process: int) -> bool:
    """Whether a process of this machine lives; of another one it may."""
    if platform.system() == "Windows":
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
