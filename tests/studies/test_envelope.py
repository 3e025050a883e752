"""Layouts beyond what published runs use."""

from perfmodel.studies.envelope import largest, outside

SMALL = {
    "tp": 8, "cp": 1, "pp": 8, "vpp": 1, "ep": 1, "etp": 1, "dp": 8, "micro_batch": 1,
    "micro_batches": 8, "offload_states": 0, "offload_activations": 0,
}  # fmt: skip


def test_the_layouts_of_published_tables_lie_inside() -> None:
    """Megatron 1T: TP 8, PP 64 (arXiv 2104.04473, table 1); Llama 3 405B: TP 8, PP 16, DP 128."""
    assert outside(SMALL | {"pp": 64, "dp": 6}) == ""
    assert outside(SMALL | {"pp": 16, "dp": 128}) == ""


def test_a_degree_that_no_run_uses_is_named_with_the_largest() -> None:
    said = outside(SMALL | {"tp": 4096})
    assert said == f"TP 4,096 (runs: to {largest()['tp']:,.0f})"


def test_offload_is_outside() -> None:
    assert outside(SMALL | {"offload_states": 1}) == "offload"
