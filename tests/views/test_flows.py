"""Figures of flows: labels, lines and the numbers they draw."""

import numpy as np
import pytest

from perfmodel.views.figures import flow_rates

RATES = {
    "quantile": np.linspace(0.0, 1.0, 5),
    "rate_fraction": np.array([0.2, 0.4, 0.6, 0.8, 1.0]),
    "pattern": ["permutation"] * 5,
}
SLOW = {
    "collective": ["ring", "ring", "doubling", "doubling"],
    "ranks": np.array([8, 64, 8, 64]),
    "slow_down": np.array([1.0, 1.5, 1.2, np.inf]),
}
LEVELS = {
    "level": ["leaf", "core"],
    "mean_load": np.array([0.5, 0.25]),
    "max_load": np.array([1.0, 0.5]),
}


def test_the_distribution_ends_at_all_chips_and_marks_its_mean():
    (axes,) = flow_rates.distribution(RATES, "caption").axes
    line, mean = axes.get_lines()
    assert line.get_ydata()[-1] == 1.0
    assert mean.get_xdata()[0] == pytest.approx(0.6)
    assert "rate over line rate" in axes.get_xlabel()


def test_a_slow_down_has_a_line_per_collective_without_endless_points():
    (axes,) = flow_rates.slow_down(SLOW, "caption").axes
    assert [line.get_label() for line in axes.get_lines()] == ["ring", "doubling"]
    assert len(axes.get_lines()[1].get_xdata()) == 1
    assert axes.get_xscale() == "log"


def test_bars_of_load_are_percentages_by_level():
    (axes,) = flow_rates.hottest(LEVELS, "caption").axes
    heights = [bar.get_height() for bar in axes.patches]
    assert heights == pytest.approx([50.0, 25.0, 100.0, 50.0])
    assert [text.get_text() for text in axes.get_xticklabels()] == ["leaf", "core"]
