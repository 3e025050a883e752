"""Message-passing collectives against algorithms played message by message; bounds, gradients."""

import math
from itertools import pairwise

import numpy as np
import pytest

from perfmodel_kernels import message_methods as methods
from perfmodel_kernels.message_passing import (
    Host,
    Ranks,
    count_bases,
    memory_time,
    message_passing_time,
    method_of,
    waiting_steps,
)
from tests.kernels import mpi_messages as played
from tests.kernels.compiling import compiled
from tests.kernels.difference import check_gradient

HOST = Host(1e-6, 3e-7, 2e-6, 1.6, 7e-6, 32768.0, 12e9, 0.0, 4e9, 4e9, 1e7)
SIZES = {"latency": 64.0, "bandwidth": 1e12}
"""Payload in either limit. [B]"""
TABLES = {
    name: table for name, table in vars(methods).items() if name.isupper() and name[0] != "_"
    and isinstance(table, np.ndarray)
}  # fmt: skip
time_of = compiled(message_passing_time)


def predicted(table, size: float, ranks: float, host: Host = HOST, per_node: float = 1.0) -> float:
    return float(time_of(size, Ranks(ranks, per_node), table, host))


def blocks(ranks: int) -> list[set]:
    return [{rank} for rank in range(ranks)]


def every(ranks: int) -> list[set]:
    return [set(range(ranks)) for _ in range(ranks)]


def player(ranks: int, size: float, held: list[set], parts: int) -> played.Player:
    return played.Player(ranks, HOST, size / parts, held)


def ring_gather(n: int, size: float) -> played.Played:
    one = player(n, size, blocks(n), n)
    played.ring(one, n)
    return one.end()


def doubling_gather(n: int, size: float) -> played.Played:
    one = player(n, size, blocks(n), n)
    played.doubling(one, n)
    return one.end()


def bruck_gather(n: int, size: float) -> played.Played:
    one = player(n, size, blocks(n), n)
    played.bruck(one, n)
    copied = size * size / (size + HOST.cache) / HOST.memory_rate
    return one.end()._replace(time=max(one.clock) + copied)


def neighbour_gather(n: int, size: float) -> played.Played:
    one = player(n, size, blocks(n), n)
    played.neighbours(one, n)
    return one.end()


GATHERS = {
    "RING_GATHER": ring_gather,
    "DOUBLING_GATHER": doubling_gather,
    "BRUCK_GATHER": bruck_gather,
    "NEIGHBOUR_GATHER": neighbour_gather,
}


@pytest.mark.parametrize("limit", SIZES)
@pytest.mark.parametrize("ranks", [4, 8, 16])
@pytest.mark.parametrize("name", GATHERS)
def test_a_gather_takes_as_long_as_its_messages(name, ranks, limit):
    found = GATHERS[name](ranks, SIZES[limit])
    assert found.held == every(ranks)
    assert predicted(TABLES[name], SIZES[limit], ranks) == pytest.approx(found.time, rel=0.01)


def ring_scatter(n: int, size: float) -> played.Player:
    one = player(n, size, every(n), n)
    played.ring(one, n, HOST.cached_rate)
    return one


def halving_scatter(n: int, size: float) -> played.Player:
    one = player(n, size, every(n), n)
    played.halving(one, n, HOST.cached_rate)
    return one


def pairwise_scatter(n: int, size: float) -> played.Player:
    one = player(n, size, every(n), n)
    played.pairwise(one, n, HOST.cached_rate)
    return one


def ring_all_reduce(n: int, size: float) -> played.Player:
    one = ring_scatter(n, size)
    played.ring(one, n)
    return one


def rabenseifner(n: int, size: float) -> played.Player:
    one = halving_scatter(n, size)
    one.held = blocks(n)
    played.doubling(one, n)
    assert one.held == every(n)
    return one


def doubling_all_reduce(n: int, size: float) -> played.Player:
    one = player(n, size, [{0} for _ in range(n)], 1)
    stride = 1
    while stride < n:
        one.step([(r, r ^ stride, {0}) for r in range(n)], apart=True, rate=HOST.cached_rate)
        stride *= 2
    return one


def pairwise_exchange(n: int, size: float) -> played.Player:
    one = player(n, size, [{(r, r)} for r in range(n)], n)
    played.pairwise(one, n)
    assert all({(s, r) for s in range(n)} <= one.held[r] for r in range(n))
    return one


def linear_exchange(n: int, size: float) -> played.Player:
    one = player(n, size, blocks(n), n)
    sends = [(r, t, {(r, t)}) for r in range(n) for t in range(n) if t != r]
    # a rank both issues and matches, at the same time
    one.step(sends, apart=True, issue=HOST.issue / 2.0)
    return one


def binomial_broadcast(n: int, size: float) -> played.Player:
    one = player(n, size, [{0}] + [set() for _ in range(n - 1)], 1)
    children = {
        r: [b for level in played.binomial(n) for a, b in level if a == r] for r in range(n)
    }
    for parent in sorted(range(n), key=lambda r: r.bit_count()):
        if children[parent]:
            one.step([(parent, child, {0}) for child in children[parent]], apart=True)
    assert one.held == [{0}] * n
    return one


