"""The effects of the model, and how each is taken out of a layout on a machine."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from perfmodel.config.faults import Fault, Faults, nearest, one_of
from perfmodel_kernels.layout import KEYS, NONE, Layout
from perfmodel_kernels.operators import ChipRates, KernelSet
from perfmodel_kernels.schedule import ONE_F_ONE_B
from perfmodel_kernels.site import SiteParams
from perfmodel_kernels.step_parts import Stack, StepParams
from perfmodel_kernels.topology import Network
from perfmodel_kernels.transformer import Model

ALL = "all"
"""Stands for every effect."""

NO_CAP = 1e6
"""Cap that no chip reaches. [W]"""

FREE_LINK = 1e17
"""Bandwidth of a link that costs nothing. [B/s]"""


class Point(NamedTuple):
    """What is evaluated."""

    params: SiteParams
    layout: Layout


Edit = Callable[[Point], Point]


class Effect(NamedTuple):
    """One effect of the model."""

    meaning: str
    """What its absence means."""
    edit: Edit
    """Takes it out."""


def _step(change: Callable[[StepParams], StepParams]) -> Edit:
    def edit(point: Point) -> Point:
        site = point.params
        return point._replace(params=site._replace(step=change(site.step)))

    return edit


def _model(change: Callable[[Model], Model]) -> Edit:
    return _step(lambda step: step._replace(model=change(step.model)))


def _chip(change: Callable[[ChipRates], ChipRates]) -> Edit:
    return _step(lambda step: step._replace(chip=change(step.chip)))


def _stack(change: Callable[[Stack], Stack]) -> Edit:
    return _step(lambda step: step._replace(stack=change(step.stack)))


def _kernels(change: Callable[[KernelSet], KernelSet]) -> Edit:
    return _stack(lambda stack: stack._replace(kernels=change(stack.kernels)))


def _overlap(**shares: float) -> Edit:
    return _stack(lambda stack: stack._replace(overlap=stack.overlap._replace(**shares)))


def _network(change: Callable[[Network], Network]) -> Edit:
    return _step(lambda step: step._replace(network=change(step.network)))


def _layout(change: Callable[[Layout], Layout]) -> Edit:
    return lambda point: point._replace(layout=change(point.layout))


def _without_tiles(chip: ChipRates) -> ChipRates:
    """Tiles of one element; the depth of half rate stays what it is."""
    return chip._replace(tile=1.0, tile_overhead=chip.tile_overhead / chip.tile**2)


def _without_collisions(network: Network) -> Network:
    return network._replace(share=np.ones_like(network.share), spread=np.zeros_like(network.spread))


def _without_latency(step: StepParams) -> StepParams:
    none = np.zeros_like(step.network.latency)
    network = step.network._replace(latency=none, bulk_latency=none)
    return step._replace(network=network, library=step.library._replace(launch=0.0))


def _without_casts(step: StepParams) -> StepParams:
    kernels = step.stack.kernels._replace(cast_bytes=0.0)
    workload = step.workload._replace(cast_bytes=0.0)
    return step._replace(stack=step.stack._replace(kernels=kernels), workload=workload)


def _with_free_links(network: Network) -> Network:
    return network._replace(bandwidth=np.full_like(network.bandwidth, FREE_LINK), pair=FREE_LINK)


EFFECTS = {
    "tiles": Effect("products fill every tile and wave", _chip(_without_tiles)),
    "depth": Effect(
        "tiles have no prologue nor epilogue", _chip(lambda c: c._replace(tile_overhead=0.0))
    ),
    "attention-length": Effect(
        "short sequences run as well as long ones",
        _chip(lambda c: c._replace(attention_half_length=0.0)),
    ),
    "attention-width": Effect(
        "heads of any width run as well as those of 128",
        _chip(lambda c: c._replace(attention_half_width=0.0)),
    ),
    "unfused-attention": Effect(
        "attention is one kernel", _kernels(lambda k: k._replace(fused=1.0))
    ),
    "memory-bound": Effect(
        "norms, activations and casts move nothing", _kernels(lambda k: k._replace(passes=0.0))
    ),
    "casts": Effect("low precision needs no casts", _step(_without_casts)),
    "launch": Effect("kernels follow without a gap", _kernels(lambda k: k._replace(launch=0.0))),
    "host": Effect("the host is always ahead", _kernels(lambda k: k._replace(dispatch=0.0))),
    "power-cap": Effect(
        "no power cap slows the clock",
        _step(lambda s: s._replace(power=s.power._replace(cap=NO_CAP))),
    ),
    "causal-mask": Effect("every token attends to all", _model(lambda m: m._replace(causal=0.0))),
    "window": Effect(
        "no layer has a sliding window", _model(lambda m: m._replace(window_share=0.0))
    ),
    "vocabulary": Effect(
        "neither embedding nor output", _model(lambda m: m._replace(vocabulary=0.0))
    ),
    "prediction": Effect(
        "no multi-token prediction", _model(lambda m: m._replace(prediction_layers=0.0))
    ),
    "shared-experts": Effect("no shared experts", _model(lambda m: m._replace(shared_ffn=0.0))),
    "imbalance": Effect("experts are equally popular", _model(lambda m: m._replace(imbalance=1.0))),
    "node-limit": Effect(
        "tokens go wherever their experts are",
        _model(lambda m: m._replace(unit_limit=max(m.top_k, 1.0))),
    ),
    "sequence-parallel": Effect(
        "tensor ranks repeat norms and residuals",
        _layout(lambda d: d._replace(sequence_parallel=0.0)),
    ),
    "recompute": Effect("nothing is computed twice", _layout(lambda d: d._replace(recompute=NONE))),
    "head-trade": Effect(
        "context ranks pass keys round", _layout(lambda d: d._replace(context=KEYS))
    ),
    "schedule": Effect(
        "1F1B instead of another schedule", _layout(lambda d: d._replace(schedule=ONE_F_ONE_B))
    ),
    "interleaving": Effect("one chunk per stage", _layout(lambda d: d._replace(vpp=1.0))),
    "copies": Effect(
        "states sharded over all replicas", _layout(lambda d: d._replace(replicas=1.0))
    ),
    "expert-split": Effect("whole experts on a rank", _layout(lambda d: d._replace(etp=1.0))),
    "offload": Effect(
        "everything stays on the chip",
        _layout(lambda d: d._replace(offload_states=0.0, offload_activations=0.0)),
    ),
    "bandwidth": Effect("links of endless bandwidth", _network(_with_free_links)),
    "latency": Effect("messages and collectives start at once", _step(_without_latency)),
    "collisions": Effect("flows never collide", _network(_without_collisions)),
    "in-network": Effect(
        "no switch adds up",
        _network(lambda n: n._replace(reduction=np.zeros_like(n.reduction))),
    ),
    "tensor-overlap": Effect("tensor collectives hide behind nothing", _overlap(tensor=0.0)),
    "context-overlap": Effect("context exchanges hide behind nothing", _overlap(context=0.0)),
    "expert-overlap": Effect("expert exchanges hide behind nothing", _overlap(expert=0.0)),
    "pipeline-overlap": Effect("sends hide behind nothing", _overlap(pipeline=0.0)),
    "data-overlap": Effect("gradients and weights hide behind nothing", _overlap(data=0.0)),
    "sm-tax": Effect("collectives take no compute rate", _overlap(slowdown=0.0)),
    "stragglers": Effect(
        "all workers are equally fast",
        _stack(lambda s: s._replace(spread=s.spread._replace(between=0.0, within=0.0))),
    ),
    "step-overhead": Effect("no host work per step", _stack(lambda s: s._replace(overhead=0.0))),
}
"""Every effect that can be taken out, by the name that the command takes."""


def named_effects(names: Sequence[str]) -> list[str]:
    """Checks the names of effects.

    Parameters
    ----------
    names
        As the user wrote them; `all` stands for every one.

    Returns
    -------
    list[str]
        Names, each once.

    Raises
    ------
    Faults
        One per name that is not known.
    """
    unknown = [name for name in names if name not in EFFECTS and name != ALL]
    if unknown:
        raise Faults(_fault(name) for name in unknown)
    return list(EFFECTS) if ALL in names else list(dict.fromkeys(names))


def _fault(name: str) -> Fault:
    return Fault(
        field="--without",
        value=name,
        problem="not an effect of the model",
        expected=one_of([ALL, *EFFECTS]),
        nearest=nearest(name, [ALL, *EFFECTS]),
    )
