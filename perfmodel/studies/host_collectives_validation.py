"""Collectives of message-passing libraries in host memory: predictions beside published times."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import jax
import numpy as np

from perfmodel.config.faults import Fault, Faults, short_path, shown
from perfmodel.config.library import Library
from perfmodel.config.measurements import read_files
from perfmodel.config.schema.hosts import MessageHost
from perfmodel.config.schema.measurement import CollectiveRow
from perfmodel.engine.run import compiled
from perfmodel.lowering.published_messages import (
    AUTO,
    HOST,
    algorithm_of,
    host_of,
    is_busy,
    lower_host,
    methods_of,
    read_hosts,
)
from perfmodel.studies.judged import Judged, Judgement
from perfmodel_kernels.message_passing import Host, Ranks, message_passing_time

SMALL, LARGE = 4, 256
"""Nodes of Leonardo's rows that are fitted: all of the first, some algorithms of the second."""

FITTED_ALGORITHMS = ("ring", "recursive_doubling", "linear", "scatter_allgather")
"""Algorithms, as the rows name them, that are fitted at :data:`LARGE`; others are left out."""

FITTED, LEFT_OUT = "fitted", "left out"
"""Parts of the shipped rows."""


def fitted(row: CollectiveRow) -> bool:
    """Whether the parameters of the nodes are fitted to a row.

    Leonardo: 4 nodes, and half of the algorithms on 256. LUMI: rings. Never the library's choice.
    Over device memory: rows that say so.
    """
    if row.use == "exclude" or algorithm_of(row) in ("", AUTO):
        return False
    if row.memory != HOST:
        return row.use == "fit" and row.system == "leonardo"
    if row.system == "lumi":
        return row.algorithm == "ring"
    large = row.nodes == LARGE and row.algorithm in FITTED_ALGORITHMS
    return row.system == "leonardo" and (row.nodes == SMALL or large)


def judge_host_collectives(files: Sequence[Path], library: Library) -> Judged:
    """Predict the rows of message-passing libraries whose buffers lie in host memory.

    Parameters
    ----------
    files
        CSV files of collectives; rows of device memory are passed over.
    library
        Holds the nodes.

    Returns
    -------
    Judged
        Completion times. [s]

    Raises
    ------
    Faults
        All that is wrong with the files, or that none has such a row.
    """
    hosts = read_hosts(library)
    rows = [row for row in read_files(files, CollectiveRow) if row.memory == HOST]
    if not rows:
        expected = f"rows whose memory is {shown(HOST)}"
        fault = Fault(problem="nothing to judge", expected=expected)
        raise Faults(fault.at(short_path(path)) for path in files)
    used = [row for row in rows if row.use != "exclude"]
    excluded = Counter(row.exclude_reason or "not stated" for row in rows if row.use == "exclude")
    return Judged(
        rows=_judgements(used, hosts),
        quantity="completion time",
        unit="s",
        family="system",
        excluded=dict(excluded),
        notes=_notes(used, hosts),
    )


def predicted_times(rows: Sequence[CollectiveRow], hosts: Mapping[str, MessageHost]) -> np.ndarray:
    """Time of each row, the shortest where the library chose; not a number without a method.

    Parameters
    ----------
    rows
        Published rows.
    hosts
        Nodes by system.

    Returns
    -------
    np.ndarray
        Times. [s]
    """
    times = np.full(len(rows), np.nan)
    usable = [place for place, row in enumerate(rows) if not unpredicted(row, hosts)]
    pairs = [(place, table) for place in usable for table in methods_of(rows[place])]
    if not pairs:
        return times
    used = [rows[place] for place, _ in pairs]
    nodes = [lower_host(hosts[host_of(row)], row.run) for row in used]
    inputs = (
        np.array([row.size_bytes for row in used], float),
        Ranks(*np.array([(row.ranks, row.tasks_per_node) for row in used], float).T),
        np.stack([table for _, table in pairs]),
        Host(*np.array(nodes, float).T),
    )
    found = np.asarray(compiled(_all_times)(*inputs))
    for (place, _), time in zip(pairs, found.tolist(), strict=True):
        times[place] = np.fmin(times[place], time)
    return times


def _all_times(*inputs: Any) -> Any:
    return jax.vmap(message_passing_time)(*inputs)


def unpredicted(row: CollectiveRow, hosts: Mapping[str, MessageHost]) -> str:
    """Why a row has no prediction; empty where it has one."""
    if host_of(row) not in hosts:
        return f"no such system in hosts.toml, which has {', '.join(hosts) or 'none'}"
    if not methods_of(row):
        return "no method for this collective and algorithm"
    if not (row.size_bytes and row.ranks and row.tasks_per_node):
        return "its size, nodes or tasks per node are blank"
    return "" if row.time else "no time is printed"


def _judgements(rows: Sequence[CollectiveRow], hosts: Mapping[str, MessageHost]) -> list[Judgement]:
    times = predicted_times(rows, hosts)
    return [
        Judgement(
            id=row.id,
            measured=row.time or math.nan,
            predicted=float(time),
            skipped=unpredicted(row, hosts),
            groups=_groups(row),
            pair=(row.system, row.nodes, row.collective, row.size_bytes),
        )
        for row, time in zip(rows, times, strict=True)
    ]


def _groups(row: CollectiveRow) -> dict[str, str]:
    decade = math.floor(math.log10(row.size_bytes)) if row.size_bytes else 0
    return {
        "system": row.system,
        "collective": row.collective,
        "algorithm": f"{row.collective} {row.algorithm_printed or row.algorithm}",
        "scale": f"{row.system}, {row.nodes} x {row.tasks_per_node}",
        "size": f"1e{decade} B",
        "part": FITTED if fitted(row) else LEFT_OUT,
    }


def _notes(rows: Sequence[CollectiveRow], hosts: Mapping[str, MessageHost]) -> list[str]:
    chosen = Counter(row.system for row in rows if fitted(row))
    found = [
        f"{system}: {_parameters(hosts[system])} parameters, fitted to {count} of its rows."
        for system, count in chosen.items()
        if system in hosts
    ]
    busy = [row for row in rows if row.system in hosts and is_busy(hosts[row.system], row.run)]
    if busy:
        found.append(
            f"{len(busy)} rows are of busy runs, whose latencies share a fitted factor that says "
            "nothing of other runs."
        )
    if chosen:
        found.append("The methods were written with all rows in sight, those left out as well.")
    return found + _repeats(rows)


def _parameters(host: MessageHost) -> int:
    return len(Host._fields) + bool(host.busy)


def _repeats(rows: Sequence[CollectiveRow]) -> list[str]:
    """How far repeats of one call lie apart, beside which the errors have to be read."""
    least = [1.0 - row.min_us / row.median_us for row in rows if row.min_us and row.median_us]
    most = [row.p95_us / row.median_us - 1.0 for row in rows if row.p95_us and row.median_us]
    if not least or not most:
        return []
    low, high = median(least), median(most)
    return [
        f"Repeats of a call beside their median: the least {low:.0%} below, the 95th percentile "
        f"{high:.0%} above, in the median over the rows."
    ]
