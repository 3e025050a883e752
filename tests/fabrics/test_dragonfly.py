"""Routes through dragonflies."""

import numpy as np
import pytest

from perfmodel.fabrics import dragonfly, traffic
from perfmodel.fabrics.links import Wear, table
from perfmodel.fabrics.routing import Rule, pairs_of

NAMES = ("switch", "group", "global")
PLAIN = dragonfly.Plan(NAMES, 96, 4, 16, 0, 10.0, 10.0, 5.0, 2)
PLUS = dragonfly.Plan(NAMES, 96, 4, 16, 3, 10.0, 10.0, 5.0, 2)


def climb(plan, source, target, method="minimal", wear=Wear()):  # noqa: B008
    fly, kinds = dragonfly.build(plan, wear)
    links = table(kinds)
    pairs = pairs_of(np.atleast_1d(source), np.atleast_1d(target))
    return links, dragonfly.climb(fly, pairs, Rule(method), np.arange(len(pairs.source)))


def levels(links, hops):
    return [links.names[links.level[link]] for link in hops if link >= 0]


@pytest.mark.parametrize("plan", [PLAIN, PLUS])
def test_under_one_switch_two_links_do(plan):
    links, found = climb(plan, 0, 1)
    assert levels(links, found[0]) == ["switch", "switch"]


def test_inside_a_group_there_is_one_hop_or_one_over_a_spine():
    links, found = climb(PLAIN, 0, 5)
    assert levels(links, found[0]) == ["switch", "group", "switch"]
    links, found = climb(PLUS, 0, 5)
    assert levels(links, found[0]) == ["switch", "group", "group", "switch"]


@pytest.mark.parametrize("plan", [PLAIN, PLUS])
def test_a_shortest_path_takes_one_cable_between_groups_and_a_detour_two(plan):
    chips = np.arange(16)
    links, short = climb(plan, chips, chips + 32)
    _, long = climb(plan, chips, chips + 32, "valiant")
    counts = [[levels(links, row).count("global") for row in found] for found in (short, long)]
    assert set(counts[0]) == {1}
    assert set(counts[1]) == {1, 2}


@pytest.mark.parametrize("plan", [PLAIN, PLUS])
@pytest.mark.parametrize("method", ["minimal", "valiant"])
def test_routes_avoid_dead_cables(plan, method):
    drawn = traffic.permutation(96, np.random.default_rng(2))
    links, found = climb(plan, drawn.source, drawn.target, method, Wear(0.1, seed=4))
    assert (np.where(found >= 0, links.capacity[found], 1.0) > 0.0).all()
    assert (found == -2).any(1).mean() < 0.2


@pytest.mark.parametrize("plan", [PLAIN, PLUS])
def test_no_flow_crosses_a_link_twice(plan):
    drawn = traffic.permutation(96, np.random.default_rng(3))
    _, found = climb(plan, drawn.source, drawn.target, "valiant")
    for row in found:
        used = row[row >= 0]
        assert len(set(used)) == len(used)


def test_both_directions_of_a_cable_fail_together():
    fly, _ = dragonfly.build(PLAIN, Wear(0.3, seed=1))
    assert np.array_equal(fly.between, fly.between.transpose(1, 0, 2))
    assert np.array_equal(fly.local, fly.local.transpose(0, 2, 1))
