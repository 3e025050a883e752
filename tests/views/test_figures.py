"""Figures: labels, units, lines, and that they draw what is stored."""

import itertools
import subprocess
import sys

import numpy as np
import pytest
from matplotlib.text import Text

from perfmodel.results.columns import POWER_SPLIT, TIME_SPLIT
from perfmodel.views.figures import decomposition, power_split, scaling, time_split
from perfmodel.views.figures.sheet import house_style, save

WORKLOAD = "Llama 3.1 405B"
RULES = ("fixed batch", "batch grows to critical")
CAPTION = "perfmodel compare; gigafactory.toml, ai_factory.toml; perfmodel 0.1.0"


@pytest.fixture
def drawn(scaling_rows, site_rows, decomposition_rows):
    return {
        "scaling": scaling.draw(scaling_rows, WORKLOAD, CAPTION),
        "time_split": time_split.draw(site_rows, CAPTION),
        "power_split": power_split.draw(site_rows, CAPTION),
        "decomposition": decomposition.draw(decomposition_rows, WORKLOAD, CAPTION),
    }


def texts(figure):
    return [text.get_text() for text in figure.findobj(Text) if text.get_text().strip()]


def legend(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def curves(axes, color):
    """Values of the solid and of the dashed line of a colour."""
    lines = [line for line in axes.lines if line.get_color() == color]
    return {line.get_linestyle(): line.get_ydata() for line in lines}


def test_every_figure_carries_its_caption_and_a_label_on_every_axis(drawn):
    for figure in drawn.values():
        assert CAPTION in texts(figure)
        feet = [axes for axes in figure.axes if axes.get_subplotspec().is_last_row()]
        assert all(axes.get_xlabel() for axes in feet)


def test_axes_carry_the_units_of_the_columns(drawn):
    assert drawn["scaling"].axes[0].get_ylabel() == "throughput [tokens/s]"
    assert drawn["scaling"].axes[2].get_ylabel() == "MFU [%]"
    assert drawn["time_split"].axes[0].get_xlabel().startswith("share of the step time [%]")
    assert drawn["power_split"].axes[0].get_xlabel().startswith("site power [MW]")


def shown(figure):
    """Every text that is drawn: labels of ticks beyond the limits exist, but are not."""
    beyond = set()
    for axis in (axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)):
        low, high = sorted(axis.get_view_interval())
        for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks()):
            if not low <= tick.get_loc() <= high:
                beyond |= {tick.label1, tick.label2}
    found = set(figure.findobj(Text)) - beyond
    return [text for text in found if text.get_visible() and text.get_text().strip()]


@pytest.mark.parametrize("name", ["scaling", "time_split", "power_split", "decomposition"])
def test_no_text_leaves_the_sheet_and_no_two_texts_overlap(drawn, name):
    figure = drawn[name]
    with house_style():
        figure.draw_without_rendering()
        boxes = [(text.get_text(), text.get_window_extent()) for text in shown(figure)]
    for text, box in boxes:
        assert figure.bbox.padded(1).contains(box.x0, box.y0), text
        assert figure.bbox.padded(1).contains(box.x1, box.y1), text
    for (first, a), (second, b) in itertools.combinations(boxes, 2):
        across = min(a.x1, b.x1) - max(a.x0, b.x0)
        along = min(a.y1, b.y1) - max(a.y0, b.y0)
        assert min(across, along) < 1, (first, second)


def test_scaling_has_a_line_per_curve_and_its_ideal(drawn, scaling_rows):
    figure = drawn["scaling"]
    assert [axes.get_title(loc="left") for axes in figure.axes[:2]] == [
        "Fixed batch",
        "Batch grows to critical",
    ]
    names = list(dict.fromkeys(scaling_rows["curve"].tolist()))
    assert legend(figure)[: len(names)] == names
    for axes in figure.axes[:2]:
        drawn_lines = [line for line in axes.lines if len(set(line.get_xdata())) > 1]
        solid = [line for line in drawn_lines if line.get_linestyle() == "-"]
        dashed = [line for line in drawn_lines if line.get_linestyle() == "--"]
        assert (len(solid), len(dashed)) == (len(names), len(names))


def test_scaling_draws_the_stored_throughput_and_stays_below_the_ideal(drawn, scaling_rows):
    axes = drawn["scaling"].axes[0]
    chosen = (scaling_rows["rule"] == "fixed batch") & (
        scaling_rows["curve"] == "gigafactory (GB300)"
    )
    lines = curves(axes, "#0072B2")
    np.testing.assert_array_equal(lines["-"], scaling_rows["tokens_per_s"][chosen])
    assert np.all(np.diff(lines["-"]) > 0)
    assert np.all(lines["-"] <= lines["--"] * (1 + 1e-12))


def test_scaling_orders_points_by_size(scaling_rows):
    shuffled = np.random.default_rng(0).permutation(len(scaling_rows["chips"]))
    rows = {key: column[shuffled] for key, column in scaling_rows.items()}
    axes = scaling.draw(rows, WORKLOAD, CAPTION).axes[0]
    for line in axes.lines[:2]:
        assert np.all(np.diff(line.get_xdata()) > 0)


