"""A machine and jobs with round numbers, and small tools to move parameters between precisions."""

from typing import Any

import jax
import numpy as np

from perfmodel_kernels.building import Facility, NodePower
from perfmodel_kernels.collectives import Library
from perfmodel_kernels.exposure import Overlap
from perfmodel_kernels.layout import KEYS, NONE, ZERO1, Layout
from perfmodel_kernels.memory import Kept, Reserve, Widths
from perfmodel_kernels.operators import ChipRates, KernelSet
from perfmodel_kernels.power import ChipPower, Links
from perfmodel_kernels.schedule import Spread
from perfmodel_kernels.site import SiteParams
from perfmodel_kernels.step_parts import Host, Stack, StepParams, Workload
from perfmodel_kernels.topology import Network
from perfmodel_kernels.transformer import Model, Share

GPT_22B = Model(
    layers=48.0,
    hidden=6144.0,
    heads=64.0,
    kv_heads=64.0,
    qk_dim=96.0,
    v_dim=96.0,
    latent=0.0,
    q_rank=6144.0,
    q_compressed=0.0,
    kv_rank=0.0,
    rope_dim=0.0,
    ffn=24576.0,
    gate=0.0,
    vocabulary=51200.0,
    tied=0.0,
    positions=0.0,
    biases=0.0,
    norm_vectors=1.0,
    qk_norm=0.0,
    experts=0.0,
    top_k=0.0,
    expert_ffn=0.0,
    shared_ffn=0.0,
    leading_dense=48.0,
    expert_share=0.0,
    unit_limit=1.0,
    imbalance=1.0,
    prediction_layers=0.0,
    window=2048.0,
    window_share=0.0,
    causal=1.0,
)
"""Multi-head attention and a plain feed-forward of width 4h, as arXiv 2205.05198 writes it."""

EXPERTS = GPT_22B._replace(
    kv_heads=8.0,
    ffn=16384.0,
    gate=1.0,
    experts=64.0,
    top_k=4.0,
    expert_ffn=2048.0,
    shared_ffn=2048.0,
    leading_dense=4.0,
    expert_share=1.0,
    unit_limit=4.0,
    imbalance=1.0,
)
"""Grouped queries, gated feed-forward, four dense layers and 44 with 64 experts."""

DEEPSEEK_V3 = EXPERTS._replace(
    hidden=7168.0,
    heads=128.0,
    kv_heads=128.0,
    qk_dim=192.0,
    v_dim=128.0,
    latent=1.0,
    q_rank=1536.0,
    q_compressed=1.0,
    kv_rank=512.0,
    rope_dim=64.0,
    experts=256.0,
    top_k=8.0,
    expert_ffn=2048.0,
    shared_ffn=2048.0,
    imbalance=1.0,
)
"""Layers of arXiv 2412.19437, section 4.2, as many as above."""

CHIP = ChipRates(
    peak_16bit=1e15,
    peak_low=2e15,
    fraction_16bit=0.8,
    fraction_low=0.75,
    units=128.0,
    tile=128.0,
    tile_overhead=1.5e-6,
    attention_forward=0.65,
    attention_backward=0.55,
    attention_half_length=600.0,
    attention_half_width=50.0,
    hbm=3e12,
    flop_energy_16bit=0.8e-12,
    flop_energy_low=0.5e-12,
    attention_energy=0.9e-12,
    hbm_energy=35e-12,
    stream_energy=80e-12,
)

POWER = ChipPower(
    cap=700.0,
    host=0.0,
    host_idle=0.0,
    idle=70.0,
    clock_power=80.0,
    lowest=0.2,
    highest=1.1,
    voltage_floor=0.72,
    voltage_knee=0.65,
)

LINKS = Links(hidden=2e9, rate=400e9, energy=115e-12)
"""Of a micro-batch of some hundred milliseconds."""

NETWORK = Network(
    domain=np.array([8.0, 32.0, 1024.0, 1e9, 1e9]),
    bandwidth=np.array([400e9, 50e9, 45e9, 40e9, 40e9]),
    latency=np.array([1e-6, 3e-6, 4e-6, 6e-6, 6e-6]),
    bulk_latency=np.array([2e-6, 9e-6, 9e-6, 9e-6, 9e-6]),
    short_fraction=np.array([0.2, 0.1, 0.1, 0.1, 0.1]),
    share=np.array(
        [[1.0, 1.0, 0.95, 0.95, 0.95], [1.0, 1.0, 0.9, 0.9, 0.9], [1.0, 1.0, 0.9, 0.9, 0.9]]
    ),
    spread=np.array([[0.0, 0.05, 0.08, 0.08, 0.08]] * 2 + [[0.0] * 5]),
    reduction=np.array([0.7, 0.8, 0.8, 0.0, 0.0]),
    scaleup=np.array([1.0, 0.0, 0.0, 0.0, 0.0]),
    wrap=np.zeros(5),
    pair=500e9,
)
"""Eight chips on one switch, four such on a leaf, then a pod and the site."""

