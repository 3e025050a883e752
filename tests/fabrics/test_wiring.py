"""Machines as links, and routes over them."""

import numpy as np
import pytest

from perfmodel.fabrics import traffic
from perfmodel.fabrics.links import Wear
from perfmodel.fabrics.routing import Rule, pairs_of
from perfmodel.fabrics.wiring import rails, route, tree, wire


def wired(library, site, hosts, method="ecmp"):
    machine = library.machine(site)
    return machine, wire(machine, hosts, Wear(), method)


@pytest.mark.parametrize(("site", "count"), [("ai-factory", 8), ("gigafactory", 4), ("jupiter", 1)])
def test_rails_follow_from_the_ports_of_a_leaf(library, site, count):
    assert rails(library.machine(site)) == count


def test_levels_of_a_tree_have_the_bandwidth_that_their_taper_leaves(library):
    machine = library.machine("meta-24k-roce")
    ways = 1
    below = 1
    for tier, level in zip(tree(machine), machine.fabric.level, strict=True):
        ways *= tier.ways
        injected = below * machine.node.nic_bandwidth / level.oversubscription
        assert ways * tier.bandwidth == pytest.approx(injected)
        below = tier.chips


def test_another_rail_is_reached_through_the_domain(library):
    _, wiring = wired(library, "ai-factory", 64)
    names = np.array([*wiring.links.names, "none"])
    routed = route(wiring, pairs_of(np.array([0, 0, 0]), np.array([8, 9, 3])), Rule("ecmp"))
    levels = np.append(wiring.links.level, len(names) - 1)
    crossed = [set(names[levels[row]]) - {"none"} for row in routed.link]
    same, other, near = (crossed[list(routed.pair).index(pair)] for pair in (0, 1, 2))
    assert same == {"leaf"}
    assert other == {"leaf", "scale-up"}
    assert near == {"scale-up"}


@pytest.mark.parametrize("site", ["gigafactory", "jupiter", "lumi", "tpu-v5p-pod", "meta-24k-ib"])
@pytest.mark.parametrize("method", ["ecmp", "adaptive"])
def test_every_pair_has_its_whole_weight_on_links_that_exist(library, site, method):
    _, wiring = wired(library, site, 1024, method)
    pairs = traffic.permutation(1024, np.random.default_rng(0))
    routed = route(wiring, pairs, Rule(method, 3))
    count = len(wiring.links.capacity)
    assert routed.link.min() >= 0
    assert routed.link.max() <= count
    assert (routed.link != count - 1).all()
    assert np.bincount(routed.pair, routed.weight) == pytest.approx(pairs.weight)
