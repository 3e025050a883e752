"""Bytes on the fullest chip, against the published closed form and by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perfmodel_kernels.in_flight import activations_in_flight
from perfmodel_kernels.layout import (
    ATTENTION,
    DDP,
    FULL,
    NONE,
    PARTS,
    ZERO1,
    ZERO2,
    ZERO3,
)
from perfmodel_kernels.memory import (
    Kept,
    MemorySplit,
    buffer_bytes,
    copied_activation_bytes,
    layer_activation_bytes,
    memory_split,
)
from perfmodel_kernels.operators import KernelSet
from perfmodel_kernels.parameters import block_parameters, parameter_count
from perfmodel_kernels.placement import place
from perfmodel_kernels.schedule import layout_pipeline
from tests.kernels.compiling import compiled
from tests.kernels.difference import check_gradient
from tests.kernels.examples import (
    DEEPSEEK_V3,
    EXPERTS,
    GPT_22B,
    LAYOUT,
    SINGLE,
    STEP,
    as_arrays,
    share_of,
)

GIB = 2.0**30
WIDTHS, RESERVE = STEP.workload.widths, STEP.stack.reserve

activations = compiled(layer_activation_bytes)


def software(fused: float, width: float = 2.0, **changed: float) -> tuple[KernelSet, Kept]:
    """Kernels and what they keep, inputs of products in the given width."""
    kernels = STEP.stack.kernels._replace(fused=fused, latent=changed.pop("latent", 0.0))
    kept = STEP.stack.kept._replace(product_input=width, attention_output=width)
    return as_arrays(kernels), as_arrays(kept._replace(**changed))


copies = compiled(copied_activation_bytes)


def placed_split(model, layout, length, states, held) -> MemorySplit:
    return memory_split(place(model, layout, length), *states, *held)


split_of = compiled(placed_split)


def memory(model, layout, fused=1.0, *, widths=WIDTHS, reserve=RESERVE) -> MemorySplit:
    numbers = (as_arrays(model), as_arrays(layout), 2048.0)
    split = split_of(*numbers, (as_arrays(widths), as_arrays(reserve)), software(fused))
    return MemorySplit(*(float(part) for part in split))


# Models of the published tables: layers, hidden, heads, micro-batch, TP, PP, VPP.
MODELS = {
    "22B": (48, 6144, 64, 4, 8, 1, 1),
    "175B": (96, 12288, 96, 1, 8, 8, 3),
    "530B": (105, 20480, 128, 1, 8, 35, 3),
    "1T": (128, 25600, 160, 1, 8, 64, 1),
}


def published(name: str, sequence_parallel: bool = True):
    """Model, share and layout of a row."""
    layers, hidden, heads, micro_batch, tp, pp, vpp = MODELS[name]
    width = hidden / heads
    model = GPT_22B._replace(
        layers=float(layers),
        hidden=float(hidden),
        heads=float(heads),
        kv_heads=float(heads),
        qk_dim=width,
        v_dim=width,
        ffn=4.0 * hidden,
        norm_vectors=0.0,
        leading_dense=float(layers),
    )
    layout = LAYOUT._replace(
        tp=float(tp),
        cp=1.0,
        pp=float(pp),
        vpp=float(vpp),
        micro_batch=float(micro_batch),
        micro_batches=2240.0,  # whole groups of 8, 35 and 64 stages
        sequence_parallel=float(sequence_parallel),
    )
    return model, share_of(layout, 2048.0), layout


def kept_per_layer(name: str, recompute: float, sequence_parallel: bool) -> float:
    model, share, _ = published(name, sequence_parallel)
    return float(activations(model, share, recompute, *software(0.0))[0])


def kept(name: str, recompute: float, sequence_parallel: bool) -> float:
    """Activations of the first stage."""
    model, _, layout = published(name, sequence_parallel)
    layers = np.full(3, model.layers / layout.pp)
    first = 2 if layout.pp == 1 else 0  # a single stage is described by the last one
    held = activations_in_flight(layers, layout_pipeline(as_arrays(layout)))[first]
    return float(held) * kept_per_layer(name, recompute, sequence_parallel)


FIGURE_1 = {
    # arXiv 2205.05198, figure 1, digitised [GiB]: parameters and optimiser, activations without
    # recompute or sequence parallelism, activations with both (selective)
    "22B": (45.5625, 59.25, 9.5625),
    "175B": (45.5625, 66.84375, 12.3515625),
    "530B": (31.640625, 114.0234375, 23.076171875),
    "1T": (32.958984375, 131.25, 26.5625),
}


@pytest.mark.parametrize("name", MODELS)
def test_weights_and_optimiser_of_a_layer_are_those_published(name):
    model, _, layout = published(name)
    per_layer = float(block_parameters(model, layout.tp, 1.0, 1.0).shared[0])
    states = WIDTHS.weight + WIDTHS.gradient + WIDTHS.optimizer
    total = states * per_layer * model.layers / layout.pp
    assert total / GIB == pytest.approx(FIGURE_1[name][0], rel=1e-3)


@pytest.mark.parametrize("name", MODELS)
def test_activations_without_recompute_are_those_published(name):
    assert kept(name, NONE, False) / GIB == pytest.approx(FIGURE_1[name][1], rel=1e-3)


@pytest.mark.parametrize("name", MODELS)
def test_activations_with_selective_recompute_are_those_published(name):
    assert kept(name, ATTENTION, True) / GIB == pytest.approx(FIGURE_1[name][2], rel=1e-3)


FIGURE_7 = {
    # arXiv 2205.05198, figure 7, digitised [% of the bytes without recompute or sequence
    # parallelism]: sequence parallelism, selective recompute, both, full recompute
    "22B": (66.84, 49.42, 16.18, 7.64),
    "175B": (62.04, 56.53, 18.49, 8.71),
    "530B": (58.31, 62.04, 20.27, 9.42),
    "1T": (58.31, 62.04, 20.27, 9.42),
}
MODES = ((NONE, True), (ATTENTION, False), (ATTENTION, True), (FULL, False))


@pytest.mark.parametrize("name", MODELS)
def test_savings_of_every_mode_are_those_published(name):
    whole = kept_per_layer(name, NONE, False)
    shares = [100 * kept_per_layer(name, mode, split) / whole for mode, split in MODES]
    np.testing.assert_allclose(shares, FIGURE_7[name], atol=0.15)  # read off a figure


@settings(max_examples=30, deadline=None)
@given(
    tp=st.sampled_from([1.0, 2.0, 4.0, 8.0]),
    length=st.sampled_from([1024.0, 2048.0, 8192.0]),
    name=st.sampled_from(list(MODELS)),
)
def test_a_layer_follows_the_closed_form(tp, length, name):
    # arXiv 2205.05198, equations 1, 2 and 4 and table 2
    model, share, _ = published(name)
    tokens, h, a = share.sequences * length, model.hidden, model.heads
    share = share._replace(tokens=tokens, length=length, tp=tp, sequence_split=1.0)
    split = share._replace(sequence_split=tp)
    square = 5 * a * length / h
    forms = [
        (share, NONE, 10 + 24 / tp + square / tp),
        (split, NONE, (34 + square) / tp),
        (share, ATTENTION, 10 + 24 / tp),
        (split, ATTENTION, 34 / tp),
        (share, FULL, 2.0),
    ]
    for held, mode, factor in forms:
        found = float(activations(model, held, mode, *software(0.0))[0])
        assert found == pytest.approx(tokens * h * factor, rel=1e-3)


def test_fused_attention_never_keeps_the_score_matrix():
    model, share, _ = published("22B")
    long = share._replace(tokens=share.tokens * 8, length=share.length * 8)
    short = activations(model, share, NONE, *software(1.0))[0]
    assert float(activations(model, long, NONE, *software(1.0))[0]) == pytest.approx(
        8 * float(short)
    )


UNSPLIT = share_of(SINGLE._replace(micro_batch=1.0), 4096.0)


def expert_layer(recompute: float, width: float = 2.0, **changed: float) -> float:
    """Bytes of an expert layer of DeepSeek-V3 for 4,096 tokens on one chip."""
    held = software(1.0, width, **changed)
    return float(activations(as_arrays(DEEPSEEK_V3), UNSPLIT, recompute, *held)[1])


SAVED = {
    # arXiv 2603.07685, tables 11, 17 and 20: DeepSeek-V3 in BF16, micro-batches of 4,096 tokens,
    # nothing recomputed: 131.0 GB of activations, less with one measure [GB]
    "weights of the router ahead of the second product": (26.3, {"expert_outputs": 0.0}),
    "up-projections of latent attention": (30.4, {"latent": 1.0}),
}


@pytest.mark.parametrize("measure", SAVED)
def test_savings_on_mixtures_of_experts_are_those_published(measure):
    saved, changed = SAVED[measure]
    mode = PARTS if "latent" in changed else NONE
    found = expert_layer(mode) - expert_layer(mode, **changed)
    assert found / expert_layer(NONE) == pytest.approx(saved / 131.0, rel=0.02)


def test_latent_attention_computed_again_leaves_its_output_and_low_ranks():
    # bytes of a token, by hand: residuals, output of attention and its statistics, low ranks,
    # inputs and outputs of experts, gates and products of 9 experts, scores of the router
    by_hand = 4 * 7168 + 128 * (2 * 128 + 4) + 2 * (1536 + 512)
    by_hand += 8 * 4 * 7168 + 9 * 2 * 2 * 2048 + 8 * 256
    assert expert_layer(PARTS, latent=1.0) == pytest.approx(4096 * by_hand, rel=1e-12)


def test_latent_attention_is_kept_while_nothing_of_the_parts_is_computed_again():
    for mode in (NONE, ATTENTION):
        assert expert_layer(mode, latent=1.0) == expert_layer(mode)


def test_attention_of_full_width_is_kept_under_any_recompute_of_parts():
    found = [activations(GPT_22B, UNSPLIT, PARTS, *software(1.0, latent=on)) for on in (0.0, 1.0)]
    np.testing.assert_array_equal(*found)


def test_narrow_inputs_of_activations_take_half_the_bytes_of_gates_and_products():
    saved = expert_layer(PARTS) - expert_layer(PARTS, activation_input=1.0)
    assert saved == pytest.approx(4096 * 9 * 2 * 2048, rel=1e-12)


@settings(max_examples=30, deadline=None)
@given(
    mode=st.sampled_from([NONE, ATTENTION, PARTS, FULL]),
    latent=st.sampled_from([0.0, 1.0]),
    outputs=st.sampled_from([0.0, 1.0]),
    width=st.sampled_from([1.0, 2.0]),
)
def test_keeping_less_never_takes_more(mode, latent, outputs, width):
    less = expert_layer(
        mode,
        width,
        latent=latent,
        expert_outputs=outputs,
        activation_input=width,
        attention_output=width,
    )
    assert 0.0 < less <= expert_layer(mode)


degrees = st.sampled_from([1.0, 2.0, 4.0, 8.0])
models = st.sampled_from([GPT_22B, EXPERTS])
fusion = st.sampled_from([0.0, 1.0])


@settings(max_examples=30, deadline=None)
@given(model=models, tp=degrees, cp=degrees, fused=fusion, width=st.sampled_from([1.0, 2.0]))
def test_recomputing_more_never_keeps_more(model, tp, cp, fused, width):
    share = share_of(LAYOUT._replace(tp=tp, cp=cp), 2048.0)
    modes = (NONE, ATTENTION, PARTS, FULL)
    held = [np.asarray(activations(model, share, mode, *software(fused, width))) for mode in modes]
    for less, more in zip(held[1:], held[:-1], strict=True):
        assert np.all(less <= more)


@settings(max_examples=30, deadline=None)
@given(model=models, tp=degrees, fused=fusion, mode=st.sampled_from([NONE, ATTENTION, PARTS, FULL]))
def test_more_tensor_ranks_never_keep_more(model, tp, fused, mode):
    few = activations(model, share_of(LAYOUT._replace(tp=tp), 2048.0), mode, *software(fused))
    many = activations(model, share_of(LAYOUT._replace(tp=2 * tp), 2048.0), mode, *software(fused))
    assert np.all(np.asarray(many) <= np.asarray(few))


def in_flight(pp, vpp=1, micro_batches=1000, layers=1.0) -> np.ndarray:
    layout = LAYOUT._replace(pp=float(pp), vpp=float(vpp), micro_batches=float(micro_batches))
    return np.asarray(activations_in_flight(np.full(3, layers), layout_pipeline(as_arrays(layout))))


def test_each_stage_of_1f1b_holds_as_many_micro_batches_as_stages_lie_behind_it():
    np.testing.assert_array_equal(in_flight(8), [8, 7, 1])


def test_no_stage_holds_more_than_the_micro_batches_of_a_step():
    np.testing.assert_array_equal(in_flight(8, micro_batches=2), [2, 2, 1])


def test_interleaving_holds_the_published_surplus():
    # arXiv 2205.05198, section 4.2.3: L (1 + (p - 1)/(p m)) layers on the first stage
    assert in_flight(8, vpp=3, layers=12.0)[0] == pytest.approx(96 * (1 + 7 / (8 * 3)))


def test_a_single_stage_holds_one_micro_batch():
    assert in_flight(1)[2] == 1.0


def test_one_chip_holds_the_whole_model():
    split = memory(GPT_22B, SINGLE)
    assert split.weights == pytest.approx(2 * float(parameter_count(GPT_22B)), rel=1e-12)
    assert split.gradients == pytest.approx(2 * split.weights)
    assert split.optimizer == pytest.approx(6 * split.weights)


def test_memory_parts_by_hand_on_one_chip():
    split = memory(GPT_22B, SINGLE, fused=0.0)
    tokens = 2 * 2048
    per_layer = tokens * 6144 * (34 + 5 * 64 * 2048 / 6144)
    assert split.activations == pytest.approx(48 * per_layer, rel=1e-12)
    assert split.logits == tokens * 51200 * RESERVE.logit
    assert split.reserve == RESERVE.framework
    assert split.buffers == 2 * RESERVE.bucket


def test_full_recompute_keeps_inputs_and_works_on_one_layer():
    split = memory(GPT_22B, SINGLE._replace(recompute=FULL), fused=0.0)
    tokens, h = 2 * 2048, 6144
    working = tokens * h * (34 + 5 * 64 * 2048 / h)
    inputs = 2 * tokens * h
    assert split.activations == pytest.approx(48 * inputs + working - inputs, rel=1e-12)


GATED = GPT_22B._replace(gate=1.0)


def test_eager_software_keeps_what_nanotron_keeps_of_a_layer():
    # huggingface/nanotron@2411b022: 1.34B of 16 heads of 128 (multi-head), feed-forward of 4h:
    # q and k after the rotation, 2 x 2 B x h, and the activated gate, 2 B x 4h
    model = GATED._replace(hidden=2048.0, heads=16.0, kv_heads=16.0, ffn=8192.0)
    share = share_of(SINGLE, 4096.0)
    found = copies(as_arrays(model._replace(qk_dim=128.0)), share, NONE)
    assert float(found[0]) == share.tokens * 2048 * (4 + 8)


def test_whole_layers_that_are_recomputed_keep_no_copies_and_a_plain_activation_none():
    share = share_of(LAYOUT, 2048.0)
    assert not np.asarray(copies(GATED, share, FULL)).any()
    rotated = np.asarray(copies(GPT_22B, share, NONE))[0]
    assert np.asarray(copies(GATED, share, PARTS))[0] == pytest.approx(rotated)
    assert np.asarray(copies(GATED, share, NONE))[0] > rotated


@settings(max_examples=30, deadline=None)
@given(model=models, tp=degrees, mode=st.sampled_from([NONE, ATTENTION, PARTS, FULL]))
def test_copies_are_none_negative_and_less_than_a_layer_without_them(model, tp, mode):
    share = share_of(LAYOUT._replace(tp=tp), 2048.0)
    found = np.asarray(copies(model, share, mode))
    assert np.all(found >= 0.0)
    assert np.all(found <= np.asarray(activations(model, share, NONE, *software(1.0))))


def test_copies_of_eager_software_are_kept_by_every_layer():
    reserve = RESERVE._replace(copies=1.0)
    more = memory(GATED, SINGLE, reserve=reserve).activations - memory(GATED, SINGLE).activations
    each = float(copies(as_arrays(GATED), share_of(SINGLE, 2048.0), NONE)[0])
    assert more == pytest.approx(48 * each, rel=1e-9)


def test_weights_that_are_cast_as_they_are_gathered_are_not_kept():
    layout = SINGLE._replace(dp=8.0, sharding=ZERO3)
    cast = memory(GPT_22B, layout, widths=WIDTHS._replace(resident=0.0))
    kept_twice = memory(GPT_22B, layout)
    assert cast.weights == 0.0
    assert cast.buffers == kept_twice.buffers
    assert cast.optimizer == kept_twice.optimizer == pytest.approx(6 * kept_twice.weights)


def test_a_gradient_beside_its_sum_takes_its_own_bytes():
    twice = memory(GPT_22B, SINGLE, widths=WIDTHS._replace(fresh=2.0))
    assert twice.gradients == pytest.approx(memory(GPT_22B, SINGLE).gradients * 6 / 4)


def test_fragmentation_is_a_share_of_all_that_is_in_use():
    whole = memory(GPT_22B, LAYOUT)
    lost = memory(GPT_22B, LAYOUT, reserve=RESERVE._replace(fragmentation=0.1))
    in_use = sum(whole) - whole.reserve
    assert lost.reserve == pytest.approx(RESERVE.framework + 0.1 * in_use, rel=1e-12)
    assert sum(lost) - lost.reserve == pytest.approx(in_use, rel=1e-12)


@pytest.mark.parametrize("gathered", [2.0 / 3.0, 1.0, 2.0])
def test_gathered_layers_take_their_weights(gathered):
    layout = SINGLE._replace(dp=8.0, sharding=ZERO3)
    reserve = RESERVE._replace(gathered=gathered)
    layer = float(parameter_count(GPT_22B)) / 48
    found = memory(GPT_22B, layout, reserve=reserve).buffers - 2 * RESERVE.bucket
    assert found == pytest.approx(gathered * 2 * layer, rel=1e-9)


layouts = st.builds(
    lambda tp, cp, pp, vpp, dp, mb, m, shard, mode: LAYOUT._replace(
        tp=tp,
        cp=cp,
        pp=pp,
        vpp=vpp if pp > 1 else 1.0,
        dp=dp,
        micro_batch=mb,
        micro_batches=m * pp,
        sharding=shard,
        recompute=mode,
    ),
    degrees,
    degrees,
    st.sampled_from([1.0, 2.0, 4.0, 8.0]),
    st.sampled_from([1.0, 2.0, 3.0]),
    st.sampled_from([1.0, 16.0, 100.0]),
    st.sampled_from([1.0, 2.0]),
    st.sampled_from([1.0, 4.0]),
    st.sampled_from([DDP, ZERO1, ZERO2, ZERO3]),
    st.sampled_from([NONE, ATTENTION, PARTS, FULL]),
)


@settings(max_examples=60, deadline=None)
@given(model=models, layout=layouts, sharding=st.sampled_from([DDP, ZERO1]))
def test_more_sharding_never_fills_a_chip_more(model, layout, sharding):
    less = memory(model, layout._replace(sharding=sharding))
    more = memory(model, layout._replace(sharding=sharding + 1.0))
    assert sum(more) <= sum(less) * (1 + 1e-12)


@settings(max_examples=60, deadline=None)
@given(model=models, layout=layouts)
def test_sharded_weights_cost_no_more_than_the_layers_gathered_at_once(model, layout):
    less = memory(model, layout._replace(sharding=ZERO2))
    more = memory(model, layout._replace(sharding=ZERO3))
    assert sum(more) - more.buffers <= sum(less) * (1 + 1e-12)


@settings(max_examples=60, deadline=None)
@given(model=models, layout=layouts)
def test_every_part_of_the_memory_is_finite_and_none_negative(model, layout):
    for part in memory(model, layout):
        assert np.isfinite(part)
        assert part >= 0.0


def test_buffers_hold_gathered_layers_and_tokens_on_their_way():
    layout = SINGLE._replace(tp=4.0, dp=8.0, ep=8.0, sharding=ZERO3)
    spot = place(as_arrays(EXPERTS), as_arrays(layout), 2048.0)
    found = np.asarray(buffer_bytes(spot, 2.0, RESERVE))[2]
    layer = float(spot.held.routed[2]) / 48  # experts outweigh the rest of a layer
    tokens, h = 2 * 2048, 6144
    hidden, routed = 2 * 2 * tokens * h, 2 * 2 * tokens / 4 * h * 4
    assert found == pytest.approx(2 * 2 * layer + 2 * 160e6 + hidden + routed, rel=1e-12)


@pytest.mark.parametrize("field", ["hidden", "ffn"])
def test_gradient_of_the_activations_equals_the_difference(field):
    share = share_of(LAYOUT, 2048.0)

    def bytes_kept(value):
        model = GPT_22B._replace(**{field: value})
        return layer_activation_bytes(model, share, NONE, *software(0.0))[0]

    check_gradient(bytes_kept, getattr(GPT_22B, field), 1)


@pytest.mark.parametrize("field", ["heads", "ffn"])
def test_gradient_of_the_copies_equals_the_difference(field):
    share = share_of(LAYOUT, 2048.0)

    def copied(value):
        return copied_activation_bytes(GATED._replace(**{field: value}), share, NONE)[0]

    check_gradient(copied, getattr(GATED, field), 1)


def test_gradient_of_the_memory_of_a_longer_sequence_equals_the_difference():
    def total(length):
        states = (as_arrays(WIDTHS), as_arrays(RESERVE))
        placed = (as_arrays(GPT_22B), as_arrays(LAYOUT), length)
        return sum(placed_split(*placed, states, software(1.0)))

    check_gradient(total, 2048.0, 1)


@pytest.mark.parametrize("field", ["v_dim", "q_rank", "expert_ffn", "hidden"])
def test_gradient_of_what_latent_attention_and_experts_keep_equals_the_difference(field):
    held = software(1.0, 1.0, latent=1.0, expert_outputs=0.0, activation_input=1.0)

    def bytes_kept(value):
        model = DEEPSEEK_V3._replace(**{field: value})
        return layer_activation_bytes(model, UNSPLIT, PARTS, *held)[1]

    check_gradient(bytes_kept, getattr(DEEPSEEK_V3, field), 1)
