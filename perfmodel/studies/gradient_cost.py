"""What a gradient of the whole evaluation costs, in units of the evaluation."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from perfmodel.engine.ceilings import clock
from perfmodel.engine.run import compiled_over_points, traced_evaluate
from perfmodel.spaces.layouts import Layouts
from perfmodel_kernels.layout import Layout
from perfmodel_kernels.site import SiteParams

POINTS = 256
"""Layouts of a batch, as many as a search evaluates together."""

BATCHES = 32
"""Batches of one call: beside them it counts for nothing that it is made."""

REPEATS = 5


def gradient_ratio(params: SiteParams, layouts: Layouts) -> float:
    """Time of throughput with its derivatives by every parameter over that of throughput alone.

    Parameters
    ----------
    params
        Site and job.
    layouts
        Some layouts; they are repeated to fill a call.

    Returns
    -------
    float
        Ratio of the shortest of a few runs each.
    """

    def throughput(numbers: SiteParams, layout: Layout) -> Any:
        return jnp.log(traced_evaluate(numbers, layout).site.tokens_per_s)

    given = jax.tree.map(np.float32, params)
    shape = BATCHES, POINTS
    fields: Any = [np.resize(field, shape).astype(np.float32) for field in layouts]
    return ratio_of_times(throughput, given, Layout(*fields))


def ratio_of_times(function: Callable[[Any, Any], Any], shared: Any, points: Any) -> float:
    """Time of values with derivatives over that of values alone, for many points at once.

    Parameters
    ----------
    function
        Takes what is derived by and one point; returns a number.
    shared, points
        Arrays; of those of the points the first axis is the batch, the last one the point.

    Returns
    -------
    float
        Ratio of the shortest of a few runs each.
    """
    both: Any = jax.value_and_grad(function)
    size = jax.tree.leaves(points)[0].shape[-1]
    forward, backward = (
        _least(compiled_over_points(one, size), shared, points) for one in (function, both)
    )
    return backward / forward


def _least(function: Callable[..., Any], *arguments: Any) -> float:
    """Shortest time of a call in seconds, the first one apart."""
    jax.block_until_ready(function(*arguments))
    times = []
    for _ in range(REPEATS):
        started = clock()
        jax.block_until_ready(function(*arguments))
        times.append(clock() - started)
    return min(times)
