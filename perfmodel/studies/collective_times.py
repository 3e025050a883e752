"""Times of one kind of collective on a network, over ranks and sizes: one compiled program."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from perfmodel.config.schema.scenario import Machine, Platform
from perfmodel.engine.run import compiled_once
from perfmodel.lowering.fabric import LEVELS, lower_network
from perfmodel.lowering.stack import ALGORITHMS, lower_library
from perfmodel_kernels.attribution import attributed
from perfmodel_kernels.collectives import (
    GATHERS,
    NEVER,
    Library,
    all_reduce_times,
    gather_times,
    send_time,
)
from perfmodel_kernels.exchange import BRUCK, DIRECT, FORWARDED, PAIRWISE, all_to_all_times
from perfmodel_kernels.topology import Groups, Network


class Collective(NamedTuple):
    """One kind of collective."""

    times: Callable[..., Any]
    """Kernel of its times by algorithm."""
    algorithms: tuple[str, ...]
    """Names of the rows of these times."""
    optional: bool
    """Whether the software may lack some of them."""


class Question(NamedTuple):
    """One collective on one network, over ranks and sizes."""

    platform: Platform
    """Chip, node, fabric and software."""
    carrier: str
    """Config name of the site that lent what was not named."""
    collective: str
    """Key of :data:`COLLECTIVES`."""
    ranks: tuple[int, ...]
    """Ranks that take part."""
    sizes: tuple[float, ...]
    """Payloads. [B]"""
    stride: int
    """Distance between neighbouring ranks. [chips]"""
    algorithm: str | None
    """The one to use; none takes the fastest that the software has."""


class Timed(NamedTuple):
    """Times by algorithm and call, and their parts."""

    times: np.ndarray
    """Infinite where an algorithm is impossible. [s]"""
    launch: np.ndarray
    """Part of the start. [s]"""
    latency: np.ndarray
    """Part of the steps, by level, algorithm and call. [s]"""
    transfer: np.ndarray
    """Part of the bytes, by level, algorithm and call. [s]"""


def send_times(payload: Any, groups: Groups, network: Network, library: Library) -> Any:
    """A message from the first rank of a group to the last.

    Parameters
    ----------
    payload
        Messages. [B]
    groups
        Ranks and strides; one rank sends nothing.
    network
        The levels.
    library
        Takes no part: a message needs no collective to start.

    Returns
    -------
    Any
        Completion times, one algorithm by call. [s]
    """
    distance = (groups.size - 1.0) * groups.stride
    each: Callable[..., Any] = jax.vmap(send_time, in_axes=(0, 0, None))
    times = each(payload, distance, network)
    return jnp.where(distance > 0.5, times, 0.0 * library.launch)[None, :]


_BY_ROW = tuple(sorted(ALGORITHMS, key=ALGORITHMS.__getitem__))
_EXCHANGES = {"pairwise": PAIRWISE, "bruck": BRUCK, "direct": DIRECT, "forwarded": FORWARDED}

COLLECTIVES = {
    "all-reduce": Collective(all_reduce_times, _BY_ROW, True),
    "all-gather": Collective(gather_times, _BY_ROW[:GATHERS], True),
    "reduce-scatter": Collective(gather_times, _BY_ROW[:GATHERS], True),
    "all-to-all": Collective(
        all_to_all_times, tuple(sorted(_EXCHANGES, key=_EXCHANGES.__getitem__)), False
    ),
    "send": Collective(send_times, ("message",), False),
}
"""What can be asked for."""


def time_collectives(question: Question) -> Timed:
    """Times by every algorithm, whether or not the software has it.

    Parameters
    ----------
    question
        Network, collective, ranks and sizes; ranks vary slowest.

    Returns
    -------
    Timed
        On the host.
    """
    sizes = np.tile(question.sizes, len(question.ranks))
    ranks = np.repeat(np.array(question.ranks, float), len(question.sizes))
    library = lower_library(question.platform.stack.collectives)
    library = library._replace(allowed=np.ones_like(library.allowed))
    groups = Groups(ranks, np.full_like(ranks, question.stride))
    network = lower_network(question.platform.machine)
    members = level_members(question.platform.machine)
    given = jax.tree.map(np.float32, (sizes, groups, network, library, members))
    found = jax.tree.map(np.asarray, _program(question.collective)(*given))
    possible = found.time < 0.5 * NEVER
    parts = _adding_up(found.time, found[1:])
    return Timed(np.where(possible, found.time, np.inf), *parts)


def _adding_up(time: np.ndarray, parts: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Parts scaled to the time: the compiler may round it twice, 2e-4 apart on 98,304 ranks."""
    whole = sum(part.reshape(-1, *time.shape).sum(0) for part in parts)
    scale = np.divide(time, whole, out=np.ones_like(time), where=whole > 0.0)
    return [part * scale for part in parts]


def level_members(machine: Machine) -> np.ndarray:
    """Which rows of a lowered network make one level of those that are reported.

    Parameters
    ----------
    machine
        Chip and fabric.

    Returns
    -------
    np.ndarray
        1 or 0 by level and row: the axes of the scale-up domain are one level, padding belongs to
        the outermost.
    """
    axes, outside = len(machine.chip.scaleup.torus or (1,)), len(machine.fabric.level)
    level = np.clip(np.arange(LEVELS) - axes + 1, 0, outside)
    return (level[None, :] == np.arange(outside + 1)[:, None]).astype(float)


def allowed(question: Question) -> np.ndarray:
    """Which algorithms may be chosen: the one that is asked for, or those of the software.

    Parameters
    ----------
    question
        Collective, software and algorithm.

    Returns
    -------
    np.ndarray
        A mark per algorithm.
    """
    kind = COLLECTIVES[question.collective]
    if question.algorithm is not None:
        return np.array([name == question.algorithm for name in kind.algorithms])
    if not kind.optional:
        return np.ones(len(kind.algorithms), bool)
    library = lower_library(question.platform.stack.collectives)
    return np.asarray(library.allowed)[: len(kind.algorithms)] > 0.5


@cache
def _program(collective: str) -> Callable[..., Any]:
    """Times and their parts in one program."""
    kernel = COLLECTIVES[collective].times

    def run(sizes: Any, groups: Groups, network: Network, library: Library, members: Any) -> Any:
        def times(network: Network, library: Library) -> Any:
            return kernel(sizes, groups, network, library)

        return attributed(times, network, library, members)

    return compiled_once(run)
