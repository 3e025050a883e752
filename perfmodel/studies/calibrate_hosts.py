"""Fits the nodes of message-passing libraries to part of the published collectives."""

import datetime
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from perfmodel.config.documents import FieldPath
from perfmodel.config.library import Library, shipped
from perfmodel.config.measurements import FOLDER, read_rows, shipped_measurements
from perfmodel.config.schema.hosts import MessageHost
from perfmodel.config.schema.measurement import CollectiveRow
from perfmodel.config.sources import ESTIMATE
from perfmodel.lowering.published_messages import (
    DEVICE,
    HOSTS,
    host_of,
    is_busy,
    methods_of,
    read_hosts,
    slower,
)
from perfmodel.studies.calibrate import Calibrated
from perfmodel.studies.edits import Edit
from perfmodel.studies.fitting import Data, Estimate, Parameter, fit
from perfmodel.studies.host_collectives_validation import fitted
from perfmodel_kernels.message_passing import Host, Ranks, message_passing_time

FILE = "collectives_eu.csv"
"""Measurements that are fitted."""

SYSTEMS = ("leonardo", "lumi", "leonardo-device")
"""Systems whose nodes are fitted; the last with buffers in device memory."""

SOURCE = "PICO, HLC-Lab/pico@413bc5d"

NOISE = 0.2
"""Expected spread of the logarithm of a time. estimate: 5 to 20 % between repeats, and the method's
own error."""

PRIORS = (
    Parameter("launch", 1e-6, 1.0, 1e-8, 1e-4, unit="s"),
    Parameter("issue", 5e-7, 1.0, 1e-8, 1e-4, unit="s"),
    Parameter("latency", 2e-6, 1.0, 1e-7, 1e-4, unit="s"),
    Parameter("apart", 1.6, 0.3, 1.0, 10.0),
    Parameter("rendezvous", 1e-5, 1.0, 1e-7, 1e-3, unit="s"),
    Parameter("eager", 65536.0, 1.0, 1e3, 1e7, unit="B"),
    Parameter("bandwidth", 12e9, 1.0, 1e9, 1e11, unit="B/s"),
    Parameter("spread", 0.1, 1.0, 1e-4, 2.0),
    Parameter("cached_rate", 1e10, 1.0, 1e8, 1e12, unit="B/s"),
    Parameter("memory_rate", 2e9, 1.0, 1e8, 1e12, unit="B/s"),
    Parameter("cache", 16e6, 1.0, 1e5, 1e9, unit="B"),
)
"""Of the nodes of every system, in the order of `Host`. estimate: orders of magnitude of an HDR100
or Slingshot card and a server; the ratio `apart` as fitted to Leonardo's half of the rows."""

DEVICE_PRIORS = {"launch": 5e-6, "eager": 8192.0, "latency": 4e-6}
"""Values of the priors where buffers lie in device memory. estimate: each call asks where its
buffers lie, messages above a few KiB go by rendezvous between devices, a message takes 3 to 4 us;
chosen with the rows in sight."""

BUSY = Parameter("busy.factor", 2.0, 1.0, 1.0, 10.0)
"""Of a system with busy runs; estimate."""


class Known(NamedTuple):
    """What the residuals take, one entry per row."""

    system: np.ndarray
    """Place of its system."""
    busy: np.ndarray
    """1 where its run had longer latencies; axes: row, system with such runs."""
    payload: Any
    """Buffer. [B]"""
    ranks: Ranks
    method: np.ndarray
    """Coefficients of its method."""
    measured: np.ndarray
    """Completion time. [s]"""


def fit_hosts(library: Library) -> Calibrated:
    """Fit the nodes of all systems to the rows that are not left out.

    Parameters
    ----------
    library
        Says which runs were busy; the priors do not depend on it.

    Returns
    -------
    Calibrated
        Values, and the lines of the file of nodes that hold them.
    """
    hosts = read_hosts(library)
    every = read_rows(shipped_measurements(FILE), CollectiveRow)
    rows = [row for row in every if fitted(row) and host_of(row) in SYSTEMS]
    crowded = [system for system in SYSTEMS if system in hosts and hosts[system].busy]
    data = Data(
        residual=residuals,
        arrays=(_known(rows, crowded, hosts),),
        groups=[f"{host_of(row)} {row.collective}" for row in rows],
        noise=np.full(len(rows), NOISE),
        weight=np.ones(len(rows)),
    )
    found = fit(_parameters(crowded), data)
    counts = {system: sum(host_of(row) == system for row in rows) for system in SYSTEMS}
    notes = [f"{system}: {count} rows" for system, count in counts.items()]
    return Calibrated(found, [_edit(estimate, counts) for estimate in found.estimates], notes)


def residuals(values: Any, known: Known) -> Any:
    """Logarithm of predicted over measured, one per row.

    Parameters
    ----------
    values
        Parameters of each system, then the factor of each that has busy runs.
    known
        Rows.

    Returns
    -------
    Any
        Array.
    """
    end = len(SYSTEMS) * len(PRIORS)
    columns = values[:end].reshape(len(SYSTEMS), len(PRIORS)).T
    own = Host(*columns[:, known.system])
    factor = 1.0 + (known.busy * (values[None, end:] - 1.0)).sum(1)
    nodes = slower(own, factor)
    times = jax.vmap(message_passing_time)(known.payload, known.ranks, known.method, nodes)
    return jnp.log(times / known.measured)


def _parameters(crowded: Sequence[str]) -> list[Parameter]:
    own = [_own(prior, system) for system in SYSTEMS for prior in PRIORS]
    return own + [BUSY._replace(name=f"{system}.{BUSY.name}") for system in crowded]


def _own(prior: Parameter, system: str) -> Parameter:
    values = DEVICE_PRIORS if system.endswith(DEVICE) else {}
    value = values.get(prior.name, prior.prior)
    return prior._replace(name=f"{system}.{prior.name}", prior=value)


def _known(
    rows: Sequence[CollectiveRow], crowded: Sequence[str], hosts: Mapping[str, MessageHost]
) -> Known:
    busy = [
        [host_of(row) == system and is_busy(hosts[system], row.run) for system in crowded]
        for row in rows
    ]
    return Known(
        system=np.array([SYSTEMS.index(host_of(row)) for row in rows]),
        busy=np.array(busy, float).reshape(len(rows), len(crowded)),
        payload=np.array([row.size_bytes for row in rows], float),
        ranks=Ranks(*np.array([(row.ranks, row.tasks_per_node) for row in rows], float).T),
        method=np.stack([methods_of(row)[0] for row in rows]),
        measured=np.array([row.time for row in rows], float),
    )


def _edit(estimate: Estimate, counts: Mapping[str, int]) -> Edit:
    system, *name = estimate.parameter.name.split(".")
    field: FieldPath = (system, *name)
    unit = estimate.parameter.unit
    number = f"{float(f'{estimate.value:.4g}'):.15g}"
    text = f'"{number} {unit}"' if unit else number
    return Edit(shipped() / FOLDER / HOSTS, field, text, _source(estimate, counts[system]))


def _source(estimate: Estimate, rows: int) -> str:
    """What a reader has to know of a value; one that no row says anything of is a guess."""
    today = datetime.datetime.now(tz=datetime.UTC).date()
    if estimate.identified:
        return f"fit to {rows} rows of {SOURCE}, {today}"
    return f"{ESTIMATE} {rows} rows of {SOURCE} say too little of it, {today}"
