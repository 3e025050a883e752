"""Pipelines played event by event in plain Python, each stage by the written rules of its schedule.

An operation is a word: F a forward pass, B a backward pass, b the gradient of its input alone, W
the oldest gradient of weights that is left; a digit names the chunk, or the direction in DualPipe.
A word of two runs both at once.
"""

import heapq
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple


class Job(NamedTuple):
    """What the stages compute, one time per part of the model, chunk by chunk."""

    schedule: str
    stages: int
    chunks: int
    micro_batches: int
    forward: Sequence[float]
    backward: Sequence[float]
    """Gradient of the input. [s]"""
    weight: Sequence[float]
    hidden: Sequence[float]
    """What two passes of a word of two save, each part a half. [s]"""
    send: Sequence[float]
    """From the end of an operation on stage i to its arrival on stage i + 1, or back; the last one
    joins the last stage and the first. [s]"""
    occupied: float = 0.0
    """Share of a send in which the sender rests."""


class Run(NamedTuple):
    """One operation as it ran."""

    stage: int
    start: float
    end: float


def words(job: Job, stage: int) -> list[str]:
    """What a stage does, in order."""
    rules = {
        "gpipe": _gpipe,
        "1f1b": _one_forward_one_backward,
        "interleaved": _interleaved,
        "zero bubble": _zero_bubble,
        "dualpipe": _dualpipe,
    }
    return rules[job.schedule](job, stage)


def _gpipe(job: Job, stage: int) -> list[str]:
    return ["F0"] * job.micro_batches + ["B0"] * job.micro_batches


def _one_forward_one_backward(job: Job, stage: int) -> list[str]:
    ahead = min(job.stages - 1 - stage, job.micro_batches)
    return ["F0"] * ahead + ["F0", "B0"] * (job.micro_batches - ahead) + ["B0"] * ahead


