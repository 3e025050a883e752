"""Workload config to sequence length and element widths."""

import pytest

from perfmodel.lowering.precision import format_on
from perfmodel.lowering.workload import lower_workload


def lowered(library, job: str, chip: str = "gb300", software="megatron-core-2025", **fields):
    workload = library.load("workloads", job).model_copy(update=fields)
    stack = library.load("stacks", software)
    return lower_workload(workload, stack, format_on(library.load("chips", chip), workload))


def test_mixed_precision_keeps_eighteen_bytes_per_parameter(library):
    # arXiv 2205.05198: weight and gradient, 32-bit master weight and two moments
    widths = lowered(library, "llama3-405b").widths
    assert widths.weight + widths.gradient + widths.optimizer == 18


def test_sixteen_bit_moments_save_four_bytes(library):
    full = lowered(library, "llama3-405b", optimizer="adam").widths.optimizer
    half = lowered(library, "llama3-405b", optimizer="adam-bf16-moments").widths.optimizer
    assert full - half == 4


def test_fp16_sums_its_gradients_as_they_are(library):
    assert lowered(library, "gpt3-175b", precision="fp16").widths.gradient == 2
    assert lowered(library, "gpt3-175b", precision="bf16").widths.gradient == 4


@pytest.mark.parametrize(("precision", "bytes_kept"), [("bf16", 6), ("fp16", 2)])
def test_deepspeed_keeps_gradients_beside_sums_that_are_wider(library, precision, bytes_kept):
    # BF16_Optimizer: sums in 32 bits beside the gradients; FP16 has no sums of its own
    deepspeed = "megatron-deepspeed-2022"
    widths = lowered(library, "gpt3-175b", software=deepspeed, precision=precision).widths
    assert widths.gradient + widths.fresh == bytes_kept


def test_sharded_fp32_weights_have_no_copy_in_sixteen_bits(library):
    widths = lowered(library, "llama3-405b", software="torchtitan-2025").widths
    assert widths.resident + widths.gradient + widths.optimizer == 16
    assert widths.weight == 2


@pytest.mark.parametrize(
    ("precision", "width"), [("bf16", 2.0), ("fp8", 1.0), ("mxfp8", 1.0 + 1 / 32), ("nvfp4", 1.0)]
)
def test_tokens_travel_in_the_format_of_the_products(library, precision, width):
    found = lowered(library, "deepseek-v3", precision=precision)
    assert found.dispatch_bytes == width


def test_a_format_that_the_chip_lacks_saves_no_bytes(library):
    assert lowered(library, "deepseek-v3", chip="a100-80").dispatch_bytes == 2.0


def test_the_sequence_keeps_its_length(library):
    assert lowered(library, "llama3-405b").length == 8192
