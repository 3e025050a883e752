"""Failures, storage and the spread of a job, from configs to arrays."""

from typing import NamedTuple

import numpy as np

from perfmodel.config.schema.reliability import Reliability
from perfmodel.config.schema.scenario import Machine
from perfmodel.config.schema.storage import Storage
from perfmodel_kernels.job_goodput import Habits, Store
from perfmodel_kernels.recovery import Elastic, Restart
from perfmodel_kernels.reliability import Failures, SlowNodes


def lower_habits(reliability: Reliability, machine: Machine) -> Habits:
    """Failures of a machine and what is done about them.

    Parameters
    ----------
    reliability
        Rates and times.
    machine
        Its node and its scale-up domain say how many chips a failure takes.

    Returns
    -------
    Habits
        Rates per chip and second.
    """
    failures, slow = reliability.failures, reliability.slow_nodes
    service, corruption = reliability.service, reliability.corruption
    return Habits(
        failures=_classes(reliability, machine),
        restart=Restart(**reliability.restart.model_dump()),
        elastic=Elastic(**reliability.elastic.model_dump()),
        slow=SlowNodes(slow.rate / failures.node_chips, slow.stay, slow.slow_down),
        corruption=corruption.rate,
        corruption_latency=corruption.latency,
        repair=service.repair,
        covered=service.covered,
        unit=machine.node.chips,
        maintenance_interval=service.maintenance_interval,
    )


def _classes(reliability: Reliability, machine: Machine) -> Failures:
    """Components that take the same away, together: two classes whatever the table of a config."""
    per_chip = reliability.failures.rate / reliability.failures.node_chips
    whole = sum(one.count for one in reliability.classes)
    takes = {"node": machine.node.chips, "domain": machine.chip.scaleup.domain}
    shares = [
        sum(one.count for one in reliability.classes if one.takes == kind) / whole for kind in takes
    ]
    return Failures(per_chip * np.array(shares), np.array([*takes.values()], float))


class Saved(NamedTuple):
    """What a job saves."""

    parameters: float
    """Parameters of the model."""
    reliability: Reliability
    """Bytes of each, and the chance to lose a copy."""


def lower_store(saved: Saved, storage: Storage, machine: Machine) -> Store:
    """Sizes of a checkpoint and bandwidths on its way.

    Parameters
    ----------
    saved
        Parameters and bytes of each.
    storage
        The file system.
    machine
        Its links to hosts and between them.

    Returns
    -------
    Store
        Bytes and bandwidths.
    """
    checkpoint, node = saved.reliability.checkpoint, machine.node
    return Store(
        state=saved.parameters * checkpoint.state,
        weights=saved.parameters * checkpoint.weights,
        write=storage.write_bandwidth,
        read=storage.read_bandwidth,
        readers=storage.readers,
        host_link=node.host_link,
        peer_link=node.nic_bandwidth,
        peer_loss=checkpoint.peer_loss,
    )
