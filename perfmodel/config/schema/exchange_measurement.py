"""Rows of published exchanges of tokens between experts."""

from typing import ClassVar, Literal

from perfmodel.config.schema.measurement import MICROSECOND, Flag, MeasuredRow, Number, Whole

GIGABYTE = 1e9
"""Unit of the columns that end in ``_gb_per_s``, times a second. [B]"""


class ExchangeRow(MeasuredRow):
    """One dispatch or combine of an expert-parallel group."""

    TIMES: ClassVar[tuple[str, ...]] = ("measured_latency_us", "measured_gb_per_s")

    kind: str
    """Kernel, direction and number format in words."""
    chip_id: str | None
    """Accelerator; blank where the source names none."""
    hardware: str
    """Accelerator, network card and extent as the source names them."""
    expert_parallel: Whole
    """Ranks among which the experts lie."""
    mode: Literal["single", "forwarded"]
    """single: every copy of a token travels alone; forwarded: one per scale-up domain, multiplied
    there."""
    direction: Literal["dispatch", "combine"]
    """To the experts, or back."""
    tokens: Whole
    """Tokens of one rank."""
    token_bytes: Number
    """Width of a token on its way, scales included. [B]"""
    copies: Whole
    """Experts that a token visits."""
    domain_limit: Whole | None = None
    """Most scale-up domains that a token may visit; blank for no limit."""
    counted: Literal["copies", "domains", "ranks"] | None = None
    """What the bandwidth counts once per token each, the sender's own among them."""
    measured_latency_us: Number | None = None
    """Time of the exchange. [us]"""
    measured_gb_per_s: Number | None = None
    """Counted bytes over that time. [GB/s]"""
    derived_time: Flag | None = None
    """Whether the time was computed from the printed bandwidth."""

    @property
    def time(self) -> float | None:
        """Time as it was printed; none where it was computed from a bandwidth.

        Returns
        -------
        float | None
            Time. [s]
        """
        if self.derived_time or not self.measured_latency_us:
            return None
        return self.measured_latency_us * MICROSECOND

    @property
    def bandwidth(self) -> float | None:
        """Counted bytes over the time; none where neither was printed.

        Returns
        -------
        float | None
            Bandwidth. [B/s]
        """
        if not self.counted or not self.measured_gb_per_s:
            return None
        return self.measured_gb_per_s * GIGABYTE
