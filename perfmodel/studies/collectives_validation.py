"""Collectives over device memory: predictions beside measured times."""

from collections import Counter
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import jax
import numpy as np

from perfmodel.config.library import Library
from perfmodel.config.measured_systems import read_systems
from perfmodel.config.measurements import read_files
from perfmodel.config.schema.hosts import MessageHost
from perfmodel.config.schema.measured_system import MeasuredSystem
from perfmodel.config.schema.measurement import MICROSECOND, CollectiveRow
from perfmodel.engine.run import compiled
from perfmodel.lowering.measured_collective import AUTO, Call, Measured, measured
from perfmodel.lowering.measured_collective import COLLECTIVES as COLLECTIVES_OF
from perfmodel.lowering.published_messages import host_of, read_hosts
from perfmodel.studies.collective_times import COLLECTIVES
from perfmodel.studies.host_collectives_validation import predicted_times as message_times
from perfmodel.studies.host_collectives_validation import unpredicted
from perfmodel.studies.judged import Judged, Judgement
from perfmodel_kernels.collectives import NEVER

JUDGED = ("ring", "tree", "auto", "nvls", "sharp")
"""Algorithms of rows that are judged; the others are reported in a note."""

HOST = "buffers in host memory: see the option --host-collectives"
"""Why a row is not of this set."""

REPORTED = "What leaves a rack (stacks, domain_exit) was set with these rows in sight."
"""What a reader of the reported rows has to know."""

UNJUDGED = "composed of calls or messages of other libraries: reported in a note, not judged"
"""Why a row with a prediction is not judged."""

SCALES = ((8, "2-8 ranks"), (32, "9-32 ranks"), (128, "33-128 ranks"))
"""Most ranks of a group of scales, and its name."""

LARGER_SCALE = "more than 128 ranks"

SIZES = ((64 * 1024, "up to 64 KiB"), (16 * 1024**2, "64 KiB to 16 MiB"))
"""Most bytes of a group of sizes, and its name."""

LARGER_SIZE = "above 16 MiB"

FITTED, LEFT_OUT, LARGER, NONE_FITTED = (
    "fitted",
    "left out",
    "larger scale",
    "nothing fitted",
)
"""Parts of the rows of a system: fitted, left out at the scales of these, above them, and those of
a system without a fitted row."""


class Messages(NamedTuple):
    """A collective that a message-passing library composes of its own messages."""

    system: str
    """Nodes in `hosts.toml`."""
    collective: str
    """Collective as the model calls it."""


Known = Measured | Messages | str
"""What stands for a row, or why nothing does."""


class Predicted(NamedTuple):
    """A row and its prediction."""

    row: CollectiveRow
    known: Known
    time: float
    """Not a number where nothing stands for the row. [s]"""


def judge_collectives(paths: Sequence[Path], library: Library) -> Judged:
    """Predict the rows of files whose buffers lie in device memory.

    Parameters
    ----------
    paths
        CSV files of collectives.
    library
        Configs that predict the rows, and the systems that they stand for.

    Returns
    -------
    Judged
        Completion times by system. [s]
    """
    return _judged(paths, library, ("fit", "check"))


def judge_reported(paths: Sequence[Path], library: Library) -> Judged:
    """Predict the rows of files that are reported beside the others and count in no error.

    Parameters
    ----------
    paths
        CSV files of collectives.
    library
        Configs that predict the rows, and the systems that they stand for.

    Returns
    -------
    Judged
        Completion times by system. [s]
    """
    found = _judged(paths, library, ("report",))
    return found._replace(excluded={}, notes=(REPORTED,) if found.rows else ())


def _judged(paths: Sequence[Path], library: Library, uses: Collection[str]) -> Judged:
    """Rows over device memory with some of the uses."""
    systems, rows = read_systems(library), read_files(paths, CollectiveRow)
    used = [row for row in rows if row.use in uses and row.memory == "device"]
    hosts = read_hosts(library)
    known = [_messages(row, hosts) or measured(row, systems, library) for row in used]
    times = predicted_times(known)
    passing = [place for place, one in enumerate(known) if isinstance(one, Messages)]
    if passing:
        times[passing] = message_times([used[place] for place in passing], hosts)
    found = [Predicted(*one) for one in zip(used, known, times.tolist(), strict=True)]
    others = [one for one in found if not _is_judged(one)]
    largest = _largest(found)
    return Judged(
        rows=[_judgement(one, largest) for one in found if _is_judged(one)],
        quantity="completion time",
        unit="s",
        family="system",
        excluded=_excluded(rows, len(others)),
        notes=tuple(_notes(used, others)),
    )


def _messages(row: CollectiveRow, hosts: Mapping[str, MessageHost]) -> Messages | None:
    """What stands for a row whose library passes messages between nodes that are known."""
    kind = COLLECTIVES_OF.get(_plain(row.collective))
    passes = row.mpi and "nccl" not in (row.library or "") and not unpredicted(row, hosts)
    return Messages(host_of(row), kind) if passes and kind else None


def _plain(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "")


