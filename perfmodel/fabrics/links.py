"""The links of a fabric in one table, and the state in which they are."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

SLOW = 0.25
"""Share of its bandwidth that a slow link keeps; estimate: one lane of four left after training
down, as the mixed instance of the baseline speeds has it."""


class Cables(NamedTuple):
    """Links of one kind in one direction, numbered in a row."""

    level: str
    """Level of the fabric that crosses them."""
    capacity: np.ndarray
    """What each carries. [B/s]"""
    tells: bool = True
    """Whether switches know its state: false for links that only stand for something else."""


class Links(NamedTuple):
    """All links, one after another."""

    capacity: np.ndarray
    """What a link carries as it is; zero where it is down. [B/s]"""
    level: np.ndarray
    """Row of the level among the names."""
    names: tuple[str, ...]
    """Levels, in the order of their links."""
    start: tuple[int, ...]
    """Number of the first link of each kind."""


class Wear(NamedTuple):
    """What is wrong with the cables between switches."""

    failed: float = 0.0
    """Share that is down, both directions."""
    slow: float = 0.0
    """Share that runs at :data:`SLOW` of its bandwidth."""
    jitter: float = 0.0
    """Half-width of a uniform spread of bandwidths over the nominal one."""
    seed: int = 0


def table(kinds: Sequence[Cables]) -> Links:
    """Numbers the links of all kinds.

    Parameters
    ----------
    kinds
        Links by kind.

    Returns
    -------
    Links
        One table.
    """
    names = tuple(dict.fromkeys(kind.level for kind in kinds))
    sizes = [len(kind.capacity) for kind in kinds]
    rows = np.array([names.index(kind.level) for kind in kinds], np.int8)
    return Links(
        np.concatenate([kind.capacity for kind in kinds]).astype(np.float64),
        np.repeat(rows, sizes),
        names,
        (0, *np.cumsum(sizes).tolist()),
    )


def worn(count: int, bandwidth: float, wear: Wear, salt: int) -> np.ndarray:
    """Bandwidths of cables of which some are down and some slow.

    Parameters
    ----------
    count
        Cables.
    bandwidth
        What a sound one carries per direction. [B/s]
    wear
        Shares that are down and slow.
    salt
        Sets kinds of cables apart that have one seed.

    Returns
    -------
    np.ndarray
        Bandwidth per direction, zero where the cable is down. [B/s]
    """
    carries = np.full(count, float(bandwidth))
    if wear == Wear(seed=wear.seed):
        return carries
    random = np.random.default_rng((wear.seed, salt))
    if wear.jitter:
        carries *= random.uniform(1.0 - wear.jitter, 1.0 + wear.jitter, count)
    for share, left in ((wear.slow, SLOW), (wear.failed, 0.0)):
        carries[random.random(count) < share] *= left
    return carries
