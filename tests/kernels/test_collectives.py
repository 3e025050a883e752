"""Gathers, all-reduces and sends: closed forms, limits, bounds and gradients."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perfmodel.config.library import Library as Configs
from perfmodel.lowering.fabric import lower_network
from perfmodel_kernels.collectives import (
    GATHERS,
    IN_NETWORK,
    NEVER,
    RAIL,
    RECURSIVE,
    RING,
    TREE,
    Costs,
    all_reduce_time,
    all_reduce_times,
    collective_costs,
    faster,
    gather_sent,
    gather_time,
    gather_times,
    send_time,
    times_of,
)
from perfmodel_kernels.topology import Groups, Network
from tests.kernels.compiling import compiled
from tests.kernels.difference import check_gradient
from tests.kernels.examples import LIBRARY, NETWORK, as_arrays
from tests.kernels.messages import Fabric
from tests.kernels.played import LATENCY, group, library, network_of

gathers = compiled(gather_times)
all_reduces = compiled(all_reduce_times)
gather = compiled(gather_time)
all_reduce = compiled(all_reduce_time)
costs = compiled(collective_costs)
sent = compiled(gather_sent)
send = compiled(send_time)
better = compiled(faster)

NODES = network_of(Fabric((8, 4, 32), (400e9, 50e9, 45e9), (2e-6, 5e-6, 6e-6)))
"""One protocol; 8 chips on a switch, 4 such on a leaf."""


def times(program, payload: float, members: Groups, network: Network = NETWORK) -> np.ndarray:
    """Time by algorithm, with the software of the examples."""
    return np.asarray(program(np.array([float(payload)]), members, network, LIBRARY))[:, 0]


def plain(program, payload: float, members: Groups) -> np.ndarray:
    """Time by algorithm over the nodes, without a launch."""
    return np.asarray(program(np.array([float(payload)]), members, NODES, library()))[:, 0]


def test_one_rank_takes_no_time():
    for program in (gathers, all_reduces):
        assert np.all(times(program, 1e9, group(1)) == 0.0)
    for program in (gather, all_reduce):
        assert np.all(np.asarray(program(np.array([1e9]), group(1), NETWORK, LIBRARY)) == 0.0)
    assert float(sent(np.array([1e9]), group(1), NETWORK).sum()) == 0.0


def test_a_ring_of_gather_and_scatter_is_the_published_all_reduce():
    # Patarasuk and Yuan 2009: 2 (n - 1) (alpha + S / (n B))
    published = 2 * 7 * (2e-6 + 1e9 / (8 * 400e9))
    assert plain(all_reduces, 1e9, group(8))[RING] == pytest.approx(published, rel=1e-6)


def test_doubling_within_a_switch_is_the_published_all_gather():
    # Thakur, Rabenseifner and Gropp 2005: log2(n) alpha + (n - 1)/n S / B
    published = 3 * 2e-6 + 7 / 8 * 1e9 / 400e9
    assert plain(gathers, 1e9, group(8))[RECURSIVE] == pytest.approx(published, rel=1e-6)


def test_gathers_over_two_nodes_by_hand():
    # 16 ranks, 8 on a switch of 400 GB/s and 2 us, nodes joined by 8 cards of 50 GB/s and 5 us
    ring = 15 / 16 * 1e9 / (8 * 50e9)  # the cards work all the time, the steps hide
    levels = 7 / 8 * 1e9 / 400e9 + 1 / 2 * 1e9 / (8 * 50e9)
    found = plain(gathers, 1e9, group(16))
    assert found[RING] == pytest.approx(ring, rel=1e-6)
    assert found[RECURSIVE] == pytest.approx(3 * 2e-6 + 5e-6 + levels, rel=1e-6)
    assert found[RAIL] == pytest.approx(7 * 2e-6 + 5e-6 + levels, rel=1e-6)


def test_ranks_of_one_rail_use_one_card():
    alone = plain(gathers, 1e9, group(4, stride=8))[RING]
    assert alone == pytest.approx(3 * 5e-6 + 3 / 4 * 1e9 / 50e9, rel=1e-6)


def test_the_fastest_algorithm_that_the_software_has_is_chosen():
    members, payload = group(1024), np.array([1e6])
    only = LIBRARY._replace(allowed=np.eye(5)[RING])
    each = times(all_reduces, 1e6, members)
    assert float(all_reduce(payload, members, NETWORK, LIBRARY)[0]) == each.min() < each[RING]
    assert float(all_reduce(payload, members, NETWORK, only)[0]) == each[RING]
    rest = np.asarray(all_reduces(payload, members, NETWORK, only))[:, 0]
    assert np.all(rest[[RECURSIVE, RAIL, TREE, IN_NETWORK]] > 0.5 * NEVER)


def test_no_level_that_adds_means_no_reduction_in_the_network():
    plain_switches = NETWORK._replace(reduction=np.zeros(5))
    assert times(all_reduces, 1e6, group(64), plain_switches)[IN_NETWORK] > 0.5 * NEVER
    assert times(all_reduces, 1e6, group(64))[IN_NETWORK] < 1.0


RACKS = network_of(Fabric((72, 64), (900e9, 50e9), (1e-6, 5e-6)), reduction=1.0)._replace(
    reduction=np.array([0.5, 0.0])
)
"""Domains of 72 chips that reduce, cards that do not."""


def racks(leaving: float, chunk: float, payload: float, domains: int) -> np.ndarray:
    """All-reduce over domains, by algorithm."""
    software = library()._replace(leaving=np.float64(leaving), chunk=np.float64(chunk))
    members = group(72 * domains)
    return np.asarray(all_reduces(np.array([payload]), members, RACKS, software))[:, 0]


@pytest.mark.parametrize(("domains", "share"), [(2, 1.0), (20, 2.0)])
def test_trees_between_racks_end_at_what_their_channels_move(domains, share):
    # coreweave/nccl-tests@0120901: all-reduces over 2 racks end at 429, over 20 at 215 GB/s
    more, less = (racks(430e9, 0.0, payload, domains) for payload in (2e12, 1e12))
    for row in (TREE, IN_NETWORK):
        assert more[row] - less[row] == pytest.approx(share * 1e12 / 430e9, rel=1e-6)
    less, more = (racks(430e9, 0.0, payload, domains)[RING] for payload in (1e12, 2e12))
    assert more - less == pytest.approx(2.0 * (1 - 1 / (72 * domains)) * 1e12 / 430e9, rel=1e-6)


def test_cards_bound_what_leaves_a_domain_where_there_are_few():
    wide, narrow = (racks(leaving, 0.0, 1e12, 20) for leaving in (1e18, 72 * 50e9))
    np.testing.assert_allclose(wide[:IN_NETWORK], narrow[:IN_NETWORK])


def test_a_chunk_fills_its_tree_once():
    # two hops in the domain and twice five between 20 domains, each at what leaves one
    filled, empty = (racks(430e9, chunk, 1e12, 20) for chunk in (2e6, 0.0))
    assert filled[IN_NETWORK] - empty[IN_NETWORK] == pytest.approx(12 * 72 * 2e6 / 430e9)
    np.testing.assert_array_equal(filled[:IN_NETWORK], empty[:IN_NETWORK])
    np.testing.assert_array_equal(racks(430e9, 2e6, 1e12, 1), racks(430e9, 0.0, 1e12, 1))


@pytest.mark.parametrize("row", [RING, TREE, IN_NETWORK])
def test_gradient_of_a_narrow_exit_equals_the_difference(row):
    def time(leaving):
        software = library()._replace(leaving=leaving, chunk=2e6)
        return all_reduce_times(np.array([1e10]), group(1440), RACKS, software)[row, 0]

    check_gradient(time, 430e9, sign=-1)


def test_an_all_reduce_is_a_scatter_and_a_gather():
    started = LIBRARY._replace(launch=np.float64(0.0))
    payload, members = np.array([1e8]), group(64)
    both = np.asarray(all_reduces(payload, members, NETWORK, started))[:GATHERS]
    np.testing.assert_allclose(both, 2 * gathers(payload, members, NETWORK, started), rtol=1e-12)


def test_a_level_that_joins_nobody_new_costs_nothing():
    short = jax.tree.map(lambda part: part[..., :4] if np.ndim(part) else part, NETWORK)
    for size in (3, 8, 100, 5000):
        for program in (gathers, all_reduces):
            np.testing.assert_allclose(
                times(program, 1e8, group(size)), times(program, 1e8, group(size), short)
            )


@pytest.mark.parametrize("size", [16, 32, 64, 256, 4096])
def test_naming_the_leaves_changes_no_gather(size):
    unnamed = network_of(Fabric((8, 512), (400e9, 50e9), (2e-6, 5e-6)))
    named = network_of(Fabric((8, 4, 128), (400e9, 50e9, 50e9), (2e-6, 5e-6, 5e-6)))
    for program in (gathers, all_reduces):
        without, within = (times(program, 1e9, group(size), net) for net in (unnamed, named))
        np.testing.assert_allclose(within, without, rtol=1e-3 if size < 33 else 0.05)


durations = st.floats(1e-7, 1e3)


@given(durations, durations)
def test_the_blend_is_never_above_either_protocol(short, bulk):
    both = float(better(np.array([short]), np.array([bulk]))[0])
    assert 2**-0.25 * min(short, bulk) * (1 - 1e-9) <= both <= min(short, bulk) * (1 + 1e-6)


@settings(max_examples=40, deadline=None)
@given(st.floats(1.0, 1e11), st.integers(2, 100_000), st.sampled_from([1.0, 8.0, 64.0]))
def test_no_collective_takes_longer_than_under_one_protocol(payload, size, stride):
    found = costs(group(size, stride), NETWORK, LIBRARY)
    for one in found:
        blended = np.asarray(times_of(np.array([payload]), Costs(*one)))
        for cost in one:
            alone = np.asarray(cost.latency) + payload * np.asarray(cost.pace)
            assert np.all(blended <= alone * (1 + 1e-6))


def test_short_messages_take_the_low_latency_protocol_and_long_ones_the_bulk():
    found = costs(group(64), NETWORK, LIBRARY).gather
    for payload, one in ((1e2, found.short), (1e11, found.bulk)):
        alone = np.asarray(one.latency) + payload * np.asarray(one.pace)
        blended = times_of(np.array([payload]), Costs(*found))
        np.testing.assert_allclose(blended, alone, rtol=0.01)


sizes = st.integers(2, 5000).map(float)
strides = st.sampled_from([1.0, 2.0, 4.0, 8.0, 64.0])
payloads = st.floats(1e3, 1e10)
levels = st.integers(0, 3)
programs = st.sampled_from([gathers, all_reduces])
groups = st.builds(group, sizes, strides)


@settings(max_examples=60, deadline=None)
@given(payload=payloads, size=sizes, stride=strides)
def test_no_gather_beats_the_cards_of_a_unit(payload, size, stride):
    for level in range(1, 4):
        inside = min(max(NETWORK.domain[level - 1] // stride, 1.0), size)
        entering = payload * (1 - inside / size)
        limit = entering / (inside * NETWORK.bandwidth[level:].max())
        assert np.all(times(gathers, payload, group(size, stride)) >= limit * (1 - 1e-9))


@settings(max_examples=60, deadline=None)
@given(programs, payloads, groups, st.floats(1.01, 10.0))
def test_a_longer_payload_takes_longer(program, payload, members, factor):
    longer, before = times(program, payload * factor, members), times(program, payload, members)
    able = before < 0.5 * NEVER
    assert np.all(longer[able] > before[able])


HARDER = [
    ("bandwidth", -1), ("short_fraction", -1), ("reduction", -1), ("latency", 1),
    ("bulk_latency", 1), ("spread", 1), ("pair", -1),
]  # fmt: skip


calls = st.tuples(programs, payloads, groups)


@settings(max_examples=100, deadline=None)
@given(calls, levels, st.floats(1.01, 10.0), st.sampled_from(HARDER))
def test_more_of_a_figure_never_has_the_wrong_effect(call, level, factor, figure):
    (program, payload, members), (name, sign) = call, figure
    values = np.array(getattr(NETWORK, name), float)
    scaled = np.ones(5)
    scaled[level] = factor
    changed = NETWORK._replace(**{name: values * (factor if name == "pair" else scaled)})
    after, before = times(program, payload, members, changed), times(program, payload, members)
    assert np.all(sign * (after - before) >= -1e-12 * before)


@settings(max_examples=60, deadline=None)
@given(payload=payloads, size=sizes, stride=strides)
def test_every_rank_sends_as_much_as_it_misses(payload, size, stride):
    total = float(sent(np.array([payload]), group(size, stride), NETWORK).sum())
    assert total == pytest.approx(payload * (size - 1) / size, rel=1e-9)


@pytest.mark.parametrize("ranks", [2.0, 1000.0, 98_304.0])
def test_no_algorithm_is_below_its_latency_floor(ranks):
    found = costs(group(ranks), NETWORK, LIBRARY)
    for one in found:
        floor = np.asarray(one.short.latency)
        taken = np.asarray(times_of(np.array([1e6]), Costs(*one)))
        assert np.all(taken >= 2**-0.25 * floor)
        assert np.all(floor >= LIBRARY.launch)


def test_over_98304_ranks_no_algorithm_of_a_shipped_fabric_is_below_its_latency_floor():
    """A megabyte; floors from the number of ranks and domains alone."""
    configs, ranks = Configs(), 98_304.0
    for fabric in configs.names("fabrics"):
        machine = configs.machine("gigafactory-h100", (f"fabric={fabric}",))
        network = as_arrays(lower_network(machine))
        found = np.asarray(all_reduces(np.array([1e6]), group(ranks), network, library()))[:, 0]
        step = float(np.min(network.latency))
        farthest = float(network.latency[-1])
        doublings = 2 * np.log2(ranks / machine.chip.scaleup.domain) * step
        floors = np.array([2 * (ranks - 1) * step, *[doublings] * 3, 2 * farthest])
        assert np.all(found >= 2**-0.25 * floors), fabric
        assert found.min() >= 2e-6, fabric


def test_a_flat_ring_over_98304_ranks_takes_tenths_of_a_second_to_start():
    # 98,304 chips, 8 in a domain: 2 (n - 1) steps, one in eight over the cards
    configs = Configs()
    for site in ("gigafactory-h100", "meta-24k-roce", "gigafactory"):
        network = as_arrays(lower_network(configs.machine(site)))
        ring = costs(group(98_304.0), network, LIBRARY).all_reduce.short.latency[RING, 0]
        assert 0.15 <= float(ring) <= 0.6, site


def test_steps_by_hand_over_98304_ranks():
    network = network_of(Fabric((8, 128, 96), (400e9, 50e9, 50e9), LATENCY))
    found = np.asarray(costs(group(98_304.0), network, library()).all_reduce.bulk.latency)[:, 0]
    inner = 98_304 - 98_304 // 8
    ring = 2 * ((inner - 1) * 2e-6 + (12_288 - 96) * 5e-6 + 96 * 8e-6)
    doubling = 2 * (3 * 2e-6 + 7 * 5e-6 + 7 * 8e-6)
    along_rails = 2 * (7 * 2e-6 + 7 * 5e-6 + 7 * 8e-6)
    np.testing.assert_allclose(found[:IN_NETWORK], [ring, doubling, along_rails, along_rails])


@pytest.mark.parametrize(
    ("stride", "level"), [(1, 0), (7, 0), (8, 1), (31, 1), (32, 2), (1024, 3), (10**6, 3)]
)
def test_a_message_takes_the_innermost_level_that_reaches_its_peer(stride, level):
    rate = NETWORK.bandwidth[level] * NETWORK.share[1, level]
    bulk = NETWORK.latency[level] + NETWORK.bulk_latency[level] + 1e9 / rate
    assert float(send(1e9, float(stride), NETWORK)) == pytest.approx(bulk, rel=1e-3)


def test_an_empty_message_takes_one_step_of_the_low_latency_protocol():
    found = float(send(0.0, 1e12, NETWORK))
    assert found == pytest.approx(NETWORK.latency[-1], rel=0.01)


def test_a_message_to_a_peer_of_a_mesh_has_one_link():
    mesh = NETWORK._replace(pair=np.float64(50e9))
    assert float(send(1e9, 1.0, mesh)) == pytest.approx(1e9 / 50e9, rel=1e-3)


@pytest.mark.parametrize("row", range(5))
@pytest.mark.parametrize(("field", "sign"), [("bandwidth", -1), ("latency", 1)])
def test_gradient_of_an_all_reduce_equals_the_difference(row, field, sign):
    values = getattr(NETWORK, field)

    def taken(factor):
        scaled = NETWORK._replace(**{field: values * factor})
        return all_reduce_times(np.array([1e7]), group(64), scaled, LIBRARY)[row, 0]

    check_gradient(taken, 1.0, sign)


@pytest.mark.parametrize("size", [1.0, 2.0, 8.0, 98_304.0])
@pytest.mark.parametrize("payload", [1.0, 1e6, 1e11])
def test_gradients_are_finite_in_both_precisions(size, payload):
    def total(network, payload, members):
        gathered = gather_time(payload, members, network, LIBRARY).sum()
        return gathered + all_reduce_time(payload, members, network, LIBRARY).sum()

    program = compiled(jax.grad(total))
    found = {}
    for dtype in (np.float64, np.float32):
        with jax.enable_x64(dtype is np.float64):
            leaves = as_arrays((NETWORK, np.array([payload]), group(size)), dtype)
            found[dtype] = jax.tree.map(np.asarray, program(*jax.tree.map(jnp.asarray, leaves)))
    for wide, narrow in zip(found[np.float64], found[np.float32], strict=True):
        assert np.all(np.isfinite(wide)) and np.all(np.isfinite(narrow))
        np.testing.assert_allclose(narrow, wide, rtol=2e-3, atol=1e-3 * np.abs(wide).max())


def test_gradient_of_a_message_equals_the_difference():
    check_gradient(lambda size: send_time(size, 16.0, NETWORK), 1e6, 1)
