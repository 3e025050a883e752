"""What each chip holds: blocks and parameters per stage."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from perfmodel.spaces.layouts import Axes
from perfmodel.spaces.legality import Job
from perfmodel.spaces.space import space, written
from perfmodel_kernels.layout import DDP, ZERO1, ZERO2, ZERO3
from perfmodel_kernels.parameters import model_blocks, parameter_count
from perfmodel_kernels.placement import (
    Held,
    Placement,
    mean_over_stages,
    one_hot_of_largest,
    place,
    sharded,
    stage_blocks,
    stage_counts,
)
from perfmodel_kernels.transformer import BLOCKS
from tests.kernels.compiling import compiled
from tests.kernels.difference import check_gradient
from tests.kernels.examples import EXPERTS, GPT_22B, LAYOUT, SINGLE, as_arrays, share_of

blocks_of = compiled(stage_blocks)
placed = compiled(place)
DENSE, EXPERT, PREDICTION, EMBEDDING, OUTPUT = range(len(BLOCKS))
FIRST, MIDDLE, LAST = range(3)


def blocks(model, pp: int, vpp: int = 1) -> np.ndarray:
    layout = LAYOUT._replace(pp=float(pp), vpp=float(vpp))
    return np.asarray(blocks_of(as_arrays(model), as_arrays(layout)))


def whole(model, pp: int, vpp: int = 1) -> np.ndarray:
    """Blocks of each kind in all stages together."""
    return blocks(model, pp, vpp) @ np.asarray(stage_counts(np.float64(pp)))


def placement(model, layout, length: float = 2048.0) -> Placement:
    return placed(as_arrays(model), as_arrays(layout), length)


def missing(layers: int, pp: int, vpp: int) -> int:
    """Empty places of the grid of layers over stages and chunks."""
    return pp * vpp * -(-layers // (pp * vpp)) - layers


def per_stage(layers: int, pp: int, vpp: int) -> int:
    """Places of one stage."""
    return vpp * -(-layers // (pp * vpp))


def test_a_single_stage_holds_everything():
    held = blocks(GPT_22B, 1)[:, LAST]
    np.testing.assert_array_equal(held, [48, 0, 0, 1, 1])


def test_even_stages_hold_equal_shares():
    np.testing.assert_array_equal(blocks(GPT_22B, 8)[DENSE], [6, 6, 6])
    np.testing.assert_array_equal(blocks(GPT_22B, 8, vpp=3)[DENSE], [6, 6, 6])


def test_embedding_lies_on_the_first_stage_and_output_on_the_last():
    held = blocks(GPT_22B, 8)
    np.testing.assert_array_equal(held[EMBEDDING], [1, 0, 0])
    np.testing.assert_array_equal(held[OUTPUT], [0, 0, 1])


def test_the_pipeline_of_llama_405b_is_a_layer_short_at_both_ends():
    # arXiv 2407.21783, section 3.3.2: 126 layers, one less on the first and on the last stage
    model = GPT_22B._replace(layers=126.0, leading_dense=126.0)
    np.testing.assert_array_equal(blocks(model, 16)[DENSE], [7, 8, 7])
    assert whole(model, 16)[DENSE] == 126


def test_leading_dense_layers_lie_on_the_first_stage():
    held = blocks(EXPERTS, 8)
    np.testing.assert_array_equal(held[DENSE], [4, 0, 0])
    np.testing.assert_array_equal(held[EXPERT], [2, 6, 6])


def test_prediction_layers_lie_on_the_last_stage_with_an_output_each():
    held = blocks(EXPERTS._replace(prediction_layers=1.0), 8)
    np.testing.assert_array_equal(held[PREDICTION], [0, 0, 1])
    np.testing.assert_array_equal(held[OUTPUT], [0, 0, 2])
    assert held[EXPERT, LAST] == 7


@settings(max_examples=200, deadline=None)
@given(layers=st.integers(1, 200), pp=st.integers(1, 64), vpp=st.integers(1, 8))
def test_stages_add_up_to_the_layers_of_the_model(layers, pp, vpp):
    assume(pp <= layers and (pp > 1 or vpp == 1))
    assume(missing(layers, pp, vpp) <= 2 * per_stage(layers, pp, vpp) - 1)
    model = GPT_22B._replace(layers=float(layers), leading_dense=float(layers))
    assert whole(model, pp, vpp)[DENSE] == layers


def searched_pipelines(layers: int) -> set[tuple[int, int]]:
    """Stages and chunks that the search takes for a model of so many layers."""
    job = Job(layers, 64, 8, 0, 4096, 2048, 0.05, 65_536, 8, fused=True)
    found = written(space(job, Axes(tp=(1,), cp=(1,), micro_batch=(1,))))
    return {(int(pp), int(vpp)) for pp, vpp in zip(found.pp, found.vpp, strict=True)}


@pytest.mark.parametrize("layers", [61, 96, 105, 125, 126])
def test_every_pipeline_of_the_search_holds_the_layers_of_the_model(layers):
    model = GPT_22B._replace(layers=float(layers), leading_dense=float(layers))
    for pp, vpp in searched_pipelines(layers):
        assert whole(model, pp, vpp)[DENSE] == layers, (pp, vpp)


@pytest.mark.parametrize("pp", [1, 2, 4, 8, 12])
def test_stages_add_up_to_dense_and_expert_layers(pp):
    np.testing.assert_allclose(whole(EXPERTS, pp), np.asarray(model_blocks(EXPERTS)))


def test_leading_dense_layers_may_fill_more_than_one_stage():
    np.testing.assert_allclose(whole(EXPERTS, 16), np.asarray(model_blocks(EXPERTS)))


def test_every_other_layer_may_hold_experts():
    model = EXPERTS._replace(leading_dense=0.0, expert_share=0.5)
    held = blocks(model, 8)
    np.testing.assert_array_equal(held[DENSE], [3, 3, 3])
    np.testing.assert_array_equal(held[EXPERT], [3, 3, 3])


@pytest.mark.parametrize("stages", [1, 2, 3, 64])
def test_kinds_of_stage_add_up_to_the_pipeline(stages):
    counts = np.asarray(stage_counts(np.float64(stages)))
    assert counts.sum() == stages
    assert np.all(counts >= 0)


@pytest.mark.parametrize("pp", [1, 2, 8])
def test_the_mean_chip_times_the_stages_is_the_whole_model(pp):
    mean = mean_over_stages(placement(EXPERTS, LAYOUT._replace(pp=float(pp))))
    np.testing.assert_allclose(pp * np.asarray(mean), np.asarray(model_blocks(EXPERTS)))


@settings(max_examples=50, deadline=None)
@given(
    values=st.lists(st.floats(0.1, 10.0), min_size=3, max_size=3),
    stages=st.integers(1, 5),
)
def test_the_fullest_kind_of_stage_is_one_that_exists(values, stages):
    marks = np.asarray(one_hot_of_largest(np.array(values), np.float64(stages)))
    present = np.array([stages > 1, stages > 2, True])
    assert marks.sum() == pytest.approx(1.0)
    assert np.all(marks[~present] == 0)
    assert (marks * values).sum() == pytest.approx(np.array(values)[present].max())


def test_equal_stages_share_the_mark():
    marks = one_hot_of_largest(np.array([3.0, 1.0, 3.0]), np.float64(4))
    np.testing.assert_allclose(marks, [0.5, 0, 0.5])


HELD = Held(
    shared=np.array([8e9, 4e9, 2e9]),
    routed=np.array([0.0, 16e9, 16e9]),
    shared_ranks=np.float64(16),
    routed_ranks=np.float64(4),
)


@pytest.mark.parametrize("sharding", [DDP, ZERO1, ZERO2, ZERO3])
def test_states_are_split_from_their_stage_of_sharding_on(sharding):
    for stage in (ZERO1, ZERO2, ZERO3):
        found = np.asarray(sharded(HELD, stage, sharding))
        split = sharding >= stage
        expected = HELD.shared / (16 if split else 1) + HELD.routed / (4 if split else 1)
        np.testing.assert_allclose(found, expected)


@pytest.mark.parametrize("model", [GPT_22B, EXPERTS], ids=["dense", "experts"])
@pytest.mark.parametrize("pp", [1.0, 2.0, 8.0])
def test_stages_add_up_to_the_parameters_of_the_model(model, pp):
    held = placement(model, SINGLE._replace(pp=pp)).held
    total = float(((held.shared + held.routed) * stage_counts(pp)).sum())
    assert total == pytest.approx(float(parameter_count(model)), rel=1e-12)


def test_a_single_stage_holds_a_tied_embedding_once():
    tied = GPT_22B._replace(tied=1.0)
    held = placement(tied, SINGLE).held
    assert np.all(np.asarray(held.shared[:LAST]) == 0)  # no first or middle stage exists
    assert float(held.shared[LAST]) == pytest.approx(float(parameter_count(tied)), rel=1e-12)


def test_both_ends_of_a_pipeline_hold_a_tied_embedding():
    pipeline = SINGLE._replace(pp=2.0)
    tied = placement(GPT_22B._replace(tied=1.0), pipeline).held.shared
    np.testing.assert_array_equal(tied, placement(GPT_22B, pipeline).held.shared)


def test_experts_are_replicated_on_what_expert_ranks_leave():
    held = placement(EXPERTS, LAYOUT._replace(ep=16.0)).held
    assert float(held.shared_ranks) == 2 * 32  # cp x dp
    assert float(held.routed_ranks) == 4 * 2 * 32 / 16  # tp x cp x dp / ep


def test_copies_of_hybrid_sharding_share_no_states_of_experts():
    held = placement(EXPERTS, LAYOUT._replace(ep=16.0, replicas=4.0)).held
    assert float(held.routed_ranks) == 4 * 2 * 32 / 16 / 4
    alone = placement(EXPERTS, LAYOUT._replace(ep=16.0, replicas=64.0)).held
    assert float(alone.routed_ranks) == 1.0  # every expert once in a copy


def test_context_ranks_share_the_tokens_of_a_micro_batch():
    share = placement(GPT_22B, LAYOUT).share
    assert float(share.tokens) == 2 * 2048 / 2
    assert numbers(share) == numbers(share_of(LAYOUT, 2048.0))


def numbers(share) -> tuple[float, ...]:
    return tuple(float(value) for value in share)


def test_without_sequence_parallelism_norms_are_whole_on_every_rank():
    assert (
        float(placement(GPT_22B, LAYOUT._replace(sequence_parallel=0.0)).share.sequence_split) == 1
    )


@pytest.mark.parametrize("field", ["hidden", "ffn"])
def test_gradient_of_the_parameters_of_a_stage_equals_the_difference(field):
    def parameters(value):
        held = place(GPT_22B._replace(**{field: value}), as_arrays(LAYOUT), 2048.0).held
        return held.shared[FIRST]

    check_gradient(parameters, getattr(GPT_22B, field), 1)
