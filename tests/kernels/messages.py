"""Collectives played message by message in plain Python: ports, levels and nothing else."""

import heapq
import math
from collections import defaultdict
from typing import NamedTuple


class Fabric(NamedTuple):
    """Nested units: `fan[l]` units of level l - 1 form one unit of level l."""

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


class Result(NamedTuple):
    """When the last rank has everything, and what each rank sent over each level."""

    time: float
    sent: list[float]
    """Mean per rank. [B]"""


class Ports:
    """Ports send one message at a time and in the order in which messages become ready."""

    def __init__(self, fabric: Fabric) -> None:
        self.fabric = fabric
        self.free: dict[tuple[int, int], float] = defaultdict(float)
        self.sent = [0.0] * len(fabric.fan)

    def send(self, ready: float, source: int, target: int, size: float) -> float:
        """Time at which the message has arrived."""
        level = self.fabric.meet(source, target)
        start = max(ready, self.free[source, level])
        self.free[source, level] = start + size / self.fabric.bandwidth[level]
        self.sent[level] += size
        return self.free[source, level] + self.fabric.latency[level]

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


def ring_all_gather(fabric: Fabric, payload: float) -> Result:
    """Chunks travel round all rings at once, each forwarded as soon as it has arrived."""
    ports, orders, count = Ports(fabric), ring_orders(fabric), fabric.ranks
    size = payload / count / len(orders)
    ready = [(0.0, ring, place, 0) for ring in range(len(orders)) for place in range(count)]
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
