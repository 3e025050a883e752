"""Architecture of a published run, from the columns of its own row."""

import math
import re
from typing import Any

from pydantic import ValidationError

from perfmodel.config.schema.model import Attention, Experts, Latent, Model
from perfmodel.config.schema.run import RunRow
from perfmodel.lowering.published_blanks import GATED_WIDE, USUAL_HEAD, WIDE

REAL_IMBALANCE = 1.15
"""Tokens of the busiest expert rank over the mean under a router that was not balanced by force;
estimate: real routing of large mixtures takes 8 to 27 % more time than forced balance."""

SAMPLE = 256
"""Tokens of a sample where short samples are packed into one sequence; estimate: questions with
their paragraph (SQuAD), about 150 words and a template."""

PACKED = ("sft", "lora")
"""Kinds of workload whose sequences are filled with short samples."""

PADDING = 128
"""A vocabulary is padded to a multiple of this and of the tensor ranks (Megatron-LM default)."""

_ENCODERS = re.compile(r"bert|\bm?t5\b")

_FEW = re.compile(r"(\d+) of (\d+) layers")


def architecture(row: RunRow) -> Model | str:
    """Model of a row.

    Parameters
    ----------
    row
        Completed row.

    Returns
    -------
    Model | str
        The architecture, or why there is none.
    """
    if (row.attention or "").lower() == "hybrid":
        return "state-space or linear-attention layers are not modelled"
    if _ENCODERS.search((row.model or "").lower()):
        return "an encoder is not modelled"
    missing = [name for name in ("layers", "hidden", "vocab") if not getattr(row, name)]
    if missing:
        return f"the architecture lacks {', '.join(missing)}"
    try:
        return _model(row)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        return f"no such architecture: {first['msg']}"


def _model(row: RunRow) -> Model:
    experts = _experts(row)
    vocabulary = math.ceil((row.vocab or 1) / (PADDING * (row.tp or 1))) * PADDING * (row.tp or 1)
    gated = bool(row.glu)
    return Model(
        name=(row.model_id or row.model or row.id)[:200],
        layers=row.layers or 1,
        hidden=row.hidden or 1,
        ffn=_ffn(row, experts is None),
        gated=gated,
        vocabulary=vocabulary,
        tied_embeddings=bool(row.tied_embeddings),
        biases=not gated,
        norm="rmsnorm" if gated else "layernorm",
        prediction_layers=row.mtp_layers or 0,
        attention=_attention(row),
        latent=_latent(row),
        experts=experts,
        published_parameters=1.0,  # a check of library files, no input
    )


def _attention(row: RunRow) -> Attention:
    hidden = row.hidden or 1
    heads = row.heads or max(1, hidden // USUAL_HEAD)
    width = (row.v_dim if row.kv_lora_rank else None) or row.head_dim or max(1, hidden // heads)
    kv_heads = heads if row.kv_lora_rank else row.kv_heads or heads
    window, layers = _window(row)
    return Attention(
        heads=heads, kv_heads=kv_heads, head_dim=width, window=window, window_layers=layers
    )


def _window(row: RunRow) -> tuple[int, int]:
    """Window and the number of layers that use it; packed samples attend to themselves."""
    layers, note = row.layers or 1, row.hybrid_note or ""
    if row.workload_kind in PACKED:
        return SAMPLE // 2, layers  # causal inside a sample: half of it in the mean
    window = row.swa_window or 0
    few = _FEW.search(note)
    if few:
        return window, layers * int(few[1]) // int(few[2])
    return window, (layers // 2 if "second layer" in note else layers) if window else 0


def _latent(row: RunRow) -> Latent | None:
    if not row.kv_lora_rank:
        return None
    return Latent(
        q_rank=row.q_lora_rank or 0,
        kv_rank=row.kv_lora_rank,
        rope_dim=row.qk_rope_dim or USUAL_HEAD // 2,
        nope_dim=row.qk_nope_dim or USUAL_HEAD,
    )


def _printed(row: RunRow) -> int:
    """Width of the feed-forward where it is printed as one number."""
    text = (row.ffn or "").strip()
    return int(text) if text.isdecimal() else 0


def _ffn(row: RunRow, dense: bool) -> int:
    """Width of the dense feed-forward; 0 where every layer has experts."""
    usual = round((row.hidden or 1) * (GATED_WIDE if row.glu else WIDE))
    if dense:
        return row.dense_ffn or _printed(row) or usual
    has_dense = bool(row.dense_layers) or (row.moe_layer_freq or 1) > 1
    return (row.dense_ffn or usual) if has_dense else 0


def _experts(row: RunRow) -> Experts | None:
    if not row.experts:
        return None
    # dense_layers of a dense model counts all layers
    leading = min(row.dense_layers or 0, (row.layers or 1) - 1)
    numbers: dict[str, Any] = {
        "count": row.experts,
        "top_k": min(row.topk or 1, row.experts),
        "ffn": row.moe_ffn or _printed(row) or row.dense_ffn or 4 * (row.hidden or 1),
        "shared_ffn": row.shared_ffn or 0,
        "dense_layers": max(0, leading),
        "layer_period": row.moe_layer_freq or 1,
        "imbalance": REAL_IMBALANCE if row.moe_routing == "real" else 1.0,
    }
    return Experts(**numbers, capacity=1.0 if row.moe_drop == "drop" else None)
