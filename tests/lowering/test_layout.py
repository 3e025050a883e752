"""Layout config to numbers and back."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perfmodel.config.schema.workload import Layout as LayoutConfig
from perfmodel.lowering.layout import (
    CP_KIND,
    RECOMPUTE,
    SCHEDULE,
    SHARDING,
    describe,
    lower_layout,
    word,
)
from perfmodel_kernels.layout import chips_used

LAYERS = 96
degrees = st.sampled_from([1, 2, 3, 4, 8])
configs = st.builds(
    lambda tp, cp, pp, vpp, mb: LayoutConfig(
        tp=tp, cp=cp, pp=pp, vpp=vpp if pp > 1 else 1, micro_batch=mb
    ),
    degrees,
    degrees,
    degrees,
    st.sampled_from([1, 2]),
    st.sampled_from([1, 2, 4]),
)


@settings(max_examples=100, deadline=None)
@given(config=configs, chips=st.integers(1, 100_000), batch=st.integers(1, 20_000))
def test_filling_a_machine_never_takes_more_chips_nor_sequences_than_there_are(
    config, chips, batch
):
    layout = lower_layout(config, chips, batch, LAYERS)
    group = config.tp * config.cp * config.pp
    assert layout.dp >= 1
    assert chips_used(layout) <= max(chips, group)
    assert layout.micro_batches >= 1
    if layout.dp > 1:
        assert layout.dp * layout.micro_batches * layout.micro_batch <= batch


@settings(max_examples=100, deadline=None)
@given(config=configs, chips=st.integers(1, 100_000), batch=st.integers(1, 20_000))
def test_interleaving_fills_whole_rounds_of_the_stages(config, chips, batch):
    layout = lower_layout(config, chips, batch, LAYERS)
    if config.vpp > 1:
        assert layout.micro_batches % config.pp == 0


def test_a_machine_is_filled_with_as_many_replicas_as_the_batch_divides_over():
    layout = lower_layout(LayoutConfig(tp=8, pp=16), 16_384, 2048, LAYERS)
    assert (layout.dp, layout.micro_batches) == (128, 16)
    small_batch = lower_layout(LayoutConfig(tp=8, pp=16), 16_384, 64, LAYERS)
    assert (small_batch.dp, small_batch.micro_batches) == (64, 1)


def test_stated_replicas_are_kept():
    layout = lower_layout(LayoutConfig(tp=8, pp=16, dp=64), 16_384, 2048, LAYERS)
    assert (layout.dp, layout.micro_batches) == (64, 32)


def test_words_become_codes_and_codes_words():
    for codes in (SHARDING, RECOMPUTE, CP_KIND, SCHEDULE):
        for name, code in codes.items():
            assert word(codes, np.float32(code)) == name


def test_every_word_of_the_schema_has_a_code():
    fields = LayoutConfig.model_fields
    assert set(fields["sharding"].annotation.__args__) == set(SHARDING)
    assert set(fields["recompute"].annotation.__args__) == set(RECOMPUTE)
    assert set(fields["cp_kind"].annotation.__args__) == set(CP_KIND)
    assert set(fields["schedule"].annotation.__args__) == set(SCHEDULE)


def test_layers_that_recompute_become_a_share():
    config = LayoutConfig(recompute="full", recompute_layers=24)
    assert lower_layout(config, 1024, 2048, LAYERS).recomputed == 0.25
    assert lower_layout(config, 1024, 2048, 12).recomputed == 1.0


def test_without_sharding_there_are_no_copies():
    config = LayoutConfig(cp=2, sharding="ddp", shard_group=32)
    assert lower_layout(config, 1024, 2048, LAYERS).replicas == 1.0


def test_a_shard_group_leaves_copies():
    config = LayoutConfig(cp=2, sharding="zero3", shard_group=32)
    layout = lower_layout(config, 1024, 2048, LAYERS)
    assert layout.replicas == layout.cp * layout.dp / 32 == 32
    assert lower_layout(LayoutConfig(), 1024, 2048, LAYERS).replicas == 1


@pytest.mark.parametrize(
    ("config", "text"),
    [
        (LayoutConfig(), "DP1024 MB1x2 zero1"),
        (
            LayoutConfig(tp=8, pp=16, vpp=8, sharding="zero3", recompute="full"),
            "TP8 PP16 VPP8 DP8 MB1x256 zero3 recompute=full",
        ),
        (
            LayoutConfig(
                cp=2,
                cp_kind="all-to-all",
                pp=4,
                schedule="zero-bubble",
                sharding="zero3",
                shard_group=8,
                recompute="full",
                recompute_layers=48,
                offload_optimizer=0.5,
                offload_activations=1.0,
            ),
            "CP2 PP4 DP128 MB1x16 cp=all-to-all zero-bubble zero3 copies=32 "
            "recompute=full of 50% offload-states=50% offload-activations=100%",
        ),
        (LayoutConfig(tp=2, cp=4, ep=8, micro_batch=2), "TP2 CP4 EP8 DP128 MB2x8 zero1"),
    ],
)
def test_a_line_says_a_layout_in_the_letters_of_the_field(config, text):
    assert describe(lower_layout(config, 1024, 2048, LAYERS)) == text
