"""What a step comes to: cases in order, sums with the studies of goodput and cost, no price."""

import math

import pytest

from perfmodel.config.library import Library
from perfmodel.studies.best_layout import best_row
from perfmodel.studies.cost import Work, job_cost, place_of, run_bill
from perfmodel.studies.goodput import CASES
from perfmodel.studies.goodput import Question as Failing
from perfmodel.studies.goodput import answer as goodput
from perfmodel.studies.outcome import PRICED, PROBABILITIES, Case, Job, Surroundings, outcomes

FIXED = ("site.chips=16384", "layout.tp=8", "layout.pp=16", "layout.vpp=8", "layout.dp=128")


def around(way: str = "asynchronous") -> Surroundings:
    library = Library()
    cases = {
        name: Case(library.load("reliability", name), library.load("costs", name), quantile)
        for name, quantile in PROBABILITIES.items()
    }
    scaling = library.load("scaling", "chinchilla-refit")
    return Surroundings(library.load("storage", "tectonic"), scaling, cases, way)


@pytest.fixture(scope="module")
def job() -> Job:
    scenario = Library().scenario("ai-factory", "llama3-405b", overrides=FIXED)
    return Job(scenario, best_row(scenario))


@pytest.fixture(scope="module")
def found(job):
    return outcomes([job], around())[0]


def test_every_case_is_worse_than_the_one_before(found):
    for key, sign in (
        ("useful_tokens_per_s", -1.0),
        ("million_tokens_eur", 1.0),
        ("million_tokens_carbon_kg", 1.0),
        ("fixed_loss_time_s", 1.0),
    ):
        values = [sign * found[name][key] for name in CASES]
        assert values == sorted(values)
        assert values[0] < values[2]


@pytest.mark.parametrize("way", ["asynchronous", "elastic"])
def test_useful_shares_are_those_of_the_study_of_goodput(job, way):
    known = around(way)
    cases = {name: case.reliability for name, case in known.cases.items()}
    rows = goodput(Failing(job.scenario, known.storage, cases, way)).cases
    own = outcomes([job], known)[0]
    for row in rows:
        assert own[row["case"]]["useful_share"] == pytest.approx(row["useful_share"], rel=1e-5)


def test_prices_are_those_of_the_study_of_cost(job, found):
    costs, row = around().cases["base"].costs, job.row
    place = place_of(job.scenario, "h100", row)
    work = Work(row["tokens_per_s"] / row["chips"], found["base"]["useful_share"], 15.6e12)
    expected = job_cost(costs, place, work)
    assert {key: found["base"][key] for key in PRICED} == {key: expected[key] for key in PRICED}


def test_a_run_costs_what_the_site_costs_in_its_time(job, found):
    base = found["base"]
    time = 15.6e12 / base["useful_tokens_per_s"]
    bill = run_bill(around().cases["base"].costs, job.scenario, job.row, time)
    assert bill["eur"] == pytest.approx(base["run_eur"], rel=1e-9)
    assert bill["carbon_kg"] == pytest.approx(base["run_carbon_kg"], rel=1e-9)


def test_the_batch_of_the_workload_takes_the_tokens_of_the_workload(found):
    assert found["base"]["tokens_needed"] == pytest.approx(15.6e12)
    assert found["base"]["critical_batch_tokens"] == pytest.approx(60e6)


def test_four_times_the_batch_takes_more_tokens_to_the_same_loss(job, found):
    """1 + 4 B / Bc over 1 + B / Bc with 16.8 M and 60 M: 1.656."""
    larger = Job(job.scenario, job.row | {"batch_sequences": 4 * 2048})
    own = outcomes([larger], around())[0]["base"]
    assert own["tokens_needed"] / 15.6e12 == pytest.approx(1.656, abs=0.001)


def test_a_job_that_stands_still_is_data(job):
    known = around("elastic")
    high = known.cases["high"]
    stall = high.reliability.elastic.model_copy(update={"stall": 1e9})
    still = high._replace(reliability=high.reliability.model_copy(update={"elastic": stall}))
    base = outcomes([job], known._replace(cases={"high": still}))[0]["high"]
    assert base["useful_tokens_per_s"] == 0.0
    assert 1e15 < base["fixed_loss_time_s"] < math.inf
    assert math.isfinite(base["million_tokens_eur"])


def test_a_chip_without_a_price_has_no_cost_but_a_time():
    scenario = Library().scenario("lumi", "llama3-8b", overrides=["site.chips=512"])
    base = outcomes([Job(scenario, best_row(scenario))], around())[0]["base"]
    assert all(math.isnan(base[key]) for key in PRICED)
    assert base["fixed_loss_time_s"] > 0.0
