"""Energy of the mean accelerator over a step, from how it spends the step."""

from typing import NamedTuple

import jax.numpy as jnp

from perfmodel_kernels._typing import Real, Scalar
from perfmodel_kernels.operators import BlockTimes
from perfmodel_kernels.power import Links
from perfmodel_kernels.volume import Volume


class Spent(NamedTuple):
    """How the mean chip spends a step."""

    micro_batches: Scalar
    again: Scalar
    """Computing once more. [s]"""
    optimizer: Scalar
    """Updating weights. [s]"""
    step: Scalar
    """The whole. [s]"""


def step_energy(times: BlockTimes, spent: Spent, volume: Volume, links: Links) -> Real:
    """Energy of the mean accelerator in one step: computing, waiting, links.

    Parameters
    ----------
    times
        Energy and time of a micro-batch, power of a chip that waits or streams.
    spent
        How the chip spends the step.
    volume
        Bytes that it sends.
    links
        What of them hides behind the products.

    Returns
    -------
    Real
        Energy, hosts apart. [J]
    """
    return _compute_energy(times, spent) + _link_energy(times, spent, volume, links)


def _waiting(times: BlockTimes, spent: Spent) -> Real:
    """Time that is left: communication, bubbles, stragglers, the host, in [s]."""
    used = spent.micro_batches * times.time + spent.again + spent.optimizer
    return jnp.maximum(spent.step - used, 0.0)


def _compute_energy(times: BlockTimes, spent: Spent) -> Real:
    """Energy of the mean accelerator in one step, traffic of its waiting time apart, in [J]."""
    busy = times.energy / times.time * (spent.micro_batches * times.time + spent.again)
    waiting = _waiting(times, spent) * times.waiting
    return busy + spent.optimizer * times.streaming + waiting


def _link_energy(times: BlockTimes, spent: Spent, volume: Volume, links: Links) -> Real:
    """Energy of what the links move in waiting time, never faster than they can, in [J]."""
    carried = times.carried * (spent.micro_batches + spent.again / times.time)
    left = jnp.maximum(volume.scaleup - carried, 0.0)
    most = links.rate * _waiting(times, spent) / times.pace.stretch[3]
    return jnp.minimum(left, most) * links.energy