def binary_broadcast(n: int, size: float) -> played.Player:
    one = player(n, size, [{0}] + [set() for _ in range(n - 1)], 1)
    for parent in range(n):
        sends = [(parent, c, {0}) for c in (2 * parent + 1, 2 * parent + 2) if c < n]
        if sends:
            one.step(sends, apart=True)
    assert one.held == [{0}] * n
    return one


def binomial_reduce(n: int, size: float) -> played.Player:
    one = player(n, size, [{0} for _ in range(n)], 1)
    for level in reversed(played.binomial(n)):
        one.step([(child, parent, {0}) for parent, child in level], True, HOST.cached_rate)
    return one


def linear_reduce(n: int, size: float) -> played.Player:
    one = player(n, size, [{r} for r in range(n)], 1)
    one.step([(r, 0, {r}) for r in range(1, n)], True, HOST.cached_rate, 0.16 * HOST.issue)
    return one


def linear_gather(n: int, size: float) -> played.Player:
    one = player(n, size, blocks(n), n)
    one.step([(r, 0, {r}) for r in range(1, n)], issue=0.16 * HOST.issue)
    assert one.held[0] == set(range(n))
    return one


def linear_scatter(n: int, size: float) -> played.Player:
    one = player(n, size, every(n), n)
    one.step([(0, r, {r}) for r in range(1, n)], issue=HOST.issue)
    return one


def scatter_doubling_broadcast(n: int, size: float) -> played.Player:
    one = player(n, size, [set(range(n))] + [set() for _ in range(n - 1)], n)
    for level in played.binomial(n):
        stride = level[0][1]
        one.step([(a, b, set(range(b, b + stride))) for a, b in level], apart=True)
    one.held = blocks(n)
    played.doubling(one, n)
    assert one.held == every(n)
    return one


OTHERS = {
    "RING_ALL_REDUCE": ring_all_reduce,
    "RABENSEIFNER_ALL_REDUCE": rabenseifner,
    "DOUBLING_ALL_REDUCE": doubling_all_reduce,
    "RING_SCATTER": ring_scatter,
    "HALVING_SCATTER": halving_scatter,
    "PAIRWISE_SCATTER": pairwise_scatter,
    "RABENSEIFNER_REDUCE": rabenseifner,
    "PAIRWISE_EXCHANGE": pairwise_exchange,
    "LINEAR_EXCHANGE": linear_exchange,
    "BINOMIAL_BROADCAST": binomial_broadcast,
    "BINARY_BROADCAST": binary_broadcast,
    "SCATTER_DOUBLING_BROADCAST": scatter_doubling_broadcast,
    "BINOMIAL_REDUCE": binomial_reduce,
    "LINEAR_REDUCE": linear_reduce,
    "LINEAR_GATHER": linear_gather,
    "LINEAR_SCATTER": linear_scatter,
}


@pytest.mark.parametrize("limit", SIZES)
@pytest.mark.parametrize("ranks", [4, 8, 16])
@pytest.mark.parametrize("name", OTHERS)
def test_a_collective_takes_as_long_as_its_messages(name, ranks, limit):
    size = SIZES[limit]
    # copies of the whole payload outside the messages are of the method, not of the play
    method = method_of(TABLES[name], ranks)
    copies = method._replace(reduced=0.0)
    expected = max(OTHERS[name](ranks, size).clock) + float(memory_time(size, copies, HOST))
    assert predicted(TABLES[name], size, ranks) == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize("name", TABLES)
def test_one_rank_takes_no_time_and_more_bytes_take_longer(name):
    assert predicted(TABLES[name], 1e6, 1.0) == 0.0
    times = [predicted(TABLES[name], size, 64.0) for size in np.geomspace(32, 1e10, 40)]
    assert all(a < b for a, b in pairwise(times))
    assert times[0] >= HOST.launch + HOST.latency


def test_functions_of_the_ranks_have_their_values():
    found = np.asarray(count_bases(100.0))
    assert found == pytest.approx([1.0, 100.0, 0.01, 7.0, 49.0, 4.0])


def test_messages_wait_from_the_threshold_on():
    gather = method_of(methods.DOUBLING_GATHER, 16.0)
    # messages of 1/16, 1/8, 1/4 and 1/2 of the payload
    size = HOST.eager * math.sqrt(2.0)
    steps = [float(waiting_steps(factor * size, gather, HOST)) for factor in (0.5, 2.0, 8.0, 64.0)]
    assert steps == pytest.approx([0.0, 1.0, 3.0, 4.0])


def test_ranks_that_share_a_card_far_apart_share_its_bandwidth():
    one, four = (predicted(methods.DOUBLING_GATHER, 1e11, 64.0, HOST, g) for g in (1.0, 4.0))
    assert four == pytest.approx(4.0 * one, rel=0.01)


@pytest.mark.parametrize("name", ["RING_ALL_REDUCE", "BRUCK_GATHER", "BINARY_BROADCAST"])
def test_the_time_has_the_slope_of_its_differences(name):
    def at(bandwidth):
        host = HOST._replace(bandwidth=bandwidth * 1e9, spread=0.3)
        return message_passing_time(1e6, Ranks(32.0, 1.0), TABLES[name], host)

    check_gradient(at, 12.0, -1)
