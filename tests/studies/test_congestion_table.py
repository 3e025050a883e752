"""The shipped table against direct solutions, and the published statistics of hashed flows."""

import numpy as np
import pytest

from bench.instances import permutation
from perfmodel.config.library import Library
from perfmodel.engine.flows import rates_of
from perfmodel.fabrics.links import Wear
from perfmodel.studies.network_check import BOUND, check_levels

pytestmark = pytest.mark.slow

PUBLISHED = {1: (0.4102, 0.1250, 0.1429), 2: (0.5663, 0.2000, 0.2222), 4: (0.7163, 0.3250, 0.3889)}
"""Sub-flows to mean rate, and lowest and highest minimum of ten draws, of a permutation of 16,384
hosts over line rate on a three-tier Clos; a fluid simulation, not a measurement."""


@pytest.fixture(scope="module")
def library() -> Library:
    return Library()


@pytest.mark.parametrize(("sub_flows", "published"), PUBLISHED.items())
def test_hashed_flows_collide_as_in_the_published_simulation(sub_flows: int, published: tuple):
    drawn = [permutation(16_384, Wear(), sub_flows, seed) for seed in range(4)]
    means, lowest = [], []
    for (_, source, _), rate in zip(drawn, rates_of([one[0] for one in drawn]), strict=True):
        by_host = np.bincount(source, rate) / 50e9
        means.append(by_host[np.unique(source)].mean())
        lowest.append(by_host[np.unique(source)].min())
    assert np.mean(means) == pytest.approx(published[0], rel=0.01)
    assert published[1] * 0.98 <= np.mean(lowest) <= published[2] * 1.02


CHECKED = {
    "gigafactory": ("fabric.failed_links=0.03",),
    "meta-24k-roce": ("fabric.failed_links=0.02",),
    "jupiter": (),
    "p5-cluster": (
        "fabric.level.cluster.load_balancing=ecmp",
        "fabric.level.cluster.sub_flows=6",
    ),
    "ai-factory": ("fabric.level.pod.load_balancing=ecmp", "fabric.level.pod.sub_flows=3"),
}


@pytest.mark.parametrize("site", CHECKED)
def test_the_closed_form_is_within_three_percent_of_flows_between_instances(library, site):
    rows = check_levels(library.machine(site, CHECKED[site]), seed=5)
    assert rows
    for row in rows:
        assert abs(row["difference"]) <= BOUND, row
