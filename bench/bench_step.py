"""Full evaluations in units of the probe, and what the compiler makes of the program."""

from collections.abc import Callable

import pytest

from bench.counters import compilations
from perfmodel.config.library import Library
from perfmodel.config.schema.scenario import Scenario
from perfmodel.engine.search import search, work_of
from perfmodel.lowering.site import lower_site
from perfmodel.spaces.layouts import WIDE
from perfmodel.spaces.space import Block, Space, blocks, space
from perfmodel.studies.best_layout import best_row, job

POINTS = 1_000_000
"""Layouts that one round evaluates, about as many as a search of a shipped site."""


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    return Library().scenario("ai-factory", "llama3-405b")


@pytest.fixture(scope="module")
def layouts(scenario: Scenario) -> Space:
    return space(job(scenario, 25_000, 2048), WIDE)


@pytest.fixture(scope="module")
def shapes(layouts: Space) -> list[Block]:
    """Shapes of so many points, generated before the clock runs."""
    block = next(one for one in blocks(layouts) if len(one.base) * len(layouts.modes) > POINTS)
    count = POINTS // len(layouts.modes)
    return [block._replace(base=block.base[:count], shapes=block.shapes[:count])]


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


def test_evaluate_a_million_points_in_full(
    ratio_of: Callable[..., float], scenario: Scenario, layouts: Space, shapes: list[Block]
) -> None:
    params = lower_site(scenario)
    ratio_of(lambda: search(params, layouts, shapes=shapes).points, "evaluate_1m_points", rounds=3)


def test_what_a_batch_needs_beside_its_tables_stays_small(
    benchmark: object, gate: Callable[[str, str, float], None], scenario: Scenario, layouts: Space
) -> None:
    work = work_of(lower_site(scenario), layouts)
    benchmark.pedantic(lambda: None, rounds=1)  # type: ignore[attr-defined]
    gate("evaluate_1m_points", "temporary_bytes", work.temporary)
