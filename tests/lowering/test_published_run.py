"""Published runs to numbers: blanks by rule, corrections, names of chips, networks and software."""

import numpy as np
import pytest

from perfmodel.config.library import Library
from perfmodel.config.schema.model import Model
from perfmodel.config.schema.run import RunRow
from perfmodel.lowering.published_architecture import SAMPLE, architecture
from perfmodel.lowering.published_blanks import completed, corrected
from perfmodel.lowering.published_layout import layout_of, precision_of
from perfmodel.lowering.published_machine import device_of, fabric_of, slice_axes
from perfmodel.lowering.published_run import Run, Unmodelled, configs, lower_runs, reader
from perfmodel.lowering.published_stack import stack_changes, stack_name

SHIPPED = Library()
READER = reader(SHIPPED)
BASIC = {
    "id": "one",
    "year": 2024,
    "framework": "Megatron-LM",
    "layers": 32,
    "hidden": 4096,
    "heads": 32,
    "kv_heads": 8,
    "glu": 1.0,
    "dense_ffn": 14336,
    "vocab": 128256,
    "seq_len": 8192,
    "gbs": 128.0,
    "mbs": 1.0,
    "chip_id": "h100",
    "chips": 64,
    "step_s": 5.0,
}


def row(**changes) -> RunRow:
    return RunRow(**{**BASIC, **changes})


def run(**changes) -> Run:
    found = READER.read(row(**changes))
    assert isinstance(found, Run), found
    return found


def model(**changes) -> Model:
    found = architecture(completed(row(**changes)))
    assert isinstance(found, Model), found
    return found


def reason(**changes) -> str:
    found = READER.read(row(**changes))
    assert isinstance(found, Unmodelled)
    return found.reason


def test_replicas_are_what_is_left_of_the_chips():
    found = run(tp=4, pp=2)
    assert (found.layout.dp, found.layout.tp, found.layout.cp) == (8, 4, 1)
    assert found.layout.micro_batches == 16


def test_a_step_time_follows_from_throughput():
    found = completed(row(step_s=None, tokens_per_s_per_chip=1000.0))
    assert found.step_s == pytest.approx(128 * 8192 / 64000)


@pytest.mark.parametrize(
    ("changes", "mode"),
    [
        ({"year": 2021}, "full"),
        ({"year": 2024}, "none"),
        ({"year": 2021, "recompute": "none (not stated)"}, "none"),
        ({"year": 2024, "recompute": "full (every layer)"}, "full"),
    ],
)
def test_recompute_follows_the_words_then_the_year(changes, mode):
    assert completed(row(**changes)).recompute_mode == mode


@pytest.mark.parametrize(
    ("changes", "stage"),
    [
        ({"framework": "torchtitan"}, "zero3"),
        ({"framework": "Megatron-LM"}, "zero1"),
        ({"framework": "Megatron-LM", "year": 2021}, "ddp"),
        ({"sharding": "FSDP SHARD_GRAD_OP"}, "zero2"),
        ({"sharding": "DDP + distributed optimizer (ZeRO-1)"}, "zero1"),
    ],
)
def test_sharding_follows_the_words_then_the_software(changes, stage):
    assert completed(row(**changes)).sharding_stage == stage


def test_a_recipe_that_interleaves_does_so_where_it_does_not_say():
    blank = {"stack": "nemo-24", "pp": 4, "layers": 80, "gbs": 512.0}
    assert completed(row(**blank)).vpp_n == 10
    assert completed(row(**{**blank, "stack": "megatron-2022"})).vpp_n == 1
    assert completed(row(**{**blank, "gbs": 33.0, "dp": 16})).vpp_n == 1


