"""Content of the shipped library: sources, references, sizes and published values."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import pytest
from pydantic import BaseModel

from perfmodel.config.library import Library as ConfigLibrary
from perfmodel.config.schema.chip import Chip
from perfmodel.config.schema.costs import Costs
from perfmodel.config.schema.fabric import Fabric
from perfmodel.config.schema.model import Model
from perfmodel.config.schema.node import Node
from perfmodel.config.schema.programme import Programme
from perfmodel.config.schema.reliability import Reliability
from perfmodel.config.schema.scaling import Scaling
from perfmodel.config.schema.site import Site
from perfmodel.config.schema.stack import Stack
from perfmodel.config.schema.storage import Storage
from perfmodel.config.schema.workload import Workload
from perfmodel.lowering.chip import lower_power
from perfmodel.lowering.site import lower_facility
from perfmodel_kernels.building import cooling_fraction
from perfmodel_kernels.power import Work, pace_under_cap, phase_rate
from perfmodel_kernels.roofline import MatrixUnits, Shape, gemm_bytes, gemm_compute_time

LIBRARY = Path(__file__).parent.parent / "configs"
KINDS: dict[str, type[BaseModel]] = {
    "chips": Chip,
    "nodes": Node,
    "fabrics": Fabric,
    "sites": Site,
    "models": Model,
    "workloads": Workload,
    "stacks": Stack,
    "storage": Storage,
    "reliability": Reliability,
    "costs": Costs,
    "programmes": Programme,
    "scaling": Scaling,
}
NUMBER_LINE = re.compile(r'^\s*\w+ = ("?-?\d[^#]*?)\s*(#.*)?$')
PUBLISHED_PUE = {
    "jupiter": (1.05, 1.10),
    "lumi": (1.03, 1.05),
    "leonardo": (1.08, 1.10),
    "marenostrum5": (1.07, 1.09),
    "isambard-ai": (1.05, 1.10),
    "alps": (1.08, 1.20),
    "frontier": (1.03, 1.04),
    "meta-24k-roce": (1.08, 1.10),
    "nlaif": (1.05, 1.20),
}
"""Published or required ranges: operators' pages and tenders, see the sites' own comments."""


BEST_PRODUCTS = [
    ("a100-80", "bf16", (1024, 10240, 5120), 271.2),
    ("a100-80", "fp16", (8192, 8192, 8192), 257.0),
    ("h100", "bf16", (2048, 2048, 13312), 794.5),
    ("h100", "bf16", (4224, 2048, 8192), 780.2),
    ("gh200-144", "bf16", (1024, 15360, 4096), 828.6),
    ("b200", "bf16", (1792, 16128, 3072), 1745.0),
    ("b300", "bf16", (12288, 18432, 1024), 1769.0),
    ("gb200", "bf16", (4096, 9728, 2048), 1822.0),
    ("mi300x", "bf16", (10240, 15360, 8192), 668.4),
    ("mi325x", "bf16", (13312, 10240, 8192), 784.9),
    ("mi355x", "bf16", (12288, 8192, 8192), 1565.0),
    ("gaudi3", "bf16", (16384, 4096, 768), 1243.0),
    ("h800", "fp8", (4096, 7168, 16384), 1358.0),
    ("b200", "fp8", (15360, 4096, 3072), 3432.5),
    ("b300", "fp8", (3072, 6144, 7168), 3353.3),
    ("gb200", "fp8", (19456, 5120, 1536), 3615.6),
    ("gaudi3", "fp8", (16640, 1536, 3072), 1289.5),
]
"""TFLOP/s: stas00/ml-engineering@744d01e, thonking.ai, gist Chillee/2ec89696, DeepGEMM README."""


def files(kind: str) -> list[Path]:
    return sorted((LIBRARY / kind).glob("*.toml"))


def every_file() -> list[Path]:
    return [path for kind in KINDS for path in files(kind)]


def label(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


def merged(parent: dict[str, Any], child: dict[str, Any]) -> dict[str, Any]:
    both = parent | child
    tables = (key for key in parent.keys() & child.keys() if isinstance(parent[key], dict))
    return both | {key: merged(parent[key], child[key]) for key in tables}


def document(path: Path) -> dict[str, Any]:
    own = tomllib.loads(path.read_text(encoding="utf-8"))
    parent = own.pop("extends", None)
    return merged(document(path.with_stem(parent)), own) if parent else own


def valid(path: Path) -> Any:
    return KINDS[path.parent.name].model_validate_json(json.dumps(document(path)))


def named(kind: str, name: str) -> Any:
    return valid(LIBRARY / kind / f"{name}.toml")


@pytest.mark.parametrize("path", every_file(), ids=label)
def test_a_file_says_what_it_is_and_passes_its_schema(path: Path):
    assert path.read_text(encoding="utf-8").startswith("# ")
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", path.stem)
    assert valid(path).name


@pytest.mark.parametrize("path", every_file(), ids=label)
def test_every_number_has_its_source_on_its_line(path: Path):
    lines = path.read_text(encoding="utf-8").splitlines()
    numbers = [match for line in lines if (match := NUMBER_LINE.match(line))]
    bare = [match[0] for match in numbers if len((match[2] or "").lstrip("# ")) < 6]
    assert not bare


@pytest.mark.parametrize("path", files("nodes"), ids=label)
def test_a_node_names_a_chip_and_can_feed_it(path: Path):
    node = valid(path)
    chip = named("chips", node.chip)
    host = node.cpu_power + node.dram_power + node.switch_power + node.other_power
    host += node.nics * node.nic_power
    load = (node.chips * chip.power.cap + host) * (1.0 + node.fan_fraction)
    assert load <= 1.01 * node.rated_power
    assert load <= node.supply.rated
    assert node.fan_fraction == 0.0 or node.cooling != "immersion"
    assert node.liquid_share == 0.0 or node.cooling != "air"


@pytest.mark.parametrize("path", files("sites"), ids=label)
def test_a_site_names_nodes_fabrics_and_stacks_of_the_library(path: Path):
    for partition in document(path)["partition"]:
        node = named("nodes", partition["node"])
        assert partition["chips"] % node.chips == 0
        assert named("fabrics", partition["fabric"]).level
        assert named("stacks", partition["stack"]).year


@pytest.mark.parametrize("path", files("workloads"), ids=label)
def test_a_workload_names_a_model_and_starts_below_its_critical_batch(path: Path):
    workload = valid(path)
    assert named("models", workload.model).layers
    reference = workload.batch.sequences * workload.sequence_length
    assert reference <= 1.05 * workload.batch.critical_tokens < workload.tokens


@pytest.mark.parametrize("path", files("fabrics"), ids=label)
def test_levels_grow_outwards_and_never_widen(path: Path):
    fabric = valid(path)
    sizes = [level.chips for level in fabric.level]
    assert sizes[-1] == "unlimited"
    assert sizes[:-1] == sorted(set(sizes[:-1]))
    for field in ("oversubscription", "latency"):
        values = [getattr(level, field) for level in fabric.level]
        assert values == sorted(values)


@pytest.mark.parametrize("path", files("chips"), ids=label)
def test_a_chip_is_consistent_with_itself(path: Path):
    chip = valid(path)
    peaks = [chip.peak.fp64, chip.peak.tf32, chip.peak.bf16 or chip.peak.fp16]
    peaks += [chip.peak.fp8, chip.peak.nvfp4]
    known = [peak for peak in peaks if peak]
    assert known == sorted(known)
    assert chip.scaleup.pair_bandwidth <= chip.scaleup.bandwidth
    assert chip.compute.spec_clock <= chip.compute.max_clock
    assert chip.power.idle + chip.energy.clock_power < chip.power.tdp
    assert chip.power.minimum_clock_fraction < chip.power.voltage_knee


@pytest.mark.parametrize(("name", "precision", "shape", "tflops"), BEST_PRODUCTS)
def test_the_best_measured_product_is_reached_at_the_design_power(
    name: str, precision: str, shape: tuple[int, int, int], tflops: float
):
    chip = named("chips", name)
    m, n, k = shape
    width = 1.0 if precision == "fp8" else 2.0
    units = MatrixUnits(
        peak=getattr(chip.peak, precision),
        fraction=chip.efficiency.gemm_fp8 if width == 1.0 else chip.efficiency.gemm_16bit,
        units=chip.compute.units,
        tile=chip.efficiency.tile,
        tile_overhead=chip.efficiency.tile_overhead,
    )
    product = Shape(*(jnp.array([float(size)]) for size in (m, n, k, 1)))
    compute, moved = gemm_compute_time(product, units), gemm_bytes(product, width)
    memory = moved / (chip.memory.bandwidth * chip.efficiency.hbm)
    energy = chip.energy.flop_fp8 if width == 1.0 else chip.energy.flop_16bit
    work = Work(
        scaled=jnp.where(compute > memory, compute, 0.0),
        fixed=jnp.where(compute > memory, 0.0, memory),
        flop_energy=jnp.array([2.0 * m * n * k * energy]),
        byte_energy=moved * chip.energy.hbm_byte,
    )
    power = lower_power(chip)
    pace = pace_under_cap(work, power._replace(host=power.host_idle))
    rate = 2.0 * m * n * k * float((phase_rate(pace.clock, work) / pace.stretch)[0])
    assert rate == pytest.approx(tflops * 1e12, rel=0.05)


@pytest.mark.parametrize("path", files("models"), ids=label)
def test_the_size_of_a_model_is_the_published_one(path: Path):
    model = valid(path)
    total, active = sizes_in_billions(model)
    assert total == pytest.approx(model.published_parameters, rel=0.01)
    if model.published_active_parameters:
        embedding = model.vocabulary * model.hidden / 1e9  # some sources leave the look-up out
        assert 0.98 * (active - embedding) < model.published_active_parameters < 1.02 * active


@pytest.mark.parametrize("name", PUBLISHED_PUE)
def test_the_pue_of_a_site_is_the_published_one(name: str):
    site = named("sites", name)
    building = lower_facility(site.facility, named("nodes", site.partition[0].node))
    low, high = PUBLISHED_PUE[name]
    assert low <= 1.0 + building.distribution + float(cooling_fraction(building)) <= high


def test_the_reference_sites_hold_about_100000_and_25000_chips():
    counts = {
        name: sum(partition.chips for partition in named("sites", name).partition)
        for name in ("gigafactory", "gigafactory-h100", "ai-factory")
    }
    assert counts == {"gigafactory": 100_008, "gigafactory-h100": 100_000, "ai-factory": 25_000}


def test_announced_chips_are_marked():
    announced = {path.stem for path in files("chips") if valid(path).status == "announced"}
    assert announced == {"rubin", "mi430x", "mi455x"}


def sizes_in_billions(model: Model) -> tuple[float, float]:
    """Total and active parameters, counted from the published layer by layer."""
    embedding = model.vocabulary * model.hidden * (1 if model.tied_embeddings else 2)
    rest = (embedding + model.positions * model.hidden) / 1e9
    attention = attention_parameters(model)
    dense = feed_forward_parameters(model, model.ffn)
    experts = model.experts
    if experts is None:
        total = rest + model.layers * (attention + dense)
        return total, total
    sparse = (model.layers - experts.dense_layers) // experts.layer_period
    expert = feed_forward_parameters(model, experts.ffn)
    always = rest + model.layers * attention + (model.layers - sparse) * dense
    always += sparse * feed_forward_parameters(model, experts.shared_ffn)
    always += sparse * model.hidden * experts.count / 1e9
    return always + sparse * experts.count * expert, always + sparse * experts.top_k * expert


def feed_forward_parameters(model: Model, width: int) -> float:
    return (3 if model.gated else 2) * model.hidden * width / 1e9


def attention_parameters(model: Model) -> float:
    heads, width = model.attention, model.attention.head_dim
    out = heads.heads * width * model.hidden
    if model.latent is None:
        return (model.hidden * (heads.heads + 2 * heads.kv_heads) * width + out) / 1e9
    low, query = model.latent, model.latent.rope_dim + model.latent.nope_dim
    queries = heads.heads * query * (low.q_rank or model.hidden) + model.hidden * low.q_rank
    keys = model.hidden * (low.kv_rank + low.rope_dim)
    return (queries + keys + low.kv_rank * heads.heads * (low.nope_dim + width) + out) / 1e9


def test_the_base_rate_of_failures_is_that_of_its_counts():
    """419 of 16,384 GPUs in 1,296 hours, per node of eight."""
    base = ConfigLibrary().load("reliability", "base")
    assert sum(one.count for one in base.classes) == 419
    counted = 419.0 / (16384 / 8) / (1296.0 * 3600.0)
    assert base.failures.rate == pytest.approx(counted, rel=0.001)
    assert base.corruption.rate == pytest.approx(6.0 / 16384 / (1296.0 * 3600.0), rel=0.002)


def test_cases_of_reliability_stand_in_their_order():
    low, base, high = (
        ConfigLibrary().load("reliability", name) for name in ("low", "base", "high")
    )
    for path in ("failures.rate", "restart.detect", "service.repair", "corruption.latency"):
        first, second = path.split(".")
        values = [getattr(getattr(case, first), second) for case in (low, base, high)]
        assert values == sorted(values)
        assert values[0] < values[2]
