"""Methods of message passing as data: steps, bytes and pattern by the number of ranks."""

import numpy as np

from perfmodel_kernels.message_passing import (
    DOUBLINGS,
    INVERSE,
    ONE,
    QUADRUPLINGS,
    QUANTITIES,
    RANKS,
    SQUARE,
    Method,
)


def _row(**quantities: dict[int, float]) -> np.ndarray:
    """Coefficients of one method from those that are not zero; one size of message."""
    table = np.zeros((QUANTITIES, QUADRUPLINGS + 1))
    for name, sums in {"spans": {ONE: 1.0}, **quantities}.items():
        for basis, factor in sums.items():
            table[Method._fields.index(name), basis] = factor
    return table


_REST = {ONE: 1.0, INVERSE: -1.0}
_BOTH = {ONE: 2.0, INVERSE: -2.0}
_OTHERS = {RANKS: 1.0, ONE: -1.0}
_LOG = {DOUBLINGS: 1.0}
_TWICE = {DOUBLINGS: 2.0}
_TREE = {DOUBLINGS: 2.0, ONE: -1.0}
_BLOCK = {INVERSE: 1.0}
_WHOLE = {ONE: 1.0}
_HALF = {ONE: 0.5}
_FAR = {ONE: 1.0}
_RECEIVED = {RANKS: 0.16, ONE: -0.16}  # PICO, Leonardo 256 nodes: 0.44 us a receive, 2.7 us a send

RING_ALL_REDUCE = _row(steps={RANKS: 2.0, ONE: -2.0}, sent=_BOTH, largest=_BLOCK, reduced=_REST)
"""Reduce-scatter, then all-gather, round a ring."""

DOUBLING_ALL_REDUCE = _row(
    steps=_LOG, sent=_LOG, largest=_WHOLE, reduced=_LOG, apart=_FAR, crowded=_FAR
)
"""The whole vector to a partner at each step."""

RABENSEIFNER_ALL_REDUCE = _row(
    steps=_TWICE,
    sent=_BOTH,
    largest=_HALF,
    reduced=_REST,
    spans=_LOG,
    apart=_FAR,
    crowded=_FAR,
)
"""Reduce-scatter by halving, all-gather by doubling."""

RING_GATHER = _row(steps=_OTHERS, sent=_REST, largest=_BLOCK)
"""All-gather round a ring."""

DOUBLING_GATHER = _row(steps=_LOG, sent=_REST, largest=_HALF, spans=_LOG, apart=_FAR, crowded=_FAR)
"""All-gather by doubling."""

BRUCK_GATHER = _row(
    steps=_LOG, sent=_REST, largest=_HALF, copied=_WHOLE, spans=_LOG, apart=_FAR, crowded=_FAR
)
"""All-gather by doubling over any number of ranks, then a rotation in memory."""

NEIGHBOUR_GATHER = _row(steps={RANKS: 0.5}, sent=_REST, largest={INVERSE: 2.0})
"""Two blocks at a time with the neighbours on either side in turn."""

RING_SCATTER = _row(steps=_OTHERS, sent=_REST, copied=_WHOLE, largest=_BLOCK, reduced=_REST)
"""Reduce-scatter round a ring."""

HALVING_SCATTER = _row(
    steps=_LOG,
    sent=_REST,
    copied=_WHOLE,
    largest=_HALF,
    reduced=_REST,
    spans=_LOG,
    apart=_FAR,
    crowded=_FAR,
)
"""Reduce-scatter by halving."""

DOUBLING_SCATTER = _row(
    steps=_LOG,
    sent={DOUBLINGS: 1.0, ONE: -1.0, INVERSE: 1.0},
    copied=_WHOLE,
    largest=_WHOLE,
    reduced={DOUBLINGS: 1.0, ONE: -1.0, INVERSE: 1.0},
    apart=_FAR,
    crowded=_FAR,
)
"""Reduce-scatter that sends, at each step, all but the blocks that it has summed for itself."""

PAIRWISE_SCATTER = _row(
    steps=_OTHERS,
    sent=_REST,
    copied=_WHOLE,
    largest=_BLOCK,
    reduced=_REST,
    apart=_FAR,
    crowded=_FAR,
)
"""Reduce-scatter with another partner at each step."""

