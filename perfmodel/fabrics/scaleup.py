"""Scale-up domains: chips behind a switch, in a full mesh, or in a torus."""

from typing import NamedTuple

import numpy as np

from perfmodel.fabrics.links import Cables
from perfmodel.fabrics.routing import Pairs

NAME = "scale-up"
"""Level of the links of a domain."""


class Domain(NamedTuple):
    """Domains of one size and kind, counted over all chips."""

    hosts: int
    chips: int
    bandwidth: float
    """All links of a chip, per direction. [B/s]"""
    pair: float
    """Links to one peer or one neighbour. [B/s]"""
    torus: tuple[int, ...] = ()
    """Chips along each axis, where it is one."""
    wrap: int = 0
    """Chips whose multiples close an axis to a ring."""
    first: int = 0
    """Number of the first link in the table of the fabric."""


def links(domain: Domain) -> list[Cables]:
    """Links of all domains: in a torus by axis and direction, in a mesh by chip and peer.

    Parameters
    ----------
    domain
        The domains.

    Returns
    -------
    list[Cables]
        Links by kind.
    """
    if domain.torus:
        count, each = 2 * len(domain.torus) * _whole(domain), domain.pair
    elif meshed(domain):
        count, each = _whole(domain) * domain.chips, domain.pair
    else:
        count, each = 2 * _whole(domain), domain.bandwidth
    return [Cables(NAME, np.full(count, each))]


def meshed(domain: Domain) -> bool:
    """Whether every two chips have links of their own."""
    return not domain.torus and domain.pair < domain.bandwidth * (1.0 - 1e-9)


def _whole(domain: Domain) -> int:
    """Chips of all domains, the last one whole."""
    return -(-domain.hosts // domain.chips) * domain.chips


def inside(domain: Domain, source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Links between two chips of one domain, not a torus.

    Parameters
    ----------
    domain
        The domains.
    source, target
        Chips; no hop where they are one.

    Returns
    -------
    np.ndarray
        Two hops per flow, -1 where a flow crosses no more.
    """
    moves = source != target
    if meshed(domain):
        link = source * domain.chips + target % domain.chips
        return np.stack([np.where(moves, link + domain.first, -1), np.full(len(source), -1)], 1)
    out = np.where(moves, source + domain.first, -1)
    into = np.where(moves, target + _whole(domain) + domain.first, -1)
    return np.stack([out, into], 1)


def around(domain: Domain, pairs: Pairs) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Links through a torus, one axis after another, the shorter way around each.

    Where both ways around are as long, half of a flow takes each.

    Parameters
    ----------
    domain
        Tori.
    pairs
        Flows whose ends are in one domain.

    Returns
    -------
    tuple
        Links by flow and hop, -1 where a flow crosses no more; weights; the pair of each flow.
    """
    pair, weight = np.arange(len(pairs.source)), pairs.weight.copy()
    base = pairs.source // domain.chips * domain.chips
    at = np.stack(np.unravel_index(pairs.source % domain.chips, domain.torus[::-1])[::-1], 1)
    to = np.stack(np.unravel_index(pairs.target % domain.chips, domain.torus[::-1])[::-1], 1)
    steps = np.zeros((len(pair), len(domain.torus)), np.int64)
    for axis, extent in enumerate(domain.torus):
        ahead = (to[pair, axis] - at[pair, axis]) % extent
        closed = domain.wrap > 0 and extent % domain.wrap == 0
        straight = to[pair, axis] - at[pair, axis]
        steps[:, axis] = np.where(ahead * 2 > extent, ahead - extent, ahead) if closed else straight
        tie = np.flatnonzero((ahead * 2 == extent) & closed)
        weight[tie] *= 0.5
        back = steps[tie].copy()
        back[:, axis] -= extent
        steps, pair = np.concatenate([steps, back]), np.concatenate([pair, pair[tie]])
        weight = np.concatenate([weight, weight[tie]])
    return _walk(domain, (base[pair], at[pair]), steps), weight, pair


def _walk(domain: Domain, start: tuple[np.ndarray, np.ndarray], steps: np.ndarray) -> np.ndarray:
    """Links of flows that go some steps along each axis in turn."""
    base, place = start[0], start[1].copy()
    strides = np.cumprod([1, *domain.torus[:-1]])
    columns, axes = [], len(domain.torus)
    for axis, extent in enumerate(domain.torus):
        way = np.sign(steps[:, axis])
        for hop in range(int(np.abs(steps[:, axis]).max(initial=0))):
            goes = np.abs(steps[:, axis]) > hop
            chip = base + place @ strides
            link = (chip * axes + axis) * 2 + (way < 0)
            columns.append(np.where(goes, link + domain.first, -1))
            place[:, axis] = np.where(goes, (place[:, axis] + way) % extent, place[:, axis])
    return np.stack(columns, 1) if columns else np.full((len(base), 1), -1)
