"""Lists of flows of which the first count, worked through in blocks, parted in place."""

from typing import NamedTuple

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Int

Slots = Int[Array, "slot"]
"""Numbers of flows."""

Lanes = Int[Array, "lane"]
"""Numbers of the flows of one block."""

Count = Int[Array, ""]


class Listed(NamedTuple):
    """Some of the flows."""

    ids: Slots
    """Their numbers, then numbers without meaning; a block longer than all flows."""
    length: Count
    """How many of the numbers count."""


def block_of(listed: Listed, number: Count, size: int) -> tuple[Lanes, Bool[Array, "lane"]]:
    """Flows of one block.

    Parameters
    ----------
    listed
        Flows.
    number
        Which block, from 0.
    size
        Flows per block.

    Returns
    -------
    tuple
        Their numbers, and which of them count.
    """
    start = number * size
    lanes = start + jnp.arange(size, dtype=jnp.int32)
    return lax.dynamic_slice(listed.ids, (start,), (size,)), lanes < listed.length


def blocks(listed: Listed, size: int) -> Count:
    """Blocks that a list fills, the last one in part.

    Parameters
    ----------
    listed
        Flows.
    size
        Flows per block.

    Returns
    -------
    Count
        Blocks.
    """
    return (listed.length + size - 1) // size


def append(to: Listed, ids: Lanes, chosen: Bool[Array, "lane"]) -> Listed:
    """Writes some flows of a block behind a list.

    Parameters
    ----------
    to
        The list.
    ids
        Numbers of the block.
    chosen
        Which of them.

    Returns
    -------
    Listed
        The longer list.
    """
    place = jnp.where(chosen, jnp.cumsum(chosen, dtype=jnp.int32) - 1, ids.shape[0])
    packed = jnp.zeros_like(ids).at[place].set(ids, mode="drop")
    written = lax.dynamic_update_slice(to.ids, packed, (to.length,))
    return Listed(written, to.length + chosen.sum(dtype=jnp.int32))


def part(listed: Listed, leaves: Bool[Array, "slot"], size: int) -> tuple[Listed, Listed]:
    """Parts a list in two, each in the order that it had.

    Parameters
    ----------
    listed
        Flows.
    leaves
        Which flows leave, by number.
    size
        Flows per block.

    Returns
    -------
    tuple
        Those that stay and those that leave.
    """

    def one(number: Count, carried: tuple) -> tuple:
        stay, gone = carried
        ids, live = block_of(Listed(stay.ids, listed.length), number, size)
        going = leaves[ids]
        # the part that stays never reaches the block that is read next
        return append(stay, ids, live & ~going), append(gone, ids, live & going)

    none = jnp.int32(0)
    empty = Listed(listed.ids, none), Listed(jnp.zeros_like(listed.ids), none)
    return lax.fori_loop(0, blocks(listed, size), one, empty)