@pytest.mark.parametrize(
    ("problem", "column", "value"),
    [
        ("vpp=1 cannot be -> correct: vpp=12; correct: use step time", "vpp_n", 12),
        ("heads are odd -> correct: head_dim=128 (add column)", "head_dim", 128),
        ("typo -> correct: tflops 294, step 84.78 s, tok/s/chip 48.32", "step_s", 84.78),
        ("too fast -> correct: precision int8 (inferred), or drop", "precision_matmul", "int8"),
    ],
)
def test_a_correction_that_a_row_quotes_is_applied(problem, column, value):
    found, audit = corrected(row(audit_action="correct", problem=problem))
    assert getattr(found, column) == value
    assert audit == "corrected"


def test_a_number_that_is_not_behind_the_word_correct_is_no_correction():
    found, audit = corrected(row(audit_action="correct", problem="vpp=1 -> correct: use step time"))
    assert found.vpp_n is None
    assert audit == "sound"
    assert corrected(row(audit_action="correct", problem="correct: take vpp from a table"))[1] == (
        "correction in words"
    )
    assert corrected(row(audit_action="drop"))[1] == "set apart"


def test_an_architecture_comes_from_the_columns_of_its_row():
    found = model(experts=64, topk=6, moe_ffn=1408, dense_layers=1, shared_ffn=2816, dense_ffn=None)
    assert found.experts is not None
    assert (found.experts.count, found.experts.top_k, found.experts.ffn) == (64, 6, 1408)
    assert (found.experts.dense_layers, found.experts.shared_ffn) == (1, 2816)
    latent = model(kv_lora_rank=512, q_lora_rank=1536, qk_rope_dim=64, qk_nope_dim=128, v_dim=128)
    assert latent.latent is not None
    assert latent.attention.head_dim == 128
    assert latent.attention.kv_heads == 32


def test_a_feed_forward_that_is_not_stated_has_the_usual_width():
    assert model(dense_ffn=None, glu=0.0).ffn == 4 * 4096
    assert model(dense_ffn=None).ffn == round(8 / 3 * 4096)
    assert model(dense_ffn=None, ffn="11008").ffn == 11008


def test_a_vocabulary_is_padded_to_the_tensor_ranks():
    assert model(vocab=50257, tp=8).vocabulary == 51200
    assert model(vocab=128256).vocabulary == 128256


def test_packed_samples_attend_to_themselves():
    found = model(workload_kind="sft").attention
    assert (found.window, found.window_layers) == (SAMPLE // 2, 32)


def test_a_window_is_that_of_the_layers_that_the_note_names():
    every_second = model(swa_window=128, hybrid_note="window 128 in every second layer").attention
    assert every_second.window_layers == 16
    three_of_four = model(swa_window=8192, hybrid_note="chunked in 3 of 4 layers").attention
    assert three_of_four.window_layers == 24


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"attention": "hybrid"}, "not modelled"),
        ({"layers": None, "vocab": None}, "lacks layers, vocab"),
        ({"seq_len": None}, "lacks seq_len"),
        ({"chip_id": "abacus"}, "no chip of the library is called abacus"),
        ({"chip_id": None}, "no chip is named"),
        ({"tp": 8, "pp": 16}, "does not fit"),
        ({"kv_heads": 7}, "no such architecture"),
        ({"workload_kind": "power"}, "metered power"),
    ],
)
def test_a_row_that_is_not_modelled_says_why(changes, words):
    assert words in reason(**changes)


@pytest.mark.parametrize(
    ("name", "chip", "device"),
    [
        ("H100-80GB-SXM", "h100", False),
        ("GB200 NVL72 rack", "gb200", False),
        ("MI250X-GCD", "mi250x", True),
        ("TPU v5p", "tpu-v5p", False),
    ],
)
def test_a_chip_is_known_by_other_spellings(name, chip, device):
    found = run(chip_id=None, chip=name)
    assert (found.parts.chip, found.parts.per_device) == (chip, device)


