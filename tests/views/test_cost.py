"""The figure of costs: labels, units, bars and lines, the numbers that it draws."""

import numpy as np
import pytest

from perfmodel.views.figures import cost


@pytest.fixture
def figure():
    cases = {
        "case": np.array(["low", "base"]),
        "hour_equipment_eur": np.array([1.0, 2.0]),
        "hour_building_eur": np.array([0.2, 0.3]),
        "hour_operation_eur": np.array([0.1, 0.1]),
        "hour_energy_eur": np.array([0.1, 0.2]),
    }
    years = {
        "case": np.array(["low", "low", "base", "base"]),
        "year": np.array([0, 1, 0, 1]),
        "million_tokens_eur": np.array([2.0, 1.5, 4.0, 3.0]),
    }
    return cost.draw(cases, years, "perfmodel cost somewhere something")


def test_axes_have_labels_with_units(figure):
    left, right = figure.axes
    assert left.get_ylabel() == "chip-hour [EUR]"
    assert right.get_ylabel() == "million tokens [EUR]"
    assert right.get_xlabel() == "years until the equipment is bought"


def test_bars_are_stacked_to_the_sum_that_is_written(figure):
    left = figure.axes[0]
    tops = [bar.get_y() + bar.get_height() for bar in left.patches[-2:]]
    assert tops == pytest.approx([1.4, 2.6])
    assert [text.get_text() for text in left.texts] == ["1.40", "2.60"]


def test_a_line_per_case_draws_its_years(figure):
    lines = figure.axes[1].lines
    assert [line.get_label() for line in lines] == ["low", "base"]
    assert lines[1].get_ydata().tolist() == [4.0, 3.0]
