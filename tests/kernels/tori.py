"""Meshes and tori played message by message: links between two chips, chunks that hop."""

import heapq
import itertools
import math
from collections.abc import Hashable
from typing import NamedTuple

from tests.kernels.messages import Links


class Torus(NamedTuple):
    """Chips on a grid, a link each way between neighbours."""

    extent: tuple[int, ...]
    closed: tuple[bool, ...]
    """Whether the last chip of an axis is a neighbour of the first."""
    bandwidth: float
    """Of one link and direction. [B/s]"""
    latency: float
    """Of one hop. [s]"""

    def chips(self) -> list[tuple[int, ...]]:
        return list(itertools.product(*(range(extent) for extent in self.extent)))

    def neighbour(self, chip: tuple[int, ...], axis: int, way: int) -> tuple[int, ...] | None:
        """The next chip along an axis, if there is one."""
        place = chip[axis] + way
        if not self.closed[axis] and not 0 <= place < self.extent[axis]:
            return None
        return (*chip[:axis], place % self.extent[axis], *chip[axis + 1 :])

    def hops(self, axis: int, way: int) -> list[float]:
        """Share of a block that makes each hop: half goes each way to the opposite of a ring."""
        if not self.closed[axis]:
            return [1.0] * (self.extent[axis] - 1)
        whole = [1.0] * ((self.extent[axis] - 1) // 2)
        return whole if self.extent[axis] % 2 else [*whole, 0.5]


class Move(NamedTuple):
    """A block that reached a chip."""

    time: float
    number: int
    chip: tuple[int, ...]
    size: float
    stage: int
    """Axes of the order that lie behind it."""
    way: int
    """Direction on the present axis; 0 where it starts."""
    made: int
    """Hops on the present axis."""
    order: tuple[int, ...]
    whole: float
    """Its size before it was split for the opposite chip."""


def torus_all_gather(
    torus: Torus, payload: float, orders: dict[tuple[int, ...], list[float]]
) -> float:
    """Blocks spread along one axis after the other; each order of axes has parts of the data."""
    links, chips, last = Links(), torus.chips(), 0.0
    queue: list[Move] = []
    number = itertools.count()
    for order, parts in orders.items():
        for part, chip in itertools.product(parts, chips):
            size = part * payload / len(chips)
            queue.append(Move(0.0, next(number), chip, size, 0, 0, 0, order, size))
    heapq.heapify(queue)
    while queue:
        move = heapq.heappop(queue)
        last = max(last, move.time)
        for following in _onward(torus, links, move):
            heapq.heappush(queue, following._replace(number=next(number)))
    return last


def _onward(torus: Torus, links: Links, move: Move) -> list[Move]:
    """Where a block goes from a chip: further on its axis, and off along the next ones."""
    moves = []
    if move.way:
        moves.append(_hop(torus, links, move))
    first = move.stage + 1 if move.way else move.stage
    for stage in range(first, len(move.order)):
        for way in (1, -1):
            start = move._replace(stage=stage, way=way, made=0, whole=move.size)
            moves.append(_hop(torus, links, start))
    return [found for found in moves if found is not None]


def _hop(torus: Torus, links: Links, move: Move) -> Move | None:
    axis = move.order[move.stage]
    shares = torus.hops(axis, move.way)
    target = torus.neighbour(move.chip, axis, move.way)
    if target is None or move.made >= len(shares):
        return None
    size = move.whole * shares[move.made]
    link: Hashable = (move.chip, axis, move.way)
    left = links.carry(move.time, [(link, torus.bandwidth)], size)
    return move._replace(time=left + torus.latency, chip=target, size=size, made=move.made + 1)


def line_exchange(torus: Torus, payload: float, chunks: int) -> float:
    """All-to-all along one axis by the shorter way, half each way to the opposite of a ring."""
    links, (extent,), queue = Links(), torus.extent, []
    size = payload / extent / chunks
    number = itertools.count()
    for _, source, target in itertools.product(range(chunks), range(extent), range(extent)):
        for way, distance, share in _ways(torus, source, target):
            heapq.heappush(queue, (0.0, -distance, next(number), source, way, size * share))
    last = 0.0
    while queue:
        time, left, _, chip, way, part = heapq.heappop(queue)
        last = max(last, time)
        if left:
            gone = links.carry(time, [((chip, way), torus.bandwidth)], part)
            onward = (chip + way) % extent
            event = (gone + torus.latency, left + 1, next(number), onward, way, part)
            heapq.heappush(queue, event)
    return last


def _ways(torus: Torus, source: int, target: int) -> list[tuple[int, int, float]]:
    """Direction, hops and share of a message."""
    extent, ahead = torus.extent[0], target - source
    if ahead == 0:
        return []
    if not torus.closed[0]:
        return [(int(math.copysign(1, ahead)), abs(ahead), 1.0)]
    ahead %= extent
    if 2 * ahead == extent:
        return [(1, ahead, 0.5), (-1, ahead, 0.5)]
    return [(1, ahead, 1.0)] if 2 * ahead < extent else [(-1, extent - ahead, 1.0)]


def shift(torus: Torus, start: float, axis: int, distance: int, size: float) -> float:
    """Every chip sends a message some chips along a closed axis by the shorter way, hop by hop."""
    links, extent = Links(), torus.extent[axis]
    ahead = distance if 2 * distance <= extent else distance - extent
    way, moving = (1 if ahead > 0 else -1), dict.fromkeys(torus.chips(), start)
    for hop in range(abs(ahead)):
        for chip, time in moving.items():
            at = (chip[axis] + way * hop) % extent
            link: Hashable = (*chip[:axis], at, *chip[axis + 1 :], axis, way)
            moving[chip] = links.carry(time, [(link, torus.bandwidth)], size) + torus.latency
    return max(moving.values())


def doubling_all_gather(torus: Torus, payload: float) -> float:
    """Outermost axis first; what a chip holds doubles, from partners ever farther away."""
    block, time = payload / math.prod(torus.extent), 0.0
    for axis in reversed(range(len(torus.extent))):
        extent, held = torus.extent[axis], 1
        while held < extent:
            moved = min(held, extent - held)
            time = shift(torus, time, axis, held, moved * block)
            held += moved
        block *= extent
    return time


def pairwise_exchange(torus: Torus, payload: float) -> float:
    """Rounds with every offset, along one axis after the other."""
    time, size = 0.0, payload / math.prod(torus.extent)
    for offsets in torus.chips()[1:]:
        for axis, distance in enumerate(offsets):
            if distance:
                time = shift(torus, time, axis, distance, size)
    return time


def mesh_all_gather(ranks: int, payload: float, pair: float, aggregate: float) -> float:
    """Every rank sends its block to every other over the link between them."""
    links = Links()
    return max(
        links.carry(
            0.0,
            [((one, (one + step) % ranks), pair), (one, aggregate)],
            payload / ranks / PIECES,
        )
        for _ in range(PIECES)
        for step in range(1, ranks)
        for one in range(ranks)
    )


PIECES = 300
"""Of a block, so that links to several peers work at the same time."""
