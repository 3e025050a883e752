"""Collectives played message by message in plain Python: ports, levels and nothing else."""

import heapq
import itertools
import math
from collections import defaultdict
from collections.abc import Hashable, Iterable
from typing import NamedTuple


class Fabric(NamedTuple):
    """Nested units: `fan[l]` units of level l - 1 form one unit of level l.

    Level 0 has links of its own; all others share the card of a rank, and what crosses an outer
    level passes those inside it.
    """

    fan: tuple[int, ...]
    bandwidth: tuple[float, ...]
    """Of the port that a rank has at each level. [B/s]"""
    latency: tuple[float, ...]
    """From the last byte sent to the last byte received. [s]"""

    @property
    def ranks(self) -> int:
        return math.prod(self.fan)

    def meet(self, one: int, other: int) -> int:
        """Level at which two ranks meet."""
        unit = 1
        for level, fan in enumerate(self.fan):
            unit *= fan
            if one // unit == other // unit:
                return level
        raise ValueError("ranks beyond the fabric")

    def ports(self, level: int) -> range:
        """Levels whose ports a message takes that crosses a level."""
        return range(1, level + 1) if level else range(1)


class Result(NamedTuple):
    """When the last rank has everything, and what each rank sent over each level."""

    time: float
    sent: list[float]
    """Mean per rank. [B]"""


class Links:
    """Links carry one message at a time, in the order in which messages ask for them."""

    def __init__(self) -> None:
        self.free: dict[Hashable, float] = defaultdict(float)

    def carry(self, ready: float, path: Iterable[tuple[Hashable, float]], size: float) -> float:
        """Time at which a message has left, over links with a bandwidth each."""
        taken = list(path)
        start = max(ready, *(self.free[link] for link, _ in taken))
        for link, bandwidth in taken:
            self.free[link] = start + size / bandwidth
        return max(self.free[link] for link, _ in taken)


class Ports(Links):
    """Ports of the ranks of a fabric."""

    def __init__(self, fabric: Fabric) -> None:
        super().__init__()
        self.fabric = fabric
        self.sent = [0.0] * len(fabric.fan)

    def send(self, ready: float, source: int, target: int, size: float) -> float:
        """Time at which the message has arrived."""
        fabric = self.fabric
        level = fabric.meet(source, target)
        path = [((source, port), fabric.bandwidth[port]) for port in fabric.ports(level)]
        self.sent[level] += size
        return self.carry(ready, path, size) + fabric.latency[level]

    def mean_sent(self) -> list[float]:
        return [size / self.fabric.ranks for size in self.sent]


def ring_orders(fabric: Fabric) -> list[list[int]]:
    """One ring per card of a unit: each enters and leaves every unit at a card of its own."""
    orders = [[0]]
    unit = 1
    for fan in fabric.fan:
        orders = [
            [member * unit + rank for member in turned(range(fan), turn) for rank in order]
            for order in orders
            for turn in (range(fan) if unit < fabric.ranks // fan else (0,))
        ]
        unit *= fan
    return orders


def turned(members: range, turn: int) -> list[int]:
    """Members of a unit, from another one on."""
    return [members[(turn + place) % len(members)] for place in range(len(members))]


def ring_all_gather(fabric: Fabric, payload: float, pieces: int = 1) -> Result:
    """Chunks travel round all rings at once, each forwarded as soon as it has arrived."""
    ports, orders, count = Ports(fabric), ring_orders(fabric), fabric.ranks
    size = payload / count / len(orders) / pieces
    ready = [
        (0.0, ring, place, 0)
        for _, ring, place in itertools.product(range(pieces), range(len(orders)), range(count))
    ]
    heapq.heapify(ready)
    last = 0.0
    while ready:
        time, ring, place, travelled = heapq.heappop(ready)
        last = max(last, time)
        if travelled < count - 1:
            order, onward = orders[ring], (place + 1) % count
            arrival = ports.send(time, order[place], order[onward], size)
            heapq.heappush(ready, (arrival, ring, onward, travelled + 1))
    return Result(last, ports.mean_sent())


def hierarchical_all_gather(fabric: Fabric, payload: float) -> Result:
    """Outermost level first, every rank with its peers in the other units, by doubling."""
    ports, time = Ports(fabric), 0.0
    unit, block = fabric.ranks, payload / fabric.ranks
    for fan in reversed(fabric.fan):
        unit //= fan
        time = bruck_all_gather(ports, time, (fan, unit), block)
        block *= fan
    return Result(time, ports.mean_sent())


def rail_all_gather(fabric: Fabric, payload: float, chunks: int) -> Result:
    """Doubling between domains on every rail, then a ring inside; chunks follow each other."""
    ports, outside, inside = Ports(fabric), 0.0, 0.0
    for _ in range(chunks):
        unit, block = fabric.ranks, payload / fabric.ranks / chunks
        for fan in reversed(fabric.fan[1:]):
            unit //= fan
            outside = bruck_all_gather(ports, outside, (fan, unit), block)
            block *= fan
        inside = neighbour_all_gather(ports, max(outside, inside), block)
    return Result(inside, ports.mean_sent())


def bruck_all_gather(ports: Ports, start: float, peers: tuple[int, int], block: float) -> float:
    """Every rank doubles what it holds until it has the blocks of all its peers."""
    fan, unit = peers
    held = 1
    while held < fan:
        moved = min(held, fan - held)
        arrivals = []
        for rank in range(ports.fabric.ranks):
            place = rank // unit % fan
            target = rank + ((place - held) % fan - place) * unit
            arrivals.append(ports.send(start, rank, target, moved * block))
        start, held = max(arrivals), held + moved
    return start


def neighbour_all_gather(ports: Ports, start: float, block: float) -> float:
    """Every rank of a domain passes on what it got last."""
    fan = ports.fabric.fan[0]
    for _ in range(fan - 1):
        start = max(
            ports.send(start, rank, rank - rank % fan + (rank + 1) % fan, block)
            for rank in range(ports.fabric.ranks)
        )
    return start


def in_network_all_reduce(fabric: Fabric, payload: float, chunks: int) -> float:
    """Every rank sends chunks up to a switch that adds and sends the sum down to all.

    With two levels the sum of a domain goes to the outer switch over one card after the other.
    """
    links, size, added = Links(), payload / chunks, 0.0
    everyone, domain = range(fabric.ranks), fabric.fan[0]

    def passed(ready: float, way: str, ranks: Iterable[int], level: int) -> float:
        width = fabric.bandwidth[level]
        left = [links.carry(ready, [((way, rank), width)], size) for rank in ranks]
        return max(left) + fabric.latency[level]

    for chunk in range(chunks):
        added = passed(0.0, "up", everyone, 0)
        if fabric.ranks > domain:
            cards = everyone[chunk % domain :: domain]
            added = passed(passed(added, "out", cards, 1), "back", cards, 1)
        added = passed(added, "down", everyone, 0)
    return added
