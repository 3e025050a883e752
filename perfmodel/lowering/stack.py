"""Stack config to kernel gaps, overlaps and reserves."""

import math

import numpy as np

from perfmodel.config.schema.stack import Collectives
from perfmodel.config.schema.stack import Stack as StackConfig
from perfmodel.config.schema.workload import Workload
from perfmodel.lowering.precision import Format
from perfmodel_kernels.collectives import (
    IN_NETWORK,
    RAIL,
    RECURSIVE,
    RING,
    TREE,
    Library,
)
from perfmodel_kernels.exposure import Overlap
from perfmodel_kernels.memory import Kept, Reserve
from perfmodel_kernels.operators import KernelSet
from perfmodel_kernels.schedule import Spread
from perfmodel_kernels.step_parts import Stack


def lower_stack(stack: StackConfig, number_format: Format, workload: Workload) -> Stack:
    """Software as numbers.

    Parameters
    ----------
    stack
        The config.
    number_format
        Format of the products, for the casts.
    workload
        How much its micro-batches differ.

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
            dispatch=0.0 if stack.cuda_graphs else stack.host_dispatch,
            expert_dispatch=0.0 if stack.cuda_graphs else stack.expert_dispatch,
            grouped=stack.grouped_multiplier,
            fused=float(stack.fused_attention),
            passes=stack.elementwise_passes,
            latent=float(stack.recompute_latent),
        ),
        overhead=stack.step_overhead,
        spread=Spread(
            stack.straggler_between,
            math.hypot(stack.straggler_within, workload.length_imbalance),
        ),
        kept=_kept(stack, number_format),
        reserve=_reserve(stack),
        overlap=Overlap(
            tensor=overlap.tensor,
            context=overlap.context,
            expert=overlap.expert,
            pipeline=overlap.pipeline,
            data=overlap.data,
            slowdown=overlap.compute_slowdown,
        ),
        merged=float(stack.collectives.merged_copies),
    )


_ACTIVATION_BYTES = 2.0
"""Activation outside the low-precision products: 16 bits in every format. [B]"""


def _kept(stack: StackConfig, number_format: Format) -> Kept:
    narrow = max(number_format.element_bytes, 1.0)
    return Kept(
        product_input=narrow,
        activation_input=narrow if stack.narrow_activation_inputs else _ACTIVATION_BYTES,
        attention_output=max(narrow, stack.attention_output_bytes),
        expert_outputs=float(stack.expert_outputs),
    )


def _reserve(stack: StackConfig) -> Reserve:
    return Reserve(
        framework=stack.memory_reserve,
        bucket=stack.bucket,
        fragmentation=stack.fragmentation,
        logit=stack.logit_bytes,
        gathered=stack.gathered_layers,
        copies=float(stack.eager_copies),
    )


UNLIMITED = 1e18
"""Stands for no limit to what leaves a domain: beyond any of them. [B/s]"""

ALGORITHMS = {
    "ring": RING,
    "recursive": RECURSIVE,
    "rail": RAIL,
    "tree": TREE,
    "in-network": IN_NETWORK,
}
"""Names of the algorithms in a config, and their rows."""


def lower_library(collectives: Collectives) -> Library:
    """The communication library.

    A library without an algorithm for gathers gathers by rings.

    Parameters
    ----------
    collectives
        The config.

    Returns
    -------
    Library
        SI numbers.
    """
    rows = {ALGORITHMS[name] for name in collectives.algorithms}
    if not rows & {RING, RECURSIVE, RAIL}:
        rows.add(RING)
    return Library(
        allowed=np.array([float(row in rows) for row in sorted(ALGORITHMS.values())]),
        launch=collectives.launch,
        pipelining=collectives.pipelining,
        tree_share=collectives.tree_share,
        leaving=UNLIMITED if collectives.domain_exit == "unlimited" else collectives.domain_exit,
        chunk=float(collectives.chunk),
        message=collectives.message,
        hidden=collectives.hidden_steps,
    )