def test_a_core_is_an_equal_share_of_its_package():
    package = SHIPPED.load("chips", "trainium1")
    core = device_of(package)
    assert core.peak.bf16 == package.peak.bf16 / 2
    assert core.memory.capacity == package.memory.capacity / 2
    assert core.scaleup.domain == 2 * package.scaleup.domain
    assert np.prod(core.scaleup.torus) == core.scaleup.domain


def test_chips_that_a_layout_counts_as_devices_are_devices():
    found = run(chip_id="trainium1", chips=32, layout_counts="devices", tp=8, dp=8)
    assert found.parts.per_device
    lowered = lower_runs([found], configs(SHIPPED))
    package = SHIPPED.load("chips", "trainium1")
    assert lowered.params.capacity[0] == package.memory.capacity / 2  # pyright: ignore


@pytest.mark.parametrize(
    ("words", "chip", "fabric"),
    [
        ("ib-ndr400", "h100", "ndr-rail-3tier"),
        ("ib-hdr-800g-node", "a100-80", "hdr-rail"),
        ("nvl72+ib", "gb300", "nvl72-clos-800g"),
        ("roce-2000g-node", "h100", "roce-clos"),
        ("carrier pigeon", "tpu-v6e", "ici-v6e"),
        (None, "b300", "xdr-fat-tree"),
        ("carrier pigeon", "rubin", "ndr-rail-3tier"),
    ],
)
def test_a_network_is_known_by_its_beginning_else_by_the_chip(words, chip, fabric):
    assert fabric_of(row(interconnect_id=words), chip) == fabric


@pytest.mark.parametrize(
    ("changes", "stack"),
    [
        ({"stack": "nemo-24"}, "nemo-24"),
        ({"stack": "megatron-2020", "framework": "Megatron-LM"}, "megatron-2021"),
        ({"stack": None, "framework": "NeMo 24.07 (Megatron-Core)", "year": 2024}, "nemo-24"),
        ({"stack": "megatron-bridge-27", "framework": None}, "megatron-bridge-26"),
        ({"stack": None, "framework": "PyTorch FSDP2", "year": 2025}, "torchtitan-2025"),
        ({"stack": None, "framework": "MaxText (JAX)", "year": 2025}, "maxtext-2025"),
        ({"stack": None, "framework": "Something new", "year": 2026}, "megatron-core-2025"),
    ],
)
def test_software_that_is_not_known_is_the_nearest_of_its_framework_and_year(changes, stack):
    assert stack_name(completed(row(**changes)), READER.stacks) == stack


@pytest.mark.parametrize(
    ("matmul", "recipe", "name"),
    [
        ("fp8", "delayed", "fp8"),
        ("fp8", "tensorwise", "fp8-current"),
        ("fp8", "blockwise", "fp8-block"),
        ("mxfp8", "mx", "mxfp8"),
        ("int8", "aqt", "fp8"),
        ("bf16", None, "bf16"),
    ],
)
def test_a_number_format_is_that_of_its_recipe(matmul, recipe, name):
    assert precision_of(row(precision_matmul=matmul, precision_recipe=recipe)) == name


@pytest.mark.parametrize(
    ("changes", "mode", "layers"),
    [
        ({"recompute_mode": "full"}, "full", 32),
        ({"recompute_mode": "selective", "recompute_parts": "core_attn"}, "attention", "all"),
        ({"recompute_mode": "selective", "recompute_parts": "layernorm+mlp_act"}, "parts", "all"),
        ({"recompute_mode": "selective", "recompute_parts": "mlp"}, "full", 24),
        ({"recompute_mode": "partial", "recompute_layers": 2, "pp": 4}, "full", 8),
        ({"recompute_mode": "none"}, "none", "all"),
    ],
)
def test_recompute_is_a_mode_and_a_number_of_layers(changes, mode, layers):
    full = completed(row(**changes))
    found = layout_of(full, model(**changes))
    assert not isinstance(found, str)
    assert (found.recompute, found.recompute_layers) == (mode, layers)


