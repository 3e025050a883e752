"""Figures of stored runs: labels, units, lines, what is held, and names that are hostile."""

import itertools
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from perfmodel.config.faults import Faults
from perfmodel.results.dataset import Run, open_run
from perfmodel.views import chart as charts
from perfmodel.views.chart import KINDS, Wish, chart
from perfmodel.views.figures import pareto_front
from perfmodel.views.figures.sheet import house_style
from perfmodel.views.plot import draw, plot, quiet, words
from tests.results.stored_runs import AXES, BANDWIDTHS, CHIPS, NAMES, grid, rows_of, write_run
from tests.views.test_figures import shown

LOST = 4
"""Points of the grid that do not fit."""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return open_run(write_run(tmp_path_factory.mktemp("run")))


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A random sample: no two points share a value."""
    random = np.random.default_rng(0)
    sizes = np.exp(random.uniform(np.log(2_100), np.log(3e5), 90))
    bandwidth = np.exp(random.uniform(np.log(25e9), np.log(200e9), 90))
    points = [
        (float(a), NAMES[i % 3], float(b))
        for i, (a, b) in enumerate(zip(sizes, bandwidth, strict=True))
    ]
    axes = [dict(axis, values=90) for axis in AXES]
    axes[1]["values"] = 3
    return open_run(write_run(tmp_path_factory.mktemp("run"), rows_of(points), axes=axes))


def drawn(run: Run, *words: str, where: tuple[str, ...] = ()) -> Figure:
    return draw(run, chart(run, Wish(*words, where=run.conditions(where))))


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(Text) if text.get_text().strip()]


def caption(figure: Figure) -> str:
    return " ".join(figure.get_supxlabel().split())


def lines(axes) -> list:
    """Curves of a panel, its crosses left out."""
    return [line for line in axes.lines if line.get_marker() != "x"]


def test_the_default_is_the_figure_that_the_run_was_made_for(run: Run) -> None:
    figure = drawn(run)
    assert [axes.get_title(loc="left") for axes in figure.axes] == list(NAMES)
    assert figure.axes[0].get_ylabel() == "throughput [tokens/s]"
    assert {axes.get_xlabel() for axes in figure.axes} == {"chips"}
    assert all(axes.get_xscale() == "log" for axes in figure.axes)
    (legend,) = figure.legends
    assert legend.get_title().get_text() == "bandwidth of a network card [GB/s]"
    said = [text.get_text() for text in legend.get_texts()]
    assert said == ["25 GB/s", "50 GB/s", "100 GB/s", "200 GB/s", "not feasible"]


def test_lines_are_what_is_stored(run: Run) -> None:
    figure = drawn(run)
    rows = run.columns("chip", "fabric.nic_bandwidth", "site.chips", "tokens_per_s")
    for name, axes in zip(NAMES, figure.axes, strict=True):
        assert len(lines(axes)) == len(BANDWIDTHS)
        for bandwidth, line in zip(BANDWIDTHS, lines(axes), strict=True):
            own = (rows["chip"] == name) & (rows["fabric.nic_bandwidth"] == bandwidth)
            np.testing.assert_array_equal(line.get_xdata(), rows["site.chips"][own])
            np.testing.assert_allclose(line.get_ydata(), rows["tokens_per_s"][own])


def test_points_that_do_not_fit_are_gaps_and_crosses_with_their_number(run: Run) -> None:
    figure = drawn(run)
    crosses = [line for line in figure.axes[0].lines if line.get_marker() == "x"]
    assert [line.get_xdata().tolist() for line in crosses] == [[CHIPS[0]]] * LOST
    assert all(np.isnan(line.get_ydata()[0]) for line in lines(figure.axes[0]))
    assert f"108 points, {LOST} not feasible (crosses)" in caption(figure)


def test_a_named_layout_that_does_not_fit_is_no_point_of_a_line(tmp_path: Path) -> None:
    rows = rows_of(grid())
    rows["tokens_per_s"] = np.nan_to_num(rows["tokens_per_s"], nan=5e5)
    figure = drawn(open_run(write_run(tmp_path, rows)))
    assert all(np.isnan(line.get_ydata()[0]) for line in lines(figure.axes[0]))


def test_the_caption_says_the_source(run: Run) -> None:
    said = caption(drawn(run))
    assert said.startswith("llama3-405b on ai-factory; perfmodel sweep network --out run; ")
    assert "perfmodel 0.1.0" in said


def test_a_run_under_way_is_drawn_and_says_so(tmp_path: Path) -> None:
    run = open_run(write_run(tmp_path, missing=[1]))
    assert "2 of 3 chunks" in caption(drawn(run))


def test_an_axis_that_is_not_shown_is_held_and_the_caption_says_where(run: Run) -> None:
    figure = drawn(run, "line", "", "mfu", "", "none")
    assert "chip held at h100 of 3 values" in caption(figure)
    assert len(lines(figure.axes[0])) == len(BANDWIDTHS)
    bare = drawn(run, "line", "", "mfu", "none", "chip")
    assert "bandwidth of a network card held at 50 GB/s of 4 values" in caption(bare)
    assert len(lines(bare.axes[0])) == 1


def test_a_condition_replaces_what_would_be_held(run: Run) -> None:
    figure = drawn(run, "line", "", "mfu", "", "none", where=("chip=gb300",))
    assert "held" not in caption(figure)
    assert "chip=gb300" in caption(figure)


def test_an_axis_that_follows_from_another_is_not_held(tmp_path: Path) -> None:
    points = [
        (float(chips), "h100", 1e6 * float(chips)) for chips in np.geomspace(2_048, 65_536, 6)
    ]
    run = open_run(write_run(tmp_path, rows_of(points)))
    figure = drawn(run, "line", "site.chips", "mfu", "none", "none")
    assert len(lines(figure.axes[0])[0].get_xdata()) == 6
    assert "held" not in caption(figure)


def test_units_are_those_that_people_read(run: Run) -> None:
    expected = {
        "mfu": "MFU [%]",
        "site_power_w": "site power [MW]",
        "step_time_s": "step time [s]",
        "memory_bytes": "memory per chip [GB]",
        "energy_per_token_j": "energy per token [J]",
    }
    for key, label in expected.items():
        figure = drawn(run, "line", "fabric.nic_bandwidth", key, "chip", "none")
        axes = figure.axes[0]
        assert axes.get_ylabel() == label
        assert axes.get_xlabel() == "bandwidth of a network card [GB/s]"
        np.testing.assert_allclose(lines(axes)[0].get_xdata(), [25, 50, 100, 200])
    assert "memory per chip" in words(run, chart(run, Wish("line", y="memory_bytes"))).lower()


def test_many_numbers_have_a_colour_bar(run: Run) -> None:
    figure = drawn(run, "line", "fabric.nic_bandwidth", "mfu", "site.chips", "chip")
    assert not figure.legends
    assert figure.axes[-1].get_ylabel() == "chips"
    assert len(lines(figure.axes[0])) == len(CHIPS)


def test_a_map_shows_a_result_over_two_axes(run: Run) -> None:
    figure = drawn(run, "heat", "", "", "mfu", "chip")
    *panels, bar = figure.axes
    assert [axes.get_title(loc="left") for axes in panels] == list(NAMES)
    assert (panels[0].get_xlabel(), bar.get_ylabel()) == ("chips", "MFU [%]")
    assert panels[0].get_ylabel() == "bandwidth of a network card [GB/s]"
    for axes in panels:
        (mesh,) = axes.collections
        assert mesh.get_array().shape == (len(BANDWIDTHS), len(CHIPS))
    rows = run.columns("chip", "mfu")
    shown = panels[1].collections[0].get_array()
    expected = rows["mfu"][rows["chip"] == "gb300"].reshape(len(CHIPS), len(BANDWIDTHS)).T
    np.testing.assert_allclose(shown, 100.0 * expected)
    assert np.ma.masked_invalid(panels[0].collections[0].get_array()).mask.sum() == LOST


def test_the_best_cell_of_each_panel_has_a_star(run: Run) -> None:
    for value, place in (("tokens_per_s", CHIPS[-1]), ("energy_per_token_j", CHIPS[0])):
        figure = drawn(run, "heat", "", "", value, "chip")
        stars = [line for line in figure.axes[1].lines if line.get_marker() == "*"]
        assert [line.get_xdata().tolist() for line in stars] == [[place]]


def test_a_map_of_few_cells_says_their_values(run: Run) -> None:
    figure = drawn(run, "heat", "site.chips", "chip", "mfu")
    assert figure.axes[0].get_yticklabels()[1].get_text() == "gb300"
    assert "44.4" in texts(figure)


def test_two_axes_of_many_numbers_are_a_map_by_default(sample: Run, run: Run) -> None:
    assert chart(sample, Wish()).kind == "heat"
    assert chart(run, Wish()).kind == "line"


def test_a_random_sample_is_drawn_as_points_and_nothing_is_held(sample: Run) -> None:
    figure = drawn(sample, "heat")
    assert sum(len(axes.collections[0].get_offsets()) for axes in figure.axes[:3]) == 90
    line = drawn(sample, "line", "site.chips", "mfu", "fabric.nic_bandwidth", "chip")
    assert [len(axes.collections[0].get_offsets()) for axes in line.axes[:3]] == [30, 30, 30]
    assert "held" not in caption(figure) + caption(line)
    assert "all values of chips" in caption(drawn(sample, "line", "chip", "mfu", "none", "none"))


def test_a_front_holds_what_no_other_point_beats() -> None:
    random = np.random.default_rng(1)
    x, y = random.random(300), random.random(300)
    for aims in (pareto_front.Aims(x_grows=False, y_grows=True), pareto_front.Aims(True, False)):
        chosen = pareto_front.unbeaten(x, y, aims)
        a, b = (-x if aims.x_grows else x), (-y if aims.y_grows else y)
        beaten = [any((a <= a[i]) & (b <= b[i]) & ((a < a[i]) | (b < b[i]))) for i in range(len(x))]
        np.testing.assert_array_equal(np.sort(chosen), np.flatnonzero(~np.array(beaten)))
        assert np.all(np.diff(x[chosen]) > 0)


def test_of_points_that_are_the_same_one_is_on_the_front() -> None:
    aims = pareto_front.Aims(x_grows=False, y_grows=True)
    assert pareto_front.unbeaten(np.ones(3), np.ones(3), aims).tolist() == [0]


def test_a_front_names_layouts_and_has_a_colour_per_name(run: Run) -> None:
    figure = drawn(run, "pareto")
    axes = figure.axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == (
        "energy per token [J]",
        "throughput [tokens/s]",
    )
    assert [text.get_text() for text in figure.legends[0].get_texts()] == list(NAMES)
    (listed,) = [text for text in texts(figure) if "TP8 PP16" in text]
    assert "262,144 chips, gb300, 200 GB/s" in listed
    assert len(axes.collections[0].get_offsets()) == len(grid()) - LOST
    assert "(crosses)" not in caption(figure)


def test_a_front_of_energy_is_set_against_throughput(run: Run) -> None:
    axes = drawn(run, "pareto", "", "energy_per_token_j", "none").axes[0]
    assert axes.get_xlabel() == "throughput [tokens/s]"
    (front,) = lines(axes)
    assert np.all(np.diff(front.get_ydata()) > 0)
    assert front.get_drawstyle() == "steps-pre"


def test_a_front_between_memory_and_time_goes_the_right_way(run: Run) -> None:
    axes = drawn(run, "pareto", "memory_bytes", "step_time_s", "none").axes[0]
    (front,) = lines(axes)
    x, y = front.get_data()
    assert np.all(np.diff(x) > 0)
    assert np.all(np.diff(y) < 0)


def test_splits_have_a_bar_per_value_in_groups(run: Run) -> None:
    figure = drawn(run, "time-split")
    said = texts(figure)
    assert set(NAMES) <= set(said)
    assert "131,072 chips" in said
    assert said.count("no feasible layout") == 1
    power = texts(drawn(run, "power-split", "chip", "", "none", "none"))
    assert set(NAMES) <= set(power)
    assert any(text.startswith("site power [MW]") for text in power)


def test_splits_of_a_sample_show_as_many_bars_as_there_is_room_for(sample: Run) -> None:
    figure = drawn(sample, "time-split")
    assert len(figure.axes[0].containers[0]) == charts.BARS
    assert f"{charts.BARS} of 90 points shown" in caption(figure)


def test_a_scaling_curve_has_the_chips_level(run: Run) -> None:
    figure = drawn(run, "scaling")
    assert figure.axes[0].get_title(loc="left") == "Chip h100"
    assert figure.axes[-1].get_xlabel() == "chips"
    assert "25 GB/s" in [text.get_text() for text in figure.legends[0].get_texts()]


def test_a_dashboard_has_the_main_results(run: Run) -> None:
    figure = drawn(run, "dashboard")
    assert [axes.get_ylabel() for axes in figure.axes] == [
        "throughput [tokens/s]",
        "MFU [%]",
        "site power [MW]",
        "energy per token [J]",
    ]


def test_intervals_are_drawn_where_they_are_stored(tmp_path: Path) -> None:
    rows = rows_of(grid())
    rows["tokens_per_s_low"] = 0.9 * rows["tokens_per_s"]
    rows["tokens_per_s_high"] = 1.1 * rows["tokens_per_s"]
    run = open_run(write_run(tmp_path, rows))
    bars = drawn(run).axes[1].collections
    assert len(bars) == len(BANDWIDTHS)
    low, high = bars[0].get_segments()[0][:, 1]
    assert low / high == pytest.approx(0.9 / 1.1)


@pytest.mark.parametrize("kind", KINDS)
def test_no_text_leaves_the_sheet(run: Run, kind: str) -> None:
    figure = drawn(run, kind)
    with house_style():
        figure.draw_without_rendering()
        box = figure.get_tightbbox()
    width, height = figure.get_size_inches()
    assert box.x0 > -0.05
    assert box.x1 < width + 0.05
    assert box.y0 > -0.05
    assert box.y1 < height + 0.05


@pytest.mark.parametrize("kind", KINDS)
def test_no_two_texts_overlap(run: Run, kind: str) -> None:
    figure = drawn(run, kind)
    with house_style():
        figure.draw_without_rendering()
        boxes = [(text.get_text(), text.get_window_extent()) for text in shown(figure)]
    for (first, a), (second, b) in itertools.combinations(boxes, 2):
        across = min(a.x1, b.x1) - max(a.x0, b.x0)
        along = min(a.y1, b.y1) - max(a.y0, b.y0)
        assert min(across, along) < 1, (first, second)


HOSTILE = (
    "$x$",
    "<script>",
    "_hidden",
    "a$b",
    "línea\n2",
    "\u202etxt",
    "名前",
    r"\frac{",
    "x" * 300,
)


@pytest.mark.parametrize("kind", KINDS)
def test_names_are_text_whatever_they_hold(tmp_path: Path, kind: str) -> None:
    names = dict(zip(NAMES, HOSTILE[:3], strict=True))
    rows = rows_of(grid())
    rows["chip"] = [names[name] for name in rows["chip"]]
    rows["layout"] = [HOSTILE[place % len(HOSTILE)] for place in range(len(grid()))]
    axes = [dict(axis, label=HOSTILE[place + 3]) for place, axis in enumerate(AXES)]
    changes = {key: " ".join(HOSTILE) for key in ("title", "site", "workload", "command")}
    run = open_run(write_run(tmp_path / "run", rows, axes=axes, **changes))
    files = plot(run, [Wish(kind)], tmp_path / "out")
    assert all(path.stat().st_size > 5_000 for path in files)
    with quiet():
        said = texts(draw(run, chart(run, Wish(kind))))
    if kind not in ("pareto", "dashboard", "heat"):
        assert any("_hidden" in text for text in said)
    assert not any("\u202e" in text for text in said)


def test_a_dollar_is_drawn_as_a_dollar(tmp_path: Path) -> None:
    from matplotlib import cbook

    run = open_run(write_run(tmp_path, title="Cost $x$ and $y$"))
    title = drawn(run).get_suptitle()
    assert not cbook.is_math_text(title)
    assert title.replace(r"\$", "$") == "Cost $x$ and $y$: throughput"


def test_a_run_without_a_feasible_point_is_drawn(tmp_path: Path) -> None:
    rows = rows_of([(1_024.0, "h100", 25e9), (1_500.0, "h100", 25e9)])
    run = open_run(write_run(tmp_path, rows))
    for kind in KINDS:
        figure = drawn(run, kind)
        if kind not in ("time-split", "power-split", "scaling"):
            assert "2 points, 2 not feasible" in caption(figure)
    assert words(run, chart(run, Wish("line"))).endswith("No point is feasible.")


def test_a_run_of_one_point_without_axes_is_drawn(tmp_path: Path) -> None:
    rows = rows_of([(2_048.0, "h100", 25e9)])
    figure = {"x": None, "y": "mfu", "color": None, "facet": None}
    run = open_run(write_run(tmp_path, rows, axes=[], figure=figure))
    for kind in ("line", "time-split", "power-split", "dashboard", "pareto"):
        assert drawn(run, kind).axes


def test_more_names_than_there_is_room_for_are_said(tmp_path: Path) -> None:
    points = [(2_048.0 * (1 + i % 2), f"chip {i // 2}", 25e9) for i in range(40)]
    rows = rows_of([(size, "h100", bandwidth) for size, _, bandwidth in points])
    rows["chip"] = [name for _, name, _ in points]
    run = open_run(write_run(tmp_path, rows))
    figure = drawn(run, "line", "site.chips", "mfu", "chip", "none")
    assert "chip: 14 of 20 shown" in caption(figure)
    styles = {(line.get_color(), line.get_marker()) for line in lines(figure.axes[0])}
    assert len(styles) == 14


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        (Wish(y="mfx"), '--y = "mfx": the run has no such column; did you mean "mfu"?'),
        (Wish(y="layout"), '--y = "layout": holds names; expected a column of numbers'),
        (
            Wish("pareto", x="chip"),
            '--x = "chip": holds names; expected a column of numbers',
        ),
        (
            Wish("scaling", x="chip"),
            "--x: a scaling curve needs an axis of chips; expected one of the axes of the run: "
            "site.chips, chip, fabric.nic_bandwidth",
        ),
    ],
)
def test_what_cannot_be_drawn_is_said_in_one_line(
    run: Run, tmp_path: Path, wish: Wish, said: str
) -> None:
    with pytest.raises(Faults) as caught:
        plot(run, [Wish(), wish], tmp_path / "out")
    assert str(caught.value) == said
    assert not (tmp_path / "out").exists()


def test_a_map_of_a_run_with_one_axis_is_refused(tmp_path: Path) -> None:
    run = open_run(write_run(tmp_path, axes=[dict(AXES[0])]))
    with pytest.raises(Faults, match="--y: a map needs two axes"):
        chart(run, Wish("heat"))


def test_conditions_that_no_point_meets_are_said(run: Run) -> None:
    with pytest.raises(Faults, match="--where: no point meets all conditions"):
        chart(run, Wish(where=run.conditions(["mfu>0.99"])))


def test_the_same_run_gives_the_same_files(run: Run, tmp_path: Path) -> None:
    first, second = (plot(run, [Wish("pareto")], tmp_path / name) for name in "ab")
    assert [path.suffix for path in first] == [".png", ".svg"]
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes()


def test_a_key_of_a_run_names_no_file_elsewhere(tmp_path: Path) -> None:
    rows = rows_of(grid())
    rows["../../escaped"] = rows["mfu"]
    run = open_run(write_run(tmp_path / "run", rows))
    files = plot(run, [Wish("line", y="../../escaped")], tmp_path / "out")
    assert {path.parent for path in files} == {tmp_path / "out"}


def test_drawing_a_run_needs_no_model() -> None:
    script = """
import sys
import perfmodel.commands.run_views
assert "jax" not in sys.modules and "matplotlib" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", script], check=True)
