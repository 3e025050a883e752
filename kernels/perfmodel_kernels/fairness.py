"""Whether rates of flows are max-min fair, by the definition and not by the way they were found."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from perfmodel_kernels.fixed_point import Words, from_words, to_words, unit_of
from perfmodel_kernels.flows import Flows, PerFlow


class Verdict(NamedTuple):
    """Whether rates are max-min fair."""

    overload: Float[Array, ""]
    """Most that a link carries beyond its capacity, over the capacity."""
    loose: Int[Array, ""]
    """Flows that neither reach their limit nor cross a full link on which none has more."""
    holds: Bool[Array, ""]
    """No link is overloaded and no flow is loose, within the tolerance."""


def verify(flows: Flows, rate: PerFlow, tolerance: float) -> Verdict:
    r"""Holds rates against the definition of max-min fairness.

    Feasible, :math:`\sum_{f \ni l} x_f \le C_l`, and every flow is at its limit or crosses a full
    link on which its share :math:`x_f / w_f` is the largest.

    Parameters
    ----------
    flows
        Flows.
    rate
        Rates :math:`x`. [B/s]
    tolerance
        Relative error that is let pass.

    Returns
    -------
    Verdict
        What was found.
    """
    capacity, links = jnp.append(jnp.asarray(flows.capacity), 0.0), flows.capacity.shape[0]
    route, rate = jnp.asarray(flows.route), jnp.asarray(rate)
    present = jnp.asarray(flows.weight) > 0.0
    unit = unit_of(capacity)
    words = to_words(jnp.where(present, rate, 0.0)[:, None], unit[route])
    total = jnp.zeros((links + 1, 2), words.high.dtype).at[route].add(jnp.stack(words, axis=-1))
    load = from_words(Words(total[:, 0], total[:, 1]), unit)[:links]
    full = jnp.append(load >= capacity[:links] * (1.0 - tolerance), False)
    share = jnp.where(present, rate / jnp.where(present, flows.weight, 1.0), 0.0)
    largest = jnp.zeros_like(capacity).at[route].max(share[:, None])
    at_most = full[route] & (share[:, None] >= largest[route] * (1.0 - tolerance))
    bound = (rate >= flows.limit * (1.0 - tolerance)) | at_most.any(1)
    needs = present & ((route < links).any(1) | jnp.isfinite(jnp.asarray(flows.limit)))
    over = jnp.where(load > capacity[:links], load - capacity[:links], 0.0)
    overload = (over / jnp.where(capacity[:links] > 0.0, capacity[:links], 1.0)).max()
    loose = (needs & ~bound).sum(dtype=jnp.int32)
    return Verdict(overload, loose, (overload <= tolerance) & (loose == 0))
