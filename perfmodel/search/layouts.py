"""Every legal layout of a job on a number of chips, as arrays."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from perfmodel.lowering.layout import RECOMPUTE, SHARDING
from perfmodel_kernels.layout import KEYS, Layout
from perfmodel_kernels.schedule import ONE_F_ONE_B

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


class Job(NamedTuple):
    """What decides whether a layout is legal."""

    layers: int
    heads: int
    kv_heads: int
    experts: int
    """Routed experts per layer, 0 for a dense model."""
    sequence_length: int
    batch: int
    """Global batch. [sequences]"""
    tolerance: float
    """How far the batch may move."""
    chips: int
    domain: int
    """Chips of the scale-up domain."""
    fused: bool
    """Whether attention is one kernel, which then has no scores to compute again."""


class Axes(NamedTuple):
    """Values that each axis of the layout may take."""

    tp: tuple[int, ...] = (1, 2, 4, 8, 16, 32, 64)
    cp: tuple[int, ...] = (1, 2, 4, 8, 16)
    pp: int = 64
    """Most pipeline stages."""
    vpp: int = 8
    """Most model chunks per stage."""
    ep: tuple[int, ...] = (1, 2, 4, 8, 16, 32, 64, 128, 256)
    micro_batch: tuple[int, ...] = (1, 2, 4, 8)
    sharding: tuple[str, ...] = ("zero1", "zero3")
    recompute: tuple[str, ...] = ("none", "attention", "parts", "full")
    idle_layers: float = 0.06
    """Largest share of empty places in the grid of layers over stages and chunks."""


def enumerate_layouts(job: Job, axes: Axes | None = None) -> Layouts:
    """All legal layouts of a job, in every mode.

    Parameters
    ----------
    job
        The model's counts, batch and machine size.
    axes
        Values of the axes.

    Returns
    -------
    Layouts
        One array per field, of equal length; empty where nothing is legal.
    """
    axes = axes or Axes()
    return in_modes(enumerate_degrees(job, axes), modes(job, axes))


def enumerate_degrees(job: Job, axes: Axes) -> Layouts:
    """All legal degrees, replicas and micro-batches, in the fastest mode.

    Parameters
    ----------
    job
        The model's counts, batch and machine size.
    axes
        Values of the axes.

    Returns
    -------
    Layouts
        One array per field, of equal length; empty where nothing is legal.
    """
    grid = _with_replicas(_parallel_grid(job, axes), job)
    sharding, recompute = modes(job, axes)[0]
    one, zero = np.ones_like(grid["tp"]), np.zeros_like(grid["tp"])
    return Layouts(
        **grid,
        etp=one,
        sequence_parallel=np.where(grid["tp"] > 1, 1.0, 0.0),
        context=KEYS * one,
        schedule=ONE_F_ONE_B * one,
        sharding=sharding * one,
        replicas=one,
        recompute=recompute * one,
        recomputed=one,
        offload_states=zero,
        offload_activations=zero,
    )


def _product(*axes: Column) -> list[Column]:
    return [axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")]


def _pipelines(job: Job, axes: Axes) -> tuple[Column, Column]:
    """Stages and chunks whose grid leaves few places empty."""
    pairs = []
    for stages in range(1, min(axes.pp, job.layers) + 1):
        for chunks in range(1, axes.vpp + 1) if stages > 1 else (1,):
            if 0 <= empty_places(job.layers, stages, chunks) <= axes.idle_layers * job.layers:
                pairs.append((stages, chunks))
    table = np.array(pairs, float).reshape(-1, 2)
    return table[:, 0], table[:, 1]


def empty_places(layers: int, stages: int, chunks: int) -> int:
    """Places that stay empty when layers fill a grid of stages and chunks.

    Parameters
    ----------
    layers
        Layers of the model.
    stages, chunks
        The grid.

    Returns
    -------
    int
        Places; -1 where the first and the last stage, which hold fewer layers, cannot lack as many.
    """
    depth = -(-layers // (stages * chunks)) * chunks
    empty = stages * depth - layers
    return empty if stages == 1 or -(-empty // 2) < depth else -1


def _tensor(job: Job, axes: Axes) -> Column:
    legal = [
        tp
        for tp in axes.tp
        if tp <= job.domain
        and job.heads % tp == 0
        and (job.kv_heads % tp == 0 or tp % job.kv_heads == 0)
    ]
    return np.array(legal, float)


def _parallel_grid(job: Job, axes: Axes) -> dict[str, Column]:
    """Tensor, context, pipeline, expert and micro-batch degrees that fit model and machine."""
    stages, chunks = _pipelines(job, axes)
    context = np.array(
        [cp for cp in axes.cp if cp == 1 or job.sequence_length // cp >= 1024], float
    )
    expert = np.array(
        [ep for ep in axes.ep if job.experts % ep == 0] if job.experts else [1], float
    )
    micro = np.array([mb for mb in axes.micro_batch if mb <= job.batch], float)
    index = np.arange(len(stages), dtype=float)
    tp, cp, pair, ep, mb = _product(_tensor(job, axes), context, index, expert, micro)
    pp, vpp = stages[pair.astype(int)], chunks[pair.astype(int)]
    keep = tp * cp * pp <= job.chips
    grid = {"tp": tp, "cp": cp, "pp": pp, "vpp": vpp, "ep": ep, "micro_batch": mb}
    return {name: column[keep] for name, column in grid.items()}


def _with_replicas(grid: dict[str, Column], job: Job) -> dict[str, Column]:
    """Replicas and micro-batches: as many replicas as fit, and as few as the batch divides over.

    Interleaving needs micro-batches in multiples of the stages. Replicas come in multiples that
    the expert groups divide.
    """
    group = grid["tp"] * grid["cp"]
    step = grid["ep"] / np.gcd(grid["ep"].astype(int), group.astype(int))
    most = np.floor(job.chips / (group * grid["pp"]) / step) * step
    unit = np.where(grid["vpp"] > 1, grid["pp"], 1.0)
    per_replica = job.batch / np.maximum(most, 1.0) / grid["micro_batch"]
    fewest = np.maximum(np.ceil(per_replica / unit - 1e-9), 1.0) * unit
    nearest = np.maximum(np.round(per_replica / unit), 1.0) * unit
    exact = np.ceil(job.batch / grid["micro_batch"] / fewest / step - 1e-9) * step
    below = np.floor(job.batch / grid["micro_batch"] / fewest / step + 1e-9) * step
    choices = ((most, nearest), (exact, fewest), (below, fewest))
    parts = []
    for number, (replicas, count) in enumerate(choices):
        moved = replicas * count * grid["micro_batch"] / job.batch - 1.0
        keep = (replicas >= 1) & (replicas <= most) & (np.abs(moved) <= job.tolerance)
        for other, same in choices[:number]:
            keep &= (replicas != other) | (count != same)
        full = {**grid, "dp": replicas, "micro_batches": count}
        parts.append({name: column[keep] for name, column in full.items()})
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


Mode = tuple[float, float]
"""Codes of sharding and recompute."""


def modes(job: Job, axes: Axes) -> list[Mode]:
    """Sharding and recompute modes, the fastest first.

    More sharding and more recompute only save memory: no mode beats the first one in time.

    Parameters
    ----------
    job
        Fused attention has no scores to compute again.
    axes
        Values of the axes.

    Returns
    -------
    list[Mode]
        Codes.
    """
    again = [mode for mode in axes.recompute if not (job.fused and mode == "attention")]
    return [(SHARDING[shard], RECOMPUTE[mode]) for shard in axes.sharding for mode in again]


def in_modes(layouts: Layouts, chosen: Sequence[Mode]) -> Layouts:
    """Every layout in every mode; without replicas there is nothing to shard.

    Parameters
    ----------
    layouts
        One array per field.
    chosen
        Modes to put them in.

    Returns
    -------
    Layouts
        Arrays, at most `len(chosen)` times as long.
    """
    parts = [in_mode(layouts.where(may_take(layouts, mode)), mode) for mode in chosen]
    return Layouts(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def may_take(layouts: Layouts, mode: Mode) -> NDArray[np.bool_]:
    """Which layouts can take a mode.

    Parameters
    ----------
    layouts
        In the first mode.
    mode
        Another one; without replicas there is nothing to shard another way.

    Returns
    -------
    NDArray[np.bool_]
        A mask.
    """
    return (layouts.dp * layouts.cp > 1) | (layouts.sharding == mode[0])


def in_mode(layouts: Layouts, mode: Mode) -> Layouts:
    """The same layouts in one mode.

    Parameters
    ----------
    layouts
        Any.
    mode
        Codes.

    Returns
    -------
    Layouts
        Of the same length.
    """
    sharding, recompute = (np.full_like(layouts.tp, code) for code in mode)
    return layouts._replace(sharding=sharding, recompute=recompute)
