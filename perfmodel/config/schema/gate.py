"""Bounds that the errors of a group of measurements may not pass."""

from perfmodel.config.schema._model import Config, Fraction, Positive


class Bounds(Config):
    """One table of a gate: every figure that is named has to hold; errors are fractions."""

    mape: Positive | None = None
    """Greatest mean absolute relative error."""
    median_ape: Positive | None = None
    """Greatest median absolute relative error."""
    p90_ape: Positive | None = None
    """Greatest 90th percentile of the absolute relative error."""
    bias: Positive | None = None
    """Greatest mean signed relative error, either way."""
    skipped: Fraction | None = None
    """Greatest share of rows without a prediction."""
    macro_mape: Positive | None = None
    """Greatest mean of the families' errors; for the group "all"."""
    pairwise_order: Fraction | None = None
    """Least share of pairs in the right order."""
    coverage_90: Fraction | None = None
    """Least share of measurements inside their 90 % interval."""
    coverage_90_most: Fraction | None = None
    """Greatest such share: intervals that hold everything say nothing."""
