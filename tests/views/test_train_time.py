"""The figure of training runs: labels, units, lines, the numbers that it draws."""

import numpy as np
import pytest

from perfmodel.views.figures import train_time

CASES = ("low", "base")


@pytest.fixture
def figure():
    lines = [(case, b, 6e7, (10.0 + b / 1e7) * 86400.0) for case in CASES for b in (1e7, 2e7, 4e7)]
    keys = ("case", "batch_tokens", "critical_batch_tokens", "fixed_loss_time_s")
    batches = {k: np.array(c) for k, c in zip(keys, zip(*lines, strict=True), strict=True)}
    curve = [(case, n, 1.9 + abs(np.log(n / 1e12)), 1e12, 1.9) for case in CASES
             for n in np.geomspace(1e11, 1e13, 5)]  # fmt: skip
    keys = ("case", "parameters", "loss", "largest_parameters", "largest_loss")
    sizes = {k: np.array(c) for k, c in zip(keys, zip(*curve, strict=True), strict=True)}
    return train_time.draw(batches, sizes, "perfmodel train-time somewhere something")


def test_axes_have_labels_with_units(figure):
    left, right = figure.axes
    assert (left.get_xlabel(), left.get_ylabel()) == ("batch [tokens]", "time to the same loss [d]")
    assert (right.get_xlabel(), right.get_ylabel()) == ("parameters", "loss [nats per token]")


def test_a_line_per_case_draws_its_rows(figure):
    left, right = figure.axes
    assert len(left.lines) == 2
    np.testing.assert_allclose(left.lines[1].get_ydata(), [11.0, 12.0, 14.0])
    assert len(right.lines) == 4
    assert right.lines[1].get_xydata().tolist() == [[1e12, 1.9]]


def test_the_legends_say_what_decides(figure):
    left, right = (axes.get_legend().get_texts() for axes in figure.axes)
    assert left[0].get_text() == "low: critical batch 60.0 M"
    assert right[1].get_text() == "base: 1.00 T parameters"
