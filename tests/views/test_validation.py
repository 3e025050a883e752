"""Tables and figure of a validation: what they show of the answer."""

import io
from itertools import pairwise

import numpy as np
import pytest
from matplotlib.text import Text
from rich.console import Console

from perfmodel.views.figures.predicted_measured import NAMED, SHOWN, Axis, draw
from perfmodel.views.figures.sheet import house_style, save
from perfmodel.views.validation import bound_text, terminal_parts

NAN = float("nan")
FIGURES = {
    "rows": 4,
    "predicted": 3,
    "skipped": 1,
    "mape": 0.123,
    "median_ape": 0.1,
    "bias": -0.05,
    "p90_ape": 0.3,
    "pairwise_order": NAN,
    "pairs": 0,
    "coverage_90": NAN,
}
PART = {
    "title": "Collectives",
    "quantity": "completion time",
    "unit": "s",
    "by": "system",
    **FIGURES,
    "macro_mape": 0.2,
    "families": 2,
    "groups": {"CSCS Alps": FIGURES},
    "baselines": {"one constant": FIGURES | {"mape": 0.5}},
    "tables": {"chip": {"h100": FIGURES | {"baselines": {"one constant": 0.456}}}},
    "apart": {"found wrong": FIGURES | {"mape": 0.777}},
    "with_apart": FIGURES | {"mape": 0.234},
    "excluded": {"mis-configured on purpose": 25},
    "notes": ["4 fitted parameters."],
}


def row(name: str, group: str, measured: float, predicted: float, skipped: str = "") -> dict:
    return {
        "id": name,
        "group": group,
        "quantity": "completion time",
        "unit": "s",
        "measured": measured,
        "predicted": predicted,
        "low": NAN,
        "high": NAN,
        "ape": abs(predicted / measured - 1.0),
        "skipped": skipped,
        "apart": "",
    }


ROWS = [
    row("alps-1KiB", "CSCS Alps", 52.5e-6, 60e-6),
    row("alps-1MiB", "CSCS Alps", 0.01, 0.005),
    row("node-1MiB", "Node", 0.001, 0.00101),
    row("alps-other", "CSCS Alps", 1.0, NAN, "no formula for this algorithm"),
]


def printed(*parts) -> str:
    console = Console(file=io.StringIO(), width=160, color_system=None)
    for part in parts:
        console.print(part)
    return console.file.getvalue()  # pyright: ignore[reportAttributeAccessIssue]


def line_of(text: str, start: str) -> str:
    return next(line for line in text.splitlines() if line.startswith(start))


def test_further_groupings_stand_beside_simpler_models_on_the_same_rows():
    text = printed(*terminal_parts(PART, ROWS, {}))
    assert "By chip" in text
    line = line_of(text, "h100")
    assert "12.3 %" in line
    assert "45.6 %" in line


def test_rows_that_do_not_count_are_shown_apart_and_never_among_the_worst():
    wrong = row("wrong-row", "CSCS Alps", 1.0, 9.0) | {"apart": "found wrong"}
    text = printed(*terminal_parts(PART, [*ROWS, wrong], {}))
    assert "77.7 %" in line_of(text, "found wrong")
    assert "23.4 %" in line_of(text, "all rows with these")
    assert "wrong-row" not in text


def test_a_group_has_its_figures_in_percent_and_its_bound():
    text = printed(*terminal_parts(PART, ROWS, {"CSCS Alps": bound_text({"median_ape": 0.12})}))
    line = line_of(text, "CSCS Alps")
    assert [part in line for part in ("12.3 %", "10.0 %", "-5.00 %", "30.0 %")] == [True] * 4
    assert line.rstrip().endswith("median_ape 12.0 %")
    assert "50.0 %" in line_of(text, "all rows: one constant")
    assert "Mean of 2 families: 20.0 %. 4 fitted parameters." in text


