"""A design on the terminal: the way, what stops it, what one more megawatt is worth."""

from types import SimpleNamespace
from typing import Any

import pytest

from perfmodel.lowering.hardware import Figure
from perfmodel.views import codesign, terminal

NAME = "chip.memory.bandwidth"


def told(**changes: Any) -> dict[str, Any]:
    step = {"step": 0, "layout": "TP8", "energy_per_token_j": 6.0, "site_power_w": 1e8, NAME: 4e12}
    bound = {
        "field": NAME, "start": 4e12, "value": 8e12, "lowest": 2e12, "highest": 8e12,
        "unit": "B/s", "at": "highest", "elasticity": 0.2,
    }  # fmt: skip
    budget = {
        "budget": "site.power", "limit": 1.5e8, "spent": 1.5e8, "unit": "W", "reached": True,
        "worth": 0.02,
    }  # fmt: skip
    return {
        "workload": "W", "site": "S", "chips": 8, "objective": "tokens_per_s",
        "steps": [step | {"tokens_per_s": 2e6}, step | {"step": 1, "tokens_per_s": 2.5e6}],
        "design": {"tokens_per_s": 2.5e6}, "bounds": [bound], "budgets": [budget],
        "memory_elasticity": 0.0, "unexplained": 0.0, "converged": True, **changes,
    }  # fmt: skip


@pytest.fixture
def design() -> SimpleNamespace:
    figure = Figure("chip", ("memory", "bandwidth"), "B/s", 4e12, "")
    return SimpleNamespace(figures=[figure], objective="tokens_per_s")


def said(design: SimpleNamespace, capsys: pytest.CaptureFixture[str], **changes: Any) -> str:
    terminal.show(*codesign.terminal_parts(design, told(**changes)))
    return capsys.readouterr().out


def test_a_budget_that_is_spent_says_what_one_more_megawatt_is_worth(design, capsys):
    out = said(design, capsys)
    assert "+25.00%" in out
    assert "150 MW of 150 MW, reached; one more MW is worth +20.0 k/s (+0.800%)" in out
    assert "Stopped by bounds: chip.memory.bandwidth at its highest." in out
    assert out.count("Layout from step") == 1
    assert "0.200%" in out


def test_a_design_that_nothing_stops_says_so(design, capsys):
    bound = told()["bounds"][0] | {"at": "", "elasticity": 0.0}
    budget = told()["budgets"][0] | {"reached": False, "spent": 1e8}
    out = said(design, capsys, bounds=[bound], budgets=[budget])
    assert "100 MW of 150 MW, not reached" in out
    assert "Neither a bound nor a budget stops the design." in out


def test_kinks_memory_and_missing_steps_are_told(design, capsys):
    out = said(design, capsys, unexplained=0.3, memory_elasticity=0.1, converged=False)
    assert "At a kink" in out
    assert "30%" in out
    assert "The layout fills the memory: 1 % more at no price would gain 0.100%." in out
    assert "Not converged" in out
