"""All-to-all and expert dispatch against messages, closed forms, bounds and measured times."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perfmodel_kernels.exchange import (
    BRUCK,
    DIRECT,
    FORWARDED,
    PAIRWISE,
    Routing,
    all_to_all_times,
    distinct_units,
    exchange_time,
    expert_exchange_traffic,
)
from perfmodel_kernels.topology import Groups, Network, lay
from tests.kernels import exchanges
from tests.kernels.compiling import compiled
from tests.kernels.difference import check_gradient
from tests.kernels.examples import LIBRARY, NETWORK
from tests.kernels.messages import Fabric
from tests.kernels.played import (
    BANDWIDTHS,
    BETWEEN,
    FANS,
    PAYLOADS,
    bandwidth_bound,
    between,
    group,
    latency_bound,
    library,
    network_of,
)

all_to_all = compiled(all_to_all_times)
units_of = compiled(distinct_units)
exchange = compiled(exchange_time)
MERGED = Routing(8.0, 4.0, 1.0)
"""A token that visits eight experts on four units at most, once each."""


@compiled
def exchange_traffic(tokens, copies, limit, members, network):
    routing = Routing(copies, limit, np.float64(1.0))
    return expert_exchange_traffic(tokens, routing, lay(members, network), network)


def ratio(row: int, fabric: Fabric, payload: float, play: Callable, pipelining: float = 0.0):
    """Time of the kernel over that of the messages."""
    found = all_to_all(
        np.array([payload]), group(fabric.ranks), network_of(fabric), library(pipelining)
    )
    return float(found[row, 0]) / play(fabric, payload)


def once(fabric: Fabric, payload: float) -> float:
    return exchanges.forwarded(fabric, payload, 1)


def streamed(fabric: Fabric, payload: float) -> float:
    return exchanges.forwarded(fabric, payload, 200)


POWERS = [fan for fan in FANS if np.log2(np.prod(fan)) % 1 == 0]
PLAYED = [(PAIRWISE, exchanges.pairwise), (DIRECT, exchanges.direct), (FORWARDED, once)]
NAMES = ["pairwise", "direct", "forwarded"]


@pytest.mark.parametrize("fan", FANS, ids=str)
@pytest.mark.parametrize(("row", "play"), PLAYED, ids=NAMES)
def test_an_exchange_takes_the_time_of_its_messages(row, play, fan):
    assert ratio(row, latency_bound(fan), 1e6, play) == pytest.approx(1.0, abs=1e-3)
    for bandwidth in BANDWIDTHS:
        fabric = bandwidth_bound(fan, bandwidth)
        assert ratio(row, fabric, 1e6, play) == pytest.approx(1.0, abs=0.01)
    for payload in PAYLOADS:
        assert ratio(row, between(fan), payload, play) == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize("fan", POWERS, ids=str)
def test_bruck_takes_the_time_of_its_messages(fan):
    slow_outside = bandwidth_bound(fan, BETWEEN)
    assert ratio(BRUCK, latency_bound(fan), 1e6, exchanges.bruck) == pytest.approx(1.0, abs=1e-3)
    assert ratio(BRUCK, slow_outside, 1e6, exchanges.bruck) == pytest.approx(1.0, abs=0.01)
    for payload in PAYLOADS:
        found = ratio(BRUCK, between(fan), payload, exchanges.bruck)
        assert found == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize("count", range(2, 34))
def test_bruck_counts_at_most_half_too_many_bytes_where_ranks_are_no_power_of_two(count):
    found = ratio(BRUCK, bandwidth_bound((count,), BETWEEN), 1e6, exchanges.bruck)
    assert 1.0 - 1e-6 <= found <= 1.5 + 1e-6


@pytest.mark.parametrize("fan", FANS, ids=str)
@pytest.mark.parametrize("bandwidth", BANDWIDTHS, ids=["links", "cards", "outside"])
def test_a_pipelined_forwarded_exchange_takes_its_slower_stage(bandwidth, fan):
    fabric = bandwidth_bound(fan, bandwidth)
    assert ratio(FORWARDED, fabric, 1e6, streamed, 1.0) == pytest.approx(1.0, abs=0.01)


def dispatched(fabric: Fabric, width: float, copies: int = 4, tokens: int = 300) -> float:
    """Time of the kernel over that of the messages of a dispatch."""
    network, members = network_of(fabric), group(fabric.ranks)
    sent = exchange_traffic(float(tokens), float(copies), 1e3, members, network)
    found = float(exchange(np.asarray(sent) * width, members, network, library()))
    return found / exchanges.dispatch(fabric, tokens, copies, width)


@pytest.mark.parametrize("fan", [(8,), (4, 2), (4, 4), (8, 4), (4, 2, 4)], ids=str)
@pytest.mark.parametrize("bandwidth", BANDWIDTHS, ids=["links", "cards", "outside"])
def test_a_dispatch_takes_the_time_of_its_messages_but_for_the_luck_of_the_draw(bandwidth, fan):
    """The busiest port of a few hundred random tokens carries up to a tenth more than the mean."""
    assert dispatched(bandwidth_bound(fan, bandwidth), 7168.0) == pytest.approx(0.95, abs=0.07)


def test_one_rank_takes_no_time():
    assert np.all(np.asarray(all_to_all(np.array([1e9]), group(1), NETWORK, LIBRARY)) == 0.0)


sizes = st.integers(2, 5000).map(float)
strides = st.sampled_from([1.0, 2.0, 4.0, 8.0, 64.0])
payloads = st.floats(1e3, 1e10)
levels = st.integers(0, 3)


def times(payload: float, members: Groups, network: Network = NETWORK) -> np.ndarray:
    return np.asarray(all_to_all(np.array([payload]), members, network, LIBRARY))[:, 0]


@settings(max_examples=60, deadline=None)
@given(payloads, st.builds(group, sizes, strides), st.floats(1.01, 10.0))
def test_a_longer_buffer_takes_longer(payload, members, factor):
    assert np.all(times(payload * factor, members) > times(payload, members))


@settings(max_examples=60, deadline=None)
@given(
    payloads,
    st.builds(group, sizes, strides),
    levels,
    st.floats(1.01, 10.0),
    st.sampled_from([("bandwidth", -1), ("latency", 1), ("bulk_latency", 1)]),
)
def test_more_bandwidth_is_never_slower_and_more_latency_never_faster(
    payload, members, level, factor, field
):
    name, sign = field
    values = getattr(NETWORK, name).copy()
    values[level] *= factor
    moved = times(payload, members, NETWORK._replace(**{name: values}))
    assert np.all(sign * (moved - times(payload, members)) >= -1e-12 * moved)


@settings(max_examples=60, deadline=None)
@given(payloads, sizes, strides)
def test_no_exchange_beats_its_card(payload, size, stride):
    leaves = 1.0 - min(max(8.0 // stride, 1.0), size) / size
    assert np.all(times(payload, group(size, stride)) >= payload * leaves / 50e9 * (1 - 1e-9))


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
    assert float(exchange(traffic, group(1), NETWORK, LIBRARY)) == 0.0


def test_an_exchange_takes_its_slowest_level_and_one_step():
    traffic = np.array([8e6, 2e6, 0.0])
    fabric = Fabric((8, 4, 32), (400e9, 50e9, 50e9), (1e-6, 3e-6, 4e-6))
    found = exchange(traffic, group(32), network_of(fabric), library())
    assert float(found) == pytest.approx(max(8e6 / 400e9, 2e6 / 50e9) + 3e-6, rel=1e-6)


def test_naming_the_leaves_changes_no_exchange():
    plain = network_of(Fabric((8, 512), (400e9, 50e9), (2e-6, 5e-6)))
    leaves = network_of(Fabric((8, 4, 128), (400e9, 50e9, 50e9), (2e-6, 5e-6, 5e-6)))
    for ranks in (32, 64, 256, 4096):
        members = group(ranks)
        found = [
            float(exchange(exchange_traffic(4e6, 8.0, 4.0, members, net), members, net, LIBRARY))
            for net in (plain, leaves)
        ]
        assert found[0] == pytest.approx(found[1], rel=0.01)
        whole = [times(1e8, members, net)[[DIRECT, FORWARDED]] for net in (plain, leaves)]
        np.testing.assert_allclose(whole[0], whole[1], rtol=1e-6)


# intranode dispatch 153 GB/s; 400 Gb/s NDR: deepseek-ai/DeepEP docs/legacy.md@dd758ca
H800 = network_of(Fabric((8, 2**20), (153e9, 50e9 * 0.93), (2e-6, 5e-6)))


def dispatch_time(ranks: int) -> float:
    """4,096 tokens of 7,168 bytes to 8 experts on at most 4 nodes."""
    copies = exchange_traffic(4096.0, 8.0, 4.0, group(ranks), H800)
    return float(exchange(np.asarray(copies) * 7168.0, group(ranks), H800, library()))


def test_deepep_dispatch_over_eight_nodes_within_ten_percent():
    # deepseek-ai/DeepEP docs/legacy.md@dd758ca: FP8, EP 64, 51 GB/s or 2,303 us
    assert dispatch_time(64) == pytest.approx(2303e-6, rel=0.10)


def test_deepep_dispatch_over_two_nodes_within_twenty_five_percent():
    # deepseek-ai/DeepEP docs/legacy.md@dd758ca: FP8, EP 16, 43 GB/s or 1,366 us
    assert dispatch_time(16) == pytest.approx(1366e-6, rel=0.25)


def test_copies_that_are_not_merged_travel_once_to_each_expert():
    reach = lay(group(64), NETWORK)
    apart = np.asarray(expert_exchange_traffic(512.0, MERGED._replace(merged=0.0), reach, NETWORK))
    merged = np.asarray(expert_exchange_traffic(512.0, MERGED, reach, NETWORK))
    # eight chips a domain: 8 of 64 ranks are near, one of them the sender
    assert apart[0] == pytest.approx(512.0 * 8.0 * 7.0 / 64.0, rel=1e-6)
    assert apart[1:].sum() == pytest.approx(512.0 * 8.0 * 56.0 / 64.0, rel=1e-6)
    assert apart[1:].sum() > merged[1:].sum()


def test_one_copy_travels_the_same_merged_or_not():
    reach, one = lay(group(64), NETWORK), MERGED._replace(copies=1.0)
    apart = expert_exchange_traffic(512.0, one._replace(merged=0.0), reach, NETWORK)
    merged = expert_exchange_traffic(512.0, one, reach, NETWORK)
    np.testing.assert_allclose(np.asarray(apart)[1:], np.asarray(merged)[1:], rtol=1e-6)


@pytest.mark.parametrize(("field", "sign"), [("bandwidth", -1), ("latency", 1)])
def test_gradient_of_an_exchange_equals_the_difference(field, sign):
    values = getattr(NETWORK, field)

    def scaled(factor):
        return NETWORK._replace(**{field: values * factor})

    def routed(factor):
        network = scaled(factor)
        copies = expert_exchange_traffic(512.0, MERGED, lay(group(64), network), network)
        return exchange_time(copies * 7168.0, group(64), network, LIBRARY)

    check_gradient(routed, 1.0, sign)
    for row in (PAIRWISE, BRUCK, DIRECT, FORWARDED):
        check_gradient(
            lambda factor, row=row: all_to_all_times(
                np.array([1e7]), group(64), scaled(factor), LIBRARY
            )[row, 0],
            1.0,
            sign,
        )
