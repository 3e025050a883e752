"""Derivatives of a lowering: exact against central differences, values untouched."""

import jax
import numpy as np
import pytest

from perfmodel.config.library import Library
from perfmodel.lowering import fabric
from perfmodel.lowering.dual import SLOPED, WHOLE
from perfmodel.lowering.hardware import hardware_figures, with_figures
from perfmodel.lowering.jacobian import lower_with_derivatives
from perfmodel.lowering.site import lower_site

SCENARIOS = (
    ("gigafactory", "llama3-405b"),
    ("jupiter", "llama3-405b"),
    ("ai-factory", "deepseek-v3"),
    ("tpu-v5p-pod", "gpt3-175b"),
    ("lumi", "dense-2t"),
    ("isambard-ai", "llama3-8b"),
)

STEP = 1e-6


def vector(params) -> np.ndarray:
    return np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(params)]).astype(float)


@pytest.mark.parametrize(("site", "workload"), SCENARIOS)
def test_values_are_those_of_the_ordinary_lowering(site: str, workload: str):
    scenario = Library().scenario(site, workload)
    figures = hardware_figures(scenario)
    lowered = lower_with_derivatives(scenario, figures, [one.value for one in figures])
    plain = lower_site(scenario)
    assert jax.tree.structure(lowered.params) == jax.tree.structure(plain)
    np.testing.assert_array_equal(vector(lowered.params), vector(plain))


@pytest.mark.parametrize(("site", "workload"), SCENARIOS)
def test_derivatives_are_those_of_central_differences(
    site: str, workload: str, monkeypatch: pytest.MonkeyPatch
):
    """What is solved beforehand for the fabric is held, and counts are taken in the mean."""
    scenario = Library().scenario(site, workload)
    known = fabric.solved(scenario.machine)
    monkeypatch.setattr(fabric, "solved", lambda machine: known)
    monkeypatch.setattr("perfmodel.lowering.fabric_power._whole", lambda number: number)
    figures = hardware_figures(scenario)
    values = np.array([one.value for one in figures])
    jacobian = lower_with_derivatives(scenario, figures, values.tolist()).jacobian
    assert np.isfinite(jacobian).all()
    for place, figure in enumerate(figures):
        step = STEP * (figure.value or 1.0)
        above, here, below = (
            vector(lower_site(with_figures(scenario, [figure], [figure.value + by])))
            for by in (step, 0.0, -step)
        )
        right, left = (above - here) / step, (here - below) / step
        slope = jacobian[:, place]
        size = np.maximum(np.abs(slope), np.abs(vector(lower_site(scenario))) * 1e-4)
        smooth = np.abs(right - left) <= 1e-3 * size
        close = np.abs(slope - 0.5 * (right + left)) <= 1e-5 * size + 1e-30
        one_sided = np.abs(slope - right) <= 1e-4 * size + 1e-30
        assert np.where(smooth, close, one_sided).all(), figure.name


def test_whole_switches_have_no_slope_and_their_mean_has_one(dense):
    figures = [one for one in hardware_figures(dense) if one.name == "fabric.switch.port_bandwidth"]
    values = [one.value for one in figures]
    whole, mean = (
        lower_with_derivatives(dense, figures, values, counts) for counts in (WHOLE, SLOPED)
    )
    assert not whole.jacobian.any()
    assert mean.jacobian.any()
    assert mean.params.network == whole.params.network
