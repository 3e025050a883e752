"""Layout config to numbers and back, and the words for its codes."""

import math

from perfmodel.config.schema.workload import Layout as LayoutConfig
from perfmodel_kernels._typing import Scalar
from perfmodel_kernels.layout import (
    ATTENTION,
    DDP,
    FULL,
    HEADS,
    KEYS,
    NONE,
    PARTS,
    ZERO1,
    ZERO2,
    ZERO3,
    Layout,
)
from perfmodel_kernels.schedule import DUALPIPE, GPIPE, ONE_F_ONE_B, ZERO_BUBBLE

SHARDING = {"ddp": DDP, "zero1": ZERO1, "zero2": ZERO2, "zero3": ZERO3}
CP_KIND = {"ring": KEYS, "all-to-all": HEADS}
SCHEDULE = {
    "1f1b": ONE_F_ONE_B,
    "gpipe": GPIPE,
    "zero-bubble": ZERO_BUBBLE,
    "dualpipe": DUALPIPE,
}
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


def lower_layout(layout: LayoutConfig, chips: int, batch: int, layers: int) -> Layout:
    """A named layout as numbers; `fill` takes as many replicas as chips and batch allow.

    Parameters
    ----------
    layout
        The config.
    chips
        Chips of the partition.
    batch
        Global batch. [sequences]
    layers
        Layers of the model.

    Returns
    -------
    Layout
        Numbers; micro-batches round the batch to what divides over the replicas.
    """
    group = layout.tp * layout.cp * layout.pp
    replicas, count = _replicas(layout, max(1, chips // group), batch)
    again = layers if layout.recompute_layers == "all" else layout.recompute_layers
    ranks = layout.cp * replicas
    stated = ranks if layout.shard_group == "all" else layout.shard_group
    shard = ranks if layout.sharding == "ddp" else stated
    numbers = {
        "tp": layout.tp,
        "cp": layout.cp,
        "pp": layout.pp,
        "vpp": layout.vpp,
        "ep": layout.ep,
        "etp": layout.etp,
        "dp": replicas,
        "micro_batch": layout.micro_batch,
        "micro_batches": count,
        "sequence_parallel": layout.sequence_parallel,
        "context": CP_KIND[layout.cp_kind],
        "schedule": SCHEDULE[layout.schedule],
        "sharding": SHARDING[layout.sharding],
        "replicas": max(1.0, ranks / shard),
        "recompute": RECOMPUTE[layout.recompute],
        "recomputed": min(1.0, again / layers),
        "offload_states": layout.offload_optimizer,
        "offload_activations": layout.offload_activations,
    }
    return Layout(**{name: 1.0 * value for name, value in numbers.items()})


def _replicas(layout: LayoutConfig, most: int, batch: int) -> tuple[int, int]:
    """Replicas and micro-batches; interleaving takes these in multiples of the stages."""
    per_sequence = batch / layout.micro_batch
    if layout.dp != "fill":
        return layout.dp, max(1, round(per_sequence / layout.dp))
    unit = layout.pp if layout.vpp > 1 else 1
    count = max(1, math.ceil(per_sequence / min(most, per_sequence) / unit)) * unit
    return max(1, min(most, math.floor(per_sequence // count))), count


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
    degrees |= {"EP": layout.ep, "ETP": layout.etp}
    parts = [f"{name}{int(value)}" for name, value in degrees.items() if value > 1]
    parts.append(f"DP{int(layout.dp)}")
    parts.append(f"MB{int(layout.micro_batch)}x{int(layout.micro_batches)}")
    if layout.cp > 1 and layout.context > KEYS:
        parts.append(f"cp={word(CP_KIND, layout.context)}")
    if layout.pp > 1 and layout.schedule > ONE_F_ONE_B:
        parts.append(word(SCHEDULE, layout.schedule))
    parts.append(word(SHARDING, layout.sharding))
    if layout.replicas > 1:
        parts.append(f"copies={int(layout.replicas)}")
    if layout.recompute > NONE:
        share = "" if layout.recomputed > 1.0 - 1e-9 else f" of {layout.recomputed:.0%}"
        parts.append(f"recompute={word(RECOMPUTE, layout.recompute)}{share}")
    if layout.offload_states > 0.0:
        parts.append(f"offload-states={layout.offload_states:.0%}")
    if layout.offload_activations > 0.0:
        parts.append(f"offload-activations={layout.offload_activations:.0%}")
    return " ".join(parts)
