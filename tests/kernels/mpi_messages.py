"""Flat message-passing algorithms played message by message: what ranks hold, and when."""

from typing import NamedTuple

from perfmodel_kernels.message_passing import Host

Message = tuple[int, int, set]
"""Source, target and the pieces of data that it carries."""


class Played(NamedTuple):
    """When the last rank is done, and what every rank then holds."""

    time: float
    held: list[set]


class Player:
    """Ranks with a port each way; a step's messages share the port of their source."""

    def __init__(self, ranks: int, host: Host, unit: float, held: list[set]) -> None:
        self.host, self.unit, self.held = host, unit, held
        self.clock = [host.launch] * ranks

    def step(
        self, messages: list[Message], apart: bool = False, rate: float = 0.0, issue: float = 0.0
    ) -> None:
        """Sends that start together; `rate` of reducing or copying what arrives, 0 for none."""
        host, clock = self.host, list(self.clock)
        size = self.unit * max(len(pieces) for _, _, pieces in messages)
        fixed = host.latency * (host.apart if apart else 1.0)
        fixed += host.rendezvous if size > host.eager else 0.0
        out: dict[int, float] = {}
        into: dict[int, float] = {}
        begun: dict[int, float] = {}
        for source, target, pieces in messages:
            moved = len(pieces) * self.unit
            out[source] = out.get(source, 0.0) + moved
            into[target] = into.get(target, 0.0) + moved
            for end in (source, target):
                begun[end] = begun.get(end, 0.0) + issue
        arrived = [(target, set(pieces)) for _, target, pieces in messages]
        for source, target, _ in messages:
            start = max(self.clock[source], self.clock[target]) + max(begun[source], begun[target])
            wire = max(out[source], into[target]) / host.bandwidth
            work = into[target] / rate if rate else 0.0
            done = start + fixed + wire + work
            clock[target] = max(clock[target], done)
            clock[source] = max(clock[source], start + fixed + wire)
        for target, pieces in arrived:
            self.held[target] |= pieces
        self.clock = clock

    def end(self) -> Played:
        return Played(max(self.clock), self.held)


def ring(player: Player, ranks: int, rate: float = 0.0) -> None:
    """Every rank passes on the block that it has received last."""
    for turn in range(ranks - 1):
        player.step([(r, (r + 1) % ranks, {(r - turn) % ranks}) for r in range(ranks)], rate=rate)


def doubling(player: Player, ranks: int) -> None:
    """All that a rank holds goes to a partner twice as far each time."""
    stride = 1
    while stride < ranks:
        player.step([(r, r ^ stride, set(player.held[r])) for r in range(ranks)], apart=True)
        stride *= 2


def bruck(player: Player, ranks: int) -> None:
    """All that a rank holds, as far as it is missing, goes down by a doubling stride."""
    stride = 1
    while stride < ranks:
        sends = []
        for rank in range(ranks):
            target = (rank - stride) % ranks
            sends.append((rank, target, set(player.held[rank]) - player.held[target]))
        player.step(sends, apart=True)
        stride *= 2


def neighbours(player: Player, ranks: int) -> None:
    """A block to one neighbour, then the two newest in turn to either side."""
    player.step([(r, r ^ 1, {r}) for r in range(ranks)])
    newest = [{r, r ^ 1} for r in range(ranks)]
    for turn in range(1, ranks // 2):
        other = [((r + 1) if (r + turn) % 2 == 0 else (r - 1)) % ranks for r in range(ranks)]
        player.step([(r, other[r], newest[r]) for r in range(ranks)])
        newest = [newest[other[r]] for r in range(ranks)]


def halving(player: Player, ranks: int, rate: float) -> None:
    """The half of a vector that the partner will own; halves again with nearer partners."""
    wanted = [set(range(ranks)) for _ in range(ranks)]
    stride = ranks // 2
    while stride:
        kept = [{b for b in wanted[r] if (b & stride) == (r & stride)} for r in range(ranks)]
        player.step(
            [(r, r ^ stride, wanted[r] - kept[r]) for r in range(ranks)], apart=True, rate=rate
        )
        wanted, stride = kept, stride // 2


def pairwise(player: Player, ranks: int, rate: float = 0.0) -> None:
    """The block of the rank `turn` further on goes there."""
    for turn in range(1, ranks):
        sends = [(r, (r + turn) % ranks, {(r, (r + turn) % ranks)}) for r in range(ranks)]
        player.step(sends, apart=True, rate=rate)


def binomial(ranks: int) -> list[list[tuple[int, int]]]:
    """Pairs of parent and child of a binomial tree, level by level from the root."""
    levels, stride = [], ranks // 2
    while stride:
        levels.append([(r, r + stride) for r in range(0, ranks, 2 * stride)])
        stride //= 2
    return levels
