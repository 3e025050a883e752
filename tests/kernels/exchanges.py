"""All-to-all and expert dispatch played message by message in plain Python."""

import itertools

import numpy as np

from tests.kernels.messages import Fabric, Ports


def offset(fabric: Fabric, rank: int, steps: tuple[int, ...]) -> int:
    """Rank as many places further along each level, round its unit."""
    unit, target = 1, 0
    for fan, step in zip(fabric.fan, steps, strict=True):
        target += (rank // unit + step) % fan * unit
        unit *= fan
    return target


def partners(fabric: Fabric) -> list[tuple[int, ...]]:
    """Offsets to every other rank; all ranks cross the same level in a round."""
    rounds = list(itertools.product(*(range(fan) for fan in fabric.fan)))
    return rounds[1:]


def pairwise(fabric: Fabric, payload: float) -> float:
    """Rounds with one partner each; the next one starts when the last message is in."""
    ports, time, size = Ports(fabric), 0.0, payload / fabric.ranks
    for steps in partners(fabric):
        time = max(
            ports.send(time, rank, offset(fabric, rank, steps), size)
            for rank in range(fabric.ranks)
        )
    return time


def bruck(fabric: Fabric, payload: float) -> float:
    """Step k moves all blocks whose distance has bit k to the rank 2^k further, round the group."""
    ports, time, count = Ports(fabric), 0.0, fabric.ranks
    step = 1
    while step < count:
        moved = sum(1 for distance in range(count) if distance & step) * payload / count
        time = max(ports.send(time, rank, (rank + step) % count, moved) for rank in range(count))
        step *= 2
    return time


def direct(fabric: Fabric, payload: float) -> float:
    """All messages leave as soon as their ports are free."""
    ports, size = Ports(fabric), payload / fabric.ranks
    return max(
        ports.send(0.0, rank, offset(fabric, rank, steps), size)
        for steps in partners(fabric)
        for rank in range(fabric.ranks)
    )


def forwarded(fabric: Fabric, payload: float, chunks: int) -> float:
    """Inside the domain to the card of the target's rail, then along it to all other domains."""
    ports, inside, outside = Ports(fabric), 0.0, 0.0
    domain = fabric.fan[0]
    rails = [steps for steps in partners(fabric) if steps[0] == 0]
    within = payload / domain / chunks
    along = payload * domain / fabric.ranks / chunks
    for _ in range(chunks):
        sent = [
            ports.send(0.0, rank, offset(fabric, rank, (step, *[0] * len(fabric.fan[1:]))), within)
            for step in range(1, domain)
            for rank in range(fabric.ranks)
        ]
        inside = max(sent, default=0.0)
        outside = max(
            [ports.send(inside, rank, offset(fabric, rank, steps), along)
             for steps in rails for rank in range(fabric.ranks)],
            default=inside,
        )  # fmt: skip
    return outside


def dispatch(fabric: Fabric, tokens: int, copies: int, width: float) -> float:
    """Tokens to the ranks of experts drawn at random, through the same rank of their domain."""
    ports, domain, last = Ports(fabric), fabric.fan[0], 0.0
    draw = np.random.default_rng(7)
    homes = draw.integers(fabric.ranks, size=(tokens, fabric.ranks, copies))
    for token, source in itertools.product(range(tokens), range(fabric.ranks)):
        targets = {int(home) for home in homes[token, source]}
        for unit in {target // domain for target in targets}:
            entry = unit * domain + source % domain
            arrival = 0.0 if entry == source or unit == source // domain else ports.send(
                0.0, source, entry, width
            )  # fmt: skip
            first = source if unit == source // domain else entry
            for target in sorted(targets - {first}):
                if target // domain == unit:
                    last = max(last, ports.send(arrival, first, target, width))
            last = max(last, arrival)
    return last
