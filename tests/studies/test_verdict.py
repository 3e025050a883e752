"""Published layouts against the best that the model finds, and what it says of them."""

import re
from typing import NamedTuple

import pytest

from perfmodel.config.library import Library
from perfmodel.spaces.layouts import Axes
from perfmodel.studies.best_layout import Row
from perfmodel.studies.bounds import parse_bounds
from perfmodel.studies.layout_search import Asked, search_layouts
from perfmodel.studies.verdict import NEAR, lead, moved_leads

AXES = Axes(tp=(1, 2, 4, 8), cp=(1, 2), ep=(1, 32, 64), micro_batch=(1, 2))


class Published(NamedTuple):
    """A layout that was run."""

    site: str
    workload: str
    overrides: str
    layout: str
    says: str
    """What the model has to say of it, as a pattern."""


MEASURED = "each occur in measured runs"
BETTER = rf"is \d+\.\d% better by throughput.*({MEASURED}|no run was measured with).*(lead|behind)"
TOO_LARGE = r"needs \d+% of the memory"
CLOSE = r"within 5% of the best found"
AHEAD = r"beats the best found by .* outside of what was searched"

PUBLISHED = {
    # Narayanan et al., arXiv 2104.04473, table 1: full recompute
    "Megatron 1T on 3,072 A100": Published(
        "selene", "megatron-1t", "", "tp=8 pp=64 dp=6 recompute=full", BETTER
    ),
    # Llama team, arXiv 2407.21783, table 4 and section 3.3.2: nothing recomputed, states and
    # gradients sharded, weights kept whole between the passes
    "Llama 3 405B on 16,384 H100": Published(
        "ai-factory",
        "llama3-405b",
        "site.chips=16384",
        "tp=8 pp=16 vpp=8 dp=128 sharding=zero2",
        BETTER,
    ),
    # DeepSeek-AI, arXiv 2412.19437, section 3.2
    "DeepSeek-V3 on 2,048 H800": Published(
        "deepseek-h800",
        "deepseek-v3",
        "",
        "pp=16 ep=64 dp=128 schedule=dualpipe recompute=parts",
        AHEAD,
    ),
    # Korthikanti et al., arXiv 2205.05198, table 3
    "GPT-3 175B on 64 A100": Published(
        "selene",
        "gpt3-175b-fp16",
        "site.chips=64 workload.batch.sequences=64",
        "tp=8 pp=8 vpp=3 dp=1 recompute=attention",
        BETTER,
    ),
    "Megatron 1T on 512 A100": Published(
        "selene",
        "megatron-1t",
        "site.chips=512 workload.batch.sequences=512",
        "tp=8 pp=64 dp=1 recompute=attention",
        BETTER,
    ),
    "MT-NLG 530B on 280 A100": Published(
        "selene",
        "megatron-530b",
        "site.chips=280 workload.batch.sequences=280",
        "tp=8 pp=35 vpp=3 dp=1 recompute=attention",
        CLOSE,
    ),
}

LARGER = Published("ai-factory", "llama3-405b", "site.chips=16384", "tp=8 pp=16 vpp=8", TOO_LARGE)
"""The layout of Llama 3 with the gradients whole on every chip."""


def explained(run: Published) -> tuple[Row, Row]:
    overrides, degrees = run.overrides.split(), [f"layout.{one}" for one in run.layout.split()]
    library = Library()
    scenario = library.scenario(run.site, run.workload, overrides=overrides)
    named = library.scenario(run.site, run.workload, overrides=[*overrides, *degrees])
    asked = Asked("throughput", 1, (), parse_bounds(()), AXES, [named])
    answer = search_layouts(scenario, asked)
    return answer.named[0], answer.best[0]


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_layout_is_near_the_best_or_the_answer_says_what_beats_it(name: str) -> None:
    row, best = explained(PUBLISHED[name])
    assert re.search(PUBLISHED[name].says, row["verdict"])
    ahead = lead(row, best, "throughput")
    near = row["feasible"] and abs(ahead) <= NEAR
    assert near == ("within" in row["verdict"])
    if row["feasible"] and ahead > NEAR:
        assert best["layout"] in row["verdict"]
        evidence = best["extrapolated"] or MEASURED
        assert evidence in row["verdict"]


def test_a_published_layout_fits_its_chips() -> None:
    for name in ("Llama 3 405B on 16,384 H100", "DeepSeek-V3 on 2,048 H800"):
        row, _ = explained(PUBLISHED[name])
        assert row["feasible"]


def test_a_layout_that_does_not_fit_says_by_how_much() -> None:
    row, best = explained(LARGER)
    assert not row["feasible"]
    assert re.search(LARGER.says, row["verdict"])
    assert best["layout"] in row["verdict"]


def test_a_lead_moves_with_what_one_layout_has_more_of_and_not_with_what_both_share() -> None:
    scenario = Library().scenario("selene", "megatron-1t")
    row, best = explained(PUBLISHED["Megatron 1T on 3,072 A100"])
    leads = moved_leads(scenario, row, best, "throughput")
    now = lead(row, best, "throughput")
    assert leads["attention"] == pytest.approx((now, now), rel=1e-4)
    faster, slower = leads["memory-bound operators"]
    assert abs(faster - slower) > 1e-3
    assert min(faster, slower) < now < max(faster, slower)


def test_a_lead_is_in_terms_of_the_objective() -> None:
    row = {"tokens_per_s": 80.0, "energy_per_token_j": 3.0, "memory_fraction": 0.9}
    best = {"tokens_per_s": 100.0, "energy_per_token_j": 2.0, "memory_fraction": 0.6}
    assert lead(row, best, "throughput") == pytest.approx(0.25)
    assert lead(row, best, "energy") == pytest.approx(0.5)
    assert lead(row, best, "memory") == pytest.approx(0.5)
