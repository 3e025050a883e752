"""What a precision means for a chip: which peak, how many bytes, what casting costs."""

from typing import NamedTuple

from perfmodel.config.schema.chip import Chip
from perfmodel.config.schema.workload import Workload


class Format(NamedTuple):
    """Number format of the matrix products that may leave 16 bits."""

    name: str
    """Format that runs, which is bf16 where the chip lacks the one asked for."""
    peak: str
    """Field of the chip's peaks."""
    fraction: str
    """Field of the chip's efficiencies."""
    energy: str
    """Field of the chip's energies."""
    element_bytes: float
    """Width of an input. [B]"""
    cast_bytes: float
    """Bytes that casting and transposing move per input element. [B]"""
    weight_cast: float
    """The same per weight, once per step. [B]"""


_FORMATS = {
    "bf16": Format("bf16", "bf16", "gemm_16bit", "flop_16bit", 2.0, 0.0, 0.0),
    "fp16": Format("fp16", "fp16", "gemm_16bit", "flop_16bit", 2.0, 0.0, 0.0),
    # reads 16 bits, writes one byte by rows and one by columns
    "fp8": Format("fp8", "fp8", "gemm_fp8", "flop_fp8", 1.0, 4.0, 4.0),
    # one more trip to find the largest element first
    "fp8-current": Format("fp8-current", "fp8", "gemm_fp8", "flop_fp8", 1.0, 6.0, 6.0),
    # 32-bit scales of 128 elements, of 128 x 128 weights
    "fp8-block": Format("fp8-block", "fp8", "gemm_fp8", "flop_fp8", 1.0 + 4.0 / 128, 4.0625, 4.0),
    # the same with one scale byte per 32 elements
    "mxfp8": Format(
        "mxfp8", "fp8", "gemm_mxfp8", "flop_fp8", 1.0 + 1.0 / 32, 4.0 + 2.0 / 32, 4.0 + 2.0 / 32
    ),
    # four bits and one scale byte per 16 elements, a Hadamard transform on the way
    "nvfp4": Format("nvfp4", "nvfp4", "gemm_nvfp4", "flop_nvfp4", 0.5 + 1.0 / 16, 7.1, 7.1),
}


def format_on(chip: Chip, workload: Workload) -> Format:
    """Format of the products of a job on a chip.

    Parameters
    ----------
    chip
        The chip; one without the asked-for units, or with an energy unknown, runs in 16 bits.
    workload
        The job.

    Returns
    -------
    Format
        What runs.
    """
    asked = _FORMATS[workload.precision]
    known = getattr(chip.peak, asked.peak) is not None
    costed = getattr(chip.energy, asked.energy) is not None
    if known and costed:
        return asked
    return _FORMATS["bf16"] if chip.peak.bf16 is not None else _FORMATS["fp16"]
