"""A small job on a shipped site, for the engine."""

import pytest

from perfmodel.config.library import Library
from perfmodel.lowering.site import lower_site
from perfmodel.search.layouts import Axes, Layouts, enumerate_layouts
from perfmodel.studies.best_layout import job
from perfmodel_kernels.site import SiteParams

SMALL = Axes(tp=(4, 8), cp=(1, 2), pp=16, vpp=2, micro_batch=(1, 2))


@pytest.fixture(scope="session")
def params() -> SiteParams:
    return lower_site(Library().scenario("ai-factory", "llama3-405b"))


@pytest.fixture(scope="session")
def layouts() -> Layouts:
    scenario = Library().scenario("ai-factory", "llama3-405b")
    return enumerate_layouts(job(scenario, 16_384, 2048), SMALL)
