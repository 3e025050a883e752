"""Published rows of power to scenarios: which machine, job and layout stand for each."""

import re
from typing import NamedTuple

from perfmodel.config.library import Library
from perfmodel.config.schema.power_measurement import LinpackRow, MeteredRow
from perfmodel.config.schema.scenario import Machine
from perfmodel.lowering.chip import lower_power
from perfmodel_kernels.linpack import Linpack

EXPOSED = 0.6
"""Panels and row exchanges of HPL that stay exposed; estimate: one value chosen with eleven
systems of the TOP500 in sight, 2023 to 2025, of four chip generations; no command fits it."""

MACHINES = {
    "gh200-96": "jupiter",
    "h100-64-bsc": "marenostrum5",
    "h100": "eos",
    "mi250x": "lumi",
    "mi300a": "el-capitan",
    "a100-leonardo-64": "leonardo",
    "a100-80": "selene",
    "gb200": "gigafactory-gb200",
    "b200": "bissen-meluxina-ai",
    "v100-32": "jean-zay",
}
"""Chip to a site of the library whose nodes stand for systems that the library lacks."""

SYSTEMS = {"isambard": "isambard-ai", "alps": "alps", "frontier": "frontier"}
"""Word in the name of a system to its own site."""

NODES = {
    ("a100-80", "air"): "dgx-a100-80",
    ("h100", "air"): "dgx-h100",
    ("h100", "immersion"): "hgx-h100-immersion",
    ("h100", "liquid"): "hgx-h100-liquid",
    ("h200", "air"): "dgx-h200",
    ("h200", "liquid"): "hgx-h200-liquid",
    ("b200", "air"): "dgx-b200",
    ("b200", "liquid"): "hgx-b200-liquid",
    ("b300", "air"): "dgx-b300",
    ("mi300x", "air"): "mi300x-node",
    ("mi355x", "liquid"): "mi355x-node",
}
"""Chip and cooling to the node of the library that stands for a metered one."""

SITE = "mlperf-h100-immersion"
"""Site whose nodes and chips are replaced by those of a metered row."""


class Job(NamedTuple):
    """A job that stands for a metered one."""

    workload: str
    overrides: tuple[str, ...]
    note: str
    """What is assumed."""


GPT3 = Job(
    "gpt3-175b-fp8",
    (
        *("workload.batch.sequences=2048", "layout.tp=4", "layout.pp=8"),
        *("layout.vpp=6", "layout.micro_batch=1", "stack=mlperf-nemo"),
    ),
    "layout TP 4, PP 8 of the vendor's recipe: its own is not published",
)
DENSE = Job(
    "llama3-8b",
    ("workload.batch.sequences=128", "stack=megatron-core-2025"),
    "dense training of an 8B model",
)
SMALL = Job(
    "gpt3-175b",
    (
        *("node=dgx-h100", "model=gpt3-350m", "site.chips=8", "workload.batch.sequences=512"),
        *("layout.tp=1", "layout.micro_batch=16", "stack=fsdp1-2024"),
    ),
    "a 350M model in data parallel",
)


def linpack_machine(row: LinpackRow, library: Library) -> Machine | None:
    """Machine that stands for a Linpack system.

    Parameters
    ----------
    row
        The result.
    library
        Configs.

    Returns
    -------
    Machine | None
        None where the library has no node with its chip.
    """
    named = row.system.lower()
    site = next((site for word, site in SYSTEMS.items() if word in named), None)
    site = site or MACHINES.get(row.chip_id)
    return library.machine(site) if site else None


def lower_linpack(machine: Machine) -> Linpack | None:
    """A machine as Linpack sees one of its chips.

    Parameters
    ----------
    machine
        Chip and node.

    Returns
    -------
    Linpack | None
        None where the chip's FP64 side is not known.
    """
    chip = machine.chip
    peak, share, energy = chip.peak.fp64, chip.efficiency.gemm_fp64, chip.energy.flop_fp64
    if peak is None or share is None or energy is None:
        return None
    return Linpack(
        rate=peak * share,
        flop_energy=energy,
        hbm_energy=chip.energy.hbm_byte,
        capacity=chip.memory.capacity,
        injection=machine.node.nic_bandwidth,
        exposed=EXPOSED,
        power=lower_power(chip),
    )


def cooling_of(row: MeteredRow) -> str:
    """Kind of cooling that a row speaks of."""
    words = row.cooling.lower()
    for kind in ("immersion", "air"):
        if kind in words:
            return kind
    return "liquid"


def metered_machine(row: MeteredRow) -> tuple[str, ...]:
    """Overrides that put the nodes of a metered row into :data:`SITE`, none without such a node.

    Parameters
    ----------
    row
        The row.

    Returns
    -------
    tuple[str, ...]
        Overrides.
    """
    node = NODES.get((row.chip, cooling_of(row)))
    chips = row.nodes * row.chips_per_node
    return (f"node={node}", f"site.chips={chips}") if node else ()


def metered_job(row: MeteredRow) -> Job | str:
    """Job that stands for a metered one, or why there is none."""
    words = row.workload.lower()
    if "lora" in words:
        return "LoRA is not modelled: frozen weights have no gradient, optimiser or reduction"
    if "bert" in words:
        return "BERT is not modelled: no causal decoder"
    if re.search(r"gpt-?3 175b", words):
        return GPT3
    if "compute-intensive" in words or "dense" in words:
        return DENSE
    return "no such job in the library"
