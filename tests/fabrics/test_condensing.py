"""Smaller instances with the same rates."""

from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings

from perfmodel.fabrics.condensing import condensed, roomy, sized
from perfmodel_kernels.flows import Flows, max_min_rates
from tests.kernels.compiling import compiled
from tests.kernels.filling import graphs

SOLVE = compiled(partial(max_min_rates, block=16))


@settings(max_examples=60, deadline=None)
@given(flows=graphs())
def test_links_of_one_flow_become_its_limit_and_rates_stay(flows: Flows):
    present = flows.weight > 0.0
    route = np.where(present[:, None], flows.route, len(flows.capacity))
    flows = flows._replace(route=route.astype(np.int32))
    small = condensed(flows)
    assert len(small.capacity) <= len(flows.capacity)
    same = sized(small, 24, 64, 5)
    assert SOLVE(same).rate == pytest.approx(np.asarray(SOLVE(flows).rate), rel=1e-12)


def test_sizes_grow_in_quarters_of_an_octave():
    assert [roomy(size) for size in (1, 16, 1000, 1024, 1025, 102_400)] == (
        [16, 16, 1024, 1024, 1280, 114_688]
    )
