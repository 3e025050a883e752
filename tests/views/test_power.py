"""Power on the terminal and its figure: the efficient cap, the strategies, the connections."""

import io
import math

import numpy as np
import pytest
from rich.console import Console

from perfmodel.results.columns import POWER_SPLIT
from perfmodel.views.comparison import _connections, _power
from perfmodel.views.figures import power_cap, pue_year
from perfmodel.views.figures.sheet import house_style
from perfmodel.views.power import _surroundings, limit_parts

CAPS = np.linspace(200.0, 700.0, 6)
ENERGY = np.array([12.0, 10.5, 9.9, 9.7, 9.8, 10.0])
ROWS = {
    "power_cap_w": CAPS,
    "tokens_per_s": np.linspace(4e6, 9e6, 6),
    "energy_per_token_j": ENERGY,
    "site_power_w": np.linspace(60e6, 90e6, 6),
    "efficient": np.arange(6) == 3,
}


@pytest.fixture
def figure():
    return power_cap.draw(ROWS, "perfmodel power somewhere something")


def test_every_panel_has_its_quantity_and_unit(figure):
    labels = [axes.get_ylabel() for axes in figure.axes]
    assert labels == ["throughput [tokens/s]", "energy per token [J]", "site power [MW]"]
    assert figure.axes[-1].get_xlabel() == "cap of a chip [W]"


def test_the_curves_are_what_is_stored_and_the_mark_is_the_efficient_cap(figure):
    for axes, key, size in zip(
        figure.axes,
        ("tokens_per_s", "energy_per_token_j", "site_power_w"),
        (1, 1, 1e6),
        strict=True,
    ):
        curve, mark, point = (line.get_xydata() for line in axes.lines)
        np.testing.assert_allclose(curve[:, 0], CAPS)
        np.testing.assert_allclose(curve[:, 1], ROWS[key] / size)
        assert set(mark[:, 0]) == {500.0}
        np.testing.assert_allclose(point, [[500.0, ROWS[key][3] / size]])


def test_no_text_leaves_the_sheet(figure):
    with house_style():
        figure.draw_without_rendering()
        texts = [t for axes in figure.axes for t in (*axes.texts, axes.yaxis.label, axes.title)]
        boxes = [text.get_window_extent() for text in (*texts, *figure.texts)]
    assert all(figure.bbox.padded(1).contains(box.x0, box.y0) for box in boxes)


def text_of(parts) -> str:
    console = Console(width=160, record=True, file=io.StringIO())
    for part in parts:
        console.print(part)
    return console.export_text()


FREE = {
    **{"strategy": "within the limit", "power_cap_w": 700.0, "chips": 1000, "dark": 0},
    **{"tokens_per_s": 9e6, "energy_per_token_j": 9.7, "site_power_w": 86e6, "layout": "TP8"},
    **{"feasible": True, "reason": "", "power_limit_w": 80e6},
}


def test_both_strategies_stand_beside_the_estimate_without_a_limit():
    capped = {**FREE, "strategy": "all chips capped", "power_cap_w": 561.0}
    dark = {**FREE, "strategy": "some chips dark", "dark": 80}
    text = text_of(limit_parts(FREE, [capped, dark]))
    for words in ("80 MW binds", "no limit", "561 W", "all chips capped", "920"):
        assert words in text
    assert limit_parts(FREE, []) == []


def test_a_strategy_that_cannot_be_is_said_and_has_no_numbers():
    lost = {**FREE, "strategy": "all chips capped", "feasible": False, "reason": "no such cap"}
    text = text_of(limit_parts(FREE, [lost]))
    assert "no such cap" in text
    assert "–" in text


def compared(**changes):
    row = {**FREE, "name": "somewhere", "rule": "fixed batch", "batch_sequences": 1000}
    row |= {"sequence_length": 8192, "provisioned_power_w": 120e6, "pue": 1.1}
    row |= {"pue_warmest_month": 1.11, "pue_hottest_hours": math.nan}
    row |= {f"power_split_{part}_w": 1e6 for part in POWER_SPLIT}
    row |= {"capped_power_cap_w": 561.0, "capped_tokens_per_s": 8.3e6}
    row |= {"dark_chips": 80.0, "dark_tokens_per_s": 8.7e6}
    return row | changes


