"""Rates and completions of flows in units of the probe."""

from collections.abc import Callable

import numpy as np

from bench.instances import UNEVEN, permutation
from perfmodel.engine.flows import finish, solve

HOSTS = 16_384


def test_rates_of_sixteen_thousand_uneven_flows(ratio_of: Callable[..., float]) -> None:
    flows, _, _ = permutation(HOSTS, UNEVEN)
    assert solve(flows).verified
    ratio_of(lambda: solve(flows).rate, "flows_16k", rounds=10)


def test_completions_of_four_thousand_flows(ratio_of: Callable[..., float]) -> None:
    flows, _, _ = permutation(HOSTS // 4, UNEVEN)
    size = np.random.default_rng(0).uniform(0.5, 1.5, len(flows.weight))
    ratio_of(lambda: finish(flows, size).time, "drain_4k", rounds=3)