def _interleaved(job: Job, stage: int) -> list[str]:
    """Chunks in turn; with fewer micro-batches than stages all forward passes come first."""
    p, v, m = job.stages, job.chunks, job.micro_batches
    rest = m % p if m >= p else 0
    groups = [min(p, m) + rest] + [p] * (m // p - 1)
    ahead = [f"F{chunk}" for group in groups for chunk in range(v) for _ in range(group)]
    behind = [f"B{chunk}" for group in groups for chunk in reversed(range(v)) for _ in range(group)]
    lead = min(2 * (p - 1 - stage) + (v - 1) * groups[0] if m >= p else m * v, m * v)
    both = [word for pair in zip(ahead[lead:], behind, strict=False) for word in pair]
    return ahead[:lead] + both + behind[m * v - lead :]


def _zero_bubble(job: Job, stage: int) -> list[str]:
    """As many micro-batches open as in 1F1B: p - i without a backward pass, p without weights."""
    done, found = {"F": 0, "b": 0, "W": 0}, []
    while done["W"] < job.micro_batches:
        ahead, kept = done["F"] - done["b"], done["F"] - done["W"]
        full = ahead == job.stages - stage or done["F"] == job.micro_batches
        if not full and kept < job.stages:
            kind = "F"
        elif full and ahead > 0 and done["b"] - done["W"] <= stage:
            kind = "b"
        else:
            kind = "W"
        done[kind] += 1
        found.append(kind if kind == "W" else kind + "0")
    return found


def _dualpipe(job: Job, stage: int) -> list[str]:
    """The eight steps; to the first half of the chips, 0 is the direction from nearby."""
    half = job.stages // 2
    r = min(stage, job.stages - 1 - stage)
    inner, steady = half - 1 - r, job.micro_batches // 2 - job.stages + r + 1
    main = ["F0B1", "F1B0"] * steady
    if inner == 0:
        main[:1] = ["F0", "B1"]
    drain = ["B1", "B0"] * (r + 1)
    drain = [word if place <= r else word.lower() for place, word in enumerate(drain)]
    steps = ["F0"] * (2 * inner) + ["F0", "F1"] * (r + 1) + ["b1", "W", "F1"] * inner
    steps += main + ["B1", "F1B0"] * inner + drain + ["W", "b0"] * inner + ["W"] * (r + 1)
    if stage < half:
        return steps
    return [word.translate(str.maketrans("01", "10")) for word in steps]


class _Pass(NamedTuple):
    """One pass of a micro-batch over a part."""

    kind: str
    part: int
    micro_batch: int


def _passes(job: Job, stage: int) -> list[list[_Pass]]:
    """Words with their parts and micro-batches, which every direction and chunk takes in turn."""
    counts: dict[tuple[str, int], int] = {}
    waiting: deque[_Pass] = deque()
    found = []
    for word in words(job, stage):
        operation = []
        for kind, digit in zip(word[::2], word[1::2] or " ", strict=True):
            if kind == "W":
                operation.append(waiting.popleft()._replace(kind="W"))
                continue
            number, side = counts.get((kind.upper(), int(digit)), 0), int(digit)
            counts[kind.upper(), side] = number + 1
            if job.schedule == "dualpipe":
                part = stage if side == 0 else job.stages - 1 - stage
                number += side * job.micro_batches // 2
            else:
                part = side * job.stages + stage
                if job.schedule == "gpipe" and kind == "B":
                    number = job.micro_batches - 1 - number
            operation.append(_Pass(kind.upper(), part, number))
            if kind == "B":
                operation.append(_Pass("W", part, number))
            elif kind == "b":
                waiting.append(operation[-1])
        found.append(operation)
    return found


def _next(job: Job, done: _Pass) -> _Pass | None:
    """The pass on another part that a pass makes possible."""
    part = done.part + {"F": 1, "B": -1, "W": job.stages * job.chunks}[done.kind]
    return done._replace(part=part) if 0 <= part < job.stages * job.chunks else None


def _stage(job: Job, one: _Pass) -> int:
    up = job.schedule == "dualpipe" and one.micro_batch >= job.micro_batches // 2
    return job.stages - 1 - one.part if up else one.part % job.stages


def _way(job: Job, one: _Pass, other: _Pass) -> float:
    """Time of a message between neighbours."""
    ends = sorted((_stage(job, one), _stage(job, other)))
    if job.stages == 1:
        return 0.0
    lower = one if one.part < other.part else other
    wraps = job.schedule == "interleaved" and lower.part % job.stages == job.stages - 1
    return job.send[-1] if wraps else job.send[ends[0]]


def _duration(job: Job, operation: list[_Pass]) -> float:
    times = {"F": job.forward, "B": job.backward, "W": job.weight}
    kinds = {one.kind for one in operation}
    total = sum(times[one.kind][one.part] for one in operation)
    if {"F", "B"} <= kinds:
        total -= sum(job.hidden[one.part] for one in operation if one.kind != "W") / 2
    return total


def play(job: Job) -> list[Run]:
    """Every operation: a stage starts the next one when it is free and the inputs are there."""
    queues = [deque(_passes(job, stage)) for stage in range(job.stages)]
    arrived, free, runs = set[_Pass](), [True] * job.stages, list[Run]()
    events: list[tuple[float, int, int, _Pass | None]] = []
    serial = iter(range(10**9))  # keeps the heap from comparing passes

    def ready(stage: int) -> bool:
        operation = queues[stage][0]
        needs = [one for one in operation if one.kind != "W" and not _starts(job, one)]
        return free[stage] and all(one in arrived for one in needs)

    def start(stage: int, now: float) -> None:
        operation = queues[stage].popleft()
        end = now + _duration(job, operation)
        free[stage], rest = False, 0.0
        runs.append(Run(stage, now, end))
        for one in operation:
            if one.kind == "F" and one.part == job.stages * job.chunks - 1:
                arrived.add(one._replace(kind="B"))  # the loss turns round on its stage
            other = _next(job, one)
            if other:
                way = _way(job, one, other)
                rest = max(rest, job.occupied * way)
                heapq.heappush(events, (end + way, next(serial), _stage(job, other), other))
        heapq.heappush(events, (end + rest, next(serial), stage, None))

    for stage in range(job.stages):
        if ready(stage):
            start(stage, 0.0)
    while events:
        now, _, stage, message = heapq.heappop(events)
        if message:
            arrived.add(message)
        else:
            free[stage] = True
        if queues[stage] and ready(stage):
            start(stage, now)
    if any(queues):
        raise RuntimeError("stages wait for each other")
    return runs


def _starts(job: Job, one: _Pass) -> bool:
    """Whether a pass needs nothing from another part."""
    return one.kind == "F" and one.part == 0


def step_time(job: Job) -> float:
    """Time until the last operation has ended."""
    return max(run.end for run in play(job))
