"""The definition of max-min fairness as a judge."""

from functools import partial

import numpy as np
from hypothesis import given, settings

from perfmodel_kernels.fairness import verify
from perfmodel_kernels.flows import Flows, max_min_rates
from tests.kernels.compiling import compiled
from tests.kernels.filling import graphs

SOLVE = compiled(partial(max_min_rates, block=16))
JUDGE = compiled(verify)
LINE = Flows(
    np.array([1.0, 2.0]),
    np.array([[0, 1], [0, 2], [1, 2]], np.int32),
    np.ones(3),
    np.full(3, np.inf),
)


def test_the_fair_rates_hold():
    verdict = verify(LINE, np.array([0.5, 0.5, 1.5]), 1e-9)
    assert bool(verdict.holds)


def test_an_overloaded_link_is_seen():
    verdict = verify(LINE, np.array([0.6, 0.5, 1.4]), 1e-9)
    assert not bool(verdict.holds)
    assert np.isclose(verdict.overload, 0.1)


def test_a_flow_that_could_have_more_is_seen():
    assert int(verify(LINE, np.array([0.5, 0.5, 1.0]), 1e-9).loose) == 1


def test_a_flow_with_less_than_another_on_its_full_link_is_seen():
    assert int(verify(LINE, np.array([0.4, 0.6, 1.6]), 1e-9).loose) == 1


@settings(max_examples=100, deadline=None)
@given(flows=graphs())
def test_every_solution_holds_and_nine_tenths_of_it_do_not(flows: Flows):
    rate = SOLVE(flows).rate
    assert bool(JUDGE(flows, rate, 1e-9).holds)
    if rate.max() > 0.0:
        assert not bool(JUDGE(flows, 0.9 * rate, 1e-9).holds)
