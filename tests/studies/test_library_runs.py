"""Every shipped config resolves and lowers; every site gives an answer for the flagship models."""

import jax
import numpy as np
import pytest

from perfmodel.config.library import Library
from perfmodel.lowering.model import lower_model
from perfmodel.lowering.site import lower_site
from perfmodel.spaces.layouts import Axes
from perfmodel.studies.best_layout import NO_LAYOUT, OUT_OF_MEMORY, best_row
from perfmodel_kernels.parameters import active_parameter_count, parameter_count

LIBRARY = Library()
JOB = LIBRARY.load("workloads", "llama3-405b")
FLAGSHIPS = ("llama3-405b", "deepseek-v3")
COARSE = Axes(cp=(1, 8), pp=32, vpp=4, micro_batch=(1, 2), ep=(1, 8, 64))


@pytest.mark.parametrize("name", LIBRARY.names("models"))
def test_parameters_are_those_published(name: str) -> None:
    model = LIBRARY.load("models", name)
    numbers = lower_model(model, JOB)
    assert float(parameter_count(numbers)) / 1e9 == pytest.approx(
        model.published_parameters, rel=0.01
    )


def test_active_parameters_are_near_those_published() -> None:
    """Publishers count embeddings in different ways, hence the tolerance."""
    models = {name: LIBRARY.load("models", name) for name in LIBRARY.names("models")}
    routed = {n: m for n, m in models.items() if m.published_active_parameters and m.experts}
    assert len(routed) >= 8
    for name, model in routed.items():
        found = float(active_parameter_count(lower_model(model, JOB))) / 1e9
        assert found == pytest.approx(model.published_active_parameters, rel=0.12), name


@pytest.mark.parametrize("site", LIBRARY.names("sites"))
def test_every_partition_of_a_site_lowers_to_finite_numbers(site: str) -> None:
    scenario = LIBRARY.scenario(site, "llama3-405b")
    for machine in LIBRARY.machines(site):
        params = lower_site(scenario.model_copy(update={"machine": machine}))
        assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(params))


@pytest.mark.parametrize("workload", LIBRARY.names("workloads"))
def test_every_workload_lowers(workload: str) -> None:
    params = lower_site(LIBRARY.scenario("gigafactory", workload))
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(params))


@pytest.mark.parametrize("site", LIBRARY.names("sites"))
def test_every_site_has_a_layout_for_the_flagships_or_a_reason(site: str) -> None:
    for workload in FLAGSHIPS:
        row = best_row(LIBRARY.scenario(site, workload), axes=COARSE)
        if row["feasible"]:
            assert 0.0 < row["mfu"] < 0.9
            assert row["site_power_w"] > 0.0
        else:
            assert row["reason"] in (NO_LAYOUT, OUT_OF_MEMORY)
