"""The aims of a site with their relative derivatives along directions of its parameters."""

from functools import cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from perfmodel.engine.run import Form, Kept
from perfmodel_kernels.layout import Layout
from perfmodel_kernels.site import SiteParams, evaluate

AIMS = (
    *("tokens_per_s", "energy_per_token", "site_power", "provisioned_power"),
    *("step_time", "mfu", "chip_power", "memory_fraction"),
)
"""Quantities that can be derived: fields of the site or of the step, all above zero."""

DIRECTIONS = 8
"""Directions of one call. Forwards, since the program that goes backwards takes five times as long
to compile, and the figures of a machine are few; eight at a time, since designs free fewer."""


class Gradients(NamedTuple):
    """Aims and their relative derivatives."""

    values: dict[str, float]
    """By aim. [SI]"""
    slopes: dict[str, NDArray[np.float64]]
    """Derivative of the logarithm of each aim along each direction."""


def gradients(
    params: SiteParams,
    layout: Layout,
    directions: NDArray[np.float64],
    dtype: type = np.float32,
) -> Gradients:
    r"""Relative derivatives of aims under one layout, which is held.

    .. math:: \sum_i \frac{\partial \log y}{\partial p_i} \dot p_i

    Parameters
    ----------
    params
        Site and job, scalars.
    layout
        How the job is spread.
    directions
        Changes of the parameters. Axes: number of the parameters, direction.
    dtype
        Precision of the kernels; double only where JAX is set to it.

    Returns
    -------
    Gradients
        Values and slopes.
    """
    leaves, tree = jax.tree.flatten(params)
    form = Form(tree, tuple(np.shape(leaf) for leaf in leaves))
    vector = np.concatenate([np.ravel(leaf) for leaf in leaves]).astype(dtype)
    point, program = np.array(layout, dtype), _program(form)
    count = directions.shape[1]
    padded = np.pad(directions.T, ((0, -count % DIRECTIONS), (0, 0))).astype(dtype)
    values, parts = np.zeros(len(AIMS), dtype), []
    for start in range(0, len(padded), DIRECTIONS):
        values, slopes = program(vector, point, padded[start : start + DIRECTIONS])
        parts.append(np.asarray(slopes, float))
    found = np.asarray(values, float)
    columns = (np.concatenate(parts)[:count] / found).T
    return Gradients(
        dict(zip(AIMS, found.tolist(), strict=True)), dict(zip(AIMS, columns, strict=True))
    )


@cache
def _program(form: Form) -> Kept:
    """One program per form of the parameters."""

    def derived(vector: Any, layout: Any, directions: Any) -> Any:
        def aims(numbers: Any) -> Any:
            found = evaluate(form.restored(numbers), Layout(*layout))
            parts = found.site._asdict() | found.step._asdict()
            return jnp.stack([parts[aim] for aim in AIMS])

        values, along = jax.linearize(aims, vector)
        return values, jax.vmap(along)(directions)

    return Kept(derived, ("gradient", form, AIMS))
