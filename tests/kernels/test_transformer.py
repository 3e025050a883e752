"""Operators of a transformer: parameters as published, FLOP and bytes against other counts."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perfmodel.config.library import Library
from perfmodel.lowering.model import lower_model
from perfmodel_kernels.parameters import (
    active_parameter_count,
    block_parameters,
    model_blocks,
    model_flop_per_token,
    parameter_count,
)
from perfmodel_kernels.transformer import (
    ELEMENTWISE,
    ELEMENTWISE_BLOCKS,
    GEMM_BLOCKS,
    GEMMS,
    IS_EXPERT,
    IS_SCORE,
    attention_flop,
    elementwise_bytes,
    gemm_shapes,
    mean_keys,
)
from tests.kernels.compiling import compiled
from tests.kernels.difference import check_gradient, derivative
from tests.kernels.examples import EXPERTS, GPT_22B, LAYOUT, SINGLE, share_of

SHIPPED = Library()
flop_per_token = compiled(model_flop_per_token)
shapes_of = compiled(gemm_shapes)
parameters_of = compiled(block_parameters)
count = compiled(parameter_count)
active_count = compiled(active_parameter_count)
bytes_of = compiled(elementwise_bytes)


def shipped(name: str, length: int = 4096):
    job = SHIPPED.load("workloads", "llama3-405b")
    return lower_model(
        SHIPPED.load("models", name), job.model_copy(update={"sequence_length": length})
    )


PUBLISHED = [
    ("llama2-7b", 6_738_415_616, 1e-9),  # elements of the released weights
    ("llama2-70b", 68_976_648_192, 1e-9),
    ("llama3-8b", 8_030_261_248, 1e-9),
    ("llama3-70b", 70_553_706_496, 1e-9),
    ("llama3-405b", 405_853_388_800, 1e-9),
    ("mixtral-8x7b", 46_702_792_704, 1e-9),
    ("gemma-7b", 8_537_680_896, 1e-9),
    ("qwen3-32b", 32_762_123_264, 1e-9),
    ("deepseek-v3", 671_026_419_200, 1e-7),  # with 14,848 biases of the router
    ("gpt3-175b", 174.6e9, 1e-3),  # arXiv 2005.14165, table D.1
    ("bloom-176b", 176_247_271_424, 1e-5),  # arXiv 2211.05100, table 3
    ("megatron-1t", 1008.0e9, 1e-3),  # arXiv 2104.04473, table 1
    ("megatron-530b", 529.6e9, 1e-3),
    ("megatron-18b", 18.4e9, 5e-3),
]


@pytest.mark.parametrize(("name", "published", "tolerance"), PUBLISHED)
def test_parameters_are_those_published(name, published, tolerance):
    assert float(count(shipped(name))) == pytest.approx(published, rel=tolerance)


PUBLISHED_ACTIVE = [
    ("deepseek-v3", 37.55e9, 1e-3),  # arXiv 2412.19437: 37 B, both embeddings counted
    ("mixtral-8x7b", 12.9e9, 5e-3),  # arXiv 2401.04088
    ("mixtral-8x22b", 39.1e9, 5e-3),
    ("qwen3-235b-a22b", 22.2e9, 5e-3),  # arXiv 2505.09388: 22 B
]


@pytest.mark.parametrize(("name", "published", "tolerance"), PUBLISHED_ACTIVE)
def test_active_parameters_are_those_published(name, published, tolerance):
    assert float(active_count(shipped(name))) == pytest.approx(published, rel=tolerance)


TRAINING_FLOP = [
    # arXiv 2005.14165, table D.1: 3.14e23 FLOP on 300 B tokens, without attention (1.4 %)
    ("gpt3-175b", 2048, 300e9, 3.14e23, 0.02),
    # arXiv 2407.21783, section 3.2.1: 3.8e25 FLOP on 15.6 T tokens, attention apart (4 %)
    ("llama3-405b", 8192, 15.6e12, 3.8e25, 0.05),
]


@pytest.mark.parametrize(("name", "length", "tokens", "published", "tolerance"), TRAINING_FLOP)
def test_training_flop_are_those_published(name, length, tokens, published, tolerance):
    flop = float(flop_per_token(shipped(name, length), float(length))) * tokens
    assert flop == pytest.approx(published, rel=tolerance)


def test_flop_follow_the_closed_form_of_megatron():
    # arXiv 2104.04473, equation 3, less the recomputed pass, scores below the diagonal only
    layers, h, s, v = 48, 6144, 2048, 51200
    closed = 72 * layers * h**2 * (1 + s / (12 * h) + v / (12 * layers * h))
    assert float(flop_per_token(GPT_22B, 2048.0)) == pytest.approx(closed, rel=1e-12)


MEASURED = [
    # arXiv 2205.05198, table 5: chips, batch, seconds and MFU of 312 TFLOP/s, square scores counted
    ("megatron-22b", 8, 4, 1.10, 0.415),
    ("gpt3-175b", 64, 64, 13.75, 0.514),
    ("megatron-530b", 280, 280, 37.83, 0.560),
    ("megatron-1t", 512, 512, 71.49, 0.563),
]


@pytest.mark.parametrize(("name", "chips", "batch", "seconds", "mfu"), MEASURED)
def test_flop_are_those_of_published_utilisation_and_time(name, chips, batch, seconds, mfu):
    model = shipped(name, 2048)
    above_the_diagonal = 6 * model.layers * 2048 * model.hidden
    flop = float(flop_per_token(model, 2048.0)) + above_the_diagonal
    assert flop * batch * 2048 == pytest.approx(mfu * 312e12 * chips * seconds, rel=0.01)


def test_a_dense_model_uses_all_of_its_parameters():
    assert float(active_count(GPT_22B)) == float(count(GPT_22B))


def test_visiting_every_expert_uses_all_parameters():
    every = EXPERTS._replace(top_k=EXPERTS.experts)
    assert float(active_count(every)) == pytest.approx(float(count(every)), rel=1e-12)


def test_tied_embeddings_are_one_matrix():
    tied = GPT_22B._replace(tied=1.0)
    assert float(count(GPT_22B) - count(tied)) == 51200 * 6144


def test_blocks_of_a_model_count_its_layers():
    dense, expert, _, embedding, output = np.asarray(model_blocks(EXPERTS))
    assert (dense, expert, embedding, output) == (4, 44, 1, 1)


def window_count(length: int, window: int) -> float:
    """Keys per query by counting, the diagonal at one half as in a continuous triangle."""
    return sum(min(query + 0.5, window) for query in range(length)) / length


@pytest.mark.parametrize("window", [16, 100, 511, 512])
def test_keys_per_query_equal_a_count_over_positions(window):
    model = GPT_22B._replace(window=float(window), window_share=1.0)
    counted = window_count(512, window)
    assert float(mean_keys(model, 512.0)) == pytest.approx(counted, rel=1e-3)


def test_a_window_as_long_as_the_sequence_changes_nothing():
    windowed = GPT_22B._replace(window=4096.0, window_share=1.0)
    assert float(mean_keys(windowed, 2048.0)) == float(mean_keys(GPT_22B, 2048.0)) == 1024.0


def test_attention_flop_by_hand():
    share = share_of(SINGLE, 2048.0)  # two sequences, half of two 2048 x 2048 x 96 products
    by_hand = 2 * 64 * (2 * 2048 * 2048 * 96) * 2 / 2
    assert float(attention_flop(GPT_22B, share)) == pytest.approx(by_hand, rel=1e-12)


def product_flop(model, layout, length: float) -> np.ndarray:
    """FLOP by row of the table and pass, of one chip, one block and one micro-batch."""
    shape = shapes_of(model, share_of(layout, length))
    return np.asarray(2.0 * shape.groups * shape.m * shape.n * shape.k)


degrees = st.sampled_from([1.0, 2.0, 4.0, 8.0])


@settings(max_examples=25, deadline=None)
@given(model=st.sampled_from([GPT_22B, EXPERTS]), tp=degrees, cp=degrees, ep=degrees)
def test_products_of_all_ranks_add_up_to_the_flop_of_the_model(model, tp, cp, ep):
    layout = LAYOUT._replace(tp=tp, cp=cp, ep=ep)
    whole = np.asarray(model_blocks(model)) @ GEMM_BLOCKS.T
    weights = np.where(IS_SCORE[:, None], 0.0, product_flop(model, layout, 2048.0))
    replicated = np.array([name == "router" for name in GEMMS])[:, None]  # on every tensor rank
    ranks = np.where(replicated, cp, tp * cp)
    tokens = 2 * 2048.0
    total = (weights * ranks * whole[:, None]).sum() / tokens
    attention = 6 * 1024 * 64 * 2 * 96 * 48
    expected = float(flop_per_token(model, 2048.0)) - attention
    assert total == pytest.approx(expected, rel=1e-9)


def test_each_backward_pass_costs_as_much_as_the_forward_pass():
    flop = product_flop(EXPERTS, LAYOUT, 2048.0)
    np.testing.assert_allclose(flop[:, 1], flop[:, 0], rtol=1e-12)
    np.testing.assert_allclose(flop[:, 2], flop[:, 0], rtol=1e-12)


def test_unfused_scores_are_square():
    flop = product_flop(GPT_22B, SINGLE, 2048.0)[IS_SCORE, 0]
    np.testing.assert_allclose(flop, 2 * 64 * 2 * 2048 * 2048 * 96)


def test_experts_see_every_copy_of_a_token():
    shape = shapes_of(EXPERTS, share_of(LAYOUT._replace(ep=8.0), 2048.0))
    row = GEMMS.index("expert_up")
    # tokens of a chip: 2 x 2048 / (tp 4 x cp 2); four copies; eight ranks send to eight experts
    assert float(shape.m[row, 0]) == 512 * 4 * 8 / 64
    assert float(shape.groups[row, 0]) == 64 / 8


def test_every_tensor_rank_computes_a_key_head_of_its_own():
    model = EXPERTS._replace(kv_heads=8.0)
    shape = shapes_of(model, share_of(LAYOUT._replace(tp=32.0), 2048.0))
    queries, keys_and_values = 64 / 32 * 96, 2 * 96
    assert float(shape.n[GEMMS.index("qkv"), 0]) == queries + keys_and_values


def test_tensor_ranks_hold_disjoint_parts_of_the_matrices():
    whole, parts = (parameters_of(GPT_22B, tp, 1.0, 1.0) for tp in (1.0, 8.0))
    norms = 2 * 6144
    held = 8 * (float(parts.shared[0]) - norms) + norms
    assert held == pytest.approx(float(whole.shared[0]), rel=1e-12)


def test_expert_ranks_hold_disjoint_experts():
    whole, part = (parameters_of(EXPERTS, 1.0, ep, 1.0) for ep in (1.0, 16.0))
    np.testing.assert_allclose(16 * part.routed, whole.routed, rtol=1e-12)
    np.testing.assert_array_equal(part.shared, whole.shared)
    assert float(whole.routed[1]) == 64 * 3 * 6144 * 2048


def test_ranks_that_split_an_expert_hold_disjoint_parts_and_do_disjoint_work():
    whole, part = (parameters_of(EXPERTS, 1.0, 8.0, etp) for etp in (1.0, 4.0))
    np.testing.assert_allclose(4 * part.routed, whole.routed, rtol=1e-12)
    alone, split = (share_of(LAYOUT._replace(ep=8.0, etp=etp), 2048.0) for etp in (1.0, 4.0))
    for name in ("expert_up", "expert_down"):
        row = GEMMS.index(name)
        once, shared = shapes_of(EXPERTS, alone), shapes_of(EXPERTS, split)
        assert float(shared.m[row, 0]) == 4 * float(once.m[row, 0])
        flop = [float((s.groups * s.m * s.n * s.k)[row, 0]) for s in (once, shared)]
        assert flop[0] == pytest.approx(flop[1])


def test_without_a_mask_a_token_attends_to_twice_the_keys():
    whole = GPT_22B._replace(causal=0.0)
    assert float(mean_keys(whole, 4096.0)) == 4096.0
    windowed = whole._replace(window=512.0, window_share=0.5)
    assert float(mean_keys(windowed, 4096.0)) == 0.5 * (512 + 4096)


def test_every_kind_of_block_has_its_operators():
    assert GEMM_BLOCKS.shape == (len(GEMMS), 5)
    assert ELEMENTWISE_BLOCKS.shape == (len(ELEMENTWISE), 5)
    assert (IS_EXPERT & (GEMM_BLOCKS[:, 1] == 0)).sum() == 0


@pytest.mark.parametrize("name", ["attention_norm", "ffn_norm", "final_norm", "embedding"])
def test_sequence_parallelism_splits_what_tensor_parallelism_alone_does_not(name):
    row = ELEMENTWISE.index(name)
    split, _ = bytes_of(GPT_22B, share_of(LAYOUT, 2048.0))
    whole, _ = bytes_of(GPT_22B, share_of(LAYOUT._replace(sequence_parallel=0.0), 2048.0))
    assert float(whole[row]) == pytest.approx(4 * float(split[row]))
    assert float(split[row]) > 0


@settings(max_examples=30, deadline=None)
@given(model=st.sampled_from([GPT_22B, EXPERTS]), tp=degrees, cp=degrees)
def test_every_memory_bound_operator_moves_its_activations_once_at_least(model, tp, cp):
    layout = LAYOUT._replace(tp=tp, cp=cp)
    forward, backward = bytes_of(model, share_of(layout, 2048.0))
    tokens = 2 * 2048 / cp / tp
    for values in (forward, backward):
        assert float(values[0]) >= 2 * 2 * model.hidden * tokens  # read and written in 16 bits
        assert np.all(np.asarray(values) >= 0)


def test_unfused_softmax_grows_with_the_square_of_the_length():
    row = ELEMENTWISE.index("softmax")
    short = bytes_of(GPT_22B, share_of(SINGLE, 1024.0))[0][row]
    long = bytes_of(GPT_22B, share_of(SINGLE, 4096.0))[0][row]
    assert float(long / short) == pytest.approx(16.0)


def test_expert_operators_vanish_without_experts():
    forward, _ = bytes_of(GPT_22B, share_of(LAYOUT, 2048.0))
    expert_rows = [ELEMENTWISE.index(n) for n in ("router", "permute", "expert_activation")]
    assert np.all(np.asarray(forward)[expert_rows] == 0)


@pytest.mark.parametrize("field", ["hidden", "ffn", "vocabulary", "layers"])
def test_gradient_of_the_flop_equals_the_difference(field):
    def flop(value):
        return model_flop_per_token(GPT_22B._replace(**{field: value}), 2048.0)

    check_gradient(flop, getattr(GPT_22B, field), 1)


def test_a_longer_sequence_adds_half_of_the_square_of_scores():
    def flop(length):
        return model_flop_per_token(GPT_22B, length)

    check_gradient(flop, 2048.0, 1)
    per_token = 6 * 48 * 6144  # half of 12 L h, the other half lies above the diagonal
    assert derivative(flop, 2048.0) == pytest.approx(per_token, rel=1e-9)
