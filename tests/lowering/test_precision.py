"""Which number format runs on a chip, and what it costs."""

import pytest

from perfmodel.lowering.precision import format_on


def runs(library, chip: str, precision: str):
    workload = library.load("workloads", "llama3-405b")
    asked = workload.model_copy(update={"precision": precision})
    return format_on(library.load("chips", chip), asked)


@pytest.mark.parametrize(
    ("chip", "asked", "runs_in"),
    [
        ("h100", "bf16", "bf16"),
        ("h100", "fp8", "fp8"),
        ("h100", "mxfp8", "mxfp8"),
        ("h100", "nvfp4", "bf16"),  # no such units
        ("gb300", "nvfp4", "nvfp4"),
        ("a100-80", "fp8", "bf16"),
        ("v100-32", "bf16", "fp16"),  # Volta has no BF16
    ],
)
def test_a_chip_runs_the_format_it_has_units_for(library, chip, asked, runs_in):
    assert runs(library, chip, asked).name == runs_in


def test_sixteen_bits_need_no_cast(library):
    for precision in ("bf16", "fp16"):
        found = runs(library, "h100", precision)
        assert (found.element_bytes, found.cast_bytes) == (2.0, 0.0)


def test_block_formats_carry_their_scales(library):
    assert runs(library, "gb300", "fp8").element_bytes == 1.0
    assert runs(library, "gb300", "mxfp8").element_bytes == 1.0 + 1 / 32
    assert runs(library, "gb300", "nvfp4").element_bytes == 0.5 + 1 / 16


def test_every_shipped_job_runs_on_every_shipped_chip(library):
    for chip in library.names("chips"):
        peaks = library.load("chips", chip).peak
        for job in library.names("workloads"):
            found = format_on(library.load("chips", chip), library.load("workloads", job))
            assert getattr(peaks, found.peak) is not None, (chip, job)
