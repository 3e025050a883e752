"""Routes up and down a fat tree."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perfmodel.fabrics import clos, traffic
from perfmodel.fabrics.links import Wear, table
from perfmodel.fabrics.routing import Pairs, Rule, pairs_of

TIERS = (
    clos.Tier("leaf", 4, 1, 10.0),
    clos.Tier("pod", 16, 3, 10.0),
    clos.Tier("core", 1 << 40, 2, 5.0),
)
HOSTS = 64
ECMP = Rule("ecmp")


def route(pairs: Pairs, rule: Rule = ECMP, wear: Wear = Wear(), planes: int = 1):  # noqa: B008
    tree, kinds = clos.build(TIERS, HOSTS, planes, wear)
    return tree, table(kinds), clos.climb(tree, pairs, rule, np.arange(len(pairs.source)))


def pair(source: int, target: int) -> Pairs:
    return pairs_of(np.array([source]), np.array([target]))


@pytest.mark.parametrize(("target", "hops"), [(1, 2), (5, 4), (20, 6)])
def test_a_flow_climbs_to_the_tier_that_joins_its_ends(target: int, hops: int):
    _, _, links = route(pair(0, target))
    assert (links[0] >= 0).sum() == hops


def test_up_and_down_pass_the_same_switches():
    tree, links, found = route(pair(0, 20))
    sizes = [len(carries) for carries in tree.cables]
    starts = np.cumsum([0, *sizes, *sizes])
    up = found[0, :3] - starts[:3]
    down = found[0, 5:2:-1] - starts[3:6]
    assert (up[1] % 3, up[2] % 6) == (down[1] % 3, down[2] % 6)
    assert up[2] % 3 == up[1] % 3  # the core is one of the aggregation switch that was climbed
    assert (up[0], down[0]) == (0, 20)
    assert {links.names[row] for row in links.level[found[0]]} == {"leaf", "pod", "core"}


def test_destination_routing_gives_every_host_of_a_leaf_shift_its_own_way():
    shifted = traffic.shift(HOSTS, 16)
    _, links, found = route(shifted, Rule("static"))
    ups = found[:, 1][found[:, 1] >= 0]
    assert np.bincount(ups).max() <= -(-4 // 3)
    assert len(links.capacity) == 2 * (64 + 16 * 3 + 4 * 6)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 50), st.floats(0.0, 0.3))
def test_converged_routes_avoid_dead_cables_wherever_a_path_is_left(seed: int, failed: float):
    drawn = traffic.permutation(HOSTS, np.random.default_rng(seed))
    tree, links, found = route(drawn, Rule("ecmp", seed=seed), Wear(failed, seed=seed))
    lost = (found == -2).any(1)
    alive = np.where(found >= 0, links.capacity[found], 1.0) > 0.0
    assert alive.all()
    for flow in np.flatnonzero(lost):
        one = Pairs(*(part[[flow]] for part in drawn))
        for number in range(6):
            ends = clos._ends(tree, one)
            assert not clos._usable(tree, ends, np.array([number]))[0]


def test_before_convergence_flows_run_into_dead_cables():
    drawn = traffic.permutation(HOSTS, np.random.default_rng(0))
    blind = Rule("ecmp", converged=False)
    _, links, found = route(drawn, blind, Wear(0.2, seed=1))
    assert (np.where(found >= 0, links.capacity[found], 1.0) == 0.0).any()


def test_a_leaf_without_uplinks_cannot_be_reached_and_ends_all_the_same():
    _, _, found = route(pair(0, 20), ECMP, Wear(1.0))
    assert found[0, 0] == -2


def test_adaptive_routing_adds_live_cables_and_spraying_waits_for_the_slowest():
    tree, _ = clos.build(TIERS, HOSTS, 1, Wear())
    tree.cables[1][:3] = [10.0, 0.0, 4.0]
    summed, _ = clos.pooled(tree, "adaptive")
    sprayed, _ = clos.pooled(tree, "spray")
    assert summed.cables[1][0] == 14.0
    assert sprayed.cables[1][0] == 8.0


def test_planes_share_no_links():
    pairs = traffic.shift(HOSTS, 32)
    _, _, found = route(pairs, planes=2)
    plane = pairs.source % 2
    used = [set(found[plane == one].ravel()) - {-1} for one in (0, 1)]
    assert not used[0] & used[1]
