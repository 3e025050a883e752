"""Collectives on meshes and tori against messages that hop from chip to chip."""

import numpy as np
import pytest

from perfmodel_kernels.collectives import RECURSIVE, RING, gather_times
from perfmodel_kernels.exchange import DIRECT, PAIRWISE, all_to_all_times
from perfmodel_kernels.topology import Groups, Network
from tests.kernels.compiling import compiled
from tests.kernels.messages import Fabric
from tests.kernels.played import INSTANT, group, library, network_of
from tests.kernels.tori import (
    Torus,
    doubling_all_gather,
    line_exchange,
    mesh_all_gather,
    pairwise_exchange,
    torus_all_gather,
)

gathers = compiled(gather_times)
exchanges = compiled(all_to_all_times)

LINK, HOP = 1e9, 2e-6
CHUNKS = 30
"""Of each order of axes, so that all links work at the same time."""

AXES = [((8,), (True,)), ((5,), (True,)), ((6,), (False,)), ((3,), (False,))]
PLANES = [
    ((4, 4), (True, True)), ((4, 2), (True, True)), ((8, 4), (True, True)),
    ((4, 3), (True, False)), ((4, 4), (False, False)), ((3, 5), (False, False)),
]  # fmt: skip


def network(torus: Torus) -> Network:
    """A level per axis, then a card that nobody uses."""
    levels = len(torus.extent)
    plain = network_of(Fabric((*torus.extent, 2), (1e18,) * (levels + 1), (torus.latency,) * 3))
    wrap = [float(extent) if closed else 1e6 for extent, closed in zip(*torus[:2], strict=True)]
    return plain._replace(
        latency=np.full(levels + 1, torus.latency),
        scaleup=np.array([*[1.0] * levels, 0.0]),
        wrap=np.array([*wrap, 0.0]),
        pair=np.float64(torus.bandwidth),
    )


def predicted(program, row: int, payload: float, members: Groups, levels: Network) -> float:
    return float(program(np.array([payload]), members, levels, library())[row, 0])


def gathered(torus: Torus, payload: float) -> float:
    members = group(float(np.prod(torus.extent)))
    return predicted(gathers, RING, payload, members, network(torus))


def split(torus: Torus) -> float:
    """Share of the data that goes along the first axis first, so that all links carry as much."""
    (one, other), ways = torus.extent, [2 if closed else 1 for closed in torus.closed]
    late, early = (one - 1) * other / ways[0], (one - 1) / ways[0]
    first, last = (other - 1) / ways[1], one * (other - 1) / ways[1]
    return (late - first) / (late - early + last - first)


@pytest.mark.parametrize(("extent", "closed"), AXES, ids=str)
def test_a_gather_along_an_axis_takes_the_time_of_its_messages(extent, closed):
    for latency, payload in ((INSTANT, 1e6), (HOP, 1e-6)):
        torus = Torus(extent, closed, LINK, latency)
        played = torus_all_gather(torus, payload, {(0,): [1.0]})
        assert gathered(torus, payload) == pytest.approx(played, rel=0.01)
    for payload in (1e3, 1e4, 1e5):
        torus = Torus(extent, closed, LINK, HOP)
        played = torus_all_gather(torus, payload, {(0,): [1.0]})
        assert gathered(torus, payload) == pytest.approx(played, rel=0.1)


@pytest.mark.parametrize(("extent", "closed"), PLANES, ids=str)
def test_a_gather_over_two_axes_uses_all_links_at_once(extent, closed):
    torus = Torus(extent, closed, LINK, INSTANT)
    first = split(torus)
    orders = {(0, 1): [first / CHUNKS] * CHUNKS, (1, 0): [(1 - first) / CHUNKS] * CHUNKS}
    assert gathered(torus, 1e6) == pytest.approx(torus_all_gather(torus, 1e6, orders), rel=0.01)


@pytest.mark.parametrize(("extent", "closed"), PLANES, ids=str)
def test_a_gather_over_two_axes_takes_the_hops_to_the_farthest_chip(extent, closed):
    torus = Torus(extent, closed, LINK, HOP)
    played = torus_all_gather(torus, 1e-6, {(0, 1): [0.5], (1, 0): [0.5]})
    assert gathered(torus, 1e-6) == pytest.approx(played, rel=0.01)


@pytest.mark.parametrize(("extent", "closed"), AXES, ids=str)
def test_an_exchange_along_an_axis_is_bound_by_its_middle(extent, closed):
    torus = Torus(extent, closed, LINK, INSTANT)
    found = predicted(exchanges, DIRECT, 1e6, group(*extent), network(torus))
    assert found == pytest.approx(line_exchange(torus, 1e6, 100), rel=0.01)


CLOSED = [((8,), (True,)), ((6,), (True,)), ((4, 4), (True, True)), ((4, 2), (True, True))]


@pytest.mark.parametrize(("extent", "closed"), CLOSED, ids=str)
@pytest.mark.parametrize("payload", [1e-6, 1e5, 1e9], ids=["steps", "both", "bytes"])
def test_partners_apart_on_a_torus_take_the_time_of_the_hops_of_their_messages(
    extent, closed, payload
):
    torus, members = Torus(extent, closed, LINK, HOP), group(float(np.prod(extent)))
    doubled = predicted(gathers, RECURSIVE, payload, members, network(torus))
    assert doubled == pytest.approx(doubling_all_gather(torus, payload), rel=0.1)
    rounds = predicted(exchanges, PAIRWISE, payload, members, network(torus))
    assert rounds == pytest.approx(pairwise_exchange(torus, payload), rel=0.1)


def test_neighbours_alone_cost_what_they_did():
    torus = Torus((2,), (True,), LINK, HOP)
    found = predicted(gathers, RECURSIVE, 1e6, group(2), network(torus))
    assert found == pytest.approx(HOP + 0.5 * 1e6 / LINK)


def test_what_leaves_a_torus_spares_its_middle():
    torus = Torus((4, 4), (True, True), LINK, INSTANT)
    within = predicted(exchanges, DIRECT, 1e6, group(16), network(torus))
    beyond = predicted(exchanges, DIRECT, 1e6, group(32), network(torus))
    assert beyond == pytest.approx(0.5 * within, rel=1e-6)


MESH = [(4, 150e9, 450e9), (4, 150e9, 200e9), (8, 64e9, 448e9), (5, 100e9, 1e12)]
"""Ranks, link of a pair, aggregate of a rank."""


def mesh(ranks: int, pair: float, aggregate: float) -> Network:
    plain = network_of(Fabric((ranks, 2), (aggregate, 50e9), (INSTANT, INSTANT)))
    return plain._replace(pair=np.float64(pair))


@pytest.mark.parametrize(("ranks", "pair", "aggregate"), MESH)
def test_a_gather_on_a_mesh_takes_the_time_of_its_messages(ranks, pair, aggregate):
    levels = mesh(ranks, pair, aggregate)
    for some in range(2, ranks + 1):
        played = mesh_all_gather(some, 1e9, pair, aggregate)
        found = predicted(gathers, RING, 1e9, group(some), levels)
        assert found == pytest.approx(played, rel=0.01)


@pytest.mark.parametrize(("ranks", "pair", "aggregate"), MESH)
def test_one_partner_at_a_time_has_one_link(ranks, pair, aggregate):
    levels = mesh(ranks, pair, aggregate)
    moved = (ranks - 1) / ranks * 1e9
    for program, row in ((gathers, RECURSIVE), (exchanges, PAIRWISE)):
        assert predicted(program, row, 1e9, group(ranks), levels) == pytest.approx(moved / pair)
