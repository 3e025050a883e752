"""When flows of given sizes end, sharing links max-min fairly: batches of near completions."""

from typing import NamedTuple

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Int

from perfmodel_kernels._typing import Scalar
from perfmodel_kernels.flow_lists import Listed, part
from perfmodel_kernels.flows import (
    BLOCK,
    Flows,
    Ledger,
    Paths,
    PerFlow,
    active_of,
    fill,
    leave,
    outcome_of,
    prepare,
)


class Completions(NamedTuple):
    """When flows end."""

    time: Float[Array, "flow"]
    """Completion; infinite for a flow that a dead link holds. [s]"""
    solves: Int[Array, ""]
    """Times that rates were found anew."""
    rounds: Int[Array, ""]
    """Rounds of water-filling in all."""
    outcome: Int[Array, ""]
    """As in :class:`perfmodel_kernels.flows.Rates`."""


class Progress(NamedTuple):
    """Where the flows stand."""

    sending: Listed
    """Flows that have not ended."""
    ledger: Ledger
    """Ledgers of the links with the sending flows entered and the whole capacity left."""
    rest: Float[Array, "slot"]
    """What is left to send. [B]"""
    ended: Float[Array, "slot"]
    """Completion. [s]"""
    now: Float[Array, ""]
    solves: Int[Array, ""]
    rounds: Int[Array, ""]
    ended_last: Int[Array, ""]
    """Flows that ended in the last batch; less than none where rates were not found."""


def drain(flows: Flows, size: PerFlow, window: Scalar, block: int = BLOCK) -> Completions:
    r"""Completion times of flows that start together.

    Rates :math:`x_f` are found anew after every batch: all flows that end within
    :math:`1 + \delta_n` of the next completion, counted from the start,

    .. math:: t + r_f / x_f \le (1 + \delta_n) \min_f (t + r_f / x_f), \quad
        \delta_n = \delta \sqrt{n / N}.

    Each of them ends at its own time. The others go on at their rates to the mean of those times,
    weighted by rate: what the early ones leave unused then equals what the late ones still take, so
    that errors of a batch cancel to first order. A batch is the narrower the fewer flows
    :math:`n` of :math:`N` are left, for errors of many cancel and the last flows set the makespan.
    A completion is found from rates of a moment less than :math:`\delta` of the time away;
    :math:`\delta = 0` makes every completion an event of its own. A batch ends at least one flow,
    so that batches never outnumber flows.

    Parameters
    ----------
    flows
        Flows.
    size
        What each has to send. [B]
    window
        Width :math:`\delta` of the first batch over the time since the start.
    block
        Flows per block.

    Returns
    -------
    Completions
        Times. [s]
    """
    paths, ledger = prepare(flows, block)
    number = flows.route.shape[0]
    rest = jnp.pad(jnp.asarray(size), (0, paths.weight.shape[0] - number))
    never, start, none = jnp.full_like(rest, jnp.inf), jnp.zeros((), rest.dtype), jnp.int32(0)
    sending = active_of(flows, paths)
    first = Progress(sending, ledger, rest, never, start, none, none, jnp.int32(1))
    end = lax.while_loop(
        lambda state: (state.sending.length > 0) & (state.ended_last > 0),
        lambda state: _batch(paths, state, window),
        first,
    )
    outcome = outcome_of(flows, end.ended_last < 0)
    return Completions(end.ended[:number], end.solves, end.rounds, outcome)


def _batch(paths: Paths, state: Progress, window: Scalar) -> Progress:
    """Finds rates, ends the flows of the next batch and lets the others go on."""
    filled = fill(paths, state.sending, state.ledger)
    rate = filled.rate
    sends = rate > 0.0
    takes = jnp.where(sends, state.rest / jnp.where(sends, rate, 1.0), jnp.inf)
    last = (state.now + takes.min()) * (1.0 + window * _narrowed(paths, state))
    ends = sends & ((state.now + takes <= last) | (takes <= takes.min()))
    share = jnp.where(ends, rate, 0.0)
    mean = (jnp.where(ends, takes, 0.0) * share).sum() / jnp.where(ends.any(), share.sum(), 1.0)
    stay, gone = part(state.sending, ends, paths.block)
    return Progress(
        sending=stay,
        ledger=leave(paths, state.ledger, gone, jnp.zeros_like(rate)),
        rest=jnp.where(ends, 0.0, jnp.maximum(state.rest - rate * mean, 0.0)),
        ended=jnp.where(ends, state.now + takes, state.ended),
        now=state.now + mean,
        solves=state.solves + 1,
        rounds=state.rounds + filled.rounds,
        ended_last=jnp.where(filled.active.length > 0, -1, gone.length),
    )


def _narrowed(paths: Paths, state: Progress) -> Float[Array, ""]:
    """Width of a batch over that of the first: errors of many flows cancel, those of few do not."""
    flows = (paths.weight > 0.0).sum().astype(paths.weight.dtype)
    return jnp.sqrt(state.sending.length.astype(flows.dtype) / jnp.maximum(flows, 1.0))
