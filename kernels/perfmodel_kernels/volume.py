"""Bytes that the mean chip sends in one step, inside the scale-up domain and outside."""

from typing import NamedTuple

import jax.numpy as jnp

from perfmodel_kernels._typing import Calls, Real
from perfmodel_kernels.exposure import context_rounds, tensor_calls
from perfmodel_kernels.layout import FULL, ZERO1, ZERO2, ZERO3
from perfmodel_kernels.placement import Placement, mean_over_stages
from perfmodel_kernels.traffic import StepTraffic


class Volume(NamedTuple):
    """Bytes per chip and step."""

    scaleup: Real
    """Inside the scale-up domain. [B]"""
    scaleout: Real
    """Over the network cards. [B]"""
    gathers: Calls
    """Inside the scale-up domain by gather. [B]"""
    exchange: Real
    """Inside the scale-up domain, tokens to experts and back. [B]"""


def step_volume(placement: Placement, traffic: StepTraffic) -> Volume:
    """How often each collective runs in a step, times what it sends.

    Parameters
    ----------
    placement
        Blocks, sharding, recompute and micro-batches.
    traffic
        Bytes of each collective, once.

    Returns
    -------
    Volume
        Bytes of the mean chip, pipeline sends apart. [B]
    """
    layout, blocks = placement.layout, mean_over_stages(placement)
    count = layout.micro_batches
    full = jnp.where(layout.recompute > FULL - 0.5, layout.recomputed, 0.0)
    rounds = context_rounds(layout)
    ddp = jnp.where(layout.sharding < ZERO1 - 0.5, 1.0, 0.0)
    zero3 = jnp.where(layout.sharding > ZERO3 - 0.5, 1.0, 0.0)
    reduce = jnp.where(layout.sharding > ZERO2 - 0.5, count, 1.0) * (1.0 + ddp)
    gather = (1.0 - ddp) * (1.0 - zero3 + 2.0 * count * zero3)
    calls = jnp.stack([
        count * (2.0 + full) * (blocks * tensor_calls(placement.model)).sum(),
        count * (1.0 + rounds + full) * (blocks[0] + blocks[1]),
        reduce,
        gather,
        reduce,
        gather,
        2.0 + jnp.zeros_like(gather),
        count * (4.0 + 2.0 * full) * blocks[1],
    ])  # fmt: skip
    once = (1.0 + full) * traffic.forward_bytes + traffic.backward_bytes
    exchanges = count * blocks[1] * once
    gathers = calls * traffic.sent_scaleup
    exchange = (exchanges * (1.0 - traffic.outside)).sum()
    return Volume(
        scaleup=gathers.sum() + exchange,
        scaleout=(calls * traffic.sent_scaleout).sum() + (exchanges * traffic.outside).sum(),
        gathers=gathers,
        exchange=exchange,
    )
