"""Tree all-reduce played message by message: chains inside domains, pairs of trees between."""

import heapq
import itertools
from collections import defaultdict

from tests.kernels.messages import Fabric, Ports

WINDOW = 32
"""Chunks of a tree that a rank has under way, as the slots of a buffer allow."""


def binary_tree(count: int) -> list[int]:
    """Parent of each place: the root has one child, the number of which is a power of two."""
    parents = [-1]
    for place in range(1, count):
        bit = place & -place
        parent = (place ^ bit) | (bit << 1)
        parents.append(parent if parent < count else place ^ bit)
    return parents


def mirrored(parents: list[int]) -> list[int]:
    """A second tree, whose inner places are leaves of the first."""
    count = len(parents)
    if count % 2:
        return [
            -1 if parents[(place - 1) % count] < 0 else (parents[(place - 1) % count] + 1) % count
            for place in range(count)
        ]
    return [
        -1 if parents[count - 1 - place] < 0 else count - 1 - parents[count - 1 - place]
        for place in range(count)
    ]


def chain(count: int) -> list[int]:
    """Parent of each place along a line."""
    return [place - 1 for place in range(count)]


def grafted(fabric: Fabric, turns: tuple[int, ...], second: bool) -> list[int]:
    """Parent of each rank in a tree of trees whose roots are turned at every level."""
    parents = [-1] * fabric.ranks
    roots, unit = list(range(fabric.ranks)), 1
    for level, fan in enumerate(fabric.fan):
        shape = binary_tree(fan) if level else chain(fan)
        shape = mirrored(shape) if second and level else shape
        tops = []
        for first in range(0, len(roots), fan):
            members = [roots[first + (place + turns[level]) % fan] for place in range(fan)]
            for member, above in zip(members, shape, strict=True):
                if above >= 0:
                    parents[member] = members[above]
            tops.append(members[shape.index(-1)])
        roots, unit = tops, unit * fan
    return parents


def trees_of(fabric: Fabric) -> list[list[int]]:
    """A pair of trees for every card of the largest unit, or every rank of one domain."""
    inner = fabric.fan[:-1] or fabric.fan
    turns = itertools.product(*(range(fan) for fan in inner), *[(0,)] * (len(fabric.fan) > 1))
    return [grafted(fabric, turn, second) for turn in turns for second in (False, True)]


def tree_all_reduce(fabric: Fabric, payload: float, chunks: int) -> float:
    """Sums climb all trees at once and results come down, chunk by chunk."""
    ports, trees = Ports(fabric), trees_of(fabric)
    size = payload / len(trees) / chunks
    children = [
        [
            [rank for rank, above in enumerate(tree) if above == parent]
            for parent in range(len(tree))
        ]
        for tree in trees
    ]
    missing = defaultdict(int)
    for tree, below in enumerate(children):
        for chunk, rank in itertools.product(range(chunks), range(fabric.ranks)):
            missing[tree, chunk, rank] = len(below[rank]) + 1
    window = range(min(WINDOW, chunks))
    events = [
        (0.0, chunk, tree, rank, "own")
        for chunk, tree, rank in itertools.product(window, range(len(trees)), range(fabric.ranks))
    ]
    heapq.heapify(events)
    last = 0.0
    while events:
        time, chunk, tree, rank, what = heapq.heappop(events)
        if what != "down":
            missing[tree, chunk, rank] -= 1
            if missing[tree, chunk, rank]:
                continue
            above = trees[tree][rank]
            if above >= 0:
                arrival = ports.send(time, rank, above, size)
                heapq.heappush(events, (arrival, chunk, tree, above, "up"))
                continue
        last = max(last, time)
        for below in children[tree][rank]:
            arrival = ports.send(time, rank, below, size)
            heapq.heappush(events, (arrival, chunk, tree, below, "down"))
        if chunk + WINDOW < chunks:
            heapq.heappush(events, (time, chunk + WINDOW, tree, rank, "own"))
    return last
