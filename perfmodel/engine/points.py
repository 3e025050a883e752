"""Evaluates many points that share nothing: each with its own site, job and layout."""

import math
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from numpy.typing import NDArray

from perfmodel.engine.batching import batch_last
from perfmodel.engine.fusing import in_kernels
from perfmodel.engine.run import WIDE_OPTIONS, Form, evaluation_structure
from perfmodel.engine.store import Build, Wanted, stored
from perfmodel_kernels.layout import Layout
from perfmodel_kernels.site import Evaluation, SiteParams, evaluate

BATCH = 256
"""Points that are evaluated together; measured: 256 of them 1.4 times as fast as 1,024, whose
intermediate values leave the cache."""

ROUNDS = 64
"""Batches of one device and call."""


def evaluate_points(form: Form, vectors: NDArray[np.float32]) -> Evaluation:
    """Evaluates points, on all local devices.

    Parameters
    ----------
    form
        Structure of parameters and layout of one point.
    vectors
        Its numbers. Axes: number, point.

    Returns
    -------
    Evaluation
        An array of the points each.
    """
    devices = tuple(jax.local_devices())
    program, split = _program(devices, form)
    count = vectors.shape[1]
    size = len(devices) * ROUNDS * BATCH
    parts = []
    for start in range(0, count, size):
        dealt, rounds = _dealt(vectors[:, start : start + size], len(devices))
        found = program(jax.device_put(dealt, split), jax.device_put(rounds, split))
        parts.append(np.asarray(found).transpose(2, 0, 1, 3).reshape(found.shape[2], -1))
    table = np.concatenate(parts, axis=1)
    table = table[:, _places(count, len(devices))]
    return jax.tree.unflatten(evaluation_structure(), list(table))


def _dealt(vectors: NDArray[np.float32], devices: int) -> tuple[NDArray, NDArray]:
    """Batches of each device and their number. Axes: device, round, number, point."""
    count = vectors.shape[1]
    each = math.ceil(math.ceil(count / BATCH) / devices)
    padded = np.pad(vectors, ((0, 0), (0, each * devices * BATCH - count)), mode="edge")
    dealt = padded.reshape(len(vectors), devices, each, BATCH).transpose(1, 2, 0, 3)
    room = np.zeros((devices, ROUNDS, len(vectors), BATCH), np.float32)
    room[:, :each] = dealt
    return room, np.full(devices, each, np.int32)


def _places(count: int, devices: int) -> NDArray[np.int64]:
    """Where the points of all calls lie among what the devices return."""
    size, found, before = devices * ROUNDS * BATCH, [], 0
    for start in range(0, count, size):
        own = min(size, count - start)
        each = math.ceil(math.ceil(own / BATCH) / devices) * BATCH
        device, place = np.divmod(np.arange(own), each)
        found.append(before + device * ROUNDS * BATCH + place)
        before += size
    return np.concatenate(found)


@cache
def _program(devices: tuple, form: Form) -> tuple[Any, NamedSharding]:
    """Loads or compiles, once per set of devices and structure of a point."""
    mesh = Mesh(np.array(devices), ("points",))
    split = NamedSharding(mesh, PartitionSpec("points"))

    def build() -> Build:
        on_cpu = devices[0].platform == "cpu"
        function = jax.shard_map(
            lambda dealt, rounds: _rounds(form, dealt[0], rounds[0], on_cpu)[None],
            mesh=mesh,
            in_specs=PartitionSpec("points"),
            out_specs=PartitionSpec("points"),
            check_vma=False,
        )
        jitted = jax.jit(function, compiler_options=WIDE_OPTIONS if on_cpu else None)
        room = (len(devices), ROUNDS, form.size, BATCH)
        dealt = jax.ShapeDtypeStruct(room, np.float32, sharding=split)
        rounds = jax.ShapeDtypeStruct((len(devices),), np.int32, sharding=split)
        return Build([jitted.lower(dealt, rounds)])

    key = ("points", form, len(devices), devices[0].platform, BATCH, ROUNDS)
    return stored(Wanted(key, build)).compiled[0], split


def _rounds(form: Form, dealt: jax.Array, rounds: jax.Array, on_cpu: bool) -> jax.Array:
    """All batches of one device, as many as there are. Axes: round, column, point."""

    def one(shared: Any, point: tuple[SiteParams, Layout]) -> Evaluation:
        del shared
        return evaluate(*point)

    mapped = batch_last(one, BATCH)

    def whole(vectors: jax.Array) -> jax.Array:
        outputs = mapped(jnp.float32(0.0), form.batched(vectors, BATCH))
        rows = [jnp.broadcast_to(leaf, (BATCH,)) for leaf in jax.tree.leaves(outputs)]
        return jnp.stack([row.astype(jnp.float32) for row in rows])

    formed = in_kernels(whole) if on_cpu else whole

    def batch(number: Any, table: jax.Array) -> jax.Array:
        return table.at[number].set(formed(dealt[number]))

    empty = jnp.zeros((ROUNDS, evaluation_structure().num_leaves, BATCH), jnp.float32)
    return lax.fori_loop(0, rounds, batch, empty)