LINEAR_EXCHANGE = _row(
    issued=_OTHERS, sent=_REST, largest=_BLOCK, steps=_WHOLE, apart=_FAR, crowded=_FAR
)
"""All-to-all with every message under way at once."""

PAIRWISE_EXCHANGE = _row(steps=_OTHERS, sent=_REST, largest=_BLOCK, apart=_FAR, crowded=_FAR)
"""All-to-all with another partner at each step."""

BRUCK_EXCHANGE = _row(
    steps=_LOG, sent={DOUBLINGS: 0.5}, largest=_HALF, reduced=_LOG, apart=_FAR, crowded=_FAR
)
"""All-to-all in doubling strides; half of the buffer is packed, sent and unpacked at each."""

BINOMIAL_BROADCAST = _row(
    steps=_LOG, sent={SQUARE: 0.5, DOUBLINGS: 0.5}, largest=_WHOLE, apart=_FAR
)
"""A rank sends to all its children at once, so that the last has it when the first does."""

KNOMIAL_BROADCAST = _row(
    steps={QUADRUPLINGS: 1.0},
    issued={QUADRUPLINGS: 2.0},
    sent={QUADRUPLINGS: 3.0},
    largest=_WHOLE,
    apart=_FAR,
)
"""A rank sends to three children a level, one after the other."""

BINARY_BROADCAST = _row(
    steps=_LOG,
    sent=_TREE,
    largest=_WHOLE,
    apart=_FAR,
)
"""Two children a rank, both served at once; the last leaf is an only child."""

SPLIT_BROADCAST = _row(steps=_LOG, sent={DOUBLINGS: 1.0, ONE: -0.5}, largest=_HALF, apart=_FAR)
"""A half down either side of a binary tree, then an exchange of halves."""

SCATTER_DOUBLING_BROADCAST = _row(
    steps=_TWICE, sent=_BOTH, largest=_HALF, spans=_LOG, apart=_FAR, crowded=_FAR
)
"""Scatter down a tree, all-gather by doubling."""

SCATTER_RING_BROADCAST = _row(
    steps={RANKS: 1.0, ONE: -1.0, DOUBLINGS: 1.0}, sent=_BOTH, largest=_BLOCK
)
"""Scatter down a tree, all-gather round a ring."""

BINOMIAL_REDUCE = _row(steps=_LOG, sent=_LOG, largest=_WHOLE, reduced=_LOG, apart=_FAR)
"""The root takes from a child per level, one after the other."""

BINARY_REDUCE = _row(
    steps=_LOG,
    sent=_TREE,
    largest=_WHOLE,
    reduced=_TREE,
    apart=_FAR,
)
"""Two children a rank; the last leaf is an only child."""

RABENSEIFNER_REDUCE = _row(
    steps=_TWICE,
    sent=_BOTH,
    copied=_WHOLE,
    largest=_HALF,
    reduced=_REST,
    spans=_LOG,
    apart=_FAR,
    crowded=_FAR,
)
"""Reduce-scatter by halving, gather to the root by doubling."""

LINEAR_REDUCE = _row(
    issued=_RECEIVED, steps=_WHOLE, sent=_OTHERS, largest=_WHOLE, reduced=_OTHERS, apart=_FAR
)
"""The root takes the vector of each rank."""

LINEAR_GATHER = _row(issued=_RECEIVED, steps=_WHOLE, sent=_REST, largest=_BLOCK)
"""Gather: the root has a receive for each rank under way at once."""

LINEAR_SCATTER = _row(issued=_OTHERS, steps=_WHOLE, sent=_REST, largest=_BLOCK)
"""Scatter: the root has a message for each rank under way at once."""

CALLED_GATHER = _row(steps={RANKS: 3.0, ONE: -3.0}, sent=_REST, largest=_BLOCK, apart=_FAR)
"""Gather in which the root calls for each message: a call and two parts of it in turn."""

BINOMIAL_ROOT = _row(steps=_LOG, sent=_REST, largest=_HALF, copied=_REST, spans=_LOG, apart=_FAR)
"""Gather or scatter over a binomial tree."""
