"""Published runs against the model as it ships; its stacks are fitted to many, these among them."""

import pytest

from perfmodel.config.library import Library
from perfmodel.studies.best_layout import Row, best_row

A100 = ("site.node=dgx-a100-80", "stack=megatron-2022", "workload.precision=fp16")
KORTHIKANTI = (
    *A100,
    "site.chips=64",
    "workload.batch.sequences=64",
    "layout.tp=8",
    "layout.pp=8",
    "layout.vpp=3",
)
DGX_CLOUD = (
    "site.chips=128",
    "workload.batch.sequences=256",
    "workload.precision=bf16",
    "layout.tp=4",
    "layout.pp=8",
    "layout.vpp=12",
)
NEMO_FP8 = (
    "site.chips=512",
    "site.node=hgx-h100-immersion",
    "workload.batch.sequences=2048",
    "workload.precision=fp8",
    "layout.tp=4",
    "layout.pp=8",
    "layout.vpp=6",
    "layout.micro_batch=2",
)
FULL = ("layout.recompute=full", "layout.sequence_parallel=false")

RUNS = {
    "Korthikanti 175B, full recompute": ((*KORTHIKANTI, *FULL), 18.13, 0.11),
    "Korthikanti 175B, selective": ((*KORTHIKANTI, "layout.recompute=attention"), 13.75, 0.10),
    "DGX Cloud 175B BF16, 128 H100": (DGX_CLOUD, 8.31, 0.10),
    "NeMo 175B FP8, 512 H100": (NEMO_FP8, 11.06, 0.10),
}
"""Overrides, published step time [s], and the error that the fitted model may have.

arXiv 2205.05198 table 5; NVIDIA DGX Cloud benchmarking 2025; NVIDIA NeMo performance page 2024."""


def predict(*overrides: str) -> Row:
    return best_row(Library().scenario("ai-factory", "gpt3-175b", overrides=list(overrides)))


@pytest.mark.parametrize("name", RUNS)
def test_step_times_lie_near_what_was_published(name: str) -> None:
    overrides, published, tolerance = RUNS[name]
    assert predict(*overrides)["step_time_s"] == pytest.approx(published, rel=tolerance)


def test_node_power_lies_near_what_was_metered() -> None:
    """6.85 kW a node: MLPerf Training v4.0 power logs, GPT-3 175B FP8 on 512 H100, immersion."""
    row = predict(*NEMO_FP8)
    parts = ("chips", "hosts", "fans", "conversion")
    node = 8 * sum(row[f"power_split_{part}_w"] for part in parts) / row["chips"]
    assert node == pytest.approx(6850.0, rel=0.10)
