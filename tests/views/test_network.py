"""Times of collectives as people see them: tables, and figures with their changes marked."""

import numpy as np
import pytest
from matplotlib.text import Text

from perfmodel.views import network, terminal
from perfmodel.views.figures import bus_bandwidth

CAPTION = "perfmodel network: all-reduce on a fabric"
SIZES = [1e3, 1e6, 1e9]
RANKS = [8, 64]


@pytest.fixture
def rows():
    ranks, sizes = np.repeat(RANKS, 3), np.tile(SIZES, 2)
    return {
        "collective": np.array(["all-reduce"] * 6),
        "ranks": ranks,
        "size_bytes": sizes,
        "algorithm": np.array(["tree", "tree", "ring", "tree", "ring", "ring"]),
        "bus_bandwidth_bytes_per_s": np.array([1e8, 5e10, 4e11, 5e7, 2e10, 3e11]),
    }


def lines(figure):
    return [line for line in figure.axes[0].lines if len(line.get_xdata()) > 1]


def marks(figure):
    return [line for line in figure.axes[0].lines if len(line.get_xdata()) == 1]


def test_a_line_per_number_of_ranks_draws_what_is_stored(rows):
    figure = bus_bandwidth.by_size(rows, CAPTION)
    assert [line.get_label() for line in lines(figure)] == ["8", "64"]
    np.testing.assert_allclose(lines(figure)[0].get_ydata(), [0.1, 50.0, 400.0])
    np.testing.assert_array_equal(lines(figure)[0].get_xdata(), SIZES)


def test_a_line_per_size(rows):
    figure = bus_bandwidth.by_ranks(rows, CAPTION)
    assert [line.get_label() for line in lines(figure)] == ["1.00 kB", "1.00 MB", "1.00 GB"]
    np.testing.assert_array_equal(lines(figure)[0].get_xdata(), RANKS)


def test_a_marker_stands_where_the_algorithm_begins_and_changes(rows):
    figure = bus_bandwidth.by_size(rows, CAPTION)
    found = [(line.get_xdata()[0], line.get_marker()) for line in marks(figure)]
    assert found == [(1e3, "o"), (1e9, "s"), (1e3, "o"), (1e6, "s")]
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert texts == ["ranks", "8", "64", "from here on by", "tree", "ring"]


def test_axes_carry_names_and_units_and_the_caption(rows):
    for draw, across in ((bus_bandwidth.by_size, "size [B]"), (bus_bandwidth.by_ranks, "ranks")):
        figure = draw(rows, CAPTION)
        assert figure.axes[0].get_xlabel() == across
        assert figure.axes[0].get_ylabel() == "bus bandwidth [GB/s]"
        assert CAPTION in [text.get_text() for text in figure.findobj(Text)]
        assert figure.get_suptitle() == "Bus bandwidth of an all-reduce"


def test_what_has_no_time_is_left_out(rows):
    rows["bus_bandwidth_bytes_per_s"][:3] = np.nan
    rows["algorithm"][:3] = ""
    figure = bus_bandwidth.by_ranks(rows, CAPTION)
    assert all(np.isfinite(line.get_ydata()).all() for line in figure.axes[0].lines)


def test_of_many_lines_some_are_drawn_and_it_is_said(rows):
    many = {
        "collective": np.array(["send"] * 40),
        "ranks": np.repeat(np.arange(1, 21) * 8, 2),
        "size_bytes": np.tile([1e3, 1e6], 20),
        "algorithm": np.array(["message"] * 40),
        "bus_bandwidth_bytes_per_s": np.linspace(1e9, 2e9, 40),
    }
    figure = bus_bandwidth.by_size(many, CAPTION)
    assert len(lines(figure)) == bus_bandwidth.MOST_LINES
    assert "(9 of 20)" in figure.legends[0].get_texts()[0].get_text()


def test_levels_that_nothing_crosses_have_no_column(capsys):
    label = {"ranks": 8, "size_bytes": 1e6}
    call = label | {
        "time_s": 3e-5,
        "bus_bandwidth_bytes_per_s": 1e11,
        "algorithm_bandwidth_bytes_per_s": 5e10,
        "algorithm": "ring",
        "launch_time_s": 5e-6,
    }
    algorithms = [
        label | {"algorithm": "ring", "allowed": True, "algorithm_time_s": 3e-5},
        label | {"algorithm": "rail", "allowed": False, "algorithm_time_s": float("nan")},
    ]
    levels = [
        label | {"level": "scale-up", "latency_time_s": 1e-5, "transfer_time_s": 1.5e-5},
        label | {"level": "leaf", "latency_time_s": 0.0, "transfer_time_s": 0.0},
    ]
    setting = network.Setting("all-reduce", "F", "C", "N", "S", "site", 2)
    terminal.show(*network.terminal_parts(setting, [call], algorithms, levels))
    out = capsys.readouterr().out
    assert "all-reduce on F, every 2 chips; C in N, as at site; S" in out
    assert "10.0 µs + 15.0 µs" in out
    assert "(rail)" in out
    assert "leaf" not in out
