"""What a device sustains: a copy, a loop of multiply-adds, a matrix product."""

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from perfmodel.engine.run import compiled

COPIED = 16_777_216
"""Numbers of the copied array of one device, beyond any cache."""

LOOPED = 16_384
"""Numbers that multiply-adds run over on one device: they stay in the first-level caches."""

TURNS = 20_000
EDGE = 1024
"""Rows and columns of the matrices."""

REPEATS = 5


class Ceilings(NamedTuple):
    """Rates of all local devices together."""

    copy: float
    """Bytes read and written. [B/s]"""
    multiply_add: float
    """Multiply-adds of vectors in cache. [FLOP/s]"""
    product: float
    """Products of square matrices in float32. [FLOP/s]"""


def measure() -> Ceilings:
    """Times the three.

    Returns
    -------
    Ceilings
        The fastest of a few runs each.
    """
    devices = np.array(jax.local_devices())
    split = NamedSharding(Mesh(devices, ("all",)), PartitionSpec("all"))

    def array(*shape: int) -> Any:
        return jax.device_put(np.full((len(devices), *shape), 0.5, np.float32), split)

    def fused(values: Any) -> Any:
        four = values, values + 0.1, values + 0.2, values + 0.3  # chains hide the latency

        def turn(_: Any, parts: tuple) -> tuple:
            return tuple(part * 0.999 + 0.001 for part in parts)

        return lax.fori_loop(0, TURNS // 4, turn, four)

    def multiplied(values: Any) -> Any:
        return jnp.matmul(values, values, precision="highest")

    count = len(devices)
    return Ceilings(
        copy=_rate(compiled(lambda values: values + 1.0), array(COPIED), 8.0 * COPIED * count),
        multiply_add=_rate(
            compiled(_on_each(fused, split)), array(LOOPED), 2.0 * LOOPED * TURNS * count
        ),
        product=_rate(
            compiled(_on_each(multiplied, split)), array(EDGE, EDGE), 2.0 * EDGE**3 * count
        ),
    )


def _on_each(function: Callable, split: NamedSharding) -> Callable:
    spec = split.spec
    return jax.shard_map(function, mesh=split.mesh, in_specs=spec, out_specs=spec, check_vma=False)


def _rate(function: Callable, values: Any, work: float) -> float:
    """Work over the time of the fastest run, the first one apart."""
    jax.block_until_ready(function(values))
    times = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        jax.block_until_ready(function(values))
        times.append(time.perf_counter() - started)
    return work / min(times)
