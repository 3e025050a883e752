"""Named layouts that cannot run are refused with every reason at once."""

import pytest

from perfmodel.config.faults import Faults
from perfmodel.config.library import Library
from perfmodel.studies.legality import check_layout


def _said(*overrides: str) -> str:
    scenario = Library().scenario("ai-factory", "llama3-405b", overrides=list(overrides))
    with pytest.raises(Faults) as found:
        check_layout(scenario)
    return str(found.value)


def test_all_faults_come_at_once() -> None:
    said = _said("layout.tp=7", "layout.pp=200", "layout.ep=2")
    assert len(said.splitlines()) == 3
    assert "does not divide the 128 heads of Llama 3.1 405B" in said or "128 heads" in said
    assert "126 layers" in said


def test_more_chips_than_the_site_has() -> None:
    assert "25,000" in _said("layout.tp=8", "layout.pp=16", "layout.cp=1024")


def test_a_batch_that_does_not_divide() -> None:
    assert "2,048 sequences within 5%" in _said("layout.tp=8", "layout.dp=1500")


def test_the_published_layout_is_legal() -> None:
    overrides = ["site.chips=16384", "layout.tp=8", "layout.pp=16", "layout.dp=128"]
    check_layout(Library().scenario("ai-factory", "llama3-405b", overrides=overrides))
