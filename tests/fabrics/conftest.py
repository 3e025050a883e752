"""The shipped library, read once."""

import pytest

from perfmodel.config.library import Library


@pytest.fixture(scope="session")
def library() -> Library:
    return Library()
