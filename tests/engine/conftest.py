"""A small job on a shipped site, for the engine."""

import pytest

from perfmodel.config.library import Library
from perfmodel.lowering.site import lower_site
from perfmodel.spaces.layouts import Axes, Layouts
from perfmodel.spaces.space import Space, space, written
from perfmodel.studies.best_layout import job
from perfmodel_kernels.site import SiteParams

SMALL = Axes(
    tp=(4, 8),
    cp=(1, 2),
    context=("ring", "all-to-all"),
    pp=16,
    vpp=2,
    schedule=("1f1b", "dualpipe"),
    micro_batch=(1, 2),
    shard_group=(64,),
)


@pytest.fixture(scope="session")
def params() -> SiteParams:
    return lower_site(Library().scenario("ai-factory", "llama3-405b"))


@pytest.fixture(scope="session")
def small() -> Space:
    scenario = Library().scenario("ai-factory", "llama3-405b")
    return space(job(scenario, 16_384, 2048), SMALL)


@pytest.fixture(scope="session")
def layouts(small: Space) -> Layouts:
    return written(small)
