"""Max-min fair rates of flows that share links: parallel water-filling at local bottlenecks."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Bool, Float, Int

from perfmodel_kernels.fixed_point import Words, from_words, to_words, unit_of
from perfmodel_kernels.flow_lists import Count, Listed, append, block_of, blocks

Links = Float[Array, "link"] | Float[np.ndarray, "link"]
"""One value per link and direction."""

PerFlow = Float[Array, "flow"] | Float[np.ndarray, "flow"]
"""One value per flow."""

Entries = Int[Array, "link column"]
"""Integers of each link, by column."""

SOLVED, STUCK, MEANINGLESS = range(3)
"""Outcome: every flow has its rate; a round found no bottleneck; a number is below zero or none."""

BLOCK = 4096
"""Flows per block on a processor with caches; an accelerator takes all in one."""

COUNT, LEFT, LEFT_LOW = range(3)
"""Columns of a ledger: active flows of a link, and in two words what they may share."""


class Flows(NamedTuple):
    """Flows, what they cross and what they may take."""

    capacity: Links
    """What a link carries; zero where it is down. [B/s]"""
    route: Int[Array, "flow hop"] | Int[np.ndarray, "flow hop"]
    """Links that a flow crosses, each at most once; the number of links where there are no more."""
    weight: PerFlow
    """Share of a flow in a link over that of the others; zero where there is no flow."""
    limit: PerFlow
    """Most that a flow takes on its own, such as the links that it has for itself. [B/s]"""


class Rates(NamedTuple):
    """Rates of flows, and how they were found."""

    rate: Float[Array, "flow"]
    """Rate; zero where a link of the route is down or there is no flow. [B/s]"""
    rounds: Int[Array, ""]
    """Rounds of the water-filling: the depth to which bottlenecks wait for one another."""
    outcome: Int[Array, ""]
    """:data:`SOLVED`, :data:`STUCK` or :data:`MEANINGLESS`."""


class Ledger(NamedTuple):
    """What the active flows of each link amount to."""

    shared: Entries
    """Flows and capacity, by :data:`COUNT` and the columns after it."""
    weight: Entries
    """Weight in two words; as it was at first where all weights are equal."""


class Units(NamedTuple):
    """Powers of two in which the sums of a link are kept."""

    capacity: Float[Array, "link"]
    weight: Float[Array, "link"]


class Paths(NamedTuple):
    """Flows padded to whole blocks; one link more stands for no link."""

    route: Int[Array, "slot hop"]
    weight: Float[Array, "slot"]
    limit: Float[Array, "slot"]
    units: Units
    equal: Bool[Array, ""]
    """Whether all flows have one weight, which the count of flows then stands for."""
    block: int


class State(NamedTuple):
    """Where the water-filling stands."""

    active: Listed
    """Flows without a rate."""
    ledger: Ledger
    rate: Float[Array, "slot"]
    rounds: Int[Array, ""]
    frozen: Int[Array, ""]
    """Flows that got their rate in the last round."""


def max_min_rates(flows: Flows, block: int = BLOCK) -> Rates:
    r"""Weighted max-min fair rates: no flow can gain without a loss to one that has no more.

    Each round works on all bottlenecks at once. A link that has :math:`R_l` left for active flows
    of weight :math:`W_l` offers :math:`s_l`, a flow gets the least offer of its route,

    .. math:: s_l = R_l / W_l, \qquad m_f = \min\left(b_f / w_f, \min_{l \in f} s_l\right),

    and a link whose offer all of its :math:`n_l` active flows take is a bottleneck. Its flows are
    frozen at :math:`w_f m_f`, and leave the ledgers of the links that they cross:

    .. math:: \sum_{f \ni l} [s_l \le (1 + \epsilon) m_f] = n_l > 0

    Sums are kept as integers, so that a residual is as exact as its terms; :math:`\epsilon` is 0 in
    double precision and 2e-6 in single. The link with the least offer is always a bottleneck, so
    that rounds never outnumber flows; a round that freezes nothing ends the loop all the same.
    Rates are piecewise linear in the capacities; they are not differentiated.

    Parameters
    ----------
    flows
        Capacities, routes, weights and limits; at most a million flows on one link.
    block
        Flows per block; the work of a round grows with the blocks that active flows fill.

    Returns
    -------
    Rates
        Rates. [B/s]

    References
    ----------
    D. Bertsekas, R. Gallager, "Data Networks", 2nd edition, section 6.5.2: max-min fairness and
    progressive filling. Bottlenecks that do not depend on one another may be filled in any order.
    """
    paths, ledger = prepare(flows, block)
    state = fill(paths, active_of(flows, paths), ledger)
    outcome = outcome_of(flows, state.active.length > 0)
    return Rates(state.rate[: flows.route.shape[0]], state.rounds, outcome)


def outcome_of(flows: Flows, stuck: Bool[Array, ""]) -> Int[Array, ""]:
    """How a solution ended.

    Parameters
    ----------
    flows
        Flows as given.
    stuck
        Whether flows were left without a rate.

    Returns
    -------
    Int[Array, ""]
        :data:`SOLVED`, :data:`STUCK` or :data:`MEANINGLESS`.
    """
    numbers = (jnp.asarray(part) for part in (flows.capacity, flows.weight, flows.limit))
    sound = jnp.stack([(part >= 0.0).all() for part in numbers]).all()
    code = jnp.where(stuck, jnp.int32(STUCK), jnp.int32(SOLVED))
    return jnp.where(sound, code, jnp.int32(MEANINGLESS))


def prepare(flows: Flows, block: int) -> tuple[Paths, Ledger]:
    """Pads the flows, chooses units and enters all flows into the ledgers of their links.

    Parameters
    ----------
    flows
        Flows.
    block
        Flows per block.

    Returns
    -------
    tuple
        Padded flows; ledgers with the whole capacity left.
    """
    capacity, links = jnp.append(jnp.asarray(flows.capacity), 0.0), flows.capacity.shape[0]
    more = -flows.route.shape[0] % block
    weight = jnp.pad(jnp.asarray(flows.weight), (0, more))
    limit = jnp.pad(jnp.asarray(flows.limit), (0, more))
    route = jnp.pad(jnp.asarray(flows.route), ((0, more), (0, 0)), constant_values=links)
    route = jnp.where((weight > 0.0)[:, None], route, links)
    count = jnp.zeros(links + 1, jnp.int32).at[route].add(1).at[links].set(0)
    bound = jnp.maximum(count, 1).astype(weight.dtype) * weight.max()
    units = Units(unit_of(capacity), unit_of(bound))
    equal = ((weight == weight.max()) | (weight == 0.0)).all()
    paths = Paths(route, weight, limit, units, equal, block)
    room = to_words(capacity, units.capacity)
    shared = jnp.stack([count.astype(room.high.dtype), *room], axis=-1)
    empty = jnp.zeros((links + 1, 2), room.high.dtype)
    whole = Listed(jnp.arange(weight.shape[0] + block, dtype=jnp.int32), jnp.int32(len(weight)))
    weights = lax.cond(equal, lambda: empty, lambda: -_without_weight(paths, empty, whole))
    return paths, Ledger(shared, weights)


def active_of(flows: Flows, paths: Paths) -> Listed:
    """Flows that need a rate: those with a weight and with anything that bounds them.

    Parameters
    ----------
    flows, paths
        Flows as given and as padded.

    Returns
    -------
    Listed
        Their numbers in order.
    """
    crosses = (paths.route < flows.capacity.shape[0]).any(1)
    alive = (paths.weight > 0.0) & (crosses | jnp.isfinite(paths.limit))
    (ids,) = jnp.nonzero(alive, size=alive.shape[0], fill_value=0)
    padded = jnp.pad(ids.astype(jnp.int32), (0, paths.block))
    return Listed(padded, alive.sum(dtype=jnp.int32))


def fill(paths: Paths, active: Listed, ledger: Ledger) -> State:
    """Runs rounds until every active flow has its rate, or one freezes nothing.

    Parameters
    ----------
    paths
        Padded flows.
    active
        Flows that need a rate.
    ledger
        Ledgers of the links, with the active flows entered.

    Returns
    -------
    State
        Rates; no active flows are left where it ended well.
    """
    first = State(active, ledger, jnp.zeros_like(paths.weight), jnp.int32(0), jnp.int32(1))

    def unfinished(state: State) -> Bool[Array, ""]:
        return (state.active.length > 0) & (state.frozen > 0)

    return lax.while_loop(unfinished, lambda state: _round(paths, state), first)


def _round(paths: Paths, state: State) -> State:
    offer = _offers(state.ledger, paths)
    least, takers = _least_offers(paths, state, offer)
    counted = state.ledger.shared[:, COUNT]
    bottleneck = (takers == counted) & (counted > 0)
    active, frozen, rate = _freeze(paths, state, least, bottleneck)
    ledger = leave(paths, state.ledger, frozen, rate)
    return State(active, ledger, rate, state.rounds + 1, frozen.length)


def _offers(ledger: Ledger, paths: Paths) -> Float[Array, "link"]:
    """What a link offers a flow of weight one; infinite where no active flow crosses it."""
    count = ledger.shared[:, COUNT]
    summed = from_words(Words(ledger.weight[:, 0], ledger.weight[:, 1]), paths.units.weight)
    counted = count.astype(summed.dtype) * paths.weight.max()
    left = Words(ledger.shared[:, LEFT], ledger.shared[:, LEFT_LOW])
    room = jnp.maximum(from_words(left, paths.units.capacity), 0.0)
    weight = jnp.where(paths.equal, counted, summed)
    return jnp.where(count > 0, room / jnp.where(count > 0, weight, 1.0), jnp.inf)


def _tolerance(like: Float[Array, "..."]) -> float:
    """How far offers that should be equal may lie apart."""
    return 2e-6 if like.dtype == jnp.float32 else 0.0


def _least_offers(
    paths: Paths, state: State, offer: Float[Array, "link"]
) -> tuple[Float[Array, "slot"], Int[Array, "link"]]:
    """Least offer on the route of each active flow, by position; flows that take a link's offer."""
    nowhere = offer.shape[0] - 1

    def one(number: Count, carried: tuple) -> tuple:
        least, takers = carried
        ids, live = block_of(state.active, number, paths.block)
        route = jnp.where(live[:, None], paths.route[ids], nowhere)
        offered = offer[route]
        own = paths.limit[ids] / jnp.where(live, paths.weight[ids], 1.0)
        found = jnp.minimum(own, offered.min(1))
        takes = offered <= (found * (1.0 + _tolerance(found)))[:, None]
        takers = takers.at[route].add(takes.astype(takers.dtype))
        return lax.dynamic_update_slice(least, found, (number * paths.block,)), takers

    empty = jnp.zeros_like(paths.weight), jnp.zeros(offer.shape, state.ledger.shared.dtype)
    return lax.fori_loop(0, blocks(state.active, paths.block), one, empty)


