"""What a published run leaves blank, filled by rules; corrections that its row quotes, applied."""

import re
from collections.abc import Mapping
from typing import Any

from perfmodel.config.schema.run import RunRow

FULL_RECOMPUTE_UNTIL = 2022
"""Last year in which a run that does not say recomputes whole layers: unfused attention left no
room for its scores (arXiv 2205.05198, section 1)."""

SEQUENCE_PARALLEL_FROM = 2023
"""First year in which tensor ranks of a run that does not say split norms by sequence."""

OPTIMIZER_SHARDED_FROM = 2023
"""First year in which replicas of a run that does not say share the optimiser's states."""

WHOLE_EXPERTS = ("bridge", "automodel", "primus")
"""Words in the names of software whose recipes keep an expert on one rank; Megatron-Core splits it
over the tensor ranks unless it is told otherwise."""

FULLY_SHARDED = ("fsdp", "zero-3", "torchtitan", "maxtext", "automodel", "paxml", "pax", "zero3")
"""Words in the name of a framework whose runs share weights unless they say otherwise."""

INTERLEAVING = ("nemo", "bridge")
"""Words in the name of a stack whose recipes interleave stages unless they say otherwise."""

MOST_CHUNKS = 12
"""Most model chunks per stage in the recipes of those stacks (NVIDIA NeMo 24.07 table)."""

WIDE = 4.0
"""Width of a plain feed-forward over the hidden width (arXiv 1706.03762)."""

GATED_WIDE = 8.0 / 3.0
"""The same with a gate at equal parameters (arXiv 2002.05202)."""

USUAL_HEAD = 128
"""Width of a head of a model that does not say."""

_CORRECTION = re.compile(
    r"\b(head_dim|vpp|mbs|gbs|ga|tp|pp|cp|dp|ep|layers|seq_len)\s*=\s*(\d+)\b|"
    r"\b(step)\s+(\d+(?:\.\d+)?)\s*s\b|\b(precision)\s+(int8|bf16|fp16|fp8|mxfp8|nvfp4)\b"
)
_LOCAL_BATCH = re.compile(r"\blocal batch/MBS column=(\d+)\b")
_ASSUMED = re.compile(r"assume GA (\d+)")
_COLUMN = {"vpp": "vpp_n", "step": "step_s", "precision": "precision_matmul"}
_ALREADY = ("use step time", "use tok", "ignore", "recompute params", "prefer", "ga = gbs")
"""Beginnings of corrections that concern figures which a prediction does not take."""


def corrected(row: RunRow) -> tuple[RunRow, str]:
    """Apply the corrections that a row quotes in numbers.

    Parameters
    ----------
    row
        As read.

    Returns
    -------
    tuple[RunRow, str]
        The row, and what was found of it: sound, corrected, correction in words, flagged, set
        apart.
    """
    if row.audit_action == "drop":
        return row, "set apart"
    changes = _quoted(row) if row.audit_action == "correct" else {}
    if changes:
        return row.model_copy(update=changes), "corrected"
    if row.audit_action == "correct":
        return row, "correction in words" if _open(row) else "sound"
    return row, "flagged" if row.audit_action == "flag" else "sound"


def _quoted(row: RunRow) -> dict[str, Any]:
    """Columns and values that stand behind the word correct."""
    clauses = " ".join(_clauses(row))
    found: dict[str, Any] = {}
    for match in _CORRECTION.finditer(clauses):
        name, value = (part for part in match.groups() if part)
        column = _COLUMN.get(name, name)
        words = column == "precision_matmul"
        found[column] = value if words else float(value) if column == "step_s" else int(value)
    assumed = _ASSUMED.search(row.problem or "")
    if assumed and row.gbs is None and row.ga is None:
        found["ga"] = float(assumed[1])
    return found


def _clauses(row: RunRow) -> list[str]:
    """What stands behind each `correct:`, up to the next finding of another kind."""
    return re.findall(r"correct: ([^;]*(?:; correct: [^;]*)*)", row.problem or "")


def _open(row: RunRow) -> bool:
    """Whether a correction in words concerns what a prediction takes."""
    return not all(clause.startswith(_ALREADY) for clause in _clauses(row))


def completed(row: RunRow) -> RunRow:
    """Fill blanks by the rules of docs/published_runs.md.

    Parameters
    ----------
    row
        Corrected row.

    Returns
    -------
    RunRow
        The row; what no rule fills stays none.
    """
    rules = (_workload, _degrees, _batch, _step, _modes)
    for rule in rules:
        row = row.model_copy(update=_where_blank(row, rule(row)))
    return row


def _where_blank(row: RunRow, values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if getattr(row, name) is None}


def _workload(row: RunRow) -> dict[str, Any]:
    """Kind of workload, number format, chunks from the columns in words."""
    kind = (row.kind or "").lower()
    words = {"lora": "lora", "sft": "sft", "memory": "memory", "oom": "oom", "power": "power"}
    chunks = row.vpp or ""
    return {
        "workload_kind": next((value for word, value in words.items() if word in kind), "pretrain"),
        "truncated": float("truncated" in kind),
        "precision_matmul": _precision(row.precision or ""),
        "precision_recipe": _recipe(row.precision or ""),
        "vpp_n": int(chunks) if chunks.isdecimal() else None,
        "model_id": row.model,
        "use": "validate",
    }


