"""What makes a layout legal: one rule per reason, for enumeration and for layouts of a user.

A rule takes columns of layouts, one array per field of `Layout`, and says which of them keep it. It
needs the fields that it names and no other, so that an enumeration drops a layout as soon as these
are known. Whether a legal layout fits in memory is the evaluation's to say.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from perfmodel_kernels.layout import HEADS
from perfmodel_kernels.schedule import DUALPIPE, ONE_F_ONE_B

Columns = Mapping[str, Any]
"""Values by field of `Layout`, arrays of equal length or numbers."""

LEAST_TOKENS = 1024
"""Tokens of a sequence below which another context rank is not worth its exchange; estimate."""


class Job(NamedTuple):
    """What decides whether a layout is legal."""

    layers: int
    heads: int
    kv_heads: int
    experts: int
    """Routed experts per layer, 0 for a dense model."""
    sequence_length: int
    batch: int
    """Global batch. [sequences]"""
    tolerance: float
    """How far the batch may move."""
    chips: int
    domain: int
    """Chips of the scale-up domain."""
    fused: bool
    """Whether attention is one kernel, which then has no scores to compute again."""
    expert_ffn: int = 0
    """Width of a routed expert."""


Holds = Callable[[Columns, Job], Any]


class Rule(NamedTuple):
    """One reason why a layout is not legal."""

    code: str
    """Key in counts."""
    reason: str
    """What people read."""
    fields: tuple[str, ...]
    """Fields of the layout that it needs."""
    holds: Holds
    """Which layouts keep it."""
    advice: bool = False
    """Whether it only keeps a search small: a layout that a user names may break it."""


def empty_places(layers: int, stages: Any, chunks: Any) -> Any:
    """Places that stay empty when layers fill a grid of stages and chunks.

    Parameters
    ----------
    layers
        Layers of the model.
    stages, chunks
        The grid, numbers or arrays.

    Returns
    -------
    Any
        Places; -1 where the first and the last stage, which hold fewer layers, cannot lack as many.
    """
    stages, chunks = np.asarray(stages, int), np.asarray(chunks, int)
    depth = -(-layers // (stages * chunks)) * chunks
    empty = stages * depth - layers
    return np.where((stages == 1) | (-(-empty // 2) < depth), empty, -1)[()]


def _divides(value: Any, whole: Any) -> Any:
    return np.mod(whole, value) == 0


def _kv_heads(at: Columns, job: Job) -> Any:
    return _divides(at["tp"], job.kv_heads) | _divides(job.kv_heads, at["tp"])


def _experts(at: Columns, job: Job) -> Any:
    return _divides(at["ep"], job.experts) if job.experts else np.asarray(at["ep"]) == 1


def _expert_width(at: Columns, job: Job) -> Any:
    if not job.experts:
        return np.asarray(at["etp"]) == 1
    return _divides(at["etp"], job.expert_ffn or at["etp"])


def _expert_ranks(at: Columns, job: Job) -> Any:
    return _divides(at["ep"] * at["etp"], at["tp"] * at["cp"] * at["dp"])


def _trade(at: Columns, job: Job) -> Any:
    ring = np.asarray(at["context"]) < HEADS
    return ring | (np.asarray(at["cp"]) == 1) | _divides(at["tp"] * at["cp"], job.heads)


def _tokens(at: Columns, job: Job) -> Any:
    return (np.asarray(at["cp"]) == 1) | (job.sequence_length // at["cp"] >= LEAST_TOKENS)


def _stage(at: Columns, job: Job) -> Any:
    return empty_places(job.layers, at["pp"], at["vpp"]) >= 0


def _layers(at: Columns, job: Job) -> Any:
    """The first and the last stage may lack a layer each, as in Llama 3 405B: 126 on 16 x 8."""
    return (at["pp"] * at["vpp"] <= job.layers) | _stage(at, job)


def _idle(at: Columns, job: Job) -> Any:
    return empty_places(job.layers, at["pp"], at["vpp"]) <= IDLE_LAYERS * job.layers


def _interleaved(at: Columns, job: Job) -> Any:
    """Several chunks need several stages and plain 1F1B."""
    several = (np.asarray(at["pp"]) > 1) & (np.asarray(at["schedule"]) == ONE_F_ONE_B)
    return (np.asarray(at["vpp"]) == 1) | several


def _dualpipe(at: Columns, job: Job) -> Any:
    other = np.asarray(at["schedule"]) != DUALPIPE
    enough = (at["micro_batches"] >= 2 * at["pp"]) & _divides(2, at["micro_batches"])
    return other | (enough & _divides(2, at["pp"]))


def _groups(at: Columns, job: Job) -> Any:
    plain = np.asarray(at["vpp"]) == 1
    return plain | _divides(np.asarray(at["pp"]), at["micro_batches"])


def moved(at: Columns, job: Job) -> Any:
    """How far the batch of a layout is from the asked one, over it."""
    return at["dp"] * at["micro_batch"] * at["micro_batches"] / job.batch - 1.0


def _copies(at: Columns, job: Job) -> Any:
    whole = np.mod(at["replicas"], 1) == 0
    return whole & _divides(np.maximum(at["replicas"], 1), at["cp"] * at["dp"])


IDLE_LAYERS = 0.06
"""Largest share of empty places in the grid of layers over stages and chunks that is searched."""

RULES = (
    Rule(
        "heads",
        "tensor ranks do not divide the heads",
        ("tp",),
        lambda at, job: _divides(at["tp"], job.heads),
    ),
    Rule(
        "kv_heads",
        "tensor ranks neither divide the key-value heads nor are a multiple",
        ("tp",),
        _kv_heads,
    ),
    Rule(
        "domain",
        "tensor ranks leave the scale-up domain",
        ("tp",),
        lambda at, job: at["tp"] <= job.domain,
        advice=True,
    ),
    Rule("experts", "expert ranks do not divide the experts", ("ep",), _experts),
    Rule(
        "expert_width",
        "expert-tensor ranks do not divide the width of an expert",
        ("etp",),
        _expert_width,
    ),
    Rule(
        "expert_domain",
        "expert-tensor ranks leave the scale-up domain",
        ("etp",),
        lambda at, job: at["etp"] <= job.domain,
        advice=True,
    ),
    Rule("tokens", "context ranks get too few tokens", ("cp",), _tokens, advice=True),
    Rule("trade", "context ranks cannot trade that many heads", ("tp", "cp", "context"), _trade),
    Rule(
        "micro_batch",
        "the micro-batch is larger than the batch",
        ("micro_batch",),
        lambda at, job: at["micro_batch"] <= job.batch,
    ),
    Rule("layers", "more stages and chunks than layers", ("pp", "vpp"), _layers),
    Rule("stage", "a stage without layers", ("pp", "vpp"), _stage),
    Rule("idle_layers", "layers fill stages and chunks badly", ("pp", "vpp"), _idle, advice=True),
    Rule(
        "interleaving",
        "several chunks without several stages or outside 1F1B",
        ("pp", "vpp", "schedule"),
        _interleaved,
    ),
    Rule(
        "chips",
        "more chips than there are",
        ("tp", "cp", "pp"),
        lambda at, job: at["tp"] * at["cp"] * at["pp"] <= job.chips,
    ),
    Rule(
        "replicas",
        "replicas take more chips than there are",
        ("tp", "cp", "pp", "dp"),
        lambda at, job: (at["dp"] >= 1) & (at["tp"] * at["cp"] * at["pp"] * at["dp"] <= job.chips),
    ),
    Rule(
        "expert_ranks",
        "expert ranks do not divide tensor, context and data ranks",
        ("tp", "cp", "dp", "ep", "etp"),
        _expert_ranks,
    ),
    Rule(
        "groups",
        "interleaving without micro-batches in multiples of the stages",
        ("pp", "vpp", "micro_batches"),
        _groups,
    ),
    Rule(
        "dualpipe",
        "DualPipe without an even number of stages or twice as many micro-batches",
        ("pp", "schedule", "micro_batches"),
        _dualpipe,
    ),
    Rule(
        "batch",
        "the batch moves further than it may",
        ("dp", "micro_batch", "micro_batches"),
        lambda at, job: np.abs(moved(at, job)) <= job.tolerance + 1e-9,
    ),
    Rule(
        "copies", "groups of shards do not divide the data ranks", ("cp", "dp", "replicas"), _copies
    ),
)
"""In the order in which they are asked: the first one that a layout breaks is its reason."""

BY_CODE = {rule.code: rule for rule in RULES}
OUT_OF_MEMORY = "memory"
"""Code of what the evaluation finds: the layout is legal and does not fit."""

REASONS = {rule.code: rule.reason for rule in RULES} | {OUT_OF_MEMORY: "out of memory"}
"""Code to what people read."""


def broken(rules: tuple[Rule, ...], at: Columns, job: Job) -> NDArray[np.int64]:
    """Place of the first rule that each layout breaks.

    Parameters
    ----------
    rules
        To ask, in this order.
    at
        Columns of the fields that they need.
    job
        The job.

    Returns
    -------
    NDArray[np.int64]
        Index into the rules; as many as there are rules where all are kept.
    """
    found: NDArray[np.int64] = np.full(np.shape(next(iter(at.values()))), len(rules))
    for place in range(len(rules) - 1, -1, -1):
        found = np.where(rules[place].holds(at, job), found, place)
    return found