LIBRARY = Library(
    allowed=np.ones(5),
    launch=7e-6,
    pipelining=0.9,
    tree_share=0.9,
    leaving=4e11,
    chunk=2e6,
    message=3e-7,
    hidden=0.0,
)
"""Every algorithm allowed."""

STACK = Stack(
    kernels=KernelSet(
        element_bytes=1.0,
        cast_bytes=4.0,
        launch=1.5e-6,
        dispatch=4e-6,
        expert_dispatch=1e-4,
        grouped=0.9,
        fused=1.0,
        passes=1.5,
        latent=0.0,
    ),
    overhead=0.02,
    spread=Spread(between=0.005, within=0.02),
    kept=Kept(product_input=2.0, activation_input=2.0, attention_output=2.0, expert_outputs=1.0),
    reserve=Reserve(
        framework=6e9, bucket=160e6, fragmentation=0.0, logit=6.0, gathered=2.0, copies=0.0
    ),
    overlap=Overlap(tensor=0.5, context=0.8, expert=0.5, pipeline=0.8, data=0.9, slowdown=0.1),
    merged=1.0,
)

NODE = NodePower(
    chips=8.0,
    host=300.0,
    fan_fraction=0.05,
    supply_rating=12000.0,
    efficiency_20=0.94,
    efficiency_50=0.96,
    efficiency_100=0.94,
    rated=10200.0,
)

FACILITY = Facility(
    distribution=0.05,
    liquid_share=1.0,
    pumps=0.04,
    air_handlers=0.1,
    approach_temperature=298.15,
    air_approach_temperature=290.15,
    outside_temperature=285.15,
    outside_swing=7.5,
    chiller_performance=5.0,
)

STEP = StepParams(
    model=GPT_22B,
    workload=Workload(
        length=2048.0,
        dispatch_bytes=1.0,
        cast_bytes=4.0,
        widths=Widths(weight=2.0, gradient=4.0, optimizer=12.0, resident=2.0, fresh=0.0),
    ),
    chip=CHIP,
    power=POWER,
    capacity=80e9,
    link_energy=115e-12,
    host=Host(link=55e9, memory=40e9),
    network=NETWORK,
    library=LIBRARY,
    stack=STACK,
)

SITE = SiteParams(
    step=STEP,
    chips=1024.0,
    node=NODE,
    network=120.0,
    storage_fraction=0.04,
    facility=FACILITY,
)

LAYOUT = Layout(
    tp=4.0,
    cp=2.0,
    pp=4.0,
    vpp=2.0,
    ep=1.0,
    etp=1.0,
    dp=32.0,
    micro_batch=2.0,
    micro_batches=8.0,
    sequence_parallel=1.0,
    context=KEYS,
    schedule=0.0,
    sharding=ZERO1,
    replicas=1.0,
    recompute=NONE,
    recomputed=1.0,
    offload_states=0.0,
    offload_activations=0.0,
)
"""Every dense axis in use, on all 1,024 chips."""

SINGLE = LAYOUT._replace(tp=1.0, cp=1.0, pp=1.0, vpp=1.0, dp=1.0)
"""One chip on its own."""


def share_of(layout: Layout, length: float) -> Share:
    """What a chip holds of a micro-batch."""
    return Share(
        tokens=layout.micro_batch * length / layout.cp,
        sequences=layout.micro_batch,
        length=length,
        tp=layout.tp,
        cp=layout.cp,
        ep=layout.ep,
        etp=layout.etp,
        span=length / layout.cp,
        sequence_split=layout.tp if layout.sequence_parallel else 1.0,
    )


def as_arrays(tree: Any, dtype: Any = np.float64) -> Any:
    """Copy of a tree with every number an array of one type."""
    return jax.tree.map(lambda leaf: np.asarray(leaf, dtype), tree)


def named_leaves(tree: Any) -> list[tuple[str, np.ndarray]]:
    """Leaves with the path that leads to each."""
    paths = jax.tree_util.tree_leaves_with_path(tree)
    return [(jax.tree_util.keystr(path), np.asarray(leaf)) for path, leaf in paths]
