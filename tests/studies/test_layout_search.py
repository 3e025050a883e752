"""The best layouts of a job, and why others lose."""

import math

import numpy as np
import pytest

from perfmodel.config.library import Library
from perfmodel.spaces.layouts import Axes
from perfmodel.studies.bounds import parse_bounds
from perfmodel.studies.layout_search import Answer, Asked, losses, map_rows, search_layouts, why

AXES = Axes(tp=(4, 8), cp=(1,), pp=16, vpp=4, micro_batch=(1, 2))
JOB = ("selene", "gpt3-175b")
NAMED = ("layout.tp=8", "layout.pp=8", "layout.dp=8", "layout.recompute=full")


@pytest.fixture(scope="module")
def answer() -> Answer:
    scenario = Library().scenario(*JOB, overrides=["site.chips=512"])
    named = Library().scenario(*JOB, overrides=["site.chips=512", *NAMED])
    bounds = parse_bounds(["memory_fraction<=0.95", "pp>1"])
    asked = Asked("throughput", 5, ("time", "memory"), bounds, AXES, [named], decide=3)
    return search_layouts(scenario, asked)


def test_the_best_come_with_reasons_and_within_the_bounds(answer: Answer) -> None:
    assert len(answer.best) == 5
    assert [row["rank"] for row in answer.best] == [1, 2, 3, 4, 5]
    assert answer.best[0]["why"] == ""
    assert all(row["why"] for row in answer.best[1:])
    assert all(row["memory_fraction"] <= 0.95 and row["pp"] > 1 for row in answer.best)
    assert answer.found.wanted < answer.found.feasible


def test_played_pipelines_decide_the_first_few(answer: Answer) -> None:
    rates = [
        row["tokens_per_s"] * row["step_time_s"] / row["scanned_step_time_s"]
        for row in answer.best[:3]
    ]
    assert rates == sorted(rates, reverse=True)
    assert all(math.isnan(row["scanned_step_time_s"]) for row in answer.best[3:])
    for row in answer.best[:3]:
        assert row["scanned_step_time_s"] == pytest.approx(row["step_time_s"], rel=0.05)


def test_every_listed_layout_has_error_bars(answer: Answer) -> None:
    for row in (*answer.best, *answer.named):
        assert row["tokens_per_s_low"] < row["tokens_per_s"] < row["tokens_per_s_high"]


def test_parts_add_up_to_what_a_layout_loses(answer: Answer) -> None:
    best, named = answer.best[0], answer.named[0]
    slower = best["tokens_per_s"] / named["tokens_per_s"] - 1.0
    assert sum(losses(named, best).values()) == pytest.approx(slower, rel=1e-4)
    assert "recompute +" in why(named, best)


def test_layouts_that_fall_out_are_counted_by_reason(answer: Answer) -> None:
    assert answer.infeasible["memory"] == answer.found.points - answer.found.feasible
    assert all(count >= 0 for count in answer.infeasible.values())


def test_the_front_rises_with_memory(answer: Answer) -> None:
    rows = sorted(answer.front, key=lambda row: row["memory_bytes"])
    rates = [row["tokens_per_s"] for row in rows]
    assert len(rows) > 3
    assert rates == sorted(rates)
    assert all(row["memory_fraction"] <= 0.95 for row in rows)


def test_the_map_has_a_row_per_cell_that_fits() -> None:
    grid = np.full((8, 129), -np.inf)
    grid[3, 16] = 5.0
    assert map_rows(grid) == [{"tp": 8, "pp": 16, "tokens_per_s": 5.0}]


def test_no_layout_of_a_trillion_parameters_on_a100_comes_near_what_was_never_measured() -> None:
    """The best published is 56 % of the peak (arXiv 2205.05198, table 5); a peer claims 78.9 %."""
    overrides = ["site.chips=4096", "workload.batch.sequences=4096"]
    scenario = Library().scenario("selene", "megatron-1t", overrides=overrides)
    axes = Axes(tp=(4, 8), cp=(1, 2), micro_batch=(1, 2))
    found = search_layouts(scenario, Asked("throughput", 1, (), parse_bounds(()), axes, ()))
    assert 0.5 < found.best[0]["mfu"] < 0.65


PUBLISHED = {
    # Narayanan et al., arXiv 2104.04473, table 1; Korthikanti et al., arXiv 2205.05198, table 3
    "megatron-1t": ("selene", ["layout.tp=8", "layout.pp=64", "layout.dp=6"]),
    # Llama team, arXiv 2407.21783, table 4
    "llama3-405b": (
        "ai-factory",
        ["site.chips=16384", "layout.tp=8", "layout.pp=16", "layout.vpp=8", "layout.dp=128"],
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("workload", PUBLISHED)
def test_a_published_layout_loses_for_a_reason_that_is_said(workload: str) -> None:
    site, overrides = PUBLISHED[workload]
    changes = [text for text in overrides if not text.startswith("layout")]
    scenario = Library().scenario(site, workload, overrides=changes)
    named = [
        Library().scenario(site, workload, overrides=[*overrides, f"layout.recompute={mode}"])
        for mode in ("none", "parts", "full")
    ]
    asked = Asked("throughput", 3, (), parse_bounds(()), Axes(micro_batch=(1, 2, 4)), named)
    found = search_layouts(scenario, asked)
    fitting = [row for row in found.named if row["feasible"]]
    best = max(fitting, key=lambda row: row["tokens_per_s"])
    assert best["tokens_per_s"] <= found.best[0]["tokens_per_s"] * (1.0 + 1e-5)
    assert best["outside"] == ""
    assert best["why"] or best["layout"] == found.best[0]["layout"]
