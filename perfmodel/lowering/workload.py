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


def lower_workload(workload: WorkloadConfig, stack: Stack, number_format: Format) -> Workload:
    """Sequence length and bytes per element.

    Parameters
    ----------
    workload
        The config.
    stack
        Width of accumulated gradients.
    number_format
        Format of the products; experts receive tokens in it.

    Returns
    -------
    Workload
        SI numbers.
    """
    return Workload(
        length=float(workload.sequence_length),
        dispatch_bytes=max(number_format.element_bytes, 1.0),
        cast_bytes=number_format.weight_cast,
        widths=Widths(
            weight=2.0,
            gradient=float(stack.gradient_bytes),
            optimizer=_OPTIMIZER_BYTES[workload.optimizer],
            product_input=max(number_format.element_bytes, 1.0),
        ),
    )
