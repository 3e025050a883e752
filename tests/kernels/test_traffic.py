"""Who sends what over which level in one step."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perfmodel_kernels.exchange import Routing
from perfmodel_kernels.layout import HEADS
from perfmodel_kernels.traffic import (
    CONTEXT,
    EXPERT_GRADIENT,
    EXPERT_TENSOR,
    GRADIENT,
    TENSOR,
    WEIGHT,
    Payloads,
    StepTraffic,
    step_groups,
    step_traffic,
)
from tests.kernels.compiling import compiled
from tests.kernels.difference import check_gradient
from tests.kernels.examples import LAYOUT, NETWORK, SINGLE, as_arrays
from tests.kernels.examples import LIBRARY as ANY_LIBRARY

LIBRARY = ANY_LIBRARY._replace(hidden=0.0, message=0.0)
"""Steps and bytes add up, as in the shipped stacks; messages are issued in no time."""

PAYLOADS = Payloads(
    gathers=np.array([50e6, 20e6, 4e9, 2e9, 1e9, 0.5e9, 0.25e9, 30e6]),
    heads=np.float64(15e6),
    tokens=np.float64(1024.0),
    routing=Routing(np.float64(4.0), np.float64(4.0), np.float64(1.0)),
    dispatch=np.float64(6144.0),
    combine=np.float64(12288.0),
    boundary=np.float64(12.5e6),
)

groups_of = compiled(step_groups)
traffic_of = compiled(step_traffic)


def traffic(layout, payloads: Payloads = PAYLOADS, network=NETWORK) -> StepTraffic:
    return traffic_of(payloads, as_arrays(layout), network, LIBRARY)


BULK = NETWORK._replace(
    short_fraction=np.full(5, 1e-9), share=np.ones((3, 5)), spread=np.zeros((3, 5))
)
"""One protocol, whose steps take the sum of both latencies, and no collisions."""
STEP = NETWORK.latency + NETWORK.bulk_latency
LAUNCH = LIBRARY.launch


def test_groups_follow_the_order_tensor_context_data():
    groups = groups_of(as_arrays(LAYOUT._replace(ep=8.0)))
    # tp 4, cp 2, dp 32; gradients over context and data; experts over what 8 ranks leave
    np.testing.assert_array_equal(groups.size, [4, 2, 64, 32, 1, 1, 8])
    np.testing.assert_array_equal(groups.stride, [1, 4, 4, 8, 256, 1, 1])


def test_copies_lie_outside_their_shard_and_expert_tensor_ranks_innermost():
    groups = groups_of(as_arrays(LAYOUT._replace(ep=8.0, etp=2.0, replicas=4.0)))
    np.testing.assert_array_equal(groups.size, [4, 2, 16, 16, 4, 2, 8])
    np.testing.assert_array_equal(groups.stride, [1, 4, 4, 16, 64, 1, 2])


def test_one_copy_shards_over_all_data_and_context_ranks():
    groups = groups_of(as_arrays(LAYOUT._replace(replicas=1.0)))
    assert (groups.size[2], groups.size[4]) == (64, 1)


@settings(max_examples=40, deadline=None)
@given(
    tp=st.sampled_from([1.0, 2.0, 8.0]),
    cp=st.sampled_from([1.0, 4.0]),
    dp=st.sampled_from([1.0, 3.0, 100.0]),
    ep=st.sampled_from([1.0, 2.0, 64.0]),
)
def test_no_group_has_less_than_one_rank_nor_more_than_a_stage(tp, cp, dp, ep):
    groups = groups_of(as_arrays(LAYOUT._replace(tp=tp, cp=cp, dp=dp, ep=ep)))
    assert np.all(np.asarray(groups.size) >= 1)
    assert np.all(np.asarray(groups.size)[:6] <= tp * cp * dp)


def test_one_chip_talks_to_nobody():
    alone = traffic(SINGLE)
    assert np.all(np.asarray(alone.gathers) == 0)
    assert float(alone.dispatch) == float(alone.combine) == 0.0
    for sent in (alone.sent_scaleup, alone.sent_scaleout, alone.forward_bytes):
        assert np.all(np.asarray(sent) == 0)


def test_tensor_ranks_stay_inside_the_scale_up_domain():
    found = traffic(LAYOUT)
    assert float(found.sent_scaleup[TENSOR]) == pytest.approx(50e6 * 3 / 4)
    assert float(found.sent_scaleout[TENSOR]) == 0.0


def test_tensor_ranks_that_outnumber_the_domain_leave_it():
    assert float(traffic(LAYOUT._replace(tp=16.0)).sent_scaleout[TENSOR]) > 0


def test_gradients_of_strided_ranks_go_through_the_cards():
    found = traffic(LAYOUT._replace(tp=8.0, cp=1.0))
    assert float(found.sent_scaleup[GRADIENT]) == 0.0
    assert float(found.sent_scaleout[GRADIENT]) == pytest.approx(4e9 * 31 / 32)


def test_gradients_by_hand():
    # 32 replicas, 8 chips apart: one card each, four on a leaf, the rest in the pod
    found = traffic(LAYOUT._replace(tp=8.0, cp=1.0), network=BULK)
    ring = 23 * STEP[1] + 8 * STEP[2] + 31 / 32 * 4e9 / 50e9
    steps = 2 * STEP[1] + 3 * STEP[2]
    leaf, pod = 3 / 4 * 4e9 / 50e9, 7 / 8 * 4e9 / (4 * 45e9)
    rail = steps + leaf + pod  # both stages go through one card
    assert float(found.gathers[GRADIENT]) == pytest.approx(min(ring, rail) + LAUNCH, rel=1e-6)


def test_context_ranks_next_to_each_other_use_the_switch():
    found = traffic(LAYOUT, network=BULK)
    by_hand = LAUNCH + STEP[0] + 20e6 / 2 / 400e9
    assert float(found.gathers[CONTEXT]) == pytest.approx(by_hand, rel=1e-6)


def test_calls_are_independent():
    heavier = PAYLOADS._replace(gathers=PAYLOADS.gathers * [1, 1, 1, 2, 1, 1, 1, 1])
    before, after = traffic(LAYOUT), traffic(LAYOUT, heavier)
    changed = np.asarray(after.gathers) != np.asarray(before.gathers)
    np.testing.assert_array_equal(np.flatnonzero(changed), [WEIGHT])


def test_heads_traded_for_sequence_by_hand():
    # two ranks four chips apart, on one switch: half of the buffer goes to the other
    found = traffic(LAYOUT._replace(context=HEADS), network=BULK)
    assert float(found.heads) == pytest.approx(LAUNCH + STEP[0] + 15e6 / 2 / 400e9, rel=1e-6)
    assert float(found.sent_scaleup[CONTEXT]) == pytest.approx(20e6 / 2)
    assert float(found.sent_scaleout[CONTEXT]) == 0.0


def test_a_message_to_the_next_stage_crosses_what_a_stage_spans():
    found = float(traffic(LAYOUT, network=BULK).send)  # 256 chips away: within a pod
    assert found == pytest.approx(STEP[2] + 12.5e6 / 45e9, rel=1e-6)


def test_combining_in_sixteen_bits_takes_twice_the_bytes_of_dispatch():
    wide = traffic(LAYOUT._replace(ep=8.0), network=BULK)
    latency = LAUNCH + STEP[0]
    assert float(wide.combine) - latency == pytest.approx(2 * (float(wide.dispatch) - latency))


def test_exchange_bytes_are_dispatch_and_combine():
    found = traffic(LAYOUT._replace(ep=8.0))
    visited = 1024 * 8 * (1 - (7 / 8) ** 4) * 7 / 8
    assert float(found.forward_bytes[0]) == pytest.approx(visited * (6144 + 12288))
    assert float(found.backward_bytes[0]) == pytest.approx(visited * 2 * 12288)
    assert float(found.forward_bytes[1:].sum()) == 0.0


@settings(max_examples=40, deadline=None)
@given(call=st.integers(TENSOR, EXPERT_TENSOR), factor=st.floats(1.01, 8.0))
def test_a_larger_payload_never_makes_a_call_faster(call, factor):
    larger = PAYLOADS.gathers.copy()
    larger[call] *= factor
    layout = LAYOUT._replace(ep=4.0, etp=2.0, replicas=2.0)
    before = np.asarray(traffic(layout).gathers)
    after = np.asarray(traffic(layout, PAYLOADS._replace(gathers=larger)).gathers)
    assert np.all(after >= before)
    assert after[call] > before[call]


def test_infinite_bandwidth_leaves_the_latencies():
    free = NETWORK._replace(bandwidth=NETWORK.bandwidth * 1e12, pair=NETWORK.pair * 1e12)
    quiet = PAYLOADS._replace(gathers=np.zeros(8), boundary=np.float64(0.0))
    for found, expected in zip(
        traffic(LAYOUT, PAYLOADS, free).gathers, traffic(LAYOUT, quiet).gathers, strict=True
    ):
        assert float(found) == pytest.approx(float(expected), rel=1e-6)


def test_experts_that_no_other_rank_holds_are_not_reduced():
    alone = traffic(LAYOUT._replace(ep=256.0))  # all of tp 4, cp 2, dp 32
    assert float(alone.gathers[EXPERT_GRADIENT]) == 0.0


@pytest.mark.parametrize(("field", "sign"), [("bandwidth", -1), ("latency", 1)])
def test_gradient_of_all_calls_equals_the_difference(field, sign):
    layout = as_arrays(LAYOUT._replace(ep=8.0))

    def total(factor):
        network = NETWORK._replace(**{field: getattr(NETWORK, field) * factor})
        found = step_traffic(PAYLOADS, layout, network, LIBRARY)
        return found.gathers.sum() + found.dispatch + found.combine + found.send

    check_gradient(total, 1.0, sign)
