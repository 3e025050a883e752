"""Interval of a predicted step time: how its parameters are known, and what runs left out need."""

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from perfmodel.config.intervals import shipped_intervals
from perfmodel.lowering.published_run import Lowered
from perfmodel.studies.conformal import Widths
from perfmodel.studies.measured_envelope import Job, unmeasured
from perfmodel.studies.run_predictions import metrics_of
from perfmodel_kernels.step_parts import StepParams

REPEATS = 0.05
"""Standard deviation of the logarithm of repeats: equal configurations of the published runs differ
by 5 % in the median."""

Change = Callable[[StepParams, float], StepParams]


def _products(params: StepParams, factor: float) -> StepParams:
    chip = params.chip
    return params._replace(
        chip=chip._replace(
            fraction_16bit=chip.fraction_16bit * factor, fraction_low=chip.fraction_low * factor
        )
    )


def _attention(params: StepParams, factor: float) -> StepParams:
    chip = params.chip
    return params._replace(
        chip=chip._replace(
            attention_forward=chip.attention_forward * factor,
            attention_backward=chip.attention_backward * factor,
        )
    )


def _traffic(params: StepParams, factor: float) -> StepParams:
    kernels = params.stack.kernels
    changed = kernels._replace(passes=kernels.passes * factor)
    return params._replace(stack=params.stack._replace(kernels=changed))


def _host(params: StepParams, factor: float) -> StepParams:
    stack = params.stack
    kernels = stack.kernels._replace(
        launch=stack.kernels.launch * factor, dispatch=stack.kernels.dispatch * factor
    )
    return params._replace(stack=stack._replace(kernels=kernels, overhead=stack.overhead * factor))


def _links(params: StepParams, factor: float) -> StepParams:
    network = params.network
    return params._replace(
        network=network._replace(bandwidth=network.bandwidth * factor, pair=network.pair * factor)
    )


SPREADS: Mapping[str, tuple[Change, float]] = {
    "matrix products": (_products, 0.12),  # estimate: stacks of one chip differ so
    "attention": (_attention, 0.25),  # estimate: kernels of one generation differ so
    "memory-bound operators": (_traffic, 0.25),  # estimate: how much is fused
    "host and launches": (_host, 0.70),  # estimate: known to a factor of two
    "links": (_links, 0.25),  # estimate: overlap and congestion
}
"""What is changed, and the standard deviation of the logarithm of what the priors say of it."""


def log_spread(lowered: Lowered, times: np.ndarray) -> np.ndarray:
    r"""Standard deviation of the logarithm of the step times of rows.

    .. math:: \sigma^2 = \sigma_0^2 + \sum_k \left(\ln \frac{t(x_k e^{\sigma_k})}{t}\right)^2

    Parameters
    ----------
    lowered
        Rows as arrays.
    times
        Predicted times. [s]

    Returns
    -------
    np.ndarray
        One per row.
    """

    def time_of(params: StepParams) -> np.ndarray:
        return np.asarray(metrics_of(params, lowered.layouts).step_time, float)

    return spread_of(lowered.params, times, time_of)


def spread_of(
    params: StepParams, times: np.ndarray, time_of: Callable[[StepParams], np.ndarray]
) -> np.ndarray:
    """Standard deviation of the logarithm of step times, whatever evaluates them.

    Parameters
    ----------
    params
        Numbers of the step.
    times
        What they lead to. [s]
    time_of
        Evaluates other numbers. [s]

    Returns
    -------
    np.ndarray
        One per step time.
    """
    variance = np.full(len(times), REPEATS**2)
    for change, spread in SPREADS.values():
        variance += np.log(time_of(change(params, math.exp(spread))) / times) ** 2
    return np.sqrt(variance)


def half_widths(jobs: Sequence[Job]) -> np.ndarray:
    """Half of the 90 % interval of each job, in standard deviations that the parameters give.

    Parameters
    ----------
    jobs
        What is predicted.

    Returns
    -------
    np.ndarray
        What families of runs that a fit had not seen need, more where no run was measured.
    """
    known = shipped_intervals().envelope
    return np.array([half_width(job.experts, bool(unmeasured(job, known))) for job in jobs])


def half_width(experts: bool, outside: bool) -> float:
    """The same for one prediction.

    Parameters
    ----------
    experts
        Whether the model has experts.
    outside
        Whether no run like it was measured.

    Returns
    -------
    float
        Standard deviations.
    """
    width = Widths(**shipped_intervals().width.model_dump())
    return float(width.of(np.array(experts), np.array(outside)))


def interval(
    times: np.ndarray, spread: np.ndarray, width: np.ndarray | float
) -> tuple[np.ndarray, np.ndarray]:
    """Ends of the 90 % interval.

    Parameters
    ----------
    times
        Predicted times. [s]
    spread
        Standard deviation of their logarithm.
    width
        Half-width in such deviations.

    Returns
    -------
    tuple[np.ndarray, np.ndarray]
        Lower and upper end. [s]
    """
    factor = np.exp(width * spread)
    return times / factor, times * factor
