"""Stack config to kernel gaps, overlaps and reserves."""

from perfmodel.config.schema.stack import Stack as StackConfig
from perfmodel.lowering.precision import Format
from perfmodel_kernels.exposure import Overlap
from perfmodel_kernels.memory import Reserve
from perfmodel_kernels.operators import KernelSet
from perfmodel_kernels.schedule import Spread
from perfmodel_kernels.step import Stack


def lower_stack(stack: StackConfig, number_format: Format) -> Stack:
    """Software as numbers.

    Parameters
    ----------
    stack
        The config.
    number_format
        Format of the products, for the casts.

    Returns
    -------
    Stack
        SI numbers.
    """
    overlap = stack.overlap
    return Stack(
        kernels=KernelSet(
            element_bytes=number_format.element_bytes,
            cast_bytes=number_format.cast_bytes,
            launch=stack.kernel_launch,
            fused=float(stack.fused_attention),
            passes=stack.elementwise_passes,
        ),
        overhead=stack.step_overhead,
        spread=Spread(stack.straggler_between, stack.straggler_within),
        reserve=Reserve(framework=stack.memory_reserve, bucket=stack.bucket),
        overlap=Overlap(
            tensor=overlap.tensor,
            context=overlap.context,
            expert=overlap.expert,
            pipeline=overlap.pipeline,
            data=overlap.data,
            slowdown=overlap.compute_slowdown,
        ),
    )
