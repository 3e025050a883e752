"""Workload and layout of a published run: batch, number format, degrees and modes."""

from collections.abc import Mapping

from perfmodel.config.schema.model import Model
from perfmodel.config.schema.run import RunRow
from perfmodel.config.schema.workload import Batch, Layout, Workload

SAVED_SHARE = 0.75
"""Share of a layer that is computed again where a compiler keeps a named list of its results;
estimate: the projections of attention are kept, the feed-forward is not."""

HALF_OF_THE_LAYERS = 0.5
"""Share of the layers that recompute where a row says some; estimate: neither few nor most."""

CURRENT = ("current", "tensorwise", "rowwise")
"""Recipes whose scales come from the tensor at hand."""

HEAVY = ("mlp", "moe")
"""Parts of a layer that hold most of its products."""

SCHEDULES: Mapping[str, str] = {
    "zero-bubble": "zero-bubble",
    "dualpipe": "dualpipe",
    "gpipe": "gpipe",
    "afab": "gpipe",
}
"""Schedules but 1F1B and its interleaved form."""


def precision_of(row: RunRow) -> str:
    """Number format of the products; INT8 runs at the rate of FP8."""
    name, recipe = row.precision_matmul or "bf16", row.precision_recipe or ""
    if name == "int8":
        return "fp8"
    if name == "fp8" and recipe in CURRENT:
        return "fp8-current"
    if name == "fp8" and recipe == "blockwise":
        return "fp8-block"
    return name if name in ("bf16", "fp16", "fp8", "mxfp8", "nvfp4") else "bf16"


def workload_of(row: RunRow) -> Workload | str:
    """Job of a row.

    Parameters
    ----------
    row
        Completed row.

    Returns
    -------
    Workload | str
        The job, or why there is none.
    """
    if row.workload_kind == "power":
        return "metered power without a layout"
    if row.precision_matmul in ("fp32", "tf32"):
        return "products in 32 bits are not modelled"
    missing = [name for name in ("seq_len", "gbs") if not getattr(row, name)]
    if missing:
        return f"the job lacks {', '.join(missing)}"
    return Workload.model_construct(
        name=row.id,
        model=row.model_id or "",
        sequence_length=row.seq_len,
        batch=Batch.model_construct(sequences=round(row.gbs or 1.0), tolerance=0.0),
        precision=precision_of(row),
        optimizer="adam",
        tokens=1.0,
        causal=True,
        length_imbalance=0.0,
    )


def layout_of(row: RunRow, model: Model) -> Layout | str:
    """Layout of a row.

    Parameters
    ----------
    row
        Completed row.
    model
        Its architecture.

    Returns
    -------
    Layout | str
        Degrees and modes, or why there is none.
    """
    if not row.dp:
        return "the layout does not fit its chips"
    replicas, batch = row.dp, row.gbs or 1.0
    micro = max(1, round(min(_micro_batch(row), batch / replicas)))
    mode, layers = _recompute(row, model)
    ranks = (row.tp or 1) * (row.cp or 1) * replicas
    sharding, group = _sharding(row)
    experts = (row.ep or 1, row.etp or 1) if model.experts else (1, 1)
    return Layout.model_construct(
        tp=row.tp,
        cp=row.cp,
        pp=row.pp,
        vpp=max(1, min(row.vpp_n or 1, model.layers)) if (row.pp or 1) > 1 else 1,
        ep=min(experts[0], ranks, model.experts.count if model.experts else 1),
        etp=max(1, min(experts[1], ranks // experts[0])),
        dp=replicas,
        micro_batch=micro,
        sequence_parallel=bool(row.seq_parallel),
        cp_kind="all-to-all" if row.cp_kind == "a2a" else "ring",
        schedule=SCHEDULES.get(row.schedule or "", "1f1b"),
        sharding=sharding,
        shard_group=group,
        recompute=mode,
        recompute_layers=layers,
        offload_optimizer=1.0 if row.offload_mode in ("optimizer", "combination") else 0.0,
        offload_activations=_offloaded(row, model),
    )


def _micro_batch(row: RunRow) -> float:
    """Sequences of a micro-batch and replica, also where a source counts them by chip."""
    stated, count, replicas = row.mbs or 1.0, row.ga, row.dp or 1
    if not count or not row.gbs or stated * count * replicas == row.gbs:
        return stated
    by_chip = stated * count * (row.chips or 0) == row.gbs
    return row.gbs / (count * replicas) if by_chip else stated


def _sharding(row: RunRow) -> tuple[str, int | str]:
    """Stage, and ranks over which states are sharded."""
    stage = row.sharding_stage or "ddp"
    ranks = (row.cp or 1) * (row.dp or 1)
    group = row.sharding_group if row.sharding_group and row.sharding_group < ranks else "all"
    return ("zero3" if stage == "hsdp" else stage), group


def _recompute(row: RunRow, model: Model) -> tuple[str, int | str]:
    """Mode of recompute and the number of layers that it applies to."""
    mode, parts = row.recompute_mode or "none", (row.recompute_parts or "").split("+")
    if mode == "full":
        return "full", min(row.recompute_layers or model.layers, model.layers)
    if mode == "partial":
        return "full", _some(row, model)
    if mode != "selective":
        return "none", "all"
    if "every_other_layer" in parts:
        return "full", max(1, model.layers // 2)
    if any(part in HEAVY for part in parts):
        return "full", max(1, round(SAVED_SHARE * model.layers))
    return ("attention" if parts in (["core_attn"], [""]) else "parts"), "all"


def _some(row: RunRow, model: Model) -> int:
    """Layers that recompute where a row counts them by stage and chunk, or keeps some results."""
    if row.recompute_layers:
        counted = row.recompute_layers * (row.pp or 1) * (row.vpp_n or 1)
        return min(model.layers, counted)
    kept = (row.recompute_parts or "").startswith("all_but")
    return max(1, round((SAVED_SHARE if kept else HALF_OF_THE_LAYERS) * model.layers))


def _offloaded(row: RunRow, model: Model) -> float:
    """Share of the activations in host memory."""
    if row.offload_mode not in ("activations", "combination"):
        return 0.0
    if row.offload_fraction is not None:
        return row.offload_fraction
    return min(1.0, row.offload_layers / model.layers) if row.offload_layers else 1.0
