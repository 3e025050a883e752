"""Figures of a search: labels, units, lines and the numbers they draw."""

import numpy as np
import pytest

from perfmodel.views.figures import layout_front, layout_map

FRONT = {
    "layout": np.array(["a", "b", "c"]),
    "tokens_per_s": np.array([1e6, 3e6, 2e6]),
    "memory_bytes": np.array([10e9, 70e9, 30e9]),
    "energy_per_token_j": np.array([3.0, 1.0, 2.0]),
    "site_power_w": np.array([3e6, 4e6, 3.5e6]),
}


def test_the_front_rises_with_memory_and_names_its_layouts() -> None:
    figure = layout_front.draw(FRONT, ("time", "memory"), "source")
    (axes,) = figure.axes
    (line,) = axes.lines
    assert line.get_xdata().tolist() == pytest.approx([10.0, 30.0, 70.0])
    assert line.get_ydata().tolist() == pytest.approx([1e6, 2e6, 3e6])
    assert "GB" in axes.get_xlabel()
    assert "tokens/s" in axes.get_ylabel()
    written = " ".join(text.get_text() for text in axes.texts)
    assert all(name in written for name in ("1  a", "2  c", "3  b"))


def test_one_layout_alone_is_a_front() -> None:
    alone = {key: column[:1] for key, column in FRONT.items()}
    assert len(layout_front.draw(alone, ("energy", "power"), "source").axes[0].lines) == 1


def test_the_map_marks_the_best_and_leaves_out_what_does_not_fit() -> None:
    rows = {
        "tp": np.array([4, 8, 8]),
        "pp": np.array([8, 8, 16]),
        "tokens_per_s": np.array([1.0, 4.0, 2.0]),
    }
    figure = layout_map.draw(rows, "source")
    axes = figure.axes[0]
    (image,) = axes.images
    grid = np.ma.filled(image.get_array(), np.nan)
    np.testing.assert_allclose(grid, [[25.0, np.nan], [100.0, 50.0]])
    (mark,) = axes.lines
    assert (mark.get_xdata()[0], mark.get_ydata()[0]) == (0, 1)
    assert axes.get_xlabel() == "pipeline stages"
    assert axes.get_ylabel() == "tensor ranks"
    assert "%" in figure.axes[1].get_ylabel()
