"""Elasticities on the terminal and as a figure, from rows that a study may give."""

from types import SimpleNamespace
from typing import Any

import pytest

from perfmodel.views import sensitivity, terminal
from perfmodel.views.comparison import columns_of
from perfmodel.views.figures import tornado

AIMS = ("tokens_per_s", "site_power")


def line(field: str, by: float, effect: str = "effect", unit: str = "B/s") -> dict[str, Any]:
    row: dict[str, Any] = {"field": field, "text": "8 TB/s", "unit": unit, "effect": effect}
    for aim, sign in zip(AIMS, (1.0, -0.5), strict=True):
        row |= {f"{aim}_elasticity": sign * by, f"{aim}_elasticity_whole": 0.0}
        row |= {f"{aim}_slope": sign * by}
    return row


ROWS = [
    line("chip.memory.bandwidth", 0.7),
    line("node.nic_bandwidth", 0.05, "whole boxes"),
    line("chip.peak.bf16", 0.004),
    line("fabric.failed_links", 0.0, "at zero", "") | {"tokens_per_s_slope": -2e6},
    line("chip.peak.fp64", 0.0, "no effect"),
]


@pytest.fixture
def found() -> SimpleNamespace:
    row = {
        "site": "S", "workload": "W", "chips": 8, "layout": "TP8 DP1", "reason": "",
        "feasible": True, "tokens_per_s": 1e6, "site_power_w": 2e6,
    }  # fmt: skip
    return SimpleNamespace(
        row=row, rows=ROWS, effective=ROWS[:3], at_zero=ROWS[3:4], idle=["chip.peak.fp64"],
        above_limit=True,
    )  # fmt: skip


def test_the_table_lists_what_matters_and_names_what_does_not(found, capsys):
    terminal.show(*sensitivity.terminal_parts(found, AIMS, 2))
    out = capsys.readouterr().out
    assert "tokens/s 1.00 M/s, site power 2.00 MW; TP8 DP1, held" in out
    assert "+0.7000" in out
    assert "-0.3500" in out
    assert "chip.peak.bf16" not in out
    assert "1 more have an effect: --top 3." in out
    assert "whole switches" in out
    assert "left aside" in out
    assert "No effect here (1): chip.peak.fp64." in out


def test_figures_at_zero_are_told_for_a_small_step(found, capsys):
    terminal.show(*sensitivity.terminal_parts(found, AIMS, 5))
    (said,) = [text for text in capsys.readouterr().out.splitlines() if "failed_links" in text]
    assert said.split() == ["fabric.failed_links", "0.01", "-2.000%", "+0.000%"]


def test_without_a_layout_the_reason_is_said(found, capsys):
    found.rows, found.row["reason"] = [], "out of memory on every legal layout"
    terminal.show(*sensitivity.terminal_parts(found, AIMS, 5))
    assert "W on S (8 chips): out of memory" in capsys.readouterr().out


def test_the_figure_draws_one_panel_per_quantity_and_one_bar_per_figure():
    figure = tornado.draw(columns_of(ROWS), AIMS, 2, "from a test")
    assert [panel.get_title(loc="left") for panel in figure.axes] == ["tokens/s", "site power"]
    for panel, sign in zip(figure.axes, (1.0, -0.5), strict=True):
        assert [bar.get_width() for bar in panel.containers[0]] == [sign * 0.7, sign * 0.05]
        assert panel.get_xlabel() == "elasticity [% per %]"
        low, high = panel.get_xlim()
        assert low == -high
        assert high > 0.7 * abs(sign)
    names = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert names == ["chip.memory.bandwidth = 8 TB/s", "node.nic_bandwidth = 8 TB/s"]


def test_figures_without_an_effect_are_not_drawn():
    figure = tornado.draw(columns_of(ROWS), AIMS, 20, "from a test")
    assert len(figure.axes[0].patches) == 3
