"""Rows of published training runs: what each column of their CSV files holds."""

import re
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, ConfigDict, Field

from perfmodel.config.schema.measurement import Number, Row, Whole

_BLANK = re.compile(r"(nan|none|null|n/?a|unknown|not stated|[-?]*)", re.IGNORECASE)


def _stated(cell: Any) -> Any:
    """None for the words with which tables leave a cell open."""
    return None if isinstance(cell, str) and _BLANK.fullmatch(cell.strip()) else cell


def _switch(cell: Any) -> Any:
    """1 or 0, also as a decimal, y or n."""
    words = {"y": 1, "yes": 1, "true": 1, "n": 0, "no": 0, "false": 0}
    text = cell.strip().lower() if isinstance(cell, str) else cell
    return words.get(text, text)


Text = Annotated[str | None, BeforeValidator(_stated)]
"""Words; none where the cell leaves it open."""

Amount = Annotated[Number | None, BeforeValidator(_stated)]
"""A figure that cannot be negative, or none."""

Size = Annotated[Whole | None, BeforeValidator(_stated)]
"""A count, or none."""

Flag = Annotated[
    Annotated[float, Field(ge=0.0, le=1.0)] | None,
    BeforeValidator(_switch),
    BeforeValidator(_stated),
]
"""1, 0, or none."""

Share = Annotated[Annotated[float, Field(ge=0.0, le=1.0)] | None, BeforeValidator(_stated)]
"""A share, or none."""


