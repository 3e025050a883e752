"""Workload config to sequence length and element widths."""

from perfmodel.config.schema.stack import Stack
from perfmodel.config.schema.workload import Workload as WorkloadConfig
from perfmodel.lowering.precision import Format
from perfmodel_kernels.memory import Widths
from perfmodel_kernels.step_parts import Workload

_OPTIMIZER_BYTES = {
    "adam": 12.0,  # 32-bit master weight and two moments
    "adam-bf16-moments": 8.0,  # 32-bit master weight, two 16-bit moments
}


_WEIGHT_BYTES = 2.0
"""Weight of the forward pass: 16 bits in every format. [B]"""

_SUM_BYTES = 4.0
"""Gradient whose sum needs no 16-bit gradient to be widened first. [B]"""


def lower_workload(workload: WorkloadConfig, stack: Stack, number_format: Format) -> Workload:
    """Sequence length and bytes per element.

    Parameters
    ----------
    workload
        The config.
    stack
        Widths of gradients, and whether weights and gradients are kept twice.
    number_format
        Format of the products; experts receive tokens in it.

    Returns
    -------
    Workload
        SI numbers.
    """
    half = workload.precision == "fp16"
    gradient = float(stack.half_gradient_bytes if half else stack.gradient_bytes)
    return Workload(
        length=float(workload.sequence_length),
        dispatch_bytes=max(number_format.element_bytes, 1.0),
        cast_bytes=number_format.weight_cast,
        widths=Widths(
            weight=_WEIGHT_BYTES,
            gradient=gradient,
            optimizer=_OPTIMIZER_BYTES[workload.optimizer],
            resident=_WEIGHT_BYTES * stack.resident_weights,
            fresh=_WEIGHT_BYTES * (stack.fresh_gradient and gradient >= _SUM_BYTES),
        ),
    )
