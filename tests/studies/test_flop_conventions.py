"""FLOP as publications count them."""

import pytest

from perfmodel.config.library import Library
from perfmodel.lowering.flop_conventions import CONVENTIONS
from perfmodel.lowering.model import lower_model
from perfmodel.studies.best_layout import best_row
from perfmodel.studies.flop_conventions import counted
from perfmodel_kernels.parameters import convention_flop_per_token

LIBRARY = Library()


def per_token(name: str, convention: str, length: int) -> float:
    job = LIBRARY.load("workloads", "gpt3-175b").model_copy(update={"sequence_length": length})
    model = lower_model(LIBRARY.load("models", name), job)
    return float(convention_flop_per_token(model, float(length), CONVENTIONS[convention]))


@pytest.mark.parametrize("name", ["gpt3-175b", "megatron-530b", "megatron-1t"])
def test_hardware_flop_are_those_of_megatron(name):
    # arXiv 2104.04473, equation 3: 96 B s l h^2 (1 + s / 6h + V / 16 l h)
    model = LIBRARY.load("models", name)
    h, layers, s = model.hidden, model.layers, 2048
    ends = s / (6 * h) + model.vocabulary / (16 * layers * h)
    found = per_token(name, "hardware", s)
    assert found == pytest.approx(96 * layers * h**2 * (1 + ends), rel=1e-6)


@pytest.mark.parametrize(
    ("name", "tokens", "published"),
    [
        ("gpt3-175b", 300e9, 3.14e23),  # arXiv 2005.14165, table D.1
        ("llama3-405b", 15.6e12, 3.8e25),  # arXiv 2407.21783, section 1
        ("llama2-70b", 2e12, 6 * 68.98e9 * 2e12),  # six times the released weights
    ],
)
def test_six_flop_per_parameter_give_the_published_budget(name, tokens, published):
    assert per_token(name, "6N", 2048) * tokens == pytest.approx(published, rel=0.005)


def test_palm_counts_the_whole_score_matrix():
    # arXiv 2204.02311, appendix B: 6 N + 12 L H Q T
    model = LIBRARY.load("models", "llama3-8b")
    heads = model.attention
    extra = 12 * model.layers * heads.heads * heads.head_dim * 4096
    found = per_token("llama3-8b", "6N+attn_noncausal", 4096)
    without = per_token("llama3-8b", "6N+attn_noncausal", 1) - extra / 4096
    assert found - without == pytest.approx(extra, rel=1e-6)


def test_an_answer_counts_its_rate_in_every_convention():
    texts = ["site.chips=1024", "layout.tp=8", "layout.pp=8"]
    scenario = LIBRARY.scenario("gigafactory-h100", "gpt3-175b", overrides=texts)
    row = best_row(scenario)
    rows = {one["convention"]: one for one in counted(scenario, row)}
    assert list(rows) == list(CONVENTIONS)
    causal, whole = rows["6N+attn_causal"], rows["6N+attn_noncausal"]
    assert causal["share_of_peak"] == pytest.approx(row["mfu"], rel=1e-3)
    assert whole["flop_per_s"] > causal["flop_per_s"]