def predicted_times(known: Sequence[Known]) -> np.ndarray:
    """Time of each row by the fastest algorithm that it may have run with.

    Parameters
    ----------
    known
        What stands for the rows.

    Returns
    -------
    np.ndarray
        Times, not a number where nothing stands for a row. [s]
    """
    times = np.full(len(known), np.nan)
    kinds = [one.collective if isinstance(one, Measured) else "" for one in known]
    for kind in sorted(set(kinds) - {""}):
        places = np.array([place for place, one in enumerate(kinds) if one == kind])
        calls = [one.call for place in places if isinstance(one := known[place], Measured)]
        times[places] = np.asarray(_program(kind)(stacked(calls)))
    return np.where(times < 0.5 * NEVER, times, np.nan)


def stacked(calls: Sequence[Call]) -> Call:
    """Calls as one tree of arrays, one entry per call.

    Parameters
    ----------
    calls
        At least one.

    Returns
    -------
    Call
        Single precision.
    """
    return jax.tree.map(lambda *leaves: np.array(leaves, np.float32), *calls)


def shortest(kind: str, call: Call) -> Any:
    """Time of one call by the fastest algorithm that it may have run with.

    Parameters
    ----------
    kind
        Collective.
    call
        Numbers of one call.

    Returns
    -------
    Any
        Time. [s]
    """
    times = COLLECTIVES[kind].times(call.payload, call.groups, call.network, call.library)
    return times.min()


@cache
def _program(kind: str) -> Callable[[Call], Any]:
    return compiled(jax.vmap(lambda call: shortest(kind, call)))


def _is_judged(one: Predicted) -> bool:
    return isinstance(one.known, str | Messages) or one.row.algorithm in JUDGED


def _largest(found: Iterable[Predicted]) -> dict[MeasuredSystem | str, int]:
    """Most ranks of the fitted rows of each system."""
    largest: dict[MeasuredSystem | str, int] = {}
    for row, known, _ in found:
        if row.use == "fit" and not isinstance(known, str):
            largest[known.system] = max(row.ranks or 0, largest.get(known.system, 0))
    return largest


def _part(one: Predicted, largest: Mapping[MeasuredSystem | str, int]) -> str:
    if one.row.use == "fit":
        return FITTED
    most = 0 if isinstance(one.known, str) else largest.get(one.known.system, 0)
    if not most:
        return NONE_FITTED
    return LARGER if (one.row.ranks or 0) > most else LEFT_OUT


def _judgement(one: Predicted, largest: Mapping[MeasuredSystem | str, int]) -> Judgement:
    row, known, part = one.row, one.known, _part(one, largest)
    groups = {
        "system": row.system,
        "chip": row.chip_id or "not stated",
        "collective": row.collective if isinstance(known, str) else known.collective,
        "algorithm": row.algorithm or "not stated",
        "scale": _bucket(row.ranks or 0, SCALES, LARGER_SCALE),
        "size": _bucket(row.size_bytes or 0, SIZES, LARGER_SIZE),
        "use": part,
        "system and use": f"{row.system}, {part}",
    }
    return Judgement(
        id=row.id,
        measured=row.time or float("nan"),
        predicted=one.time,
        skipped=known if isinstance(known, str) else "",
        groups=groups,
        pair=_pair(row),
    )


def _pair(row: CollectiveRow) -> Hashable:
    """Calls that differ by the algorithm that they name alone."""
    if row.algorithm == AUTO:
        return None
    return row.system, row.fabric, row.collective, row.ranks, row.size_bytes


def _bucket(value: int, bounds: Iterable[tuple[int, str]], beyond: str) -> str:
    return next((name for most, name in bounds if value <= most), beyond)


def _excluded(rows: Sequence[CollectiveRow], others: int) -> dict[str, int]:
    """Rows that are not judged, by reason."""
    found = Counter(row.exclude_reason or "not stated" for row in rows if row.use == "exclude")
    host = sum(row.memory == "host" and row.use != "exclude" for row in rows)
    return dict(found) | {reason: n for reason, n in ((HOST, host), (UNJUDGED, others)) if n}


def _notes(used: Sequence[CollectiveRow], others: Sequence[Predicted]) -> Iterable[str]:
    late = [row.p95_us * MICROSECOND / row.time - 1.0 for row in used if row.p95_us and row.time]
    if late:
        yield f"95th percentile of the repeats of a call: {median(late):.0%} above its median."
    apart = _repeated(used)
    if apart:
        most = f"at most by {max(apart):.0%}"
        yield f"Calls that were run more than once differ by {median(apart):.1%}, {most}."
    for algorithm in sorted({one.row.algorithm or "" for one in others}):
        errors = [_error(one) for one in others if one.row.algorithm == algorithm]
        yield f"Not judged: {algorithm}, median error {median(errors):.0%} of {len(errors)} rows."


def _error(one: Predicted) -> float:
    return abs(one.time / (one.row.time or float("nan")) - 1.0)


def _repeated(used: Sequence[CollectiveRow]) -> list[float]:
    """Longest over shortest time of each call that was run more than once, less one."""
    calls: dict[Any, list[float]] = {}
    for row in used:
        key = (row.system, row.fabric, row.ranks, row.algorithm, row.collective, row.size_bytes)
        if row.algorithm == AUTO and row.time:
            calls.setdefault(key, []).append(row.time)
    return [max(times) / min(times) - 1.0 for times in calls.values() if len(times) > 1]
