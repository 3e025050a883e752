"""The compiled search against plain loops, and on more than one device."""

import json
import os
import subprocess
import sys

import jax
import numpy as np
import pytest
from perfmodel.engine.bounded import search_modes

from perfmodel.engine.run import BATCH, KEEP, search, search_scored
from perfmodel.search.layouts import (
    Axes,
    Job,
    Layouts,
    enumerate_degrees,
    in_mode,
    in_modes,
    may_take,
    modes,
)
from perfmodel_kernels.layout import Layout
from perfmodel_kernels.site import SiteParams, evaluate
from tests.kernels.compiling import QUICK_FLAGS, compiled
from tests.kernels.examples import as_arrays

from .conftest import SMALL

JOB = Job(126, 128, 8, 0, 8192, 2048, 0.05, 16_384, 8, fused=True)


@pytest.fixture(scope="module")
def one_by_one(params: SiteParams, layouts: Layouts) -> tuple[np.ndarray, np.ndarray]:
    """Throughput and feasibility of every layout, by vmap in double precision."""
    shared = jax.tree.map(np.float64, params)

    def score(layout: Layout) -> tuple:
        evaluation = evaluate(shared, layout)
        return evaluation.site.tokens_per_s, evaluation.step.feasible

    values, fits = compiled(jax.vmap(score))(Layout(*layouts))
    return np.asarray(values), np.asarray(fits)


def test_scores_equal_those_of_single_evaluations(params, layouts, one_by_one) -> None:
    scored = search_scored(params, layouts)
    np.testing.assert_allclose(scored.score, one_by_one[0], rtol=1e-4)
    assert (scored.feasible == one_by_one[1]).mean() > 0.999


def test_the_best_is_the_best_of_all(params, layouts, one_by_one) -> None:
    best = search(params, layouts)
    expected = np.sort(np.where(one_by_one[1], one_by_one[0], -np.inf))[::-1][:KEEP]
    np.testing.assert_allclose(best.score, expected, rtol=1e-4)
    assert best.points == len(layouts.tp)
    np.testing.assert_allclose(best.evaluation.site.tokens_per_s, best.score, rtol=1e-6)


def test_the_metrics_belong_to_the_layout_that_is_named(params, layouts) -> None:
    best = search(params, layouts)
    alone = compiled(evaluate)(as_arrays(params), as_arrays(best.layouts.row(0)))
    for kept, single in zip(jax.tree.leaves(best.evaluation), jax.tree.leaves(alone), strict=True):
        np.testing.assert_allclose(kept[0], single, rtol=1e-4)


def test_the_tail_of_a_chunk_counts_once(params, layouts) -> None:
    few = layouts.where(slice(0, BATCH + 3))
    assert search_scored(params, few).score.shape == (BATCH + 3,)
    assert search(params, few).feasible <= BATCH + 3


def test_no_layout_at_all_is_no_error(params, layouts) -> None:
    nothing = layouts.where(slice(0, 0))
    assert len(search(params, nothing).score) == 0
    assert search_scored(params, nothing).score.size == 0


def test_bounding_modes_by_the_fastest_loses_nothing(params) -> None:
    tight = params._replace(step=params.step._replace(capacity=60e9))
    degrees = enumerate_degrees(JOB, SMALL)
    chosen = modes(JOB, Axes())
    bounded = search_modes(tight, degrees, chosen)
    fastest = np.full(len(degrees.tp), -np.inf)
    for mode in chosen:
        rows = np.flatnonzero(may_take(degrees, mode))
        scored = search_scored(tight, in_mode(degrees.where(rows), mode))
        fits = np.where(scored.feasible, scored.score, -np.inf)
        fastest[rows] = np.maximum(fastest[rows], fits)
    np.testing.assert_allclose(bounded.score, np.sort(fastest)[::-1][:KEEP], rtol=1e-6)
    assert bounded.feasible < np.isfinite(fastest).sum()
    assert bounded.points < len(in_modes(degrees, chosen).tp)


def test_no_mode_beats_the_first_one_in_time(params) -> None:
    degrees = enumerate_degrees(JOB, SMALL)
    first, *others = (
        search_scored(params, in_modes(degrees, [mode])).score for mode in modes(JOB, Axes())
    )
    assert all((other <= first * (1.0 + 1e-5)).all() for other in others)


_CHILD = """
import json, numpy as np
from tests.engine.conftest import SMALL
from perfmodel.config.library import Library
from perfmodel.engine.run import search_scored
from perfmodel.lowering.site import lower_site
from perfmodel.search.layouts import enumerate_degrees
from perfmodel.studies.best_layout import job
scenario = Library().scenario("ai-factory", "llama3-405b")
scored = search_scored(lower_site(scenario), enumerate_degrees(job(scenario, 16384, 2048), SMALL))
import jax
print(json.dumps([len(jax.local_devices()), scored.best.score.tobytes().hex(),
                  np.asarray(scored.score, np.float32).tobytes().hex()]))
"""


def test_eight_virtual_devices_give_the_bits_of_two_and_the_values_of_one() -> None:
    found = {}
    for count in (1, 2, 8):
        flags = f"--xla_force_host_platform_device_count={count} {QUICK_FLAGS}"
        environment = {**os.environ, "XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"}
        done = subprocess.run(
            [sys.executable, "-c", _CHILD], env=environment, capture_output=True, check=True
        )
        devices, *bits = json.loads(done.stdout)
        assert devices == count
        found[count] = bits
    assert found[2] == found[8]
    for few, many in zip(found[1], found[8], strict=True):
        values = [np.frombuffer(bytes.fromhex(text), np.float32) for text in (few, many)]
        np.testing.assert_allclose(*values, rtol=2e-6)
