"""Memory of published runs: what a counter shows, frozen weights, runs that did not fit."""

from pathlib import Path

import pytest

from perfmodel.config.library import Library
from perfmodel.studies.run_memory import PEAK, REFUSED, judge_run_memory

HEAD = (
    "id,year,framework,stack,kind,model,layers,hidden,heads,vocab,glu,seq_len,gbs,mbs,ga,"
    "precision_matmul,chip_id,chips,tp,pp,dp,sharding_stage,recompute_mode,step_s,"
    "mem_gb_per_chip,use,notes\n"
)
SHIPPED = Library(())


def row(name: str, **changes: str) -> str:
    fields = dict.fromkeys(HEAD.strip().split(","), "")
    fields |= {
        "id": name, "year": "2025", "framework": "torchtitan", "stack": "torchtitan-2025",
        "kind": "pretrain-bench", "model": "ours", "layers": "16", "hidden": "2048",
        "heads": "16", "vocab": "32000", "glu": "1", "seq_len": "4096", "mbs": "1", "ga": "1",
        "precision_matmul": "bf16", "chip_id": "h100", "chips": "8", "tp": "1", "pp": "1",
        "dp": "8", "sharding_stage": "zero3", "recompute_mode": "full", "mem_gb_per_chip": "20",
        "use": "validate",
    }  # fmt: skip
    return ",".join((fields | changes).values()) + "\n"


def judged(folder: Path, *rows: str):
    path = folder / "ours.csv"
    path.write_text(HEAD + "".join(rows), "utf-8")
    return judge_run_memory([path], SHIPPED)


def predicted(folder: Path, *rows: str) -> list[float]:
    return [one.predicted for one in judged(folder, *rows).rows]


def test_a_counter_of_the_allocator_shows_no_reserve(tmp_path):
    reserve = SHIPPED.load("stacks", "torchtitan-2025").memory_reserve
    printed, driver = predicted(tmp_path, row("a"), row("b", year="2022"))
    assert driver - printed == pytest.approx(reserve, rel=1e-6)


def test_frozen_weights_have_neither_gradients_nor_moments(tmp_path):
    trained, frozen = predicted(tmp_path, row("a"), row("b", kind="lora-bench"))
    blocks = 16 * (4 + 8) * 2048**2 + 2 * 32000 * 2048
    assert trained - frozen == pytest.approx(16 * blocks / 8, rel=0.02)


def test_the_batch_of_a_rank_is_its_micro_batch_without_a_pipeline(tmp_path):
    note = {"mbs": "", "notes": "job 7; local batch/MBS column=4; compile=no"}
    noted, stated, piped, single = predicted(
        tmp_path,
        row("a", **note),
        row("b", mbs="4"),
        row("c", **note, pp="2", dp="4", ga="2"),
        row("d", mbs="1", pp="2", dp="4", ga="2"),
    )
    assert noted == stated
    assert piped == single


def test_a_run_that_did_not_fit_is_a_bound_to_one_side(tmp_path):
    refused = {"kind": "oom-observation", "use": "memory-oom", "mem_gb_per_chip": ""}
    found = judged(tmp_path, row("a", **refused), row("b", **refused, mbs="64")).rows
    assert {one.groups["kind"] for one in found} == {REFUSED}
    assert [one.measured for one in found] == pytest.approx([85.52e9, 85.52e9], rel=1e-6)
    assert found[0].predicted < 20e9  # feasible, in error
    assert found[1].predicted == found[1].measured


def test_a_completed_run_that_is_predicted_not_to_fit_is_counted(tmp_path):
    found = judged(tmp_path, row("a", step_s="1"), row("b", step_s="9", mbs="64"))
    assert "1 of 2 runs that completed are predicted not to fit." in found.notes
    assert {one.groups["kind"] for one in found.rows} == {PEAK}
