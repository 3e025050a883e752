"""Workload config to sequence length and element widths."""

import pytest

from perfmodel.lowering.precision import format_on
from perfmodel.lowering.workload import lower_workload


def lowered(library, job: str, chip: str = "gb300", **fields):
    workload = library.load("workloads", job).model_copy(update=fields)
    stack = library.load("stacks", "megatron-core-2025")
    return lower_workload(workload, stack, format_on(library.load("chips", chip), workload))


def test_mixed_precision_keeps_eighteen_bytes_per_parameter(library):
    # arXiv 2205.05198: weight and gradient, 32-bit master weight and two moments
    widths = lowered(library, "llama3-405b").widths
    assert widths.weight + widths.gradient + widths.optimizer == 18


def test_sixteen_bit_moments_save_four_bytes(library):
    full = lowered(library, "llama3-405b", optimizer="adam").widths.optimizer
    half = lowered(library, "llama3-405b", optimizer="adam-bf16-moments").widths.optimizer
    assert full - half == 4


@pytest.mark.parametrize(
    ("precision", "width"), [("bf16", 2.0), ("fp8", 1.0), ("mxfp8", 1.0 + 1 / 32), ("nvfp4", 1.0)]
)
def test_tokens_travel_and_inputs_are_kept_in_the_format_of_the_products(library, precision, width):
    found = lowered(library, "deepseek-v3", precision=precision)
    assert found.dispatch_bytes == found.widths.product_input == width


def test_a_format_that_the_chip_lacks_saves_no_bytes(library):
    assert lowered(library, "deepseek-v3", chip="a100-80").dispatch_bytes == 2.0


def test_the_sequence_keeps_its_length(library):
    assert lowered(library, "llama3-405b").length == 8192
