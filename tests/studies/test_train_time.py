"""Training runs on sites: a published one, batches, the best model of a stretch of time."""

import pytest

from perfmodel.config.library import Library
from perfmodel.studies.train_time import Question, answer, best_batch, with_tokens
from tests.studies.test_outcome import FIXED, around

DAYS = 86400.0


def asked(*overrides: str, days: float = 90.0) -> Question:
    scenario = Library().scenario("ai-factory", "llama3-405b", overrides=overrides)
    return Question(scenario, around(), days * DAYS)


@pytest.fixture(scope="module")
def found():
    return answer(asked("site.chips=16384"))


def test_llama_3_on_its_own_machine_takes_its_own_time():
    """The layout of 16,384 H100, 15.6T tokens: 30.84 M GPU-hours are 78 days (model card)."""
    row = answer(asked(*FIXED)).cases[1]
    assert row["training_time_s"] / DAYS == pytest.approx(78.0, rel=0.25)


def test_a_layout_of_the_user_has_one_batch():
    rows = answer(asked(*FIXED)).batches
    assert len(rows) == 3
    assert {row["layout"] for row in rows} == {rows[0]["layout"]}


def test_time_falls_with_the_batch_and_rises_again(found):
    times = [row["fixed_loss_time_s"] for row in found.batches if row["case"] == "base"]
    best = times.index(min(times))
    assert 0 < best < len(times) - 1
    assert best_batch(found.batches, "base")["fixed_loss_time_s"] == times[best]


def test_a_larger_critical_batch_makes_larger_batches_pay(found):
    low, high = (best_batch(found.batches, case)["batch_tokens"] for case in ("low", "high"))
    assert low > high


def test_the_best_model_has_the_least_loss_of_its_curve(found):
    for case in found.cases:
        losses = [row["loss"] for row in found.sizes if row["case"] == case["case"]]
        assert case["largest_loss"] <= min(losses) + 1e-5


def test_twice_the_days_train_a_larger_model_and_cost_twice(found):
    longer = answer(asked("site.chips=16384", days=180.0)).cases[1]
    base = found.cases[1]
    assert longer["largest_parameters"] > 1.3 * base["largest_parameters"]
    assert longer["window_cost_eur"] == pytest.approx(2.0 * base["window_cost_eur"])


def test_more_tokens_take_longer_and_have_a_larger_critical_batch():
    question = asked(*FIXED)
    more = question._replace(scenario=with_tokens(question.scenario, 62.4e12, question.around))
    own, other = (answer(one).cases[1] for one in (question, more))
    assert other["training_time_s"] == pytest.approx(4.0 * own["training_time_s"])
    assert other["critical_batch_tokens"] == pytest.approx(60e6 * 4.0**0.47)
    assert other["loss"] < own["loss"]


def test_nothing_that_fits_is_data_with_a_reason():
    found = answer(asked("site.chips=8"))
    assert found.cases == []
    assert "memory" in found.row["reason"]
