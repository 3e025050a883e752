"""The map of goodput: panels, labels, units, the numbers that it draws."""

import numpy as np
import pytest

from perfmodel.views.figures import goodput_map

RATES = np.geomspace(1e-8, 1e-7, 5)
RESTARTS = np.linspace(60.0, 600.0, 4)


@pytest.fixture
def rows():
    lines = [(n, r, t) for n in (25_000, 100_000) for r in RATES for t in RESTARTS]
    chips, rate, restart = (np.array(column) for column in zip(*lines, strict=True))
    share = np.exp(-chips / 8.0 * rate * restart)
    return {"chips": chips, "failure_rate_per_s": rate, "restart_s": restart, "goodput": share}


def test_a_panel_per_number_of_chips_with_labels_and_units(rows):
    figure = goodput_map.draw(rows, "perfmodel goodput somewhere something")
    first, second = figure.axes[:2]
    assert [axes.get_title(loc="left") for axes in (first, second)] == [
        "25,000 chips",
        "100,000 chips",
    ]
    assert first.get_ylabel() == "restart [min]"
    assert first.get_xlabel() == "failures per 1,000 node-days"
    assert figure.axes[2].get_ylabel() == "goodput"


def test_the_map_draws_its_rows(rows):
    figure = goodput_map.draw(rows, "caption")
    drawn = np.asarray(figure.axes[1].collections[0].get_array())
    np.testing.assert_allclose(np.ravel(drawn), rows["goodput"][20:])
    assert figure.axes[0].get_xlim()[0] == pytest.approx(1e-8 * 86400.0 * 1000.0)
    assert figure.axes[0].get_ylim()[1] == pytest.approx(10.0)
