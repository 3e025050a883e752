"""Stack config to kernel gaps, overlaps and reserves."""

import numpy as np
import pytest

from perfmodel.config.library import Library
from perfmodel.lowering.precision import format_on
from perfmodel.lowering.stack import ALGORITHMS, lower_library, lower_stack
from perfmodel_kernels.collectives import IN_NETWORK, RAIL, RECURSIVE, RING, TREE

JOB = Library().load("workloads", "gpt3-175b")


def test_a_stack_passes_through_and_takes_widths_from_the_format(routed):
    stack = routed.stack
    number_format = format_on(routed.machine.chip, routed.workload)
    found = lower_stack(stack, number_format, JOB)
    assert found.kernels.element_bytes == number_format.element_bytes == 1.0
    assert found.kernels.cast_bytes == number_format.cast_bytes
    assert found.kernels.launch == stack.kernel_launch
    assert found.kernels.passes == stack.elementwise_passes
    assert found.overhead == stack.step_overhead
    assert found.spread == (stack.straggler_between, stack.straggler_within)
    assert found.reserve[:2] == (stack.memory_reserve, stack.bucket)
    assert found.reserve.fragmentation == stack.fragmentation
    assert found.reserve.logit == stack.logit_bytes
    assert found.reserve.gathered == stack.gathered_layers
    assert found.reserve.copies == float(stack.eager_copies)
    assert found.kept.expert_outputs == float(stack.expert_outputs)
    assert found.kernels.latent == float(stack.recompute_latent)


@pytest.mark.parametrize(
    ("precision", "width"), [("bf16", 2.0), ("fp8", 1.0), ("mxfp8", 1.0 + 1 / 32), ("nvfp4", 1.0)]
)
def test_inputs_of_products_are_kept_in_their_format_and_others_in_sixteen_bits(
    library, precision, width
):
    job = JOB.model_copy(update={"precision": precision})
    number_format = format_on(library.load("chips", "b200"), job)
    stack = library.load("stacks", "megatron-core-2025")
    kept = lower_stack(stack, number_format, job).kept
    assert kept.product_input == kept.attention_output == width
    assert kept.activation_input == 2.0


def test_software_of_deepseek_keeps_what_its_report_says(library):
    # arXiv 2412.19437, section 3.3.3: E5M6 behind attention, FP8 ahead of SwiGLU
    job = JOB.model_copy(update={"precision": "fp8"})
    number_format = format_on(library.load("chips", "h800"), job)
    kept = lower_stack(library.load("stacks", "inhouse"), number_format, job).kept
    assert kept == (1.0, 1.0, 1.5, 0.0)
    wide = format_on(library.load("chips", "h800"), JOB.model_copy(update={"precision": "bf16"}))
    kept = lower_stack(library.load("stacks", "inhouse"), wide, job).kept
    assert kept[:3] == (2.0, 2.0, 2.0)


def test_fused_attention_is_a_number(library):
    number_format = format_on(
        library.load("chips", "a100-80"), library.load("workloads", "gpt3-175b")
    )
    fused = {
        name: lower_stack(library.load("stacks", name), number_format, JOB).kernels.fused
        for name in ("megatron-2021", "megatron-core-2025")
    }
    assert fused == {"megatron-2021": 0.0, "megatron-core-2025": 1.0}


def test_a_captured_graph_needs_no_host(library):
    number_format = format_on(library.load("chips", "h100"), JOB)
    stack = library.load("stacks", "megatron-core-2025")
    eager = lower_stack(stack, number_format, JOB).kernels.dispatch
    captured = stack.model_copy(update={"cuda_graphs": True})
    assert eager == stack.host_dispatch > 0.0
    assert lower_stack(captured, number_format, JOB).kernels.dispatch == 0.0


def test_lengths_that_differ_widen_the_spread_within_a_worker(library):
    stack = library.load("stacks", "megatron-core-2025")
    varied = JOB.model_copy(update={"length_imbalance": 0.3})
    found = lower_stack(stack, format_on(library.load("chips", "h100"), JOB), varied)
    assert found.spread.within == pytest.approx((stack.straggler_within**2 + 0.09) ** 0.5)


def test_overlaps_keep_their_names(library, dense):
    number_format = format_on(dense.machine.chip, dense.workload)
    for name in library.names("stacks"):
        stack = library.load("stacks", name)
        found = lower_stack(stack, number_format, JOB).overlap
        for kind in ("tensor", "context", "expert", "pipeline", "data"):
            assert getattr(found, kind) == getattr(stack.overlap, kind), name
        assert found.slowdown == stack.overlap.compute_slowdown, name


def test_a_library_has_the_algorithms_it_names_and_its_figures(library):
    for name in library.names("stacks"):
        config = library.load("stacks", name).collectives
        found = lower_library(config)
        named = [ALGORITHMS[algorithm] for algorithm in config.algorithms]
        assert np.all(found.allowed[named] == 1.0), name
        assert found.allowed.shape == (len(ALGORITHMS),), name
        assert found.launch == config.launch, name
        assert (found.pipelining, found.tree_share) == (config.pipelining, config.tree_share), name


@pytest.mark.parametrize(
    ("algorithms", "rows"),
    [
        (("tree",), [RING, TREE]),  # trees and switches gather by rings
        (("in-network",), [RING, IN_NETWORK]),
        (("recursive", "tree"), [RECURSIVE, TREE]),
        (("rail",), [RAIL]),
    ],
)
def test_every_library_can_gather(routed, algorithms, rows):
    collectives = routed.stack.collectives.model_copy(update={"algorithms": algorithms})
    np.testing.assert_array_equal(np.flatnonzero(lower_library(collectives).allowed), sorted(rows))