@pytest.mark.parametrize(
    ("parts", "again"),
    [("mla_up_proj", True), ("mla_up_proj+layernorm", True), ("layernorm", False)],
)
def test_a_row_of_latent_attention_says_whether_its_up_projections_are_computed_again(parts, again):
    changes = stack_changes(row(attention="mla", recompute_mode="selective", recompute_parts=parts))
    assert dict(changes)["recompute_latent"] is again
    plain = stack_changes(row(attention="gqa", recompute_parts=parts))
    assert "recompute_latent" not in dict(plain)


def test_what_a_row_states_of_its_software_replaces_the_stack():
    found = run(flash_attention=0.0, overlap_dp=0.0, cuda_graphs=1.0)
    lowered = lower_runs([found], configs(SHIPPED)).params.stack
    assert np.asarray(lowered.kernels.fused)[0] == 0.0
    assert np.asarray(lowered.overlap.data)[0] == 0.0
    assert np.asarray(lowered.kernels.dispatch)[0] == 0.0
    plain = lower_runs([run()], configs(SHIPPED)).params.stack
    assert np.asarray(plain.kernels.dispatch)[0] > 0.0


def test_another_chip_changes_its_rows_alone():
    h100 = SHIPPED.load("chips", "h100")
    efficiency = h100.efficiency.model_copy(update={"gemm_16bit": 0.5})
    slower = configs(SHIPPED, chips={"h100": h100.model_copy(update={"efficiency": efficiency})})
    runs = [run(), run(chip_id="a100-80")]
    before, after = (lower_runs(runs, known).params.chip for known in (configs(SHIPPED), slower))
    ratio = np.asarray(after.fraction_16bit) / np.asarray(before.fraction_16bit)
    assert ratio[0] == pytest.approx(0.5 / h100.efficiency.gemm_16bit)
    assert ratio[1] == 1.0


def test_a_micro_batch_that_is_counted_by_chip_is_that_of_its_replica():
    by_chip = run(tp=4, dp=16, mbs=2.0, ga=1.0, gbs=128.0)
    assert (by_chip.layout.micro_batch, by_chip.layout.micro_batches) == (8, 1)
    neither = run(tp=4, dp=16, mbs=2.0, ga=2.0, gbs=128.0)
    assert (neither.layout.micro_batch, neither.layout.micro_batches) == (2, 4)


@pytest.mark.parametrize(
    ("chips", "axes", "sides"),
    [(512, 3, (8, 8, 8)), (128, 3, (4, 4, 8)), (32, 2, (4, 8)), (8960, 3, (16, 20, 28))],
)
def test_a_slice_of_a_torus_is_as_even_as_its_chips_admit(chips, axes, sides):
    assert slice_axes(chips, axes) == sides


def test_a_job_on_a_torus_has_a_slice_of_its_own():
    found = run(chip_id="tpu-v5p", chips=128, scaleup_domain=8960)
    network = lower_runs([found], configs(SHIPPED)).params.network
    assert np.asarray(network.domain)[0, :3].tolist() == [4.0, 16.0, 128.0]
    beyond = run(chip_id="tpu-v6e", chips=512, scaleup_domain=256)
    assert np.asarray(lower_runs([beyond], configs(SHIPPED)).params.network.domain)[0, 1] == 256.0


@pytest.mark.parametrize(
    ("changes", "captured"),
    [
        ({"cuda_graphs": 1.0, "cuda_graph_scope": "full_iteration"}, True),
        ({"cuda_graphs": 1.0, "cuda_graph_scope": "attn+moe_router"}, False),
        ({}, True),
        ({"experts": 64, "topk": 4, "moe_ffn": 1024}, False),
    ],
)
def test_the_host_issues_what_no_graph_captures(changes, captured):
    found = run(stack="megatron-bridge-26", **changes)
    dispatch = np.asarray(lower_runs([found], configs(SHIPPED)).params.stack.kernels.dispatch)[0]
    assert (dispatch == 0.0) == captured
