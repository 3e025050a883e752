"""Bytes that a chip sends in one step."""

import numpy as np
import pytest

from perfmodel_kernels.layout import DDP, FULL, HEADS, KEYS, NONE, ZERO1, ZERO2, ZERO3
from perfmodel_kernels.placement import place
from perfmodel_kernels.traffic import StepTraffic
from perfmodel_kernels.volume import Volume, step_volume
from tests.kernels.compiling import compiled
from tests.kernels.difference import check_gradient
from tests.kernels.examples import EXPERTS, GPT_22B, LAYOUT, as_arrays

UP = np.array([1.0, 10.0, 100.0, 1e3, 1e4, 1e5, 1e6, 1e7])
OUT = 1e6 * UP
TRAFFIC = StepTraffic(
    gathers=np.zeros(8),
    reduces=np.zeros(8),
    heads=np.float64(0.0),
    dispatch=np.float64(0.0),
    combine=np.float64(0.0),
    send=np.float64(0.0),
    sent_scaleup=UP,
    sent_scaleout=OUT,
    forward_bytes=np.array([1e12, 1e13, 1e14, 0.0, 0.0]),
    backward_bytes=np.array([2e12, 2e13, 2e14, 0.0, 0.0]),
    outside=np.array([0.0, 1.0, 1.0, 1.0, 1.0]),
    card=np.float64(5e10),
)

volume_of = compiled(step_volume)


def volume(model, layout) -> Volume:
    found = volume_of(place(as_arrays(model), as_arrays(layout), 2048.0), TRAFFIC)
    return Volume(*(np.asarray(part) for part in found))


STATES = {
    DDP: (2, 0),  # gradients reduced and gathered once
    ZERO1: (1, 1),
    ZERO2: (8, 1),  # gradients per micro-batch
    ZERO3: (8, 16),  # and weights twice
}


@pytest.mark.parametrize("sharding", STATES)
def test_calls_of_a_dense_step_by_hand(sharding):
    found = volume(GPT_22B, LAYOUT._replace(sharding=sharding))
    reduced, gathered = STATES[sharding]
    # 8 micro-batches, 12 layers a stage, forward and backward; both ends over four stages
    tensor = 8 * 2 * (12 * 4 + 2 / 4)
    context = 8 * 3 * 12  # once forward, keys and their gradients backward
    # copies reduce once: twice the bytes of a gather; no expert layer, no expert tensor ranks
    calls = np.array([tensor, context, reduced, gathered, reduced, gathered, 2, 0])
    assert found.scaleup == pytest.approx(calls @ UP)
    assert found.scaleout == pytest.approx(calls @ OUT)


def test_full_recompute_repeats_the_forward_collectives():
    once = volume(GPT_22B, LAYOUT._replace(recompute=NONE))
    again = volume(GPT_22B, LAYOUT._replace(recompute=FULL))
    assert again.scaleup - once.scaleup == pytest.approx(8 * (12 * 4 + 0.5) + 8 * 12 * 10)


def test_heads_go_once_each_way():
    ring, heads = (volume(GPT_22B, LAYOUT._replace(context=kind)) for kind in (KEYS, HEADS))
    assert ring.scaleup - heads.scaleup == pytest.approx(8 * 12 * 10)


@pytest.mark.parametrize(("mode", "forward_passes"), [(NONE, 1), (FULL, 2)])
def test_expert_layers_add_their_exchanges(mode, forward_passes):
    quiet = TRAFFIC._replace(forward_bytes=np.zeros(5), backward_bytes=np.zeros(5))
    layout = as_arrays(LAYOUT._replace(recompute=mode))
    placement = place(as_arrays(EXPERTS), layout, 2048.0)
    with_tokens, without = volume_of(placement, TRAFFIC), volume_of(placement, quiet)
    exchanges = 8 * 44 / 4 * (forward_passes + 2)  # gradients travel in twice the bytes
    assert float(with_tokens.scaleup - without.scaleup) == pytest.approx(exchanges * 1e12)
    assert float(with_tokens.scaleout - without.scaleout) == pytest.approx(exchanges * 1.1e14)


def test_a_dense_model_exchanges_no_tokens():
    assert volume(GPT_22B, LAYOUT).scaleup < 1e12


def test_gradient_of_the_volume_equals_the_difference():
    placement = place(as_arrays(GPT_22B), as_arrays(LAYOUT), 2048.0)

    def sent(factor):
        found = step_volume(placement, TRAFFIC._replace(sent_scaleup=UP * factor))
        return found.scaleup

    check_gradient(sent, 1.0, 1)
