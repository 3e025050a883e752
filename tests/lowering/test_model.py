"""Model config to the numbers of the operator tables."""

import pytest

from perfmodel.lowering.model import lower_model


def lowered(library, name: str, length: int = 4096):
    job = library.load("workloads", "llama3-405b")
    return lower_model(
        library.load("models", name), job.model_copy(update={"sequence_length": length})
    )


def test_a_dense_model_has_no_expert_layer(library):
    model = lowered(library, "llama3-405b")
    assert model.leading_dense == model.layers == 126
    assert model.experts == model.expert_share == model.top_k == 0
    assert model.imbalance == model.unit_limit == 1


def test_grouped_queries_share_keys(library):
    model = lowered(library, "llama3-405b")
    assert (model.heads, model.kv_heads, model.qk_dim, model.v_dim) == (128, 8, 128, 128)


def test_latent_attention_widens_queries_by_the_rotary_part(library):
    # arXiv 2412.19437, section 4.2: 128 + 64 wide queries, values of 128
    model = lowered(library, "deepseek-v3")
    assert (model.latent, model.q_compressed) == (1, 1)
    assert (model.qk_dim, model.v_dim, model.rope_dim) == (192, 128, 64)
    assert (model.q_rank, model.kv_rank) == (1536, 512)


def test_every_layer_behind_the_dense_ones_has_experts(library):
    model = lowered(library, "deepseek-v3")
    assert (model.leading_dense, model.expert_share) == (3, 1)
    assert (model.experts, model.top_k, model.unit_limit) == (256, 8, 4)


def test_every_other_layer_may_have_experts(library):
    model = lowered(library, "llama4-maverick")
    assert model.expert_share == pytest.approx(0.5)


def test_without_a_limit_a_token_may_go_wherever_its_experts_are(library):
    model = lowered(library, "mixtral-8x7b")
    assert model.unit_limit == model.top_k == 2


def test_layers_without_a_window_see_the_whole_sequence(library):
    assert lowered(library, "llama3-405b", 8192).window == 8192
    windowed = lowered(library, "gemma2-27b", 8192)
    assert windowed.window == 4096
    assert windowed.window_share == pytest.approx(0.5)


def test_layer_norms_learn_a_shift_too(library):
    assert lowered(library, "gpt3-175b").norm_vectors == 2
    assert lowered(library, "llama3-405b").norm_vectors == 1


def test_a_capacity_takes_the_place_of_the_imbalance(library):
    model, job = library.load("models", "mixtral-8x7b"), library.load("workloads", "llama3-405b")
    padded = model.experts.model_copy(update={"imbalance": 1.1, "capacity": 1.25})
    assert lower_model(model.model_copy(update={"experts": padded}), job).imbalance == 1.25


def test_a_mask_is_a_number(library):
    model, job = library.load("models", "llama3-8b"), library.load("workloads", "llama3-405b")
    assert lower_model(model, job).causal == 1.0
    assert lower_model(model, job.model_copy(update={"causal": False})).causal == 0.0


def test_every_shipped_model_lowers_to_finite_numbers(library):
    for name in library.names("models"):
        model = lowered(library, name)
        assert all(isinstance(value, float) and 0 <= value < 1e8 for value in model), name
        assert model.layers >= model.leading_dense, name
        assert 0 <= model.expert_share <= 1, name