def test_figures_that_no_group_has_take_no_column():
    head = printed(*terminal_parts(PART, ROWS, {})).splitlines()[1]
    assert "MAPE" in head
    assert not {"order", "interval", "bound"} & set(head.split())


def test_the_worst_rows_come_first_with_both_values_and_the_signed_error():
    text = printed(*terminal_parts(PART, ROWS, {}))
    lines = text.splitlines()
    names = [line.split()[0] for line in lines if line.startswith(("alps-1", "node-1"))]
    assert names == ["alps-1MiB", "alps-1KiB", "node-1MiB"]
    worst = line_of(text, "alps-1MiB")
    assert [part in worst for part in ("10.0 ms", "5.00 ms", "-50.0 %")] == [True] * 3


def test_skipped_rows_are_listed_by_reason_and_those_ruled_out_apart():
    rows = [*ROWS, *(row(f"x-{i}", "Node", 1.0, NAN, "no such chip") for i in range(5))]
    text = printed(*terminal_parts(PART, rows, {}))
    assert line_of(text, "no such chip").split() == [
        "no",
        "such",
        "chip",
        "5",
        "x-0,",
        "x-1,",
        "x-2",
    ]
    assert text.index("no such chip") < text.index("no formula for this algorithm")
    assert line_of(text, "mis-configured on purpose").split()[-1] == "25"


@pytest.fixture
def columns():
    random = np.random.default_rng(3)
    measured = np.geomspace(1e-5, 1e-1, 60)
    predicted = measured * np.exp(0.1 * random.standard_normal(60))
    predicted[7] = measured[7] * 3.0
    predicted[9] = NAN
    return {
        "id": [f"row-{place}" for place in range(60)],
        "group": ["Alps"] * 40 + ["Node"] * 20,
        "measured": measured,
        "predicted": predicted,
        "low": predicted * 0.8,
        "high": predicted * 1.2,
    }


def drawn(columns):
    return draw(columns, Axis("completion time", "s"), "Collectives", "perfmodel validate")


def test_every_judged_row_is_one_point_of_its_group(columns):
    (axes,) = drawn(columns).axes
    points = {line.get_label(): line for line in axes.lines if line.get_linestyle() == "None"}
    assert list(points) == ["Alps", "Node"]
    assert [len(line.get_xdata()) for line in points.values()] == [39, 20]
    np.testing.assert_array_equal(points["Node"].get_ydata(), columns["predicted"][40:])
    assert points["Alps"].get_color() != points["Node"].get_color()


def test_axes_are_logarithmic_equal_and_carry_the_unit(columns):
    figure = drawn(columns)
    (axes,) = figure.axes
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert axes.get_xlim() == axes.get_ylim()
    assert axes.get_xlabel() == "measured completion time"
    assert axes.get_ylabel() == "predicted completion time"
    figure.draw_without_rendering()
    assert "1 ms" in [text.get_text() for text in axes.get_xticklabels()]


def test_the_band_is_ten_percent_about_the_diagonal(columns):
    (axes,) = drawn(columns).axes
    (band,) = (part for part in axes.collections if part.get_zorder() == 0.9)
    corners = band.get_paths()[0].vertices
    ratio = corners[:, 1] / corners[:, 0]
    assert ratio.max() == pytest.approx(1.1)
    assert ratio.min() == pytest.approx(1 / 1.1)


def test_the_worst_row_of_each_group_is_numbered_and_named(columns):
    figure = drawn(columns)
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert "row-7 +200%" in names
    numbers = [text.get_text() for text in figure.axes[0].texts]
    assert numbers == ["1", "2"]
    assert figure.axes[0].texts[0].xy == (columns["measured"][7], columns["predicted"][7])


@pytest.fixture
def mixed(columns):
    power = np.geomspace(100.0, 7000.0, 20)
    watts = {
        "id": [f"node-{place}" for place in range(20)],
        "group": ["Hall"] * 20,
        "measured": power,
        "predicted": np.where(np.arange(20) == 4, 1.4 * power, 1.02 * power),
        "low": np.full(20, NAN),
        "high": np.full(20, NAN),
    }
    both = {key: [*columns[key], *watts[key]] for key in watts}
    both["quantity"] = ["completion time"] * 60 + ["power"] * 20
    both["unit"] = ["s"] * 60 + ["W"] * 20
    return both


