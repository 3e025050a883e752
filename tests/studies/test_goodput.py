"""Goodput of a job on a site: cases in order, the layout's replica, what changes it."""

import numpy as np
import pytest

from perfmodel.config.library import Library
from perfmodel.engine.goodput import END, FAILURE, START
from perfmodel.studies.goodput import CASES, Question, answer

FIXED = ("site.chips=16384", "layout.tp=8", "layout.pp=16", "layout.vpp=8", "layout.dp=128")


def asked(*overrides: str, storage: str = "tectonic", way: str = "asynchronous") -> Question:
    library = Library()
    scenario = library.scenario("ai-factory", "llama3-405b", overrides=[*FIXED, *overrides])
    cases = {name: library.load("reliability", name) for name in CASES}
    return Question(scenario, library.load("storage", storage), cases, way)


@pytest.fixture(scope="module")
def found():
    return answer(asked())


def test_more_failures_leave_less(found):
    shares = [case["goodput"] for case in found.cases]
    assert shares == sorted(shares, reverse=True)
    assert shares[0] > shares[2]


def test_the_run_of_llama_stops_every_three_hours_and_keeps_nine_tenths(found):
    """More than 90 % on 16,384 chips over 54 days: arXiv 2407.21783."""
    base = found.cases[1]
    assert base["mtti_s"] / 3600.0 == pytest.approx(3.09, abs=0.01)
    assert 0.90 < base["goodput"] < 1.0


def test_drawn_runs_agree_with_the_middle_case(found):
    assert found.drawn.goodput == pytest.approx(found.cases[1]["asynchronous_goodput"], rel=2e-3)


def test_useful_tokens_are_tokens_times_all_shares(found):
    base = found.cases[1]
    factors = base["corruption_factor"] * base["slow_factor"] * base["maintenance_factor"]
    factors *= base["shortage_factor"]
    assert base["useful_share"] == pytest.approx(base["goodput"] * factors)
    assert base["useful_tokens_per_s"] == pytest.approx(
        found.row["tokens_per_s"] * base["useful_share"]
    )


def test_the_map_covers_both_sizes(found):
    assert {row["chips"] for row in found.surface} == {25_000, 100_000}
    assert all(0.0 <= row["goodput"] <= 1.0 for row in found.surface)


def test_events_are_a_run_to_the_millisecond(found):
    events = np.array([[*event.values()] for event in found.events])
    assert events.dtype.kind == "i"
    times, kinds, chips, stalls = events.T
    assert (kinds[0], kinds[-1], times[-1]) == (START, END, round(54 * 86400e3))
    assert set(kinds[1:-1]) == {FAILURE}
    assert (np.diff(times) >= 0).all()
    assert set(chips) == {16384}
    restart = found.cases[1]["restart_s"] * 1e3
    assert stalls.max() <= restart + 1.0
    expected = 54 * 86400.0 / found.cases[1]["mtti_s"]
    assert len(events) - 2 == pytest.approx(expected, abs=4.0 * expected**0.5)
    assert (times[1:] - times[:-1] >= stalls[:-1] - 1).all()


def test_the_sheet_falls_with_failures_restarts_and_checkpoints(found):
    known = {
        (r["chips"], r["case"], r["restart_s"], r["write_s"]): r["goodput"] for r in found.sheet
    }
    for (chips, case, restart, write), share in known.items():
        assert 0.0 < share < 1.0
        assert share <= known[25_000, case, restart, write]
        assert share <= known[chips, "low", restart, write]
        assert share <= known[chips, case, 60.0, write]
        assert share <= known[chips, case, restart, 1.0]


def test_slow_storage_leaves_less(found):
    slow = answer(asked(storage="production-median"))
    assert slow.cases[1]["write_s"] > 10.0 * found.cases[1]["write_s"]
    assert slow.cases[1]["synchronous_goodput"] < found.cases[1]["synchronous_goodput"]


def test_a_replica_is_that_of_the_layout(found):
    assert found.cases[1]["replica_chips"] == 128
