"""Step time of a run that trains adapters and leaves the weights frozen (LoRA)."""

import numpy as np

from perfmodel_kernels.step import TimeSplit

PRODUCTS = 3.0
"""Equal products of a training step with a weight: forward, input gradient, weight gradient."""

BUSY = (
    *("matrix", "attention", "elementwise", "recompute"),
    *("tensor", "context", "expert", "offload", "host"),
)
"""Kinds of time that a stage spends on its micro-batches."""


def frozen_step_time(split: TimeSplit) -> np.ndarray:
    r"""Time of a step without weight gradients, their reduction and the update.

    Adapters are a few per mille of the weights: their products, gradients and states are left out.

    .. math:: t = (b - s) + \left(1 - \frac{s}{b}\right)(t_{bubble} + t_{straggler})
        + t_{send} + t_{overhead}, \quad s = t_{matrix} / 3

    with :math:`b` the busy time of the slowest stage.

    Parameters
    ----------
    split
        Time of a full step by kind.

    Returns
    -------
    np.ndarray
        Time of a step. [s]

    References
    ----------
    Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models", arXiv 2106.09685, section 4.
    """
    parts = {name: np.asarray(part, float) for name, part in split._asdict().items()}
    busy = np.sum([parts[name] for name in BUSY], axis=0)
    kept = busy - parts["matrix"] / PRODUCTS
    waiting = kept / busy * (parts["bubble"] + parts["straggler"])
    return kept + waiting + parts["pipeline"] + parts["overhead"]