def test_each_unit_has_a_panel_with_its_own_axes_band_and_rows(mixed):
    figure = drawn(mixed)
    times, powers = figure.axes
    assert times.get_ylabel() == "predicted completion time"
    assert powers.get_ylabel() == "predicted power"
    assert [sum(line.get_linestyle() == "None" for line in axes.lines) for axes in figure.axes] == [
        2,
        1,
    ]
    assert times.get_xlim()[1] < 1.0
    assert powers.get_xlim()[0] > 60.0
    for axes in figure.axes:
        (band,) = (part for part in axes.collections if part.get_zorder() == 0.9)
        corners = band.get_paths()[0].vertices
        assert (corners[:, 1] / corners[:, 0]).max() == pytest.approx(1.1)


def test_the_numbers_of_the_worst_rows_run_on_over_the_panels(mixed):
    figure = drawn(mixed)
    assert [[text.get_text() for text in axes.texts] for axes in figure.axes] == [["1", "2"], ["3"]]
    assert figure.axes[1].texts[0].xy == (mixed["measured"][64], mixed["predicted"][64])
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names[-3:] == ["row-7 +200%", names[-2], "node-4 +40%"]
    assert names.count("within 10%") == 1


def test_a_group_has_one_colour_in_all_panels_and_one_entry(mixed):
    mixed["group"] = ["Alps"] * 40 + ["Node"] * 20 + ["Alps"] * 20
    figure = drawn(mixed)
    colors = [
        line.get_color()
        for axes in figure.axes
        for line in axes.lines
        if line.get_label() == "Alps"
    ]
    assert len(colors) == 2
    assert len(set(colors)) == 1
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names.count("Alps") == 1


def test_short_axes_have_round_values_inside_the_panel(mixed):
    mixed["measured"][60:] = np.linspace(600.0, 900.0, 20)
    mixed["predicted"][60:] = np.linspace(610.0, 880.0, 20)
    figure = drawn(mixed)
    figure.draw_without_rendering()
    axes = figure.axes[1]
    ticks = [tick for tick in axes.get_xticks() if axes.get_xlim()[0] < tick < axes.get_xlim()[1]]
    assert len(ticks) >= 2
    assert f"{ticks[0]:.0f} W" in [text.get_text() for text in axes.get_xticklabels()]
    shown = [text.get_window_extent() for text in axes.get_yticklabels() if text.get_text()]
    heights = sorted((box.y0, box.y1) for box in shown)
    assert all(lower[1] <= upper[0] for lower, upper in pairwise(heights))


def test_many_groups_are_drawn_as_the_largest_and_the_others(columns):
    columns["group"] = [f"group {place // 3:02}" for place in range(60)]
    figure = drawn(columns)
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert len(names) == SHOWN + 1 + NAMED
    assert "others" in names


def test_nothing_of_the_figure_leaves_the_sheet(columns):
    figure = drawn(columns)
    with house_style():
        figure.draw_without_rendering()
        (axes,) = figure.axes
        labels = (axes.xaxis.label, axes.yaxis.label)
        for text in (*labels, *figure.legends[0].get_texts(), *axes.texts, *figure.texts):
            box = text.get_window_extent()
            assert figure.bbox.padded(1).contains(box.x0, box.y0), text
            assert figure.bbox.padded(1).contains(box.x1, box.y1), text
    assert "perfmodel validate" in [text.get_text() for text in figure.findobj(Text)]


def test_no_judged_row_still_draws(columns, tmp_path):
    columns["predicted"] = np.full(60, NAN)
    files = save(drawn(columns), tmp_path, "empty")
    assert [path.suffix for path in files] == [".png", ".svg"]
