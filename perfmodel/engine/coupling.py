"""What failures, spares, storage and prices make of a layout: one objective more of a search."""

from typing import Any, NamedTuple

import jax
import numpy as np
from numpy.typing import NDArray

from perfmodel_kernels._typing import Real, Scalar
from perfmodel_kernels.job_goodput import Habits, Spread, Store, job_goodput, useful_share
from perfmodel_kernels.layout import Layout, chips_used, elastic_chips, model_chips
from perfmodel_kernels.recovery import Elastic, Restart
from perfmodel_kernels.reliability import Failures, SlowNodes
from perfmodel_kernels.site import Evaluation


class Price(NamedTuple):
    """What a second of the site takes: euros, kilograms of carbon, or one second."""

    fixed: Scalar
    """Whatever the layout. [1/s]"""
    energy: Scalar
    """Of each joule that the site draws. [1/J]"""


class Coupling(NamedTuple):
    """What enters the objective beside the step."""

    habits: Habits
    store: Store
    way: Scalar
    """Code of the way to save the state and come back."""
    price: Price


_CLASSES = np.ones(2)
"""Failures that take a node, and those that take a scale-up domain."""

_ANY = Coupling(
    Habits(Failures(_CLASSES, _CLASSES), Restart(*[1.0] * 5), Elastic(1.0, 1.0),
           SlowNodes(1.0, 1.0, 1.0), *[1.0] * 6),
    Store(*[1.0] * 8),
    1.0,
    Price(1.0, 0.0),
)  # fmt: skip
_SHAPES = tuple(np.shape(leaf) for leaf in jax.tree.leaves(_ANY))
_ENDS = np.cumsum([int(np.prod(shape)) for shape in _SHAPES]).tolist()

SIZE = _ENDS[-1]
"""Numbers of a coupling."""


def packed(coupling: Coupling | None) -> NDArray[np.float32]:
    """Numbers of a coupling as one vector: one transfer to a device instead of forty.

    Parameters
    ----------
    coupling
        Any, or none.

    Returns
    -------
    NDArray[np.float32]
        Of length :data:`SIZE`.
    """
    leaves = jax.tree.leaves(coupling or _ANY)
    return np.concatenate([np.ravel(leaf) for leaf in leaves]).astype(np.float32)


def unpacked(vector: Any) -> Coupling:
    """A coupling from its vector.

    Parameters
    ----------
    vector
        From :func:`packed`.

    Returns
    -------
    Coupling
        Scalars and arrays.
    """
    parts = [
        vector[end - int(np.prod(shape)) : end].reshape(shape)
        for end, shape in zip(_ENDS, _SHAPES, strict=True)
    ]
    return jax.tree.unflatten(jax.tree.structure(_ANY), parts)


def net_rate(found: Evaluation, layout: Layout, coupling: Coupling) -> Real:
    r"""Useful tokens over what they take.

    .. math:: \frac{\Theta U}{c_0 + c_1 P}

    Parameters
    ----------
    found
        Throughput :math:`\Theta` and site power :math:`P` of a layout.
    layout
        The layout, which decides the useful share :math:`U`.
    coupling
        Failures, storage, and the price of a second and of a joule.

    Returns
    -------
    Real
        Tokens per euro, per kilogram of carbon or per second.
    """
    spread = Spread(
        chips=chips_used(layout),
        replica=elastic_chips(layout),
        replicas=layout.dp,
        step=found.step.step_time,
        model=model_chips(layout),
        spares=found.site.spares,
    )
    share = useful_share(job_goodput(spread, coupling.habits, coupling.store), coupling.way)
    taken = coupling.price.fixed + coupling.price.energy * found.site.site_power
    return found.site.tokens_per_s * share / taken
