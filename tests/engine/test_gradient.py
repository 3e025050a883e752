"""Derivatives of a whole evaluation: against central differences, in both precisions."""

import numpy as np
import pytest

from perfmodel.config.library import Library
from perfmodel.config.schema.scenario import Scenario
from perfmodel.engine.gradient import AIMS, DIRECTIONS, gradients
from perfmodel.lowering import fabric
from perfmodel.lowering.hardware import Figure, hardware_figures, with_figures
from perfmodel.lowering.jacobian import lower_with_derivatives
from perfmodel.lowering.layout import lower_layout
from perfmodel.lowering.site import lower_site
from perfmodel_kernels.layout import Layout

pytestmark = pytest.mark.slow

SCENARIOS = {
    ("gigafactory", "llama3-405b"): ("tp=8", "cp=4", "pp=16", "vpp=8", "dp=128"),
    ("jupiter", "llama3-405b"): ("tp=4", "cp=8", "pp=32", "vpp=4", "dp=22"),
    ("ai-factory", "deepseek-v3"): ("tp=2", "cp=2", "pp=2", "vpp=8", "ep=256", "dp=2560"),
    ("tpu-v5p-pod", "llama3-405b"): ("tp=4", "cp=2", "dp=1024", "sharding=zero3"),
    ("lumi", "gpt3-175b"): ("tp=4", "pp=32", "vpp=3", "dp=45", "recompute=full"),
}

STEP = 1e-5
"""Relative change of a figure: the rounding of float64 and the curvature both stay below 1e-8."""


def case(names: tuple[str, str]) -> tuple[Scenario, Layout]:
    overrides = [f"layout.{text}" for text in SCENARIOS[names]]
    scenario = Library().scenario(*names, overrides=overrides)
    chips, batch = scenario.machine.chips, scenario.workload.batch.sequences
    assert scenario.layout is not None
    return scenario, lower_layout(scenario.layout, chips, batch, scenario.model.layers)


def size(figure: Figure) -> float:
    """What a relative change of a figure refers to: itself, or what it may grow to from zero."""
    return figure.value or {"s": 1e-6, "W": 1.0}.get(figure.unit, 1.0)


def elasticities(scenario: Scenario, layout: Layout, dtype: type) -> np.ndarray:
    """Axes: aim, figure."""
    figures = hardware_figures(scenario)
    lowered = lower_with_derivatives(scenario, figures, [one.value for one in figures])
    directions = lowered.jacobian * np.array([size(one) for one in figures])
    found = gradients(lowered.params, layout, directions, dtype)
    return np.array([found.slopes[aim] for aim in AIMS])


@pytest.mark.parametrize("names", SCENARIOS, ids="-".join)
def test_elasticities_are_those_of_central_differences_from_config_to_kernel(
    names: tuple[str, str], monkeypatch: pytest.MonkeyPatch
):
    """At a kink, such as no oversubscription or no failed link, they lie between the two sides.

    What is solved beforehand for the fabric is held, and counts of switches are taken in the mean.
    """
    scenario, layout = case(names)
    known = fabric.solved(scenario.machine)
    monkeypatch.setattr(fabric, "solved", lambda machine: known)
    monkeypatch.setattr("perfmodel.lowering.fabric_power._whole", lambda number: number)
    exact = elasticities(scenario, layout, np.float64)
    nothing, kinks = np.zeros((len(lower_vector(scenario)), 1)), []

    def logs(figure, value: float) -> np.ndarray:
        params = lower_site(with_figures(scenario, [figure], [value]))
        return np.log(list(gradients(params, layout, nothing, np.float64).values.values()))

    for place, figure in enumerate(hardware_figures(scenario)):
        by = STEP * size(figure)
        above, here, below = (logs(figure, figure.value + way) for way in (by, 0.0, -by))
        right, left, middle = (
            (above - here) / STEP,
            (here - below) / STEP,
            (above - below) / 2 / STEP,
        )
        found = exact[:, place]
        allowed = 1e-5 * np.abs(found) + 1e-8
        low, high = np.minimum(left, right), np.maximum(left, right)
        apart = high - low > 1e-3 * np.maximum(np.abs(low), np.abs(high)) + 1e-6
        within = (found >= low - 1e-3 * np.abs(low) - 1e-6) & (
            found <= high + 1e-3 * np.abs(high) + 1e-6
        )
        assert np.where(apart, within, np.abs(found - middle) <= allowed).all(), figure.name
        kinks += [figure.name] if apart.any() else []
    assert set(kinks) <= {
        *("fabric.failed_links", "chip.scaleup.bulk_latency"),  # zero
        *(f"fabric.level.{level}.oversubscription" for level in range(4)),  # one
    }


def lower_vector(scenario: Scenario) -> np.ndarray:
    return lower_with_derivatives(scenario, [], []).jacobian


@pytest.mark.parametrize("names", SCENARIOS, ids="-".join)
def test_single_precision_agrees_with_double(names: tuple[str, str]):
    scenario, layout = case(names)
    single, double = (elasticities(scenario, layout, kind) for kind in (np.float32, np.float64))
    np.testing.assert_allclose(single, double, rtol=1e-3, atol=1e-6)


def test_more_directions_than_fit_one_call_are_derived_as_well():
    scenario, layout = case(("gigafactory", "llama3-405b"))
    figures = [one for one in hardware_figures(scenario) if one.name == "chip.memory.bandwidth"]
    lowered = lower_with_derivatives(scenario, figures, [one.value for one in figures])
    many = np.repeat(lowered.jacobian, DIRECTIONS + 3, axis=1) * figures[0].value
    slopes = gradients(lowered.params, layout, many).slopes["tokens_per_s"]
    assert slopes.shape == (DIRECTIONS + 3,)
    assert slopes[0] > 0.0
    np.testing.assert_array_equal(slopes, slopes[0])
