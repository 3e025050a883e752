"""Failures, spares and prices in the objective of a search: sums, and layouts that they change."""

from typing import Any

import pytest

from perfmodel.config.faults import Faults
from perfmodel.config.library import Library
from perfmodel.spaces.layouts import Axes
from perfmodel.studies.bounds import parse_bounds
from perfmodel.studies.coupled import AIMS, CARBON, COST, USEFUL, Beside, coupling_of, with_outcome
from perfmodel.studies.layout_search import Answer, Asked, search_layouts
from tests.studies.test_outcome import around

SMALL = ("site.chips=512", "workload.batch.sequences=512")
FEW = Axes(tp=(1, 2, 4), cp=(1,), pp=4, vpp=1, micro_batch=(1,))


def found(job: tuple[str, str], objective: str, beside: Beside, **more: Any) -> Answer:
    scenario = Library().scenario(*job, overrides=more.get("overrides", ()))
    known = beside if objective in AIMS else None
    asked = Asked(objective, 4, (), parse_bounds(()), more.get("axes", Axes()), (), beside=known)
    return search_layouts(scenario, asked)


@pytest.mark.parametrize("objective", AIMS)
def test_the_score_is_the_column_that_is_printed(objective: str) -> None:
    job = ("ai-factory", "llama3-8b")
    answer = found(job, objective, Beside(around(), "high"), overrides=SMALL, axes=FEW)
    key, large = AIMS[objective]
    for row in answer.best:
        printed = row[key] if large > 0.0 else 1e6 / row[key]
        assert row["score"] == pytest.approx(printed, rel=1e-4)
    values = [large * row[key] for row in answer.best]
    assert values == sorted(values, reverse=True)


def test_many_failures_choose_a_smaller_job() -> None:
    """The quickest layout on 100,000 H100 stops every 20 minutes and needs ten to come back."""
    job, beside = ("gigafactory-h100", "dense-2t"), Beside(around(), "high")
    quick, useful = (found(job, aim, beside).best[0] for aim in ("throughput", USEFUL))
    assert quick["layout"] != useful["layout"]
    assert useful["tokens_per_s"] < 0.95 * quick["tokens_per_s"]
    assert useful["chips_used"] < 0.8 * quick["chips_used"]
    scenario = Library().scenario(*job)
    left = with_outcome(scenario, quick, beside)["useful_tokens_per_s"]
    assert useful["useful_tokens_per_s"] > 1.03 * left


def test_a_lack_of_spares_counts_against_large_replicas() -> None:
    """The quickest layout of a 2T model on 25,000 H100 leaves 40 chips of the 160 that it needs."""
    job, beside = ("ai-factory", "dense-2t"), Beside(around(), "base")
    best = found(job, USEFUL, beside).best[0]
    plenty = with_outcome(Library().scenario(*job, overrides=["site.chips=25200"]), best, beside)
    assert plenty["useful_share"] > 1.03 * best["useful_share"]


def test_an_elastic_job_chooses_smaller_replicas() -> None:
    job, beside = ("gigafactory", "llama3-405b"), Beside(around("elastic"), "high")
    quick, useful = (found(job, aim, beside).best[0] for aim in ("throughput", USEFUL))
    replicas = [row["tp"] * row["cp"] * row["pp"] for row in (quick, useful)]
    assert replicas[1] < replicas[0]
    assert useful["useful_share"] > 0.0


def test_dear_power_and_dirty_power_are_prices_of_a_joule() -> None:
    scenario = Library().scenario("ai-factory", "llama3-8b", overrides=SMALL)
    beside = Beside(around(), "base")
    money, carbon = (coupling_of(scenario, beside, aim).price for aim in (COST, CARBON))
    assert float(money.energy) * 3.6e9 == pytest.approx(79.6 + 20.0)
    assert float(carbon.energy) * 3.6e9 == pytest.approx(346.0)
    assert coupling_of(scenario, beside, USEFUL).price == (1.0, 0.0)


def test_a_chip_without_a_price_is_refused_where_one_is_needed() -> None:
    scenario = Library().scenario("lumi", "llama3-8b")
    beside = Beside(around(), "base")
    assert coupling_of(scenario, beside, USEFUL).price == (1.0, 0.0)
    with pytest.raises(Faults, match="no price of this chip"):
        coupling_of(scenario, beside, COST)
