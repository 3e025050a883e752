"""Pairs that talk, rules by which a fabric routes them, and the routes that come of it."""

from typing import Literal, NamedTuple

import numpy as np

Method = Literal["ecmp", "static", "spray", "adaptive", "minimal", "valiant"]


class Pairs(NamedTuple):
    """Who sends to whom."""

    source: np.ndarray
    target: np.ndarray
    weight: np.ndarray
    """What a pair asks for over what the others ask for."""


class Rule(NamedTuple):
    """How a fabric spreads what a pair sends."""

    method: Method
    """By hash, by destination, over all packets evenly, over what is free; on a dragonfly over
    shortest paths or over any group in between."""
    sub_flows: int = 1
    """Flows of one pair, each hashed on its own."""
    seed: int = 0
    converged: bool = True
    """Whether switches know which links are down."""


class Routes(NamedTuple):
    """What every flow crosses."""

    link: np.ndarray
    """Numbers of links by flow and hop; the number of links where a flow crosses no more."""
    weight: np.ndarray
    """Share of a flow over that of the others."""
    pair: np.ndarray
    """Which pair a flow belongs to."""


def pairs_of(source: np.ndarray, target: np.ndarray, weight: np.ndarray | None = None) -> Pairs:
    """Pairs of equal weight unless told otherwise, without those that talk to themselves.

    Parameters
    ----------
    source, target
        Chips.
    weight
        What each asks for over the others.

    Returns
    -------
    Pairs
        Pairs.
    """
    weight = np.ones(len(source)) if weight is None else weight
    apart = source != target
    kept = (part[apart] for part in (source.astype(np.int64), target.astype(np.int64), weight))
    return Pairs(*kept)


def repeated(pairs: Pairs, times: int) -> tuple[Pairs, np.ndarray, np.ndarray]:
    """Every pair several times over, its weight shared.

    Parameters
    ----------
    pairs
        Pairs.
    times
        Flows of a pair.

    Returns
    -------
    tuple
        Flows as pairs; the pair of each; a number of each, by which it is hashed.
    """
    pair = np.repeat(np.arange(len(pairs.source)), times)
    flows = Pairs(pairs.source[pair], pairs.target[pair], pairs.weight[pair] / times)
    number = np.tile(np.arange(times), len(pairs.source))
    key = (flows.source << 40) + (flows.target << 12) + number
    return flows, pair, key
