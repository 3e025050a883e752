"""Rules that make a layout legal, each with its reason."""

import numpy as np
import pytest

from perfmodel.spaces.legality import (
    BY_CODE,
    OUT_OF_MEMORY,
    REASONS,
    RULES,
    Job,
    broken,
    empty_places,
)
from perfmodel_kernels.layout import HEADS
from perfmodel_kernels.schedule import DUALPIPE
from tests.kernels.examples import LAYOUT

LLAMA = Job(126, 128, 8, 0, 8192, 2048, 0.05, 16_384, 8, fused=True)
EXPERTS = Job(61, 128, 128, 256, 4096, 15_360, 0.05, 25_000, 8, fused=True, expert_ffn=2048)
META = LAYOUT._replace(
    tp=8.0, cp=1.0, pp=16.0, vpp=1.0, ep=1.0, etp=1.0, dp=128.0, micro_batch=1.0, micro_batches=16.0
)
"""Llama 3 405B on 16,384 chips (arXiv 2407.21783, table 4)."""

BREAKS = {
    "heads": {"tp": 7.0},
    "kv_heads": {"tp": 3.0},
    "domain": {"tp": 16.0},
    "experts": {"ep": 3.0},
    "expert_width": {"etp": 3.0},
    "expert_domain": {"etp": 16.0},
    "tokens": {"cp": 16.0},
    "trade": {"cp": 32.0, "context": HEADS},
    "micro_batch": {"micro_batch": 4096.0},
    "layers": {"pp": 100.0, "vpp": 2.0},
    "stage": {"pp": 100.0},
    "idle_layers": {"pp": 15.0},
    "interleaving": {"pp": 1.0, "vpp": 2.0},
    "chips": {"pp": 126.0, "cp": 1024.0},
    "replicas": {"dp": 129.0},
    "expert_ranks": {"ep": 256.0, "tp": 1.0, "dp": 100.0},
    "groups": {"vpp": 2.0, "micro_batches": 17.0},
    "dualpipe": {"schedule": DUALPIPE},
    "batch": {"micro_batches": 20.0},
    "copies": {"replicas": 3.0},
}
"""One change of a legal layout that breaks each rule."""


def _at(**changes: float) -> dict[str, np.ndarray]:
    return {name: np.array([value]) for name, value in META._replace(**changes)._asdict().items()}


def test_the_published_layout_of_llama_breaks_no_rule() -> None:
    assert broken(RULES, _at(), LLAMA)[0] == len(RULES)


@pytest.mark.parametrize("code", BY_CODE)
def test_each_rule_can_be_broken(code: str) -> None:
    job = EXPERTS if code.startswith("expert") else LLAMA
    assert not BY_CODE[code].holds(_at(**BREAKS[code]), job)[0]
    assert REASONS[code]


def test_llama_may_interleave_with_the_ends_one_layer_short() -> None:
    """126 layers on 16 stages of 8 chunks: 128 places (arXiv 2407.21783, section 3.3.2)."""
    assert broken(RULES, _at(vpp=8.0), LLAMA)[0] == len(RULES)


def test_the_first_rule_in_their_order_is_the_reason() -> None:
    first = broken(RULES, _at(tp=7.0, micro_batches=20.0), LLAMA)[0]
    assert RULES[first].code == "heads"


def test_a_rule_needs_the_fields_that_it_names_and_no_other() -> None:
    for rule in RULES:
        at = {name: value for name, value in _at().items() if name in rule.fields}
        assert np.asarray(rule.holds(at, LLAMA)).shape == (1,), rule.code


def test_memory_is_a_reason_beside_the_rules() -> None:
    assert OUT_OF_MEMORY in REASONS
    assert OUT_OF_MEMORY not in BY_CODE


@pytest.mark.parametrize(
    ("layers", "stages", "chunks", "empty"),
    [(126, 16, 8, 2), (126, 1, 1, 0), (128, 22, 6, 4), (126, 100, 1, -1)],
)
def test_places_that_no_layer_fills(layers: int, stages: int, chunks: int, empty: int) -> None:
    assert empty_places(layers, stages, chunks) == empty
