"""Enumeration and search of one job on an AI factory, and what the compiler makes of it."""

from collections.abc import Callable

import pytest

from perfmodel.config.library import Library
from perfmodel.spaces.layouts import USUAL
from perfmodel.spaces.space import blocks, space
from perfmodel.studies.best_layout import best_row, job


@pytest.fixture(scope="module")
def scenario() -> object:
    return Library().scenario("ai-factory", "deepseek-v3")


def test_enumerate_a_mixture_of_experts(ratio_of: Callable[..., float], scenario) -> None:
    asked = job(scenario, 25_000, 15_360)

    def enumerate_all() -> int:
        return sum(len(block.base) for block in blocks(space(asked, USUAL)))

    ratio_of(enumerate_all, "enumerate_moe", rounds=5)


def test_search_a_mixture_of_experts(ratio_of: Callable[..., float], scenario) -> None:
    ratio_of(lambda: best_row(scenario)["step_time_s"], "search_moe", rounds=5)
