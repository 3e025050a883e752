"""Continuous figures of a machine: which they are, what they are called, and other values."""

import pytest

from perfmodel.config.library import Library
from perfmodel.lowering.hardware import hardware_figures, with_figures
from perfmodel.lowering.site import lower_site


def test_every_figure_is_an_override_of_its_name(dense):
    for figure in hardware_figures(dense):
        if figure.value == 0.0 or figure.name == "node.chip":
            continue
        same = Library().scenario(
            "gigafactory-h100", "llama3-405b", overrides=[f"{figure.name}={figure.text()}"]
        )
        found = {one.name: one.value for one in hardware_figures(same)}[figure.name]
        assert found == pytest.approx(figure.value, rel=1e-5), figure.name


def test_counts_words_and_what_is_left_out_are_no_figures(dense):
    names = {figure.name for figure in hardware_figures(dense)}
    assert {"chip.memory.bandwidth", "node.nic_bandwidth", "fabric.level.0.latency"} <= names
    assert {"site.facility.distribution_loss", "fabric.switch.optical_share"} <= names
    assert not names & {"chip.compute.units", "node.chips", "chip.power.power_cap", "chip.name"}
    assert "site.facility.power_limit" not in names  # unlimited


def test_other_values_change_what_they_name_and_nothing_else(dense):
    figures = [one for one in hardware_figures(dense) if one.name == "fabric.level.1.latency"]
    changed = with_figures(dense, figures, [9e-6])
    levels = changed.machine.fabric.level
    assert levels[1].latency == 9e-6
    assert levels[0] is dense.machine.fabric.level[0]
    assert changed.machine.chip is dense.machine.chip
    assert lower_site(changed).step.network.latency.max() == 9e-6


def test_own_values_give_the_same_scenario(routed):
    figures = hardware_figures(routed)
    assert with_figures(routed, figures, [one.value for one in figures]) == routed
