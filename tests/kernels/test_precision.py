"""Single precision against double, over every shipped site and the flagship jobs."""

import numpy as np
import pytest

from perfmodel.config.library import Library
from perfmodel.config.schema.workload import Layout as LayoutConfig
from perfmodel.lowering.layout import lower_layout
from perfmodel.lowering.site import lower_site
from perfmodel_kernels.layout import Layout
from perfmodel_kernels.site import SiteParams
from tests.kernels.examples import named_leaves
from tests.kernels.sensitivity import COUNTS, OUTPUTS, elasticities

pytestmark = pytest.mark.slow

SHIPPED = Library()
JOBS = ("llama3-405b", "deepseek-v3", "dense-2t", "moe-10t")
DENSE = (
    LayoutConfig(tp=8, pp=8, vpp=2),
    LayoutConfig(tp=2, cp=4, pp=1, sharding="zero3", recompute="full", micro_batch=2),
)
ROUTED = (
    LayoutConfig(tp=1, pp=16, ep=64),
    LayoutConfig(tp=4, cp=2, pp=4, ep=16, sharding="zero3", recompute="attention"),
)


def cases(site: str) -> list[tuple[str, SiteParams, Layout]]:
    """Every flagship job on a site under two layouts."""
    found = []
    for job in JOBS:
        scenario = SHIPPED.scenario(site, job)
        params = lower_site(scenario)
        for config in ROUTED if scenario.model.experts else DENSE:
            batch = scenario.workload.batch.sequences
            layout = lower_layout(config, scenario.machine.chips, batch, scenario.model.layers)
            found.append((f"{job} {layout}", params, layout))
    return found


@pytest.mark.parametrize("site", SHIPPED.names("sites"))
def test_single_precision_gives_the_values_of_double(evaluation, evaluation_32, site):
    for case, params, layout in cases(site):
        pairs = zip(
            named_leaves(evaluation(params, layout)),
            named_leaves(evaluation_32(params, layout)),
            strict=True,
        )
        for (name, double), (_, single) in pairs:
            assert single.dtype in (np.float32, np.int32, bool)
            assert float(single) == pytest.approx(float(double), rel=1e-4, abs=0.0), case + name


def largest(table: dict[str, np.ndarray]) -> np.ndarray:
    """Largest derivative of each output, over all figures."""
    rows = [np.abs(row).reshape(-1, len(OUTPUTS)).max(0) for row in table.values()]
    return np.max(rows, axis=0)


def without_counts(table: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name: row for name, row in table.items() if name not in COUNTS}


@pytest.mark.parametrize("site", SHIPPED.names("sites"))
def test_single_precision_gives_the_derivatives_of_double(gradients, gradients_32, site):
    for case, params, layout in cases(site)[SHIPPED.names("sites").index(site) % 2 :: 2]:
        double = without_counts(elasticities(gradients(params, layout), params))
        single = without_counts(elasticities(gradients_32(params, layout), params))
        allowed = 1e-3 * largest(double)
        for name, expected in double.items():
            error = np.abs(single[name] - expected)
            assert np.all(error <= allowed), case + name


def test_no_derivative_is_lost_in_single_precision(gradients, gradients_32):
    site = "gigafactory"  # the largest figures: petaflops, a hundred thousand chips
    for case, params, layout in cases(site):
        double = without_counts(elasticities(gradients(params, layout), params))
        single = without_counts(elasticities(gradients_32(params, layout), params))
        for name, expected in double.items():
            felt = np.abs(expected) > 1e-12
            assert np.all(single[name][felt] != 0.0), case + name
