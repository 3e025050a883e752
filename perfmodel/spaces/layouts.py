"""Layouts as arrays, one per field, and the values that a search tries on each axis."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from perfmodel_kernels.layout import Layout

Column = NDArray[np.float64]


class Layouts(NamedTuple):
    """Many layouts: the fields of :class:`Layout`, one value per layout each."""

    tp: Column
    cp: Column
    pp: Column
    vpp: Column
    ep: Column
    etp: Column
    dp: Column
    micro_batch: Column
    micro_batches: Column
    sequence_parallel: Column
    context: Column
    schedule: Column
    sharding: Column
    replicas: Column
    recompute: Column
    recomputed: Column
    offload_states: Column
    offload_activations: Column

    def where(self, chosen: NDArray | slice) -> "Layouts":
        """Those that a mask, an index or a slice picks."""
        return Layouts(*(column[chosen] for column in self))

    def row(self, number: int) -> Layout:
        """One of them."""
        return Layout(*(column[number] for column in self))


def alone(layout: Layout) -> Layouts:
    """One layout as arrays of length one.

    Parameters
    ----------
    layout
        Numbers.

    Returns
    -------
    Layouts
        The same.
    """
    return Layouts(*(np.array([value], float) for value in layout))


BASE = ("tp", "cp", "ep", "etp", "micro_batch", "sequence_parallel", "context")
"""Fields that operators and the groups inside a replica depend on."""

GROUP = ("dp", "replicas")
"""Fields that the groups of replicas add."""

SHAPE = ("pp", "vpp", "micro_batches", "schedule")
"""Fields that the pipeline adds."""

MODE = ("sharding", "recompute", "recomputed", "offload_states", "offload_activations")
"""Fields that change what a chip keeps and when it sends."""

FIELDS = (*BASE, *GROUP, *SHAPE, *MODE)
"""All of them, the outermost first: the order of the points of a search."""


class Axes(NamedTuple):
    """Values that each axis of the layout may take."""

    tp: tuple[int, ...] = (1, 2, 4, 8, 16, 32, 64)
    sequence_parallel: tuple[int, ...] = (1,)
    """Whether tensor ranks split norms by sequence; a single rank never does."""
    cp: tuple[int, ...] = (1, 2, 4, 8, 16)
    context: tuple[str, ...] = ("ring",)
    pp: int = 64
    """Most pipeline stages."""
    vpp: int = 8
    """Most model chunks per stage."""
    schedule: tuple[str, ...] = ("1f1b",)
    ep: tuple[int, ...] = (1, 2, 4, 8, 16, 32, 64, 128, 256)
    etp: tuple[int, ...] = (1,)
    micro_batch: tuple[int, ...] = (1, 2, 4, 8)
    accumulate: tuple[float, ...] = (0.0,)
    """Micro-batches per step: the fewest that the chips allow, then at least as many times as
    much; whole numbers below 1 stand for the fewest."""
    more: int = 0
    """How many micro-batches, or groups of them, above each of these are tried as well."""
    below: bool = False
    """Whether the most replicas that do not exceed the batch are tried beside the most within its
    tolerance."""
    sharding: tuple[str, ...] = ("zero1", "zero3")
    shard_group: tuple[int, ...] = ()
    """Ranks over which states are sharded in groups that hold copies, beside all of them."""
    recompute: tuple[str, ...] = ("none", "attention", "parts", "full")
    recomputed: tuple[float, ...] = (1.0,)
    """Share of the layers that recompute."""
    offload_states: tuple[float, ...] = (0.0,)
    offload_activations: tuple[float, ...] = (0.0,)


USUAL = Axes(
    context=("ring", "all-to-all"),
    schedule=("1f1b", "zero-bubble", "dualpipe"),
    ep=(1, 2, 4, 8, 16, 32, 64, 128, 256, 512),
    micro_batch=(1, 2, 4),
    accumulate=(0.0, 2.0),
    below=True,
    sharding=("ddp", "zero1", "zero2", "zero3"),
    shard_group=(64,),
    recomputed=(0.5, 1.0),
)
"""What frameworks offer to everyone."""

WIDE = Axes(
    sequence_parallel=(1, 0),
    context=("ring", "all-to-all"),
    schedule=("1f1b", "zero-bubble", "dualpipe"),
    ep=(1, 2, 4, 8, 16, 32, 64, 128, 256, 512),
    etp=(1, 2, 4, 8),
    accumulate=(0.0, 1.5, 2.0, 4.0),
    more=1,
    below=True,
    sharding=("ddp", "zero1", "zero2", "zero3"),
    shard_group=(8, 64, 512),
    recomputed=(0.25, 0.5, 0.75, 1.0),
    offload_states=(0.0, 1.0),
    offload_activations=(0.0, 1.0),
)
"""Every axis that the model knows."""

AXES = {"few": Axes(), "usual": USUAL, "all": WIDE}
"""What users call how much of each axis is tried."""
