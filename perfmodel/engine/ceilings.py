"""What a device sustains: a copy, a loop of multiply-adds, a matrix product."""

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from perfmodel.engine.run import compiled_fully

COPIED = 16_777_216
"""Numbers of the copied array of one device, beyond any cache."""

LOOPED = 4096
"""Numbers that multiply-adds run over on one device: they stay in the first-level cache."""

CHAIN, CHAINS = 16, 8
"""Multiply-adds in a row between a load and a store, and rows side by side, which hide the time
that one waits for the other."""

TURNS = 1000
TRIPS = 8
"""Copies of one run, in place, so that no page is new."""

EDGE = 1024
"""Rows and columns of the matrices."""

REPEATS = 5


class Ceilings(NamedTuple):
    """Rates per second of processor time on a CPU, of wall time elsewhere.

    Other programs change the processor time less than they change
    the wall time.
    """

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

    def copied(values: Any) -> Any:
        return lax.fori_loop(0, TRIPS, lambda _, part: part + 1.0, values)

    def fused(values: Any) -> Any:
        def turn(_: Any, part: Any) -> Any:
            chains = [part * (0.9 + 0.01 * number) for number in range(CHAINS)]
            for _ in range(CHAIN):
                chains = [one * 0.999 + 0.001 for one in chains]
            return sum(chains) * (1.0 / CHAINS)

        return lax.fori_loop(0, TURNS, turn, values)

    def multiplied(values: Any) -> Any:
        return jnp.matmul(values, values, precision="highest")

    count = len(devices)
    added, operations = array(LOOPED), 2.0 * LOOPED * CHAIN * CHAINS * TURNS
    square, moved = array(EDGE, EDGE), 8.0 * COPIED * TRIPS
    return Ceilings(
        copy=_rate(compiled_fully(_on_each(copied, split)), array(COPIED), moved * count),
        multiply_add=_rate(compiled_fully(_on_each(fused, split)), added, operations * count),
        product=_rate(compiled_fully(_on_each(multiplied, split)), square, 2.0 * EDGE**3 * count),
    )


def _on_each(function: Callable, split: NamedSharding) -> Callable:
    spec = split.spec
    return jax.shard_map(function, mesh=split.mesh, in_specs=spec, out_specs=spec, check_vma=False)


def _rate(function: Callable, values: Any, work: float) -> float:
    """Work over the time of the fastest run, the first one apart."""
    jax.block_until_ready(function(values))
    times = []
    for _ in range(REPEATS):
        started = clock()
        jax.block_until_ready(function(values))
        times.append(clock() - started)
    return work / min(times)


def clock() -> float:
    """Processor time on a CPU, else wall time.

    Returns
    -------
    float
        Time since some moment. [s]
    """
    on_cpu = jax.default_backend() == "cpu"
    return time.process_time() if on_cpu else time.perf_counter()
