"""Levels of a network, and how a group of ranks lies across them."""

from typing import NamedTuple

import jax.numpy as jnp

from perfmodel_kernels._typing import CallLevels, Calls, Levels


class Network(NamedTuple):
    """The network as one chip sees it: an ordered list of levels, innermost first."""

    domain: Levels
    """Chips in one unit of the level; the outermost holds all."""
    bandwidth: Levels
    """Bandwidth per chip and direction for traffic that crosses the level. [B/s]"""
    latency: Levels
    """Time of one message between chips that meet at the level. [s]"""


class Groups(NamedTuple):
    """Communication groups: who talks to whom."""

    size: Calls
    """Ranks that take part."""
    stride: Calls
    """Distance between neighbouring ranks of the group. [chips]"""


def ranks_within(groups: Groups, network: Network) -> CallLevels:
    r"""Ranks of a group inside one unit of each level.

    .. math:: g_l = \mathrm{clip}(\lfloor D_l / s \rfloor, 1, n)

    Parameters
    ----------
    groups
        Sizes :math:`n` and strides :math:`s`.
    network
        Domains :math:`D_l`.

    Returns
    -------
    CallLevels
        Ranks, growing from level to level up to the whole group.
    """
    reach = jnp.floor(network.domain[None, :] / groups.stride[:, None])
    inner = jnp.clip(reach, 1.0, groups.size[:, None])
    outermost = jnp.arange(network.domain.shape[0]) == network.domain.shape[0] - 1
    return jnp.where(outermost[None, :], groups.size[:, None], inner)


def ranks_below(within: CallLevels) -> CallLevels:
    """Ranks of a group inside one unit of the level below; one below the innermost.

    Parameters
    ----------
    within
        Ranks inside one unit of each level, from :func:`ranks_within`.

    Returns
    -------
    CallLevels
        The same, shifted outwards by one level.
    """
    return jnp.concatenate([jnp.ones_like(within[:, :1]), within[:, :-1]], axis=1)