def _freeze(
    paths: Paths, state: State, least: Float[Array, "slot"], bottleneck: Bool[Array, "link"]
) -> tuple[Listed, Listed, Float[Array, "slot"]]:
    """Gives the flows of bottlenecks their rate, and parts the rest from them in place."""

    def one(number: Count, carried: tuple) -> tuple:
        stay, frozen, rate = carried
        ids, live = block_of(Listed(stay.ids, state.active.length), number, paths.block)
        level = lax.dynamic_slice(least, (number * paths.block,), (paths.block,))
        weight = jnp.where(live, paths.weight[ids], 1.0)
        bounded = paths.limit[ids] / weight <= level * (1.0 + _tolerance(level))
        share = jnp.minimum(level * weight, paths.limit[ids])
        freezes = live & (bounded | bottleneck[paths.route[ids]].any(1))
        rate = rate.at[jnp.where(freezes, ids, rate.shape[0])].set(share, mode="drop")
        return append(stay, ids, live & ~freezes), append(frozen, ids, freezes), rate

    none, ids = jnp.int32(0), state.active.ids
    empty = Listed(ids, none), Listed(jnp.zeros_like(ids), none), state.rate
    return lax.fori_loop(0, blocks(state.active, paths.block), one, empty)


def leave(paths: Paths, ledger: Ledger, leaving: Listed, rate: Float[Array, "slot"]) -> Ledger:
    """Takes flows out of the ledgers of their links, with the rates that they keep.

    Parameters
    ----------
    paths
        Padded flows.
    ledger
        Ledgers.
    leaving
        Flows.
    rate
        What each keeps of the capacity, zero for a flow that has ended. [B/s]

    Returns
    -------
    Ledger
        Ledgers.
    """
    nowhere = ledger.shared.shape[0] - 1

    def one(number: Count, shared: jax.Array) -> jax.Array:
        ids, live = block_of(leaving, number, paths.block)
        route = jnp.where(live[:, None], paths.route[ids], nowhere)
        kept = to_words(rate[ids][:, None], paths.units.capacity[route])
        return shared.at[route].add(-jnp.stack([jnp.ones_like(kept.high), *kept], axis=-1))

    shared = lax.fori_loop(0, blocks(leaving, paths.block), one, ledger.shared)
    weight = lax.cond(
        paths.equal, lambda: ledger.weight, lambda: _without_weight(paths, ledger.weight, leaving)
    )
    return Ledger(shared.at[nowhere].set(0), weight)


def _without_weight(paths: Paths, weight: Entries, leaving: Listed) -> Entries:
    """Takes the weights of flows out of those of their links."""
    nowhere = weight.shape[0] - 1

    def one(number: Count, weight: jax.Array) -> jax.Array:
        ids, live = block_of(leaving, number, paths.block)
        route = jnp.where(live[:, None], paths.route[ids], nowhere)
        own = to_words(paths.weight[ids][:, None], paths.units.weight[route])
        return weight.at[route].add(-jnp.stack(own, axis=-1))

    return lax.fori_loop(0, blocks(leaving, paths.block), one, weight).at[nowhere].set(0)
