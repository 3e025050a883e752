"""Layout config to numbers and back, and the words for its codes."""

import math

import numpy as np

from perfmodel.config.schema.workload import Layout as LayoutConfig
from perfmodel_kernels._typing import Scalar
from perfmodel_kernels.layout import ATTENTION, DDP, FULL, NONE, PARTS, ZERO1, ZERO2, ZERO3, Layout

SHARDING = {"ddp": DDP, "zero1": ZERO1, "zero2": ZERO2, "zero3": ZERO3}
RECOMPUTE = {"none": NONE, "attention": ATTENTION, "parts": PARTS, "full": FULL}


def word(codes: dict[str, float], value: Scalar) -> str:
    """Word of a code.

    Parameters
    ----------
    codes
        Words and their codes.
    value
        One code.

    Returns
    -------
    str
        The word.
    """
    return next(name for name, code in codes.items() if code == round(float(value)))


def lower_layout(layout: LayoutConfig, chips: int, batch: int) -> Layout:
    """A named layout as numbers; `fill` takes as many replicas as chips and batch allow.

    Parameters
    ----------
    layout
        The config.
    chips
        Chips of the partition.
    batch
        Global batch. [sequences]

    Returns
    -------
    Layout
        Numbers; micro-batches round the batch to what divides over the replicas.
    """
    group = layout.tp * layout.cp * layout.pp
    replicas, count = _replicas(layout, max(1, chips // group), batch)
    return Layout(
        tp=np.float64(layout.tp),
        cp=np.float64(layout.cp),
        pp=np.float64(layout.pp),
        vpp=np.float64(layout.vpp),
        ep=np.float64(layout.ep),
        dp=np.float64(replicas),
        micro_batch=np.float64(layout.micro_batch),
        micro_batches=np.float64(count),
        sequence_parallel=np.float64(layout.sequence_parallel),
        sharding=np.float64(SHARDING[layout.sharding]),
        recompute=np.float64(RECOMPUTE[layout.recompute]),
    )


def _replicas(layout: LayoutConfig, most: int, batch: int) -> tuple[int, int]:
    """Replicas and micro-batches; interleaving takes these in multiples of the stages."""
    per_sequence = batch / layout.micro_batch
    if layout.dp != "fill":
        return layout.dp, max(1, round(per_sequence / layout.dp))
    unit = layout.pp if layout.vpp > 1 else 1
    count = max(1, math.ceil(per_sequence / min(most, per_sequence) / unit)) * unit
    return max(1, min(most, int(per_sequence // count))), count


def describe(layout: Layout) -> str:
    """One line that says a layout in the field's letters.

    Parameters
    ----------
    layout
        Numbers.

    Returns
    -------
    str
        For example `TP8 PP16 VPP8 DP128 MB1x16 zero1`.
    """
    degrees = {"TP": layout.tp, "CP": layout.cp, "PP": layout.pp, "VPP": layout.vpp}
    degrees |= {"EP": layout.ep}
    parts = [f"{name}{int(value)}" for name, value in degrees.items() if value > 1]
    parts.append(f"DP{int(layout.dp)}")
    parts.append(f"MB{int(layout.micro_batch)}x{int(layout.micro_batches)}")
    parts.append(word(SHARDING, layout.sharding))
    if layout.recompute > NONE:
        parts.append(f"recompute={word(RECOMPUTE, layout.recompute)}")
    return " ".join(parts)
