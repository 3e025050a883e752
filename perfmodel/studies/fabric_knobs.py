"""What a fit of fabrics may change of a measured call: where each value stands, and its prior."""

from collections.abc import Mapping
from typing import NamedTuple

import jax.numpy as jnp

from perfmodel.config.documents import FieldPath
from perfmodel.lowering.measured_collective import Call, Measured
from perfmodel_kernels._typing import Scalar


class Knobs(NamedTuple):
    """What a fit may change of one call, in SI."""

    scaleup: Scalar
    """Sustained share of the links of the scale-up domain."""
    reduction: Scalar
    """Share of those links at which its switches reduce."""
    latency: Scalar
    """Step of the low-latency protocol in the domain. [s]"""
    bulk: Scalar
    """What the bulk protocol adds to it. [s]"""
    short: Scalar
    """Bandwidth of the low-latency protocol over the other's, in the domain."""
    link: Scalar
    """Sustained share of the network cards."""
    outer_latency: Scalar
    """Step of the low-latency protocol through a leaf. [s]"""
    outer_bulk: Scalar
    """What the bulk protocol adds to a step of the fabric. [s]"""
    outer_short: Scalar
    """Bandwidth of the low-latency protocol over the other's, in the fabric."""
    spread: Scalar
    """Spread of the flows of the fabric."""
    tree: Scalar
    """Bandwidth of a tree over that of a ring."""
    launch: Scalar
    """Call of the benchmark. [s]"""


class Place(NamedTuple):
    """Where a knob stands: kind of config and field."""

    kind: str
    field: FieldPath


PLACES: Mapping[str, Place] = {
    "scaleup": Place("chips", ("efficiency", "scaleup")),
    "reduction": Place("chips", ("scaleup", "reduction")),
    "latency": Place("chips", ("scaleup", "latency")),
    "bulk": Place("chips", ("scaleup", "bulk_latency")),
    "short": Place("chips", ("scaleup", "short_fraction")),
    "link": Place("fabrics", ("link_fraction",)),
    "outer_latency": Place("fabrics", ("level", 0, "latency")),
    "outer_bulk": Place("fabrics", ("bulk_latency",)),
    "outer_short": Place("fabrics", ("short_fraction",)),
    "spread": Place("fabrics", ("spread",)),
    "tree": Place("stacks", ("collectives", "tree_share")),
    "launch": Place("systems", ("launch",)),
}
"""Field of each knob."""


class Prior(NamedTuple):
    """What is known of a knob before the data."""

    value: float
    """Most likely value, in SI."""
    spread: float
    """Standard deviation of its logarithm."""
    low: float
    """Least value."""
    high: float
    """Greatest value."""
    source: str
    """Where it comes from."""
    unit: str = ""
    """SI unit."""


TUNER = "NCCL tuner (NVIDIA/nccl@5067397c tuning.cc)"
"""Source of the times of a step."""

PRIORS: Mapping[str, Prior] = {
    "scaleup": Prior(0.80, 0.10, 0.3, 1.0, "rings on NVLink reach 0.76-0.81 of the links"),
    "reduction": Prior(0.60, 0.30, 0.1, 1.0, "NVLS sends and receives each buffer once"),
    "latency": Prior(1e-6, 0.5, 1e-7, 1e-5, f"{TUNER}: LL 0.6, LL128 1.9 us a step", "s"),
    "bulk": Prior(2.8e-6, 0.3, 1e-7, 1e-4, f"{TUNER}: Simple 3.4 us less the 0.6 us of LL", "s"),
    "short": Prior(0.20, 0.7, 0.01, 1.0, f"{TUNER}: LL at most 88-141 of 230-480 GB/s"),
    "link": Prior(0.90, 0.10, 0.3, 0.97, "RDMA reaches 0.97 of line rate, rings less"),
    "outer_latency": Prior(5e-6, 0.7, 5e-7, 2e-4, f"{TUNER}: LL 2.7-5 us a step", "s"),
    "outer_bulk": Prior(1e-5, 0.5, 5e-7, 1e-3, f"{TUNER}: Simple 14 us less 2.7-5 us of LL", "s"),
    "outer_short": Prior(0.10, 0.7, 0.005, 1.0, "flags beside data, copies by the host"),
    "spread": Prior(0.10, 0.7, 0.001, 1.0, "adaptive routing 0.05, static paths 0.3"),
    "tree": Prior(0.90, 0.10, 0.3, 1.0, f"{TUNER}: trees at 0.85-0.92 of rings"),
    "launch": Prior(2e-5, 0.7, 1e-6, 2e-4, "start of a kernel 4 us, loop of PyTorch 40 us", "s"),
}
"""Values, spreads, bounds: all but what the tuner and RDMA give are estimates. The bound of RDMA:
stas00/ml-engineering@744d01e."""

OWN_PRIORS: Mapping[tuple[str, str], Prior] = {
    ("efa", "outer_latency"): Prior(1.5e-5, 0.5, 5e-7, 2e-4, "15 us a message, recalled", "s"),
    ("efa-100g", "outer_latency"): Prior(3e-5, 0.5, 5e-7, 2e-4, "twice the later cards", "s"),
}
"""Priors of a config where they differ; estimates."""


def turn(call: Call, held: Knobs, knobs: Knobs) -> Call:
    """A call with other values than those of its configs.

    Parameters
    ----------
    call
        Lowered with the values of the configs.
    held
        These values.
    knobs
        The values to put in their place.

    Returns
    -------
    Call
        What lowering the changed configs gives.
    """
    network = call.network
    inside = network.scaleup > 0.5
    share = knobs.scaleup / held.scaleup
    step = network.latency + (knobs.outer_latency - held.outer_latency)
    turned = network._replace(
        bandwidth=network.bandwidth * jnp.where(inside, share, knobs.link / held.link),
        pair=network.pair * share,
        latency=jnp.where(inside, knobs.latency, step),
        bulk_latency=jnp.where(inside, knobs.bulk, knobs.outer_bulk),
        short_fraction=jnp.where(inside, knobs.short, knobs.outer_short),
        reduction=jnp.where(inside, knobs.reduction / knobs.scaleup, network.reduction),
        spread=network.spread * (knobs.spread / held.spread),
    )
    library = call.library._replace(launch=knobs.launch, tree_share=knobs.tree)
    return call._replace(network=turned, library=library)


def held(one: Measured) -> Knobs:
    """Values of the configs of a row.

    Parameters
    ----------
    one
        The row.

    Returns
    -------
    Knobs
        In SI.
    """
    chip, fabric = one.platform.machine.chip, one.platform.machine.fabric
    return Knobs(
        scaleup=chip.efficiency.scaleup,
        reduction=chip.scaleup.reduction,
        latency=chip.scaleup.latency,
        bulk=chip.scaleup.bulk_latency,
        short=chip.scaleup.short_fraction,
        link=fabric.link_fraction,
        outer_latency=fabric.level[0].latency,
        outer_bulk=fabric.bulk_latency,
        outer_short=fabric.short_fraction,
        spread=float(one.call.network.spread.max()),
        tree=one.platform.stack.collectives.tree_share,
        launch=one.system.launch,
    )