def test_a_comparison_shows_power_by_part_and_the_year():
    cells = _power(compared())
    assert cells[2:6] == [1e6, 3e6, 1e6, 3e6]
    assert cells[-3:] == ["1.100", "1.110", "–"]


def test_a_comparison_says_which_connection_binds_and_the_faster_way_first():
    assert _connections([compared()]) == []
    (line,) = _connections([compared(strategy="some chips dark")])
    text = line.plain
    assert "80 MW binds" in text
    assert text.index("80 chips dark") < text.index("capped at 561 W")


LETTERS = ["January", "February", "March", *(f"month {number}" for number in range(4, 13))]


def year_of(name: str, mean: float, warmth: float) -> list[dict]:
    season = -np.cos(np.arange(12) * np.pi / 6.0)
    rows = [
        {"name": name, "period": period, "outside_temperature_k": warmth + 8.0 * way, "pue": pue}
        for period, way, pue in zip(LETTERS, season, mean + 0.01 * season, strict=True)
    ]
    ends = {"year": (warmth, mean), "hottest 1 %": (warmth + 18.0, mean + 0.05)}
    return rows + [
        {"name": name, "period": period, "outside_temperature_k": kelvin, "pue": pue}
        for period, (kelvin, pue) in ends.items()
    ]


@pytest.fixture
def year():
    rows = year_of("north", 1.05, 275.0) + year_of("south", 1.12, 288.15)
    return pue_year.draw({key: [row[key] for row in rows] for key in rows[0]}, "perfmodel compare")


def test_the_year_has_a_line_per_site_and_its_hottest_hours_aside(year):
    upper, lower = year.axes
    north, hot, south, hotter, _ = upper.lines
    assert len(north.get_xdata()) == len(south.get_xdata()) == 12
    np.testing.assert_allclose(south.get_ydata()[6], 1.13)
    np.testing.assert_allclose([*hot.get_ydata(), *hotter.get_ydata()], [1.10, 1.17])
    assert min(*hot.get_xdata(), *hotter.get_xdata()) > 11.0
    np.testing.assert_allclose(lower.lines[2].get_ydata()[[0, 6]], [7.0, 23.0])
    np.testing.assert_allclose(lower.lines[3].get_ydata(), [33.0])


def test_the_year_names_quantities_units_sites_and_means(year):
    upper, lower = year.axes
    assert upper.get_ylabel() == "PUE"
    assert lower.get_ylabel() == "outside temperature [°C]"
    names = [text.get_text() for text in year.legends[0].get_texts()]
    assert names == ["north\nyear 1.050, hottest 1.100", "south\nyear 1.120, hottest 1.170"]
    assert [text.get_text() for text in lower.get_xticklabels()] == [*"JFMAMJJASOND", "hottest 1 %"]
    assert upper.get_ylim()[0] == 1.0


def test_no_text_of_the_year_leaves_the_sheet(year):
    with house_style():
        year.draw_without_rendering()
        texts = [text for axes in year.axes for text in (axes.yaxis.label, axes.xaxis.label)]
        boxes = [
            text.get_window_extent()
            for text in (*texts, *year.texts, *year.legends[0].get_texts())
            if text.get_text()
        ]
    assert all(year.bbox.padded(1).contains(box.x0, box.y0) for box in boxes)
    assert all(year.bbox.padded(1).contains(box.x1, box.y1) for box in boxes)


def test_water_and_heat_are_said_where_the_site_states_them():
    row = {"it_power_w": 100e6, "water_use_m3_per_s": 0.01, "reused_heat_w": 25e6}
    water, heat = _surroundings(row)
    assert water == "Water: 864 m^3/day, 0.36 L/kWh of the IT equipment."
    assert heat == "Heat put to use: 25.0 MW, 25% of the IT power."
    assert _surroundings({**row, "water_use_m3_per_s": math.nan, "reused_heat_w": math.nan}) == []