def _precision(words: str) -> str:
    """First format that a text names; 16 bits where it names none."""
    text = words.lower()
    for name in ("nvfp4", "mxfp8", "int8", "fp8", "float8", "bf16", "fp16"):
        if name in text:
            return "fp8" if name == "float8" else name
    return "bf16"


def _recipe(words: str) -> str | None:
    text = words.lower()
    names = ("delayed", "current", "tensorwise", "rowwise", "block", "fine-grained")
    found = next((name for name in names if name in text), None)
    return "blockwise" if found in ("block", "fine-grained") else found


def _degrees(row: RunRow) -> dict[str, Any]:
    """Degrees that are not stated are 1; replicas are what is left of the chips."""
    degrees = dict.fromkeys(("tp", "pp", "cp", "ep"), 1)
    group = (row.tp or 1) * (row.pp or 1) * (row.cp or 1)
    counted = row.chips or 0
    return {
        **degrees,
        "dp": counted // group if counted >= group else None,
        "experts": 0,
        "mtp_layers": 0,
        "scaleup_domain": None,
    }


def _batch(row: RunRow) -> dict[str, Any]:
    """Micro-batch of one sequence; global batch from micro-batches and replicas, a full pipeline
    where memory is all that was measured.
    """
    count = row.ga or (row.pp if row.workload_kind in ("memory", "oom") else None)
    mbs = row.mbs or _local_batch(row)
    per_step = mbs * count * row.dp if count and row.dp else None
    return {"mbs": mbs, "gbs": per_step}


def _local_batch(row: RunRow) -> float:
    """Sequences of a rank that a note prints: one micro-batch where no pipeline splits them."""
    noted = _LOCAL_BATCH.search(row.notes or "")
    return float(noted[1]) if noted and row.pp == 1 else 1.0


def _step(row: RunRow) -> dict[str, Any]:
    """Step time, else batch over throughput."""
    tokens = (row.gbs or 0.0) * (row.seq_len or 0)
    rate = row.tokens_per_s or (row.tokens_per_s_per_chip or 0.0) * (row.chips or 0)
    return {"step_s": row.step_time_s or (tokens / rate if tokens and rate else None)}


def _modes(row: RunRow) -> dict[str, Any]:
    """Recompute, sharding and the rest by generation of the software."""
    year = year_of(row)
    names = f"{row.stack} {row.framework}".lower()
    fully = any(word in names for word in FULLY_SHARDED)
    replicas = "zero1" if year >= OPTIMIZER_SHARDED_FROM else "ddp"
    recompute = "full" if year <= FULL_RECOMPUTE_UNTIL else "none"
    whole = fully or any(word in names for word in WHOLE_EXPERTS)
    return {
        "year": year,
        "recompute_mode": _recompute(row.recompute or "") or recompute,
        "sharding_stage": _sharding(row.sharding or "") or ("zero3" if fully else replicas),
        "seq_parallel": float((row.tp or 1) > 1 and year >= SEQUENCE_PARALLEL_FROM),
        "etp": 1 if whole else row.tp,
        "vpp_n": _chunks(row, names),
        "schedule": "1f1b",
        "cp_kind": "ring",
    }


def year_of(row: RunRow) -> int:
    """Year of a run: its own, else the one in the name of its stack, else the latest known."""
    named = re.search(r"(20\d\d)", row.stack or "")
    return row.year or (int(named[1]) if named else 2025)


def _recompute(words: str) -> str | None:
    """Mode of recompute that a text names."""
    text = words.lower()
    named = next((mode for mode in ("none", "selective", "full") if text.startswith(mode)), None)
    return named or ("partial" if "remat" in text else None)


def _sharding(words: str) -> str | None:
    """Stage of sharding that a text names."""
    text = words.lower()
    for word, stage in _STAGES.items():
        if word in text:
            return stage
    return None


_STAGES = {
    "hsdp": "hsdp",
    "hybrid_shard": "hsdp",
    "shard_grad_op": "zero2",
    "zero-3": "zero3",
    "zero-2": "zero2",
    "zero-1": "zero1",
    "distributed optimizer": "zero1",
    "fsdp": "zero3",
    "ddp": "ddp",
}


def _chunks(row: RunRow, names: str) -> int:
    """Chunks per stage of a recipe that interleaves; 1 for other software."""
    stages, layers = row.pp or 1, row.layers or 0
    if stages < 2 or layers % stages or not any(word in names for word in INTERLEAVING):
        return 1
    count = (row.gbs or 0.0) / ((row.mbs or 1.0) * (row.dp or 1))
    if count < stages or count % stages:
        return 1
    each = layers // stages
    return max(chunks for chunks in range(1, MOST_CHUNKS + 1) if each % chunks == 0)
