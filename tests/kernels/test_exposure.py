"""How much communication hides behind computation, and how much stays exposed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perfmodel_kernels.exposure import (
    RECOMPUTE,
    Overlap,
    PassTimes,
    Window,
    card_times,
    data_exposure,
    pass_times,
    tensor_calls,
)
from perfmodel_kernels.layout import (
    ATTENTION,
    DDP,
    FULL,
    HEADS,
    NONE,
    PARTS,
    ZERO1,
    ZERO2,
    ZERO3,
)
from perfmodel_kernels.operators import BlockTimes
from perfmodel_kernels.placement import place
from perfmodel_kernels.power import Pace
from perfmodel_kernels.traffic import StepTraffic
from tests.kernels.compiling import compiled
from tests.kernels.difference import check_gradient
from tests.kernels.examples import EXPERTS, GPT_22B, LAYOUT, as_arrays

MODES = (NONE, ATTENTION, PARTS, FULL)
MATRIX, ATTEND, ELEMENT, AGAIN, TENSOR, CONTEXT, EXPERT, HOST = range(8)
HIDDEN = Overlap(*(np.float64(value) for value in (1.0, 1.0, 1.0, 1.0, 1.0, 0.0)))
EXPOSED = Overlap(*(np.float64(0.0) for _ in Overlap._fields))

TIMES = BlockTimes(
    matrix_forward=np.array([4.0, 5.0, 1.0, 0.0, 3.0]),
    matrix_backward=np.array([8.0, 10.0, 2.0, 0.0, 6.0]),
    attention_forward=np.array([1.0, 1.0, 0.0, 0.0, 0.0]),
    attention_backward=np.array([2.5, 2.5, 0.0, 0.0, 0.0]),
    elementwise_forward=np.array([0.5, 0.6, 0.0, 0.1, 0.2]),
    elementwise_backward=np.array([0.6, 0.7, 0.0, 0.1, 0.1]),
    issue_forward=np.array([0.1, 0.1, 0.1, 0.2, 0.1]),
    issue_backward=np.array([0.1, 0.1, 0.1, 0.1, 0.1]),
    experts_forward=np.zeros(5),
    experts_backward=np.zeros(5),
    weight_gradient=np.array([4.0, 5.0, 1.0, 0.0, 3.0]),
    pace=Pace(np.ones(4), np.ones(4)),
    carried=np.float64(0.0),
    waiting=np.float64(1.0),
    streaming=np.float64(1.0),
    energy=np.float64(1.0),
    time=np.float64(1.0),
    flop=np.float64(1.0),
    forward_flop=np.float64(1.0),
    attention_flop=np.float64(1.0),
    latent_forward=np.zeros(5),
    latent_flop=np.float64(0.0),
)
TRAFFIC = StepTraffic(
    gathers=np.array([0.2, 0.3, 40.0, 20.0, 4.0, 2.0, 0.0, 0.0]),
    reduces=np.array([0.4, 0.6, 80.0, 40.0, 8.0, 4.0, 0.0, 0.0]),
    heads=np.float64(0.5),
    dispatch=np.float64(0.4),
    combine=np.float64(0.8),
    send=np.float64(0.01),
    sent_scaleup=np.zeros(8),
    sent_scaleout=np.zeros(8),
    forward_bytes=np.zeros(5),
    backward_bytes=np.zeros(5),
    outside=np.array([0.0, 1.0, 1.0, 1.0, 1.0]),
    card=np.float64(5e10),
)

passes_of = compiled(pass_times)
exposed_data = compiled(data_exposure)


def passes(overlap: Overlap, mode=NONE, fused=1.0, traffic=TRAFFIC) -> PassTimes:
    layout = as_arrays(LAYOUT._replace(recompute=mode))
    placement = place(as_arrays(EXPERTS), layout, 2048.0)
    found = passes_of(placement, TIMES, traffic, overlap, fused)
    return PassTimes(*(np.asarray(part) for part in found))


def test_without_overlap_everything_is_exposed():
    ahead, behind = passes(EXPOSED)
    # four gathers and scatters in a dense layer, four with shared experts, one at each end
    np.testing.assert_allclose(ahead[TENSOR], 0.2 * np.array([4, 4, 0, 1, 1]))
    np.testing.assert_allclose(ahead[CONTEXT], [0.3, 0.3, 0, 0, 0])
    np.testing.assert_allclose(ahead[EXPERT], [0, 1.2, 0, 0, 0])
    np.testing.assert_allclose(behind[CONTEXT], [0.6, 0.6, 0, 0, 0])
    np.testing.assert_allclose(behind[EXPERT], [0, 1.6, 0, 0, 0])


def test_full_overlap_leaves_only_what_outlasts_the_computation():
    ahead, _ = passes(HIDDEN)
    np.testing.assert_allclose(ahead[TENSOR], [0, 0, 0, 0.2, 0])  # no product at the embedding
    np.testing.assert_allclose(ahead[CONTEXT], 0.0)
    long = TRAFFIC._replace(gathers=TRAFFIC.gathers * [10, 10, 1, 1, 1, 1, 1, 1])
    ahead, _ = passes(HIDDEN, traffic=long)
    np.testing.assert_allclose(ahead[TENSOR, 0], 4 * 2.0 - 4.0)
    np.testing.assert_allclose(ahead[CONTEXT, 0], 3.0 - 1.0)


def test_a_running_collective_slows_the_computation_that_hides_it():
    taxed = HIDDEN._replace(slowdown=np.float64(0.1))
    ahead, _ = passes(taxed)
    assert ahead[TENSOR, 0] == pytest.approx(0.1 * 0.8)


def test_computation_passes_through_unchanged():
    ahead, behind = passes(HIDDEN)
    np.testing.assert_array_equal(ahead[MATRIX], TIMES.matrix_forward)
    np.testing.assert_array_equal(behind[ATTEND], TIMES.attention_backward)
    np.testing.assert_array_equal(behind[ELEMENT], TIMES.elementwise_backward)


@pytest.mark.parametrize(
    ("mode", "fused", "dense"),
    [
        (NONE, 1.0, 0.0),
        (ATTENTION, 1.0, 1.0),
        (PARTS, 1.0, 0.5),  # fused attention recomputes its scores by itself
        (PARTS, 0.0, 0.5 + 1.0),
        (FULL, 1.0, 4.0 + 1.0 + 0.5 + 0.8 + 0.3),  # the host is ahead
    ],
)
def test_what_is_recomputed_by_mode(mode, fused, dense):
    ahead, behind = passes(EXPOSED, mode, fused)
    assert behind[RECOMPUTE, 0] == pytest.approx(dense)
    assert np.all(ahead[RECOMPUTE] == 0)
    assert np.all(behind[RECOMPUTE, 2:] == 0)  # layers alone are recomputed


def test_up_projections_of_latent_attention_are_repeated_with_the_parts_alone():
    layout = as_arrays(LAYOUT)
    repeated = TIMES._replace(latent_forward=np.array([0.7, 0.7, 0.0, 0.0, 0.0]))

    def again(mode: float, times: BlockTimes) -> float:
        placement = place(as_arrays(EXPERTS), layout._replace(recompute=np.asarray(mode)), 2048.0)
        return float(passes_of(placement, times, TRAFFIC, EXPOSED, 1.0).backward[RECOMPUTE, 0])

    more = {mode: again(mode, repeated) - again(mode, TIMES) for mode in MODES}
    assert more == {NONE: 0.0, ATTENTION: 0.0, PARTS: pytest.approx(0.7), FULL: 0.0}


def test_layers_that_do_not_recompute_add_nothing():
    layout = as_arrays(LAYOUT._replace(recompute=FULL, recomputed=0.25))
    placement = place(as_arrays(EXPERTS), layout, 2048.0)
    found = passes_of(placement, TIMES, TRAFFIC, EXPOSED, 1.0)
    _, behind = passes(EXPOSED, FULL)
    np.testing.assert_allclose(found.backward[RECOMPUTE], 0.25 * behind[RECOMPUTE])


def test_heads_traded_for_sequence_hide_behind_nothing_and_go_the_same_way_back():
    layout = as_arrays(LAYOUT._replace(context=HEADS))
    placement = place(as_arrays(EXPERTS), layout, 2048.0)
    found = passes_of(placement, TIMES, TRAFFIC, HIDDEN, 1.0)
    np.testing.assert_allclose(found.forward[CONTEXT], [0.5, 0.5, 0, 0, 0])
    np.testing.assert_allclose(found.backward[CONTEXT], [0.5, 0.5, 0, 0, 0])


def test_ranks_that_split_experts_gather_tokens_and_scatter_results_both_ways():
    split = TRAFFIC._replace(gathers=TRAFFIC.gathers + np.array([0.0] * 7 + [0.25]))
    for some, more in zip(passes(EXPOSED), passes(EXPOSED, traffic=split), strict=True):
        np.testing.assert_allclose(more[EXPERT] - some[EXPERT], [0, 0.5, 0, 0, 0])


def test_a_host_shows_where_the_device_outruns_it():
    times = TIMES._replace(issue_forward=np.array([7.0, 5.0, 0.5, 0.5, 1.0]))
    placement = place(as_arrays(EXPERTS), as_arrays(LAYOUT), 2048.0)
    found = passes_of(placement, times, TRAFFIC, EXPOSED, 1.0)
    device = np.asarray(found.forward[:HOST].sum(0))
    np.testing.assert_allclose(found.forward[HOST], np.maximum(times.issue_forward - device, 0.0))
    assert np.count_nonzero(found.forward[HOST]) == 2  # the dense layer and the embedding
    assert np.all(np.asarray(found.backward[HOST]) == 0.0)


def test_what_the_host_issues_behind_the_counts_of_tokens_never_hides():
    late = np.array([0.0, 0.3, 0.0, 0.0, 0.0])
    times = TIMES._replace(experts_forward=late, experts_backward=2.0 * late)
    placement = place(as_arrays(EXPERTS), as_arrays(LAYOUT), 2048.0)
    before = passes_of(placement, TIMES, TRAFFIC, HIDDEN, 1.0)
    found = passes_of(placement, times, TRAFFIC, HIDDEN, 1.0)
    np.testing.assert_allclose(found.forward[HOST] - before.forward[HOST], late)
    np.testing.assert_allclose(found.backward[HOST] - before.backward[HOST], 2.0 * late)


def test_routed_experts_need_no_gather_of_the_hidden_state():
    without_shared = as_arrays(EXPERTS._replace(shared_ffn=0.0))
    np.testing.assert_array_equal(tensor_calls(without_shared), [4, 2, 0, 1, 1])
    np.testing.assert_array_equal(tensor_calls(as_arrays(GPT_22B)), [4, 2, 0, 1, 1])
    np.testing.assert_array_equal(tensor_calls(as_arrays(EXPERTS)), [4, 4, 0, 1, 1])


shares = st.floats(0.0, 1.0)


@settings(max_examples=60, deadline=None)
@given(shares, shares, shares, st.floats(0.0, 0.3), st.floats(0.1, 20.0))
def test_exposure_lies_between_all_and_what_outlasts_the_computation(
    tensor, context, expert, slowdown, scale
):
    scaled = TRAFFIC._replace(
        gathers=TRAFFIC.gathers * scale, dispatch=0.4 * scale, combine=0.8 * scale
    )
    overlap = Overlap(*map(np.float64, (tensor, context, expert, 1.0, 1.0, slowdown)))
    found, most = passes(overlap, traffic=scaled), passes(EXPOSED, traffic=scaled)
    for some, every in zip(found, most, strict=True):
        compute = every[MATRIX] + every[ATTEND]
        for kind in (TENSOR, CONTEXT, EXPERT):
            assert np.all(some[kind] <= every[kind] * (1 + 1e-12))
            assert np.all(some[kind] >= np.maximum(every[kind] - compute, 0.0) - 1e-12)


WINDOW = Window(*(np.float64(value) for value in (10.0, 20.0, 12.0, 0.05, 0.0, 0.0)))


def exposure(sharding: float, overlap: Overlap = EXPOSED, window: Window = WINDOW) -> float:
    layout = as_arrays(LAYOUT._replace(sharding=sharding))
    return float(exposed_data(layout, TRAFFIC, window, overlap))


@pytest.mark.parametrize(
    ("sharding", "collectives"),
    [
        (DDP, 2 * 44.0),  # an all-reduce is a scatter and a gather of the gradients
        (ZERO1, 44.0 + 22.0),
        (ZERO2, 8 * 44.0 + 22.0),  # gradients per micro-batch
        (ZERO3, 8 * (44.0 + 22.0 + 22.0)),  # and weights twice
    ],
)
def test_collectives_per_step_by_sharding(sharding, collectives):
    assert exposure(sharding) == pytest.approx(collectives)


@pytest.mark.parametrize("sharding", [ZERO1, ZERO2, ZERO3])
def test_copies_of_a_shard_reduce_once_per_step(sharding):
    copied = TRAFFIC._replace(reduces=TRAFFIC.reduces + np.array([0.0] * 6 + [3.0, 0.0]))
    layout = as_arrays(LAYOUT._replace(sharding=sharding))
    found = float(exposed_data(layout, copied, WINDOW, EXPOSED))
    assert found - exposure(sharding) == pytest.approx(3.0)


def test_behind_endless_computation_one_bucket_stays_exposed():
    endless = WINDOW._replace(forward=np.float64(1e9), backward=np.float64(1e9))
    assert exposure(ZERO1, HIDDEN, endless) == pytest.approx(0.05 * 66.0)
    assert exposure(ZERO3, HIDDEN, endless) == pytest.approx(8 * 88.0 / 12)  # or one layer


def test_hiding_costs_the_slowdown():
    endless = WINDOW._replace(forward=np.float64(1e9), backward=np.float64(1e9))
    taxed = HIDDEN._replace(slowdown=np.float64(0.1))
    assert exposure(ZERO1, taxed, endless) == pytest.approx((0.05 + 0.1 * 0.95) * 66.0)


def test_other_groups_on_the_card_leave_less_to_hide_behind():
    leaves = TRAFFIC._replace(sent_scaleout=np.full(8, 1e9))
    busy = WINDOW._replace(card_forward=np.float64(4.0), card_backward=np.float64(8.0))
    less = WINDOW._replace(forward=np.float64(6.0), backward=np.float64(12.0))
    layout = as_arrays(LAYOUT._replace(sharding=ZERO1))
    shared = exposed_data(layout, leaves, busy, HIDDEN)
    assert float(shared) == pytest.approx(float(exposed_data(layout, leaves, less, HIDDEN)))
    assert exposure(ZERO1, HIDDEN, busy) == exposure(ZERO1, HIDDEN)  # all inside the domain


def test_time_on_the_card_is_what_leaves_the_domain_over_its_bandwidth():
    sent = TRAFFIC._replace(
        sent_scaleout=np.full(8, 5e9),
        forward_bytes=np.array([7.0, 1.0, 2.0, 0.0, 0.0]) * 5e9,
        backward_bytes=np.array([7.0, 2.0, 4.0, 0.0, 0.0]) * 5e9,
    )
    held = card_times(as_arrays(EXPERTS), as_arrays(LAYOUT), sent)
    calls = np.asarray(tensor_calls(as_arrays(EXPERTS)))
    context, experts = np.array([1.0, 1.0, 0.0, 0.0, 0.0]), np.array([0.0, 1.0, 0.0, 0.0, 0.0])
    np.testing.assert_allclose(held.forward, 0.1 * (calls + context + 5.0 * experts))
    np.testing.assert_allclose(held.backward, 0.1 * (calls + 2.0 * context + 8.0 * experts))


@settings(max_examples=60, deadline=None)
@given(
    sharding=st.sampled_from([DDP, ZERO1, ZERO2, ZERO3]),
    share=st.floats(0.0, 0.8),
    length=st.floats(0.0, 100.0),
)
def test_more_overlap_never_exposes_more_data(sharding, share, length):
    window = WINDOW._replace(forward=np.float64(length), backward=np.float64(2 * length))
    some = EXPOSED._replace(data=np.float64(share))
    more = EXPOSED._replace(data=np.float64(share + 0.2))
    assert exposure(sharding, more, window) <= exposure(sharding, some, window)


def test_gradient_of_the_exposure_equals_the_difference():
    taxed = HIDDEN._replace(slowdown=np.float64(0.1))

    def slower_links(factor):
        scaled = TRAFFIC._replace(gathers=TRAFFIC.gathers * factor)
        return data_exposure(as_arrays(LAYOUT), scaled, WINDOW, taxed)

    def longer_computation(factor):
        window = Window(WINDOW.forward * factor, WINDOW.backward * factor, *WINDOW[2:])
        return data_exposure(as_arrays(LAYOUT), TRAFFIC, window, taxed)

    check_gradient(slower_links, 1.0, 1)
    check_gradient(longer_computation, 1.0, -1)
