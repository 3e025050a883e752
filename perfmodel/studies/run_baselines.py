"""Simpler models of a training step, judged on the same rows: one constant, and the roofline."""

from collections.abc import Mapping

import numpy as np

from perfmodel.lowering.published_run import Lowered
from perfmodel.studies.run_predictions import metrics_of
from perfmodel_kernels.step import StepMetrics
from perfmodel_kernels.step_parts import StepParams

CONSTANT = "one constant"
WITH_BUBBLE = "one constant, recompute and bubble"
ROOFLINE = "roofline"


def simpler(
    lowered: Lowered, metrics: StepMetrics, measured: np.ndarray, judged: np.ndarray
) -> Mapping[str, np.ndarray]:
    r"""Step times of three simpler models.

    The first is the model FLOP of a chip over its peak and one constant; the second takes the FLOP
    with recompute and the bubble of an even pipeline, :math:`1 + (p - 1) / (v m)`; their constants
    are the best for the rows at hand. The roofline takes every operator at its peak or at the
    memory bandwidth and nothing else.

    Parameters
    ----------
    lowered
        Rows as arrays.
    metrics
        What is predicted of them: FLOP and peaks.
    measured
        Times of a step. [s]
    judged
        Rows that the constants are chosen on.

    Returns
    -------
    Mapping[str, np.ndarray]
        Times by the name of the model. [s]
    """
    layout, time = lowered.layouts, np.asarray(metrics.step_time, float)
    pipeline = np.asarray(layout.pp) - 1.0
    bubble = 1.0 + pipeline / (np.asarray(layout.vpp) * np.asarray(layout.micro_batches))
    plain = np.asarray(metrics.mfu) * time
    whole = np.asarray(metrics.hfu) * time * bubble
    return {
        CONSTANT: plain * best_factor(plain, measured, judged),
        WITH_BUBBLE: whole * best_factor(whole, measured, judged),
        ROOFLINE: roofline_times(lowered),
    }


def best_factor(plain: np.ndarray, measured: np.ndarray, judged: np.ndarray) -> float:
    r"""Factor of the least mean absolute relative error.

    .. math:: k = \arg\min \sum_i \lvert k\, t_i / y_i - 1 \rvert

    the median of :math:`y_i / t_i` with weights :math:`t_i / y_i`.

    Parameters
    ----------
    plain
        Times :math:`t` without the factor. [s]
    measured
        Measured times :math:`y`. [s]
    judged
        Rows that count.

    Returns
    -------
    float
        The factor, 1 where no row counts.
    """
    if not judged.any():
        return 1.0
    ratio = plain[judged] / measured[judged]
    order = np.argsort(1.0 / ratio)
    below = np.cumsum(ratio[order])
    middle = int(np.searchsorted(below, 0.5 * below[-1]))
    return float(1.0 / ratio[order][middle])


def roofline_times(lowered: Lowered) -> np.ndarray:
    """Times of the operators alone, every one at its roofline.

    Parameters
    ----------
    lowered
        Rows as arrays.

    Returns
    -------
    np.ndarray
        Times of a step. [s]
    """
    split = metrics_of(_ideal(lowered.params), lowered.layouts).time_split
    return np.asarray(split.matrix + split.attention + split.elementwise + split.recompute)


def _ideal(params: StepParams) -> StepParams:
    """Chips at their peaks with kernels that cost nothing but FLOP and bytes."""
    one = np.ones_like(np.asarray(params.capacity))
    chip = params.chip._replace(
        **dict.fromkeys(("fraction_16bit", "fraction_low", "units", "tile"), one),
        **dict.fromkeys(("attention_forward", "attention_backward"), one),
        **dict.fromkeys(("attention_half_length", "attention_half_width"), one),
        tile_overhead=0.0 * one,
        # without energy no power cap holds the clock down
        **dict.fromkeys(("flop_energy_16bit", "flop_energy_low", "attention_energy"), 1e-18 * one),
        **dict.fromkeys(("hbm_energy", "stream_energy"), 1e-18 * one),
    )
    kernels = params.stack.kernels._replace(
        launch=0.0 * one, dispatch=0.0 * one, passes=one, cast_bytes=0.0 * one
    )
    return params._replace(
        chip=chip,
        power=params.power._replace(highest=one, clock_power=0.0 * one),
        stack=params.stack._replace(kernels=kernels),
    )