class RunRow(Row):
    """One published training run, or what it took of memory.

    Only columns that a prediction uses are read. Any of them may be blank or absent.
    """

    model_config: ClassVar[ConfigDict] = ConfigDict(
        extra="ignore", strict=False, str_max_length=5000
    )

    TIMES: ClassVar[tuple[str, ...]] = (
        *("step_s", "step_time_s", "tokens_per_s", "tokens_per_s_per_chip", "mem_gb_per_chip"),
    )

    year: Size = None
    """Year of the measurement."""
    framework: Text = None
    """Training software as its source names it."""
    stack: Text = None
    """Software stack of the library, or a name that resembles one."""
    workload_kind: Text = None
    """pretrain, sft, lora, memory, power, oom."""
    kind: Text = None
    """The same in the words of a source."""
    truncated: Flag = None
    """1 where the model has fewer layers than its name says."""
    model: Text = None
    """Model as its source names it."""
    model_id: Text = None
    """Name of one architecture in all files."""

    layers: Size = None
    """Layers that were trained."""
    hidden: Size = None
    """Width of the residual stream."""
    heads: Size = None
    """Query heads."""
    kv_heads: Size = None
    """Key and value heads."""
    head_dim: Size = None
    """Width of a head."""
    attention: Text = None
    """mha, gqa, mqa, mla, hybrid."""
    ffn: Text = None
    """Width of the feed-forward as printed, may be words."""
    dense_ffn: Size = None
    """Width of the feed-forward of dense layers."""
    glu: Flag = None
    """1 with a gated feed-forward."""
    vocab: Size = None
    """Vocabulary."""
    tied_embeddings: Flag = None
    """1 where input and output embedding are one matrix."""
    experts: Size = None
    """Routed experts of a layer."""
    topk: Size = None
    """Experts that a token visits."""
    moe_ffn: Size = None
    """Width of a routed expert."""
    dense_layers: Size = None
    """Leading dense layers."""
    moe_layer_freq: Size = None
    """1: every layer behind them has experts; 2: every other one."""
    shared_ffn: Size = None
    """Total width of the shared experts."""
    q_lora_rank: Size = None
    """Low-rank width of the queries."""
    kv_lora_rank: Size = None
    """Low-rank width of keys and values; latent attention where it is given."""
    qk_rope_dim: Size = None
    """Rotary width of a head."""
    qk_nope_dim: Size = None
    """The other width of a head."""
    v_dim: Size = None
    """Width of a value head."""
    mtp_layers: Size = None
    """Multi-token-prediction layers that were trained along."""
    swa_window: Size = None
    """Sliding window. [token]"""
    hybrid_note: Text = None
    """Which layers use the window, in words."""

    seq_len: Size = None
    """Tokens of a sequence."""
    gbs: Amount = None
    """Global batch. [sequences]"""
    mbs: Amount = None
    """Micro-batch. [sequences]"""
    ga: Amount = None
    """Micro-batches per step and replica."""
    precision: Text = None
    """Number format in the words of a source."""
    precision_matmul: Text = None
    """bf16, fp16, fp8, mxfp8, nvfp4, int8."""
    precision_recipe: Text = None
    """Scaling of FP8: delayed, current, tensorwise, rowwise, blockwise."""

    chip: Text = None
    """Accelerator as its source names it."""
    chip_id: Text = None
    """Accelerator by its name in the library."""
    chips: Size = None
    """Accelerators, counted as :attr:`chips_counted_as` says."""
    chips_counted_as: Text = None
    """chip, die or core."""
    layout_counts: Text = None
    """Whether degrees count chips or devices."""
    interconnect_id: Text = None
    """Scale-out network."""
    interconnect: Text = None
    """The same in the words of a source."""
    nic_gbps_per_chip: Amount = None
    """Injection per counted chip and direction. [Gb/s]"""
    scaleup_domain: Size = None
    """Chips of one scale-up domain."""

    tp: Size = None
    """Tensor parallel."""
    seq_parallel: Flag = None
    """1 with sequence parallelism."""
    pp: Size = None
    """Pipeline stages."""
    vpp: Text = None
    """Model chunks per stage as printed."""
    vpp_n: Size = None
    """Model chunks per stage."""
    schedule: Text = None
    """1f1b, interleaved, zero-bubble, dualpipe, gpipe, afab, none."""
    cp: Size = None
    """Context parallel."""
    cp_kind: Text = None
    """ring, a2a, allgather."""
    dp: Size = None
    """Data parallel, in full."""
    ep: Size = None
    """Expert parallel."""
    etp: Size = None
    """Ranks that split an expert."""
    sharding: Text = None
    """Sharding in the words of a source."""
    sharding_stage: Text = None
    """ddp, zero1, zero2, zero3, hsdp."""
    sharding_group: Size = None
    """Ranks over which states are sharded."""
    recompute: Text = None
    """Recompute in the words of a source."""
    recompute_mode: Text = None
    """none, selective, full, partial."""
    recompute_layers: Size = None
    """Layers that recompute, of a stage and chunk where the mode is partial."""
    recompute_parts: Text = None
    """Operators that are computed again, joined by plus signs."""
    offload_mode: Text = None
    """none, optimizer, activations, weights."""
    offload_layers: Size = None
    """Layers whose activations wait in host memory."""
    offload_fraction: Share = None
    """Share of the activations that wait in host memory."""

    flash_attention: Flag = None
    """1 where attention is one kernel."""
    cuda_graphs: Flag = None
    """1 where kernels are captured once and replayed."""
    cuda_graph_scope: Text = None
    """What was captured."""
    overlap_tp: Flag = None
    """0 where tensor-parallel collectives were not overlapped."""
    overlap_dp: Flag = None
    """0 where gradient and weight collectives were not overlapped."""
    overlap_ep: Flag = None
    """0 where dispatch and combine were not overlapped."""
    overlap_pp: Flag = None
    """0 where sends were not overlapped."""
    moe_dispatcher: Text = None
    """Software that sends tokens to experts: alltoall, deepep, hybridep, megablox."""
    moe_routing: Text = None
    """balanced or real."""
    moe_drop: Text = None
    """drop or dropless."""

    step_s: Amount = None
    """Time of a step. [s]"""
    step_time_s: Amount = None
    """Time of a step as printed. [s]"""
    tokens_per_s: Amount = None
    """Throughput of the run. [token/s]"""
    tokens_per_s_per_chip: Amount = None
    """Throughput per counted chip. [token/s]"""
    mem_gb_per_chip: Amount = None
    """Peak memory of a counted chip. [GB]"""

    use: Text = None
    """validate, validate-partial, memory, memory-oom, power, caution or exclude."""
    audit_action: Text = None
    """drop, correct or flag."""
    notes: Text = None
    """What its source says beside; the batch of a rank is read from it."""
    problem: Text = None
    """What was found wrong, corrections quoted behind `correct:`."""
