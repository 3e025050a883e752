"""Software stack of a published run: by its name, else the nearest by framework and year."""

import re
from collections.abc import Mapping
from typing import Any

from perfmodel.config.faults import nearest
from perfmodel.config.schema.run import RunRow
from perfmodel.config.schema.stack import Stack
from perfmodel.lowering.published_blanks import year_of

FAMILIES: Mapping[str, tuple[str, ...]] = {
    "megatron-bridge": ("megatron-bridge-25", "megatron-bridge-26"),
    "automodel": ("automodel-2025",),
    "primus": ("primus-2025",),
    "mlperf": ("mlperf-nemo",),
    "neuron": ("neuron-2023",),
    "habana": ("gaudi-2023",),
    "gaudi": ("gaudi-2023",),
    "rocm": ("megatron-deepspeed-rocm-2022", "primus-2025", "maxtext-gpu-2025"),
    "nemo": ("nemo-24", "nemo-25"),
    "megatron-deepspeed": ("megatron-deepspeed-2022",),
    "deepspeed": ("deepspeed-zero3",),
    "megatron": ("megatron-2021", "megatron-2022", "megatron-2024", "megatron-core-2025"),
    "megascale": ("megatron-2024",),
    "torchtitan": ("torchtitan-2025",),
    "composer": ("fsdp-composer-2023",),
    "llm-foundry": ("fsdp-composer-2023",),
    "fsdp": ("fsdp-composer-2023", "fsdp1-2024", "torchtitan-2025"),
    "nanotron": ("nanotron-2024",),
    "internevo": ("internevo-2024",),
    "libai": ("libai-2022",),
    "oneflow": ("libai-2022",),
    "pax": ("paxml-2024",),
    "maxtext": ("maxtext-2024", "maxtext-2025"),
    "jax": ("maxtext-2024", "maxtext-2025"),
    "hai-llm": ("inhouse",),
}
"""Word in the name of a framework to the stacks of it, the most telling word first."""

EAGER = ("megatron", "nemo")
"""Words in the names of software that issues kernels one by one unless it captures them, and that
overlaps and merges the exchanges of experts only where it is told to."""

RECIPES = ("nemo", "bridge", "mlperf")
"""Words in the names of software whose recipes overlap the collectives of tensor ranks."""

MERGING = ("deepep", "hybridep")
"""Dispatchers that send a token once to all of its experts on a rank or node."""

ANY = ("megatron-2021", "megatron-2022", "megatron-2024", "megatron-core-2025")
"""Stacks by year for software that is not known."""


def stack_name(row: RunRow, known: Mapping[str, int]) -> str:
    """Stack of the library that stands for the software of a row.

    Parameters
    ----------
    row
        Completed row.
    known
        Stacks of the library and their years.

    Returns
    -------
    str
        Its own name, else the nearest in year among those of its framework.
    """
    if row.stack in known:
        return row.stack or ""
    words = f"{row.stack or ''} {row.framework or ''}".lower()
    for word, stacks in FAMILIES.items():
        if word in words and (found := [name for name in stacks if name in known]):
            return _nearest_in_year(found, known, _year(row))
    alike = nearest(row.stack or "", known)
    return alike or _nearest_in_year([name for name in ANY if name in known], known, _year(row))


def _year(row: RunRow) -> int:
    """Year in the name of a stack, else that of the row."""
    named = re.search(r"-(?:20)?(\d\d)$", row.stack or "")
    return 2000 + int(named[1]) if named else year_of(row)


def _nearest_in_year(names: list[str], known: Mapping[str, int], year: int) -> str:
    return min(names, key=lambda name: (abs(known[name] - year), -known[name]))


def stack_changes(row: RunRow) -> tuple[tuple[str, Any], ...]:
    """What a row states of its software beside the name: attention, graphs, overlap, dispatch.

    Parameters
    ----------
    row
        Completed row.

    Returns
    -------
    tuple[tuple[str, Any], ...]
        Fields of the stack and their values, dotted below `overlap` and `collectives`.
    """
    found: list[tuple[str, Any]] = []
    if row.flash_attention is not None:
        found.append(("fused_attention", row.flash_attention > 0.5))
    captured = _captured(row)
    if captured is not None:
        found.append(("cuda_graphs", captured))
    stated = {
        "tensor": row.overlap_tp if row.overlap_tp is not None or not _plain(row) else 0.0,
        "data": row.overlap_dp,
        "expert": row.overlap_ep if row.overlap_ep is not None or not _eager(row) else 0.0,
        "pipeline": row.overlap_pp,
    }
    found += [(f"overlap.{name}", 0.0) for name, flag in stated.items() if flag == 0.0]
    if row.attention == "mla" and row.recompute_parts:
        found.append(("recompute_latent", "mla_up_proj" in row.recompute_parts.split("+")))
    if row.moe_dispatcher is not None or _eager(row):
        found.append(("collectives.merged_copies", row.moe_dispatcher in MERGING))
    return tuple(found)


def _plain(row: RunRow) -> bool:
    """Megatron as it is, without the recipes of a product around it."""
    names = f"{row.stack} {row.framework}".lower()
    return "megatron" in names and not any(word in names for word in RECIPES)


def _eager(row: RunRow) -> bool:
    names = f"{row.stack} {row.framework}".lower()
    return any(word in names for word in EAGER)


def _captured(row: RunRow) -> bool | None:
    """Whether kernels are replayed without the host; none for what the stack says.

    A graph over some modules leaves the others to the host. The number of tokens of an expert is
    known on the device alone, so that eager software captures experts where it says so only.
    """
    if row.cuda_graphs is not None:
        return row.cuda_graphs > 0.5 and row.cuda_graph_scope in (None, "full_iteration")
    return False if row.experts and _eager(row) else None


def changed(stack: Stack, changes: tuple[tuple[str, Any], ...]) -> Stack:
    """A stack with some of its fields replaced.

    Parameters
    ----------
    stack
        The stack.
    changes
        What :func:`stack_changes` returned.

    Returns
    -------
    Stack
        The changed copy.
    """
    update: dict[str, Any] = {name: value for name, value in changes if "." not in name}
    for part in ("overlap", "collectives"):
        inner = {name.partition(".")[2]: value for name, value in changes if name.startswith(part)}
        update[part] = getattr(stack, part).model_copy(update=inner)
    return stack.model_copy(update=update)
