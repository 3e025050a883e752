"""Scenarios of the library that the lowering tests share."""

import pytest

from perfmodel.config.library import Library
from perfmodel.config.schema.scenario import Scenario


@pytest.fixture(scope="session")
def library() -> Library:
    return Library()


@pytest.fixture(scope="session")
def dense(library) -> Scenario:
    """Llama 3 405B on 100,000 H100."""
    return library.scenario("gigafactory-h100", "llama3-405b")


@pytest.fixture(scope="session")
def routed(library) -> Scenario:
    """DeepSeek-V3 in FP8 on 100,008 GB300."""
    return library.scenario("gigafactory", "deepseek-v3")
