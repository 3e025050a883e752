"""Full evaluations in units of the probe, and what the compiler makes of the program."""

from collections.abc import Callable

import numpy as np
import pytest

from bench.counters import compilations, temporary_bytes
from perfmodel.config.library import Library
from perfmodel.config.schema.scenario import Scenario
from perfmodel.engine.run import compiled_search, search
from perfmodel.lowering.site import lower_site
from perfmodel.search.layouts import Axes, Layouts, enumerate_degrees
from perfmodel.studies.best_layout import best_row, job

POINTS = 16_384
"""Layouts that one round evaluates, whatever the size of a batch."""


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    return Library().scenario("ai-factory", "llama3-405b")


@pytest.fixture(scope="module")
def layouts(scenario: Scenario) -> Layouts:
    found = enumerate_degrees(job(scenario, 25_000, 2048), Axes())
    return Layouts(*(np.resize(column, POINTS) for column in found))


def test_one_program_serves_every_site_and_job(
    benchmark: object, gate: Callable[[str, str, float], None], scenario: Scenario
) -> None:
    others = [("gigafactory", "moe-10t"), ("lumi", "deepseek-v3"), ("jupiter", "gpt3-175b")]
    best_row(scenario)
    with compilations() as counted:
        for names in others:
            best_row(Library().scenario(*names))
    benchmark.pedantic(lambda: None, rounds=1)  # type: ignore[attr-defined]
    gate("search_more_sites", "compilations", counted.count)


def test_evaluate_sixteen_thousand_points_in_full(
    ratio_of: Callable[..., float], scenario: Scenario, layouts: Layouts
) -> None:
    params = lower_site(scenario)
    ratio_of(lambda: search(params, layouts).score, "evaluate_16k_points", rounds=10)


def test_one_batch_stays_in_the_cache(
    benchmark: object, gate: Callable[[str, str, float], None], scenario: Scenario, layouts: Layouts
) -> None:
    program = compiled_search(lower_site(scenario), layouts)
    benchmark.pedantic(lambda: None, rounds=1)  # type: ignore[attr-defined]
    gate("evaluate_16k_points", "temporary_bytes", temporary_bytes(program))