def test_scaling_marks_the_two_sizes_and_what_does_not_fit(drawn, scaling_rows):
    figure = drawn["scaling"]
    for axes in figure.axes:
        places = {line.get_xdata()[0] for line in axes.lines if len(set(line.get_xdata())) == 1}
        assert {25_000, 100_000} <= places
    crosses = [line for line in figure.axes[2].lines if line.get_marker() == "x"]
    assert np.all(crosses[0].get_xdata() > 150_000)
    assert "no feasible layout" in legend(figure)
    green = [line for line in figure.axes[0].lines if line.get_color() == "#009E73"]
    assert np.isnan(green[0].get_ydata()).sum() == (~scaling_rows["feasible"]).sum() / 2


def test_scaling_of_a_size_that_never_fits_still_draws(scaling_rows):
    rows = {**scaling_rows, "feasible": np.zeros_like(scaling_rows["feasible"])}
    assert "no feasible layout" in legend(scaling.draw(rows, WORKLOAD, CAPTION))


def lengths(axes):
    """Total length of each stacked bar."""
    return np.sum([[bar.get_width() for bar in group] for group in axes.containers], axis=0)


def test_time_shares_fill_the_bar_of_every_feasible_site(drawn, site_rows):
    axes = drawn["time_split"].axes[0]
    np.testing.assert_allclose(lengths(axes), site_rows["feasible"].astype(float))
    assert len(axes.containers) == len(TIME_SPLIT)


def test_time_split_prints_step_times_and_names_what_does_not_fit(drawn):
    shown = texts(drawn["time_split"])
    assert "4.21 s" in shown
    assert shown.count("no feasible layout") == 1
    assert {"Llama 3.1 405B", "DeepSeek-V3 671B"} <= set(shown)


def test_the_legend_of_the_time_split_names_what_takes_time_only(drawn):
    names = legend(drawn["time_split"])
    assert TIME_SPLIT["matrix"] in names
    assert TIME_SPLIT["context"] not in names


def test_power_bars_are_as_long_as_the_stored_total_in_megawatts(drawn, site_rows):
    axes = drawn["power_split"].axes[0]
    expected = np.where(site_rows["feasible"], site_rows["site_power_w"], 0.0) / 1e6
    np.testing.assert_allclose(lengths(axes), expected)
    assert "148 of 165 MW" in texts(drawn["power_split"])
    assert legend(drawn["power_split"])[1:] == list(POWER_SPLIT.values())


def test_power_split_without_a_provisioned_power_prints_the_total(site_rows):
    del site_rows["provisioned_power_w"]
    figure = power_split.draw(site_rows, CAPTION)
    assert "148 MW" in texts(figure)
    assert "provisioned power" not in legend(figure)


def test_the_waterfall_ends_at_the_product_of_its_factors(drawn, decomposition_rows):
    for axes, rule in zip(drawn["decomposition"].axes, RULES, strict=True):
        factors = decomposition_rows["factor"][decomposition_rows["rule"] == rule]
        *steps, total = axes.patches
        assert total.get_x() + total.get_width() == pytest.approx(np.prod(factors))
        ends = [step.get_x() + step.get_width() for step in steps]
        starts = [step.get_x() for step in steps]
        np.testing.assert_allclose(starts[1:], ends[:-1])
        assert axes.get_xscale() == "log"


def test_the_waterfall_names_every_term_and_factor(drawn):
    shown = texts(drawn["decomposition"])
    assert {"chips", "chip generation", "batch and bubble", "× 4.00", "× 0.710"} <= set(shown)
    assert "× 4.97" in shown


def test_a_workload_without_factors_is_refused_by_name(decomposition_rows):
    with pytest.raises(ValueError, match="no decomposition of GPT-3: one site has no feasible"):
        decomposition.draw(decomposition_rows, "GPT-3", CAPTION)


def test_files_are_whole_and_the_same_each_time(drawn, site_rows, tmp_path):
    first = save(drawn["power_split"], tmp_path / "a", "power")
    second = save(power_split.draw(site_rows, CAPTION), tmp_path / "b", "power")
    assert [path.name for path in first] == ["power.png", "power.svg"]
    assert first[0].read_bytes().startswith(b"\x89PNG")
    assert b"<dc:date>" not in first[1].read_bytes()
    for a, b in zip(first, second, strict=True):
        assert a.read_bytes() == b.read_bytes()
    assert len(list((tmp_path / "a").iterdir())) == 2


def test_a_users_own_matplotlib_settings_change_nothing(drawn, site_rows, tmp_path):
    import matplotlib as mpl

    expected = save(drawn["power_split"], tmp_path / "a", "power")[1].read_bytes()
    with mpl.rc_context({"font.size": 30, "axes.facecolor": "black", "svg.hashsalt": "x"}):
        found = save(power_split.draw(site_rows, CAPTION), tmp_path / "b", "power")[1]
    assert found.read_bytes() == expected


def test_views_load_no_matplotlib_before_a_figure_is_drawn():
    script = """
import sys
import perfmodel.views.terminal
from perfmodel.views.figures import decomposition, power_split, scaling, time_split, sheet
assert "matplotlib" not in sys.modules and "jax" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", script], check=True)


def test_drawing_needs_no_display_and_no_global_state():
    script = """
import sys
from perfmodel.views.figures.sheet import house_style, sheet
with house_style():
    sheet(4.0, 3.0, "title", "caption").subplots()
assert "matplotlib.pyplot" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", script], check=True)
