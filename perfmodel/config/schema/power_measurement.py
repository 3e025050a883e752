"""Rows of published measurements of power: Linpack systems, metered nodes, states of chips."""

from typing import ClassVar

from perfmodel.config.schema.measurement import MeasuredRow, Number, Whole

KILOWATT = 1e3
"""Unit of the columns of kilowatts. [W]"""

PETAFLOP = 1e15
"""Unit of ``rmax_pflops``. [FLOP/s]"""


class LinpackRow(MeasuredRow):
    """One High-Performance Linpack result with the power of the system."""

    TIMES: ClassVar[tuple[str, ...]] = ("rmax_pflops",)

    system: str
    """Machine as the list names it."""
    chip_id: str
    """Accelerator."""
    chips: Whole | None = None
    """Accelerators that took part."""
    rmax_pflops: Number | None = None
    """Result. [PFLOP/s]"""
    power_kw: Number | None = None
    """Power of the compute nodes and their fabric. [kW]"""
    system_power_w_per_chip: Number | None = None
    """The same per accelerator; blank where only a part of the machine ran. [W]"""

    @property
    def power_per_chip(self) -> float | None:
        """Power of the system per chip, none where either is not known. [W]."""
        if self.system_power_w_per_chip:
            return self.system_power_w_per_chip
        return None

    @property
    def efficiency(self) -> float | None:
        """FLOP per joule, none without a power. [FLOP/J]."""
        if not self.rmax_pflops or not self.power_kw:
            return None
        return self.rmax_pflops * PETAFLOP / (self.power_kw * KILOWATT)


class MeteredRow(MeasuredRow):
    """Metered power of nodes over one run."""

    TIMES: ClassVar[tuple[str, ...]] = ("mean_kW_per_node", "peak_kW_per_node")

    system: str
    """Machine as its source names it."""
    chip: str
    """Accelerator."""
    nodes: Whole
    """Nodes that ran."""
    chips_per_node: Whole
    """Accelerators of a node."""
    workload: str
    """What ran, in words."""
    cooling: str
    """What carries the heat away, in words."""
    throughput_tokens_s_per_chip: Number | None = None
    """Throughput. [token/s]"""
    mean_kW_per_node: Number | None = None  # noqa: N815 - the column's name
    """Mean over the run and the nodes. [kW]"""
    peak_kW_per_node: Number | None = None  # noqa: N815 - the column's name
    """Highest sample. [kW]"""


class StateRow(MeasuredRow):
    """Power of a chip in one state."""

    TIMES: ClassVar[tuple[str, ...]] = ("power_w_per_gpu",)

    dataset: str
    """Where it was recorded."""
    device: str
    """Chip, in words."""
    state: str
    """What the chip did, in words."""
    power_w_per_gpu: str
    """Power, or its range. [W]"""
