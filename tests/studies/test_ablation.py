"""What each effect of the model is worth, and that each is alive."""

import pytest

from perfmodel.config.faults import Faults
from perfmodel.config.library import Library
from perfmodel.studies.ablation import ablate
from perfmodel.studies.best_layout import best_row
from perfmodel.studies.effects import EFFECTS, named_effects

LIBRARY = Library()
CASES = {
    "dense on GPUs": (
        "gigafactory-h100",
        "llama3-405b",
        "layout.tp=8 layout.pp=8 layout.vpp=2 layout.cp=2 layout.dp=128",
        "layout.recompute=full workload.precision=fp8",
    ),
    "heads traded, copies, offload": (
        "gigafactory-h100",
        "llama3-8b",
        "layout.tp=2 layout.cp=4 layout.cp_kind=all-to-all layout.sharding=zero3 layout.dp=128",
        "layout.shard_group=64 layout.offload_optimizer=0.5 layout.offload_activations=1",
        "model=gemma2-27b workload.batch.sequences=1024",
    ),
    "experts split": (
        "gigafactory-h100",
        "deepseek-v3",
        "layout.tp=4 layout.etp=2 layout.ep=32 layout.pp=4 layout.dp=64",
        "layout.schedule=dualpipe model.experts.imbalance=1.2",
    ),
    "short kernels": (
        "gigafactory-h100",
        "llama3-8b",
        "stack=fsdp-composer-2023 stack.host_dispatch=40us layout.tp=8 layout.dp=64",
        "workload.sequence_length=256",
    ),
    "unfused": ("gigafactory-h100", "gpt3-175b", "stack=megatron-2021 layout.tp=8 layout.pp=8"),
}
SEEN = ("step_time_s", "chip_power_w", "memory_bytes", "mfu")


def ablated(case: str) -> tuple[dict, list[dict]]:
    site, job, *texts = CASES[case]
    scenario = LIBRARY.scenario(site, job, overrides=" ".join(texts).split())
    row = best_row(scenario) | {"power_cap_w": scenario.machine.chip.power.cap}
    return row, ablate(scenario, row, list(EFFECTS))


@pytest.fixture(scope="module")
def worths() -> dict[str, dict[str, dict]]:
    found = {}
    for case in CASES:
        row, rows = ablated(case)
        found[case] = {"whole": row} | {one["effect"]: one for one in rows}
    return found


@pytest.mark.parametrize("effect", EFFECTS)
def test_every_effect_is_alive_somewhere(worths, effect):
    moved = [
        abs(rows[effect][key] / rows["whole"][key] - 1.0)
        for rows in worths.values()
        for key in SEEN
    ]
    assert max(moved) > 1e-5


@pytest.mark.parametrize(
    "effect",
    [
        *("tiles", "depth", "memory-bound", "casts", "launch", "host", "recompute", "bandwidth"),
        *("latency", "collisions", "imbalance", "sm-tax", "stragglers", "step-overhead"),
    ],
)
def test_a_loss_taken_out_makes_no_step_longer(worths, effect):
    for case, rows in worths.items():
        assert rows[effect]["worth"] >= -1e-6, case


@pytest.mark.parametrize(
    "effect", ["interleaving", "tensor-overlap", "context-overlap", "data-overlap"]
)
def test_a_remedy_taken_out_makes_no_step_shorter(worths, effect):
    for case, rows in worths.items():
        # what hides draws power beside the products and slows their clock
        assert rows[effect]["worth"] <= 2e-3, case


def test_worth_is_the_step_with_the_effect_over_that_without():
    row, rows = ablated("unfused")
    one = next(found for found in rows if found["effect"] == "unfused-attention")
    assert one["worth"] == pytest.approx(row["step_time_s"] / one["step_time_s"] - 1.0, rel=1e-5)
    assert one["worth"] > 0.05


def test_names_are_checked_all_at_once_and_all_stands_for_every_one():
    assert named_effects(["all"]) == list(EFFECTS)
    assert named_effects(["host", "tiles", "host"]) == ["host", "tiles"]
    with pytest.raises(Faults) as raised:
        named_effects(["tile", "hots"])
    first, second = map(str, raised.value.faults)
    assert 'did you mean "tiles"?' in first
    assert "--without = hots" in second
