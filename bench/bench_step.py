"""One full evaluation, and a batch of them, in units of the probe."""

from collections.abc import Callable

import numpy as np
import pytest

from perfmodel.config.library import Library
from perfmodel.engine.run import BATCH, search
from perfmodel.lowering.site import lower_site
from perfmodel.search.layouts import Axes, Layouts, enumerate_degrees
from perfmodel.studies.best_layout import job


@pytest.fixture(scope="module")
def scenario() -> object:
    return Library().scenario("ai-factory", "llama3-405b")


def test_evaluate_sixteen_batches_in_full(ratio_of: Callable[..., float], scenario) -> None:
    params = lower_site(scenario)
    layouts = enumerate_degrees(job(scenario, 25_000, 2048), Axes())
    some = Layouts(*(np.resize(column, 16 * BATCH) for column in layouts))
    ratio_of(lambda: search(params, some).score, "evaluate_16_batches", rounds=10)
