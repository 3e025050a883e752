"""Published rows of message-passing collectives as methods, and the nodes that run them."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from perfmodel.config.documents import FieldPath, Place, read
from perfmodel.config.faults import Fault, Faults, attempt, refuse, short_path
from perfmodel.config.library import Library
from perfmodel.config.measurements import FOLDER
from perfmodel.config.schema.hosts import MessageHost
from perfmodel.config.schema.measurement import CollectiveRow
from perfmodel.config.validation import validate
from perfmodel_kernels import message_methods as methods
from perfmodel_kernels._typing import Scalar
from perfmodel_kernels.message_passing import Host

HOSTS = "hosts.toml"
"""File of the nodes, beside the measurements."""

AUTO = "auto"
"""Algorithm of rows where the library took its own choice."""

METHODS: Mapping[str, Mapping[str, np.ndarray]] = {
    "allreduce": {
        "ring": methods.RING_ALL_REDUCE,
        "recursive_doubling": methods.DOUBLING_ALL_REDUCE,
        "rabenseifner": methods.RABENSEIFNER_ALL_REDUCE,
    },
    "allgather": {
        "ring": methods.RING_GATHER,
        "recursive_doubling": methods.DOUBLING_GATHER,
        "bruck": methods.BRUCK_GATHER,
        "neighbour_exchange": methods.NEIGHBOUR_GATHER,
    },
    "reducescatter": {
        "ring": methods.RING_SCATTER,
        "recursive_halving": methods.HALVING_SCATTER,
        "recursive_doubling": methods.DOUBLING_SCATTER,
        "pairwise": methods.PAIRWISE_SCATTER,
    },
    "alltoall": {
        "linear": methods.LINEAR_EXCHANGE,
        "pairwise": methods.PAIRWISE_EXCHANGE,
        "bruck": methods.BRUCK_EXCHANGE,
    },
    "bcast": {
        "scatter_allgather": methods.SCATTER_DOUBLING_BROADCAST,
        "scatter_allgather_ring": methods.SCATTER_RING_BROADCAST,
        "tree": methods.BINOMIAL_BROADCAST,
        "knomial": methods.KNOMIAL_BROADCAST,
        "binary": methods.BINARY_BROADCAST,
        "split_binary": methods.SPLIT_BROADCAST,
    },
    "reduce": {
        "rabenseifner": methods.RABENSEIFNER_REDUCE,
        "linear": methods.LINEAR_REDUCE,
        "binary": methods.BINARY_REDUCE,
        "in_order": methods.BINARY_REDUCE,
        "tree": methods.BINOMIAL_REDUCE,
    },
    "gather": {
        "linear": methods.LINEAR_GATHER,
        "linear_synch": methods.CALLED_GATHER,
        "tree": methods.BINOMIAL_ROOT,
    },
    "scatter": {"linear": methods.LINEAR_SCATTER, "tree": methods.BINOMIAL_ROOT},
}
"""Collective, then algorithm, to its method; the name in the source goes before that of the row."""

PRINTED = {"recursive_distance_doubling": "recursive_halving", "binomial": "tree"}
"""Names in the source that mean another one here: the vector halves, the distance doubles."""

SPELLINGS = {"broadcast": "bcast"}
"""Other names of a collective; case and ``_`` or ``-`` between its words do not count."""


HOST = "host"
"""Where the buffers of these collectives lie."""


DEVICE = "-device"
"""Ending of the name of a system's nodes whose buffers lie in device memory."""


def host_of(row: CollectiveRow) -> str:
    """Name of the nodes of a row: its system, where its buffers lie in device memory marked so."""
    return row.system if row.memory == HOST else row.system + DEVICE


def known_methods(row: CollectiveRow) -> Mapping[str, np.ndarray]:
    """Algorithm to method of the collective of a row; empty where it has none."""
    name = row.collective.lower().replace("_", "").replace("-", "")
    return METHODS.get(SPELLINGS.get(name, name), {})


def algorithm_of(row: CollectiveRow) -> str:
    """Algorithm of a row as the methods name it; empty where they have none."""
    known = known_methods(row)
    if row.algorithm == AUTO and known:
        return AUTO
    printed = (row.algorithm_printed or "").replace("_int32", "")
    for ending in ("_ompi", "_mpich", "_over"):
        printed = printed.removesuffix(ending)
    names = (PRINTED.get(printed, printed), row.algorithm or "")
    return next((name for name in names if name in known), "")


def methods_of(row: CollectiveRow) -> list[np.ndarray]:
    """Methods that a row may have run: one, or all of its collective for the library's choice."""
    known, algorithm = known_methods(row), algorithm_of(row)
    if algorithm == AUTO:
        return list(known.values())
    return [known[algorithm]] if algorithm else []


def read_hosts(library: Library) -> dict[str, MessageHost]:
    """Read the nodes that a library holds; a system in a user's folder goes before the shipped one.

    Parameters
    ----------
    library
        Folders to look in.

    Returns
    -------
    dict[str, MessageHost]
        Node by system, SI.

    Raises
    ------
    Faults
        All that is wrong with the files.
    """
    found: list[Fault] = []
    hosts: dict[str, MessageHost] = {}
    for folder in library.folders:
        path = folder / FOLDER / HOSTS
        if path.exists():
            hosts = (attempt(found, _hosts, path) or {}) | hosts
    refuse(found)
    return hosts


def _hosts(path: Path) -> dict[str, MessageHost]:
    table, lines = read(path)
    found: list[Fault] = []
    hosts: dict[str, MessageHost] = {}
    for system, values in table.items():

        def place(field: FieldPath, system: str = system) -> Place:
            return Place(short_path(path), lines.get((system, *field), lines.get((system,))))

        if not isinstance(values, dict):
            fault = Fault(problem="not a table of a system's nodes", field=system)
            found.append(fault.at(*place(())))
            continue
        try:
            hosts[system] = validate(MessageHost, values, place)
        except Faults as error:
            found += [replace(one, field=f"{system}.{one.field}") for one in error.faults]
    refuse(found)
    return hosts


def lower_host(host: MessageHost, run: str | None) -> Host:
    """A node as the formulas take it.

    Parameters
    ----------
    host
        Its parameters.
    run
        Run of the benchmark; some have longer latencies.

    Returns
    -------
    Host
        In SI.
    """
    lowered = Host(**{name: getattr(host, name) for name in Host._fields})
    return slower(lowered, host.busy.factor) if host.busy and is_busy(host, run) else lowered


def is_busy(host: MessageHost, run: str | None) -> bool:
    """Whether a run is one of those with longer latencies."""
    return host.busy is not None and (run or "").startswith(host.busy.run)


def slower(host: Host, factor: Scalar) -> Host:
    """The node with every latency longer by a factor."""
    return host._replace(latency=host.latency * factor, issue=host.issue * factor)
