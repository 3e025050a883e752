"""How a machine fails and recovers, apart from what it is made of."""

from typing import Literal

from pydantic import Field

from perfmodel.config.schema._model import (
    Bytes,
    Config,
    Count,
    Fraction,
    Named,
    Positive,
    Rate,
    Seconds,
    SecondsOrZero,
    Share,
)


class FailureClass(Config):
    """Failures of one component."""

    name: str
    """The component."""
    count: Count
    """Interruptions that it caused in the run that was counted; only the shares matter."""
    takes: Literal["node", "domain"] = "node"
    """What one failure takes away: the chips of a node, or those of a scale-up domain."""


class Failures(Config):
    """Unexpected interruptions."""

    node_chips: Count
    """Chips of the node that the rate refers to."""
    rate: Rate
    """Interruptions per node of that many chips. [1/s]"""
    shape: Positive
    """Shape of the Weibull times between interruptions of a job; 1 is exponential."""


class Restart(Config):
    """A restart by parts, without reading the checkpoint."""

    detect: SecondsOrZero
    """Until a failure is noticed and its place known. [s]"""
    evict: SecondsOrZero
    """Until the failed node is out of the job. [s]"""
    reschedule: SecondsOrZero
    """Until a spare is in and processes have started. [s]"""
    initialize: SecondsOrZero
    """Communicators and first step, whatever the scale. [s]"""
    initialize_per_chip: SecondsOrZero
    """What each chip of the job adds to that. [s]"""


class Checkpoint(Config):
    """What is saved."""

    state: Bytes
    """Bytes per parameter of a whole checkpoint. [B]"""
    weights: Bytes
    """Bytes per parameter of its weights alone. [B]"""
    peer_loss: Fraction
    """Chance that a failure takes a copy in the memory of a peer along."""


class Elastic(Config):
    """Data parallelism that goes on without lost replicas."""

    rejoin: Seconds
    """Until a lost replica takes part again. [s]"""
    stall: SecondsOrZero
    """Time that all replicas stand still at a failure. [s]"""


class SlowNodes(Config):
    """Nodes that hold the others up without failing."""

    rate: Rate
    """Nodes that become slow, per node of the size that failures count. [1/s]"""
    stay: Seconds
    """Until such a node is found and taken out. [s]"""
    slow_down: Positive
    """Step time of the job meanwhile over that of a healthy one."""


class Corruption(Config):
    """Results that are wrong without an error."""

    rate: Rate
    """Per chip. [1/s]"""
    latency: SecondsOrZero
    """Until one shows in the loss or in a check. [s]"""


class Service(Config):
    """Repairs and planned stops."""

    repair: Seconds
    """From a failure until the hardware is back in the pool. [s]"""
    covered: Share
    """Share of the time in which the spares suffice."""
    maintenance_interval: Seconds
    """Running time between planned stops of a job. [s]"""


class Reliability(Named):
    """Failures of chips, nodes and networks, and what a job does about them."""

    failures: Failures
    classes: tuple[FailureClass, ...] = Field(min_length=1)
    """Interruptions by component."""
    restart: Restart
    checkpoint: Checkpoint
    elastic: Elastic
    slow_nodes: SlowNodes
    corruption: Corruption
    service: Service
