"""What a schedule keeps on a chip: micro-batches between their passes, copies of the parameters."""

import jax.numpy as jnp

from perfmodel_kernels._typing import Real, Scalar, Stages
from perfmodel_kernels.schedule import DUALPIPE, GPIPE, ZERO_BUBBLE, Pipeline, on_chips


def activations_in_flight(values: Stages, pipeline: Pipeline) -> Stages:
    r"""What stages keep of a quantity that every micro-batch leaves until its backward pass.

    Micro-batches that stage i of p (from 1) holds at once:

    .. math::
        H_{1F1B} &= \min(m, p - i + 1) \\
        H_{interleaved} &= \min(m, (2 (p - i) + (v - 1)(p + m \bmod p) + 1) / v) \\
        H_{GPipe} &= m \\
        H_{ZB-H1} &= \min(m, p) \\
        H_{DualPipe} &= \min(m, p + 1)

    ZB-H1 frees a part of the activations after the input gradient; here all wait for the weight
    gradient. DualPipe holds micro-batches of both directions, on two stages of the model.

    Parameters
    ----------
    values
        Quantity of one micro-batch by kind of stage; the middle stage is the second one.
    pipeline
        Stages, chunks, micro-batches and schedule.

    Returns
    -------
    Stages
        Quantity times micro-batches in flight.

    References
    ----------
    Narayanan et al., arXiv 2104.04473, section 2.2; Korthikanti et al., arXiv 2205.05198,
    section 4.2.3; Qi et al., arXiv 2401.10241, section 2; DeepSeek-AI, arXiv 2412.19437, table 2.
    """
    stages, chunks, count, code = pipeline
    ones = jnp.ones_like(values)
    behind = jnp.stack([stages - 1.0, jnp.maximum(stages - 2.0, 0.0), 0.0 * stages])
    group = stages + count - stages * jnp.floor(count / stages)
    turns = (2.0 * behind + (chunks - 1.0) * group + 1.0) / chunks
    held = jnp.where(chunks > 1.5, turns, behind + 1.0)
    held = jnp.where(code > GPIPE - 0.5, count * ones, held)
    held = jnp.where(code > ZERO_BUBBLE - 0.5, stages * ones, held)
    held = jnp.where(code > DUALPIPE - 0.5, (stages + 1.0) * ones, held)
    return on_chips(values, pipeline) * jnp.minimum(held, count)


def parameter_copies(schedule: Scalar) -> Real:
    """Stages of the model that a chip holds: two for DualPipe, one of each direction, else one.

    Parameters
    ----------
    schedule
        Code of the schedule.

    Returns
    -------
    Real
        Factor on the parameters of a chip.

    References
    ----------
    DeepSeek-AI, "DeepSeek-V3 Technical Report", arXiv 2412.19437, table 2.
    """
    return jnp.where(schedule > DUALPIPE - 0.5, 2.0, 1.0)
