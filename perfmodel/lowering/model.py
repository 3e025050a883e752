"""Model config to the numbers of the operator tables."""

from perfmodel.config.schema.model import Model as ModelConfig
from perfmodel.config.schema.workload import Workload
from perfmodel_kernels.transformer import Model


def lower_model(model: ModelConfig, workload: Workload) -> Model:
    """Architecture as numbers.

    Parameters
    ----------
    model
        The config.
    workload
        Sequence length, the window of the layers that have none, and the mask.

    Returns
    -------
    Model
        Counts and widths.
    """
    attention, latent, experts = model.attention, model.latent, model.experts
    behind = model.layers - (experts.dense_layers if experts else model.layers)
    routed = behind // experts.layer_period if experts else 0
    numbers = {
        "layers": model.layers,
        "hidden": model.hidden,
        "heads": attention.heads,
        "kv_heads": attention.kv_heads,
        "qk_dim": latent.nope_dim + latent.rope_dim if latent else attention.head_dim,
        "v_dim": attention.head_dim,
        "latent": latent is not None,
        "q_rank": (latent.q_rank or model.hidden) if latent else model.hidden,
        "q_compressed": latent is not None and latent.q_rank > 0,
        "kv_rank": latent.kv_rank if latent else 0,
        "rope_dim": latent.rope_dim if latent else 0,
        "ffn": model.ffn,
        "gate": model.gated,
        "vocabulary": model.vocabulary,
        "tied": model.tied_embeddings,
        "positions": model.positions,
        "biases": model.biases,
        "norm_vectors": 2 if model.norm == "layernorm" else 1,
        "qk_norm": model.qk_norm,
        "experts": experts.count if experts else 0,
        "top_k": experts.top_k if experts else 0,
        "expert_ffn": experts.ffn if experts else 0,
        "shared_ffn": experts.shared_ffn if experts else 0,
        "leading_dense": experts.dense_layers if experts else model.layers,
        "expert_share": routed / behind if behind else 0,
        "unit_limit": (experts.node_limit or experts.top_k) if experts else 1,
        "imbalance": (experts.capacity or experts.imbalance) if experts else 1,
        "prediction_layers": model.prediction_layers,
        "window": attention.window or workload.sequence_length,
        "window_share": attention.window_layers / model.layers,
        "causal": workload.causal,
    }
    return Model(**{name: float(value) for name, value in numbers.items()})
