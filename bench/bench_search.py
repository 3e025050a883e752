"""Enumeration and search of one job on an AI factory, and what the compiler makes of it."""

from collections.abc import Callable

import pytest

from perfmodel.config.library import Library
from perfmodel.search.layouts import Axes, enumerate_degrees
from perfmodel.studies.best_layout import best_row, job


@pytest.fixture(scope="module")
def scenario() -> object:
    return Library().scenario("ai-factory", "deepseek-v3")


def test_enumerate_a_mixture_of_experts(ratio_of: Callable[..., float], scenario) -> None:
    asked = job(scenario, 25_000, 15_360)
    ratio_of(lambda: enumerate_degrees(asked, Axes()).tp, "enumerate_moe", rounds=10)


def test_search_a_mixture_of_experts(ratio_of: Callable[..., float], scenario) -> None:
    ratio_of(lambda: best_row(scenario)["step_time_s"], "search_moe", rounds=5)
