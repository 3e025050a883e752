"""Collectives against messages played one by one, closed forms, bounds and measured times."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perfmodel_kernels.collectives import (
    distinct_units,
    exchange_time,
    expert_exchange_traffic,
    gather_sent,
    gather_time,
    hierarchical_gather_time,
    ring_gather_time,
    send_time,
)
from perfmodel_kernels.topology import Groups, Network
from tests.kernels.compiling import compiled
from tests.kernels.difference import check_gradient
from tests.kernels.examples import NETWORK
from tests.kernels.messages import Fabric, Result, hierarchical_all_gather, ring_all_gather

ring = compiled(ring_gather_time)
hierarchical = compiled(hierarchical_gather_time)
gather = compiled(gather_time)
sent = compiled(gather_sent)
units_of = compiled(distinct_units)
exchange_traffic = compiled(expert_exchange_traffic)
exchange = compiled(exchange_time)
send = compiled(send_time)


def group(size: float, stride: float = 1.0) -> Groups:
    return Groups(np.array([float(size)]), np.array([float(stride)]))


def time(algorithm, payload: float, members: Groups, network: Network = NETWORK) -> float:
    return float(algorithm(np.array([float(payload)]), members, network)[0])


def network_of(fabric: Fabric) -> Network:
    domains = np.cumprod(fabric.fan).astype(float)
    return Network(domains, np.array(fabric.bandwidth), np.array(fabric.latency))


def of_kernel(algorithm, fabric: Fabric, payload: float) -> float:
    return time(algorithm, payload, group(fabric.ranks), network_of(fabric))


FANS = [(8,), (5,), (4, 2), (8, 2), (8, 4), (6, 3), (4, 2, 3), (2, 8)]
SEVERAL = [fan for fan in FANS if len(fan) > 1]
FREE, INSTANT = 1e18, 1e-15
"""A bandwidth and a latency that cost nothing here."""


def latency_bound(fan: tuple[int, ...]) -> Fabric:
    levels = len(fan)
    return Fabric(fan, (FREE,) * levels, (2e-6, 5e-6, 8e-6)[:levels])


def bandwidth_bound(fan: tuple[int, ...], bandwidth: tuple[float, ...]) -> Fabric:
    return Fabric(fan, bandwidth[: len(fan)], (INSTANT,) * len(fan))


OUTER_SLOW = (1e12, 5e9, 5e7)
INNER_SLOW = (1e9, 1e12, 1e13)


@pytest.mark.parametrize("fan", FANS, ids=str)
@pytest.mark.parametrize("bandwidth", [OUTER_SLOW, INNER_SLOW], ids=["outer", "inner"])
def test_level_by_level_gathers_take_the_time_of_their_messages(fan, bandwidth):
    fabrics = (latency_bound(fan), bandwidth_bound(fan, bandwidth))
    for fabric in fabrics:
        played = hierarchical_all_gather(fabric, 1e6)
        assert of_kernel(hierarchical, fabric, 1e6) == pytest.approx(played.time, rel=1e-6)


@pytest.mark.parametrize("fan", FANS, ids=str)
def test_a_ring_whose_cards_are_slow_takes_the_time_of_its_messages(fan):
    fabric = bandwidth_bound(fan, OUTER_SLOW)
    played = ring_all_gather(fabric, 1e6)
    assert of_kernel(ring, fabric, 1e6) == pytest.approx(played.time, rel=0.01)


@pytest.mark.parametrize("fan", [(8,), (5,), (16,)], ids=str)
def test_a_ring_on_one_switch_takes_the_latency_of_its_messages(fan):
    fabric = latency_bound(fan)
    played = ring_all_gather(fabric, 1.0)
    assert of_kernel(ring, fabric, 1.0) == pytest.approx(played.time, rel=1e-6)


@pytest.mark.parametrize("fan", SEVERAL, ids=str)
def test_a_ring_over_several_units_takes_the_latency_of_its_messages(fan):
    fabric = latency_bound(fan)
    played = ring_all_gather(fabric, 1.0)
    assert of_kernel(ring, fabric, 1.0) == pytest.approx(played.time, rel=0.01)


@pytest.mark.parametrize("fan", SEVERAL, ids=str)
def test_rings_whose_inner_links_are_slow_take_the_time_of_their_messages(fan):
    fabric = bandwidth_bound(fan, INNER_SLOW)
    played = ring_all_gather(fabric, 1e6)
    assert of_kernel(ring, fabric, 1e6) == pytest.approx(played.time, rel=0.01)


@pytest.mark.parametrize("fan", FANS, ids=str)
def test_bytes_sent_over_each_level_equal_those_of_the_messages(fan):
    fabric = bandwidth_bound(fan, OUTER_SLOW)
    played: Result = hierarchical_all_gather(fabric, 1e6)
    found = sent(np.array([1e6]), group(fabric.ranks), network_of(fabric))[0]
    np.testing.assert_allclose(found, played.sent, rtol=1e-9)


@pytest.mark.parametrize("algorithm", [ring, hierarchical, gather])
def test_one_rank_takes_no_time(algorithm):
    assert time(algorithm, 1e9, group(1)) == 0.0


def test_one_rank_sends_nothing():
    assert float(sent(np.array([1e9]), group(1), NETWORK).sum()) == 0.0


@pytest.mark.parametrize("algorithm", [ring, hierarchical])
def test_an_empty_buffer_takes_the_latency_alone(algorithm):
    halved = NETWORK._replace(bandwidth=NETWORK.bandwidth / 2)
    assert time(algorithm, 0.0, group(64)) == time(algorithm, 0.0, group(64), halved) > 0.0


def test_a_ring_of_gather_and_scatter_is_the_published_all_reduce():
    # Patarasuk and Yuan 2009: 2 (n - 1) (alpha + S / (n B))
    published = 2 * 7 * (2e-6 + 1e9 / (8 * 400e9))
    assert 2 * time(ring, 1e9, group(8)) == pytest.approx(published, rel=1e-12)


def test_doubling_within_a_switch_is_the_published_all_gather():
    # Thakur, Rabenseifner and Gropp 2005: log2(n) alpha + (n - 1)/n S / B
    published = 3 * 2e-6 + 7 / 8 * 1e9 / 400e9
    assert time(hierarchical, 1e9, group(8)) == pytest.approx(published, rel=1e-12)


def test_gathers_over_two_nodes_by_hand():
    # 16 ranks, 8 on a switch of 400 GB/s and 2 us, nodes joined by 8 cards of 50 GB/s and 5 us
    by_ring = 13 * 2e-6 + 2 * 5e-6 + 15 / 16 * 1e9 / (8 * 50e9)
    by_level = 3 * 2e-6 + 1 * 5e-6 + 7 / 8 * 1e9 / 400e9 + 1 / 2 * 1e9 / (8 * 50e9)
    assert time(ring, 1e9, group(16)) == pytest.approx(by_ring, rel=1e-12)
    assert time(hierarchical, 1e9, group(16)) == pytest.approx(by_level, rel=1e-12)
    assert time(gather, 1e9, group(16)) == pytest.approx(by_ring, rel=1e-12)


def test_long_messages_take_the_ring_and_short_ones_the_levels():
    assert time(gather, 10e9, group(32)) == time(ring, 10e9, group(32))
    assert time(gather, 1e3, group(32)) == time(hierarchical, 1e3, group(32))


def test_ranks_of_one_rail_use_one_card():
    alone = time(ring, 1e9, group(4, stride=8))
    assert alone == pytest.approx(3 * 5e-6 + 3 / 4 * 1e9 / 50e9, rel=1e-12)


def test_a_level_that_joins_nobody_new_costs_nothing():
    padded = NETWORK
    short = Network(*(values[:4] for values in NETWORK))
    for size in (3, 8, 100, 5000):
        assert time(gather, 1e8, group(size), padded) == time(gather, 1e8, group(size), short)


sizes = st.integers(2, 5000).map(float)
strides = st.sampled_from([1.0, 2.0, 4.0, 8.0, 64.0])
payloads = st.floats(1e3, 1e10)
levels = st.integers(0, 3)
algorithms = st.sampled_from([ring, hierarchical, gather])
groups = st.builds(group, sizes, strides)


@settings(max_examples=60, deadline=None)
@given(payload=payloads, size=sizes, stride=strides)
def test_no_gather_beats_the_cards_of_a_unit(payload, size, stride):
    for level in range(1, 4):
        inside = min(max(NETWORK.domain[level - 1] // stride, 1.0), size)
        entering = payload * (1 - inside / size)
        fastest = NETWORK.bandwidth[level:].max()
        limit = entering / (inside * fastest)
        assert time(gather, payload, group(size, stride)) >= limit * (1 - 1e-9)


@settings(max_examples=60, deadline=None)
@given(algorithms, payloads, groups, st.floats(1.01, 10.0))
def test_a_longer_payload_takes_longer(algorithm, payload, members, factor):
    assert time(algorithm, payload * factor, members) > time(algorithm, payload, members)


@settings(max_examples=60, deadline=None)
@given(algorithms, payloads, groups, levels, st.floats(1.01, 10.0))
def test_more_bandwidth_never_takes_longer(algorithm, payload, members, level, factor):
    bandwidth = NETWORK.bandwidth.copy()
    bandwidth[level] *= factor
    wider = time(algorithm, payload, members, NETWORK._replace(bandwidth=bandwidth))
    assert wider <= time(algorithm, payload, members)


@settings(max_examples=60, deadline=None)
@given(algorithms, payloads, groups, levels, st.floats(1.01, 10.0))
def test_more_latency_is_never_faster(algorithm, payload, members, level, factor):
    latency = NETWORK.latency.copy()
    latency[level] *= factor
    later = time(algorithm, payload, members, NETWORK._replace(latency=latency))
    assert later >= time(algorithm, payload, members)


@settings(max_examples=60, deadline=None)
@given(payload=payloads, size=sizes, stride=strides)
def test_every_rank_sends_as_much_as_it_misses(payload, size, stride):
    total = float(sent(np.array([payload]), group(size, stride), NETWORK).sum())
    assert total == pytest.approx(payload * (size - 1) / size, rel=1e-9)


@settings(max_examples=60, deadline=None)
@given(
    copies=st.integers(1, 16).map(float),
    units=st.floats(1.0, 256.0),
    limit=st.integers(1, 16).map(float),
)
def test_tokens_visit_no_more_units_than_there_are_copies_units_or_permits(copies, units, limit):
    visited = float(units_of(copies, np.array([units]), limit)[0])
    assert 0.99 < visited <= min(copies, units, limit) * (1 + 1e-9)


def test_one_copy_visits_one_unit():
    visited = units_of(1.0, np.array([1.0, 2.0, 64.0]), 8.0)
    np.testing.assert_allclose(visited, 1.0, rtol=1e-5)


class Dispatch:
    """Tokens that choose experts at random and are forwarded inside their node, counted."""

    ranks, node, experts, copies, tokens = 32, 8, 64, 4, 4000

    def __init__(self) -> None:
        draw = np.random.default_rng(7)
        per_rank = self.experts // self.ranks
        chosen = np.argsort(draw.random((self.tokens, self.experts)), axis=1)[:, : self.copies]
        homes = chosen // per_rank
        sources = draw.integers(self.ranks, size=self.tokens)
        self.outside = self.inside = 0
        for source, home in zip(sources, homes, strict=True):
            targets = set(home.tolist())
            nodes = {target // self.node for target in targets}
            self.outside += len(nodes - {source // self.node})
            entry = {node * self.node + source % self.node for node in nodes}  # same rail
            self.inside += len(targets - entry)

    def expected(self) -> np.ndarray:
        """Copies per token and level, of the kernel."""
        members = group(self.ranks)
        return np.asarray(exchange_traffic(1.0, float(self.copies), 4.0, members, NETWORK))


def test_tokens_cross_the_cards_once_per_node_that_holds_one_of_their_experts():
    dispatch = Dispatch()
    assert dispatch.expected()[1] == pytest.approx(dispatch.outside / dispatch.tokens, rel=0.03)


def test_tokens_from_other_nodes_are_forwarded_over_the_inner_links():
    dispatch = Dispatch()
    assert dispatch.expected()[0] == pytest.approx(dispatch.inside / dispatch.tokens, rel=0.03)


def test_within_one_switch_every_distinct_rank_but_the_own_is_sent_a_copy():
    found = exchange_traffic(512.0, 4.0, 4.0, group(8), NETWORK)
    distinct = 8 * (1 - (7 / 8) ** 4)
    np.testing.assert_allclose(found, [512 * distinct * 7 / 8, 0, 0, 0, 0], rtol=1e-9)


def test_one_expert_rank_exchanges_nothing():
    traffic = np.asarray(exchange_traffic(512.0, 4.0, 4.0, group(1), NETWORK))
    assert np.all(traffic == 0)
    assert float(exchange(traffic, group(1), NETWORK)) == 0.0


def test_an_exchange_takes_its_slowest_level_and_its_steps():
    traffic = np.array([8e6, 2e6, 0.0, 0.0, 0.0])
    expected = max(8e6 / 400e9, 2e6 / 50e9) + 3 * 2e-6 + 2 * 5e-6
    assert float(exchange(traffic, group(32), NETWORK)) == pytest.approx(expected, rel=1e-12)


PLAIN = Network(np.array([8.0, 1e9]), np.array([400e9, 50e9]), np.array([2e-6, 5e-6]))
LEAVES = Network(
    np.array([8.0, 32.0, 1e9]), np.array([400e9, 50e9, 50e9]), np.array([2e-6, 5e-6, 5e-6])
)
"""The same network with its leaves named: one card per chip, nothing oversubscribed."""


@pytest.mark.parametrize("size", [16, 32, 64, 256, 4096])
@pytest.mark.parametrize("algorithm", [ring, hierarchical])
def test_naming_the_leaves_changes_no_gather(algorithm, size):
    plain, leaves = (time(algorithm, 1e9, group(size), net) for net in (PLAIN, LEAVES))
    assert leaves == pytest.approx(plain, rel=1e-3)


def traffic_time(ranks: int, network: Network) -> float:
    members = group(ranks)
    copies = exchange_traffic(4096.0, 8.0, 4.0, members, network)
    return float(exchange(np.asarray(copies) * 7168.0, members, network))


def test_naming_the_leaves_changes_no_exchange_within_one():
    assert traffic_time(32, LEAVES) == pytest.approx(traffic_time(32, PLAIN), rel=0.01)


@pytest.mark.parametrize("ranks", [64, 256])
def test_naming_the_leaves_changes_no_exchange(ranks):
    assert traffic_time(ranks, LEAVES) == pytest.approx(traffic_time(ranks, PLAIN), rel=0.01)


H800 = Network(
    domain=np.array([8.0, 1e9]),
    bandwidth=np.array([153e9, 50e9 * 0.93]),  # intranode dispatch of the same test; 400 Gb/s NDR
    latency=np.array([2e-6, 5e-6]),
)


def dispatch_time(ranks: int) -> float:
    """4,096 tokens of 7,168 bytes to 8 experts on at most 4 nodes."""
    copies = exchange_traffic(4096.0, 8.0, 4.0, group(ranks), H800)
    return float(exchange(np.asarray(copies) * 7168.0, group(ranks), H800))


def test_deepep_dispatch_over_eight_nodes_within_ten_percent():
    # deepseek-ai/DeepEP docs/legacy.md@dd758ca: FP8, EP 64, 51 GB/s or 2,303 us
    assert dispatch_time(64) == pytest.approx(2303e-6, rel=0.10)


def test_deepep_dispatch_over_two_nodes_within_twenty_five_percent():
    # deepseek-ai/DeepEP docs/legacy.md@dd758ca: FP8, EP 16, 43 GB/s or 1,366 us
    assert dispatch_time(16) == pytest.approx(1366e-6, rel=0.25)


@pytest.mark.parametrize(
    ("stride", "level"), [(1, 0), (7, 0), (8, 1), (31, 1), (32, 2), (1024, 3), (10**6, 3)]
)
def test_a_message_takes_the_innermost_level_that_reaches_its_peer(stride, level):
    expected = NETWORK.latency[level] + 1e6 / NETWORK.bandwidth[level]
    assert float(send(1e6, float(stride), NETWORK)) == pytest.approx(expected, rel=1e-12)


def test_beyond_every_level_a_message_takes_the_outermost():
    assert float(send(0.0, 1e12, NETWORK)) == NETWORK.latency[-1]


@pytest.mark.parametrize("algorithm", [ring_gather_time, hierarchical_gather_time, gather_time])
@pytest.mark.parametrize(("field", "sign"), [("bandwidth", -1), ("latency", 1)])
def test_gradient_of_a_gather_equals_the_difference(algorithm, field, sign):
    values = getattr(NETWORK, field)

    def taken(factor):
        scaled = NETWORK._replace(**{field: values * factor})
        return algorithm(np.array([1e9]), group(64), scaled)[0]

    check_gradient(taken, 1.0, sign)


@pytest.mark.parametrize(("field", "sign"), [("bandwidth", -1), ("latency", 1)])
def test_gradient_of_an_exchange_equals_the_difference(field, sign):
    values = getattr(NETWORK, field)

    def taken(factor):
        scaled = NETWORK._replace(**{field: values * factor})
        copies = expert_exchange_traffic(512.0, 8.0, 4.0, group(64), scaled)
        return exchange_time(copies * 7168.0, group(64), scaled)

    check_gradient(taken, 1.0, sign)


def test_gradient_of_a_message_equals_the_difference():
    check_gradient(lambda size: send_time(size, 16.0, NETWORK), 1e6, 1)
