"""Order in which each stage of a pipeline runs its operations, as tables for a recurrence."""

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from jaxtyping import Array, Float, Int

from perfmodel_kernels.schedule import DUALPIPE, GPIPE, ONE_F_ONE_B, ZERO_BUBBLE

Triples = Int[Array, "slot stage 3"] | Int[np.ndarray, "slot stage 3"]
"""Forward pass, input gradient and weight gradient by slot and stage."""

Pairs = Int[Array, "slot stage 2"] | Int[np.ndarray, "slot stage 2"]
"""Forward pass and input gradient by slot and stage."""


class Orders(NamedTuple):
    """What each stage does slot by slot; every input was made in an earlier slot."""

    parts: Triples
    """Part of the model whose forward pass, input gradient and weight gradient an operation runs;
    the number of parts where it runs none. A slot of none is empty."""
    source: Pairs
    """Operation that sends the input of the forward pass and of the input gradient: its place in
    the recent slots, their number where nobody sends."""
    arriving: Pairs
    """Boundary that this input crosses; the number of boundaries where it crosses none."""
    leaving: Pairs
    """Boundary that the output of the forward pass and of the input gradient crosses."""
    recent: Float[Array, "lag stage"] | Float[np.ndarray, "lag stage"]
    """Ends of the slots before the first one: zero, as many as a message waits at most. [s]"""


class _Grid(NamedTuple):
    """A pipeline as its orders see it."""

    stages: int
    chunks: int
    micro_batches: int
    both_ways: bool
    """The second half of the micro-batches enters at the last stage, on a copy of the model."""

    @property
    def parts(self) -> int:
        return self.stages * self.chunks

    def _up(self, unit: "_Unit") -> bool:
        return self.both_ways and 2 * unit.micro_batch >= self.micro_batches

    def place(self, unit: "_Unit") -> int:
        """Stage that holds a part for a micro-batch."""
        stage = unit.part % self.stages
        return self.stages - 1 - stage if self._up(unit) else stage

    def boundary(self, unit: "_Unit") -> int:
        """Boundary between a part and the next one, named for the stage before it."""
        if self.stages == 1 or not 0 <= unit.part < self.parts - 1:
            return self.stages
        return self.stages - 2 - unit.part if self._up(unit) else unit.part % self.stages


class _Unit(NamedTuple):
    """A micro-batch on a part of the model."""

    part: int
    micro_batch: int


class _Operation(NamedTuple):
    """What a stage runs without a pause."""

    forward: _Unit | None = None
    backward: _Unit | None = None
    weight: _Unit | None = None


_Order = Iterator[_Operation]


def order_tables(schedule: float, stages: int, chunks: int, micro_batches: int) -> Orders:
    """Lays the operations of a schedule on slots, for `max_plus`.

    GPipe: all forward passes, then the backward passes, last micro-batch first. 1F1B: stage i of p
    runs p - i - 1 forward passes ahead. Interleaved: chunks take turns every p micro-batches, a
    last group may be smaller. Zero bubble (ZB-H1): forward pass x, input gradient x - (p - i - 1),
    weight gradient x - (p - 1). DualPipe: the eight steps of its authors' implementation.

    Parameters
    ----------
    schedule
        Code of the schedule.
    stages
        Stages in a row; even for DualPipe.
    chunks
        Model chunks per stage; one but for interleaved 1F1B.
    micro_batches
        Micro-batches of a step; for DualPipe even and twice the stages or more.

    Returns
    -------
    Orders
        Tables; they depend on nothing but these numbers.

    References
    ----------
    Huang et al., "GPipe: Efficient Training of Giant Neural Networks using Pipeline Parallelism",
    arXiv 1811.06965, figure 2.
    Narayanan et al., "Efficient Large-Scale Language Model Training on GPU Clusters Using
    Megatron-LM", arXiv 2104.04473, section 2.2.
    Qi et al., "Zero Bubble Pipeline Parallelism", arXiv 2401.10241, section 2.
    DeepSeek-AI, DualPipe, github.com/deepseek-ai/DualPipe at commit bb214e8.
    """
    _check(schedule, stages, chunks, micro_batches)
    grid = _Grid(stages, chunks, micro_batches, schedule == DUALPIPE)
    return _tables(grid, [list(_order(schedule, grid, stage)) for stage in range(stages)])


def _check(schedule: float, stages: int, chunks: int, micro_batches: int) -> None:
    """Rejects a pipeline for which the schedule has no order."""
    faults = []
    if schedule not in (ONE_F_ONE_B, GPIPE, ZERO_BUBBLE, DUALPIPE):
        faults.append(f"schedule {schedule} is none of the codes")
    if min(stages, chunks, micro_batches) < 1:
        faults.append("stages, chunks and micro_batches are 1 or more")
    if chunks > 1 and schedule != ONE_F_ONE_B:
        faults.append(f"chunks is {chunks}; only 1F1B has more than 1")
    if schedule == DUALPIPE and stages % 2:
        faults.append(f"stages is {stages}; DualPipe takes an even number")
    if schedule == DUALPIPE and (micro_batches % 2 or micro_batches < 2 * stages):
        faults.append(
            f"micro_batches is {micro_batches}; DualPipe takes an even number from "
            f"{2 * stages} upwards"
        )
    if faults:
        raise ValueError("; ".join(faults))


def _order(schedule: float, grid: _Grid, stage: int) -> _Order:
    """Operations of one stage."""
    if schedule == GPIPE:
        return _all_forward_first(grid, stage)
    if schedule == ZERO_BUBBLE:
        return _weights_last(grid, stage)
    if schedule == DUALPIPE:
        return _both_ways(grid, stage)
    return _one_forward_one_backward(grid, stage)


def _whole(unit: _Unit) -> _Operation:
    """A backward pass that is not split."""
    return _Operation(backward=unit, weight=unit)


def _all_forward_first(grid: _Grid, stage: int) -> _Order:
    units = [_Unit(stage, number) for number in range(grid.micro_batches)]
    yield from (_Operation(forward=unit) for unit in units)
    yield from (_whole(unit) for unit in reversed(units))


def _one_forward_one_backward(grid: _Grid, stage: int) -> _Order:
    forward = _turns(grid, stage, range(grid.chunks))
    backward = _turns(grid, stage, range(grid.chunks - 1, -1, -1))
    behind = grid.stages - stage - 1
    lead = behind if grid.chunks == 1 else 2 * behind + (grid.chunks - 1) * _group(grid)
    if grid.chunks > 1 and grid.micro_batches < grid.stages:
        lead = len(forward)
    for number in range(len(forward) + lead):
        if number < len(forward):
            yield _Operation(forward=forward[number])
        if 0 <= number - lead < len(backward):
            yield _whole(backward[number - lead])


def _group(grid: _Grid) -> int:
    """Micro-batches of the first group, which takes those that fill no group of their own."""
    return min(grid.stages + grid.micro_batches % grid.stages, grid.micro_batches)


def _turns(grid: _Grid, stage: int, chunks: range) -> list[_Unit]:
    """Units of a stage: a group of micro-batches on each chunk in turn, then the next group."""
    count, first = grid.micro_batches, _group(grid)
    starts = [0, *range(first, count, grid.stages), count]
    return [
        _Unit(chunk * grid.stages + stage, number)
        for start, end in pairwise(starts)
        for chunk in chunks
        for number in range(start, end)
    ]


def _weights_last(grid: _Grid, stage: int) -> _Order:
    delay, last = grid.stages - stage - 1, grid.stages - 1
    units = [_Unit(stage, number) for number in range(grid.micro_batches)]
    for number in range(len(units) + last):
        if number < len(units):
            yield _Operation(forward=units[number])
        if 0 <= number - delay < len(units):
            yield _Operation(backward=units[number - delay])
        if number >= last:
            yield _Operation(weight=units[number - last])


class _Way:
    """What is left to do of one direction of DualPipe on one stage."""

    def __init__(self, grid: _Grid, stage: int, way: int) -> None:
        half, up = grid.micro_batches // 2, way == 1
        part = grid.stages - 1 - stage if up else stage
        units = [_Unit(part, number + up * half) for number in range(half)]
        self.forward, self.backward = iter(units), iter(units)


def _both_ways(grid: _Grid, stage: int) -> _Order:
    """Near is the direction whose micro-batches enter at the closer end of the pipeline."""
    half = grid.stages // 2
    place = min(stage, grid.stages - 1 - stage)
    ways = [_Way(grid, stage, way) for way in (0, 1)]
    near, far = ways if stage < half else reversed(ways)
    inner, waiting = half - place - 1, list[_Unit]()

    def split(way: _Way) -> _Operation:
        waiting.append(next(way.backward))
        return _Operation(backward=waiting[-1])

    def together(ahead: _Way, behind: _Way) -> _Operation:
        back = next(behind.backward)
        return _Operation(next(ahead.forward), back, back)

    for _ in range(2 * inner):
        yield _Operation(next(near.forward))
    for _ in range(place + 1):
        yield _Operation(next(near.forward))
        yield _Operation(next(far.forward))
    for _ in range(inner):
        yield split(far)
        yield _Operation(weight=waiting.pop(0))
        yield _Operation(next(far.forward))
    for turn in range(grid.micro_batches // 2 - grid.stages + place + 1):
        if turn == 0 and inner == 0:  # the innermost stages run their first pair apart
            yield _Operation(next(near.forward))
            yield _whole(next(far.backward))
        else:
            yield together(near, far)
        yield together(far, near)
    for _ in range(inner):
        yield _whole(next(far.backward))
        yield together(far, near)
    for turn in range(2 * (place + 1)):  # the second half leaves its weights for later
        way = near if turn % 2 else far
        yield split(way) if turn > place else _whole(next(way.backward))
    for _ in range(inner):
        yield _Operation(weight=waiting.pop(0))
        yield split(near)
    yield from (_Operation(weight=unit) for unit in waiting)


class _Slots(NamedTuple):
    """Where operations lie: rows of all stages and the slot in which each unit is done."""

    rows: list[list[_Operation]]
    forward: dict[_Unit, int]
    backward: dict[_Unit, int]


_EMPTY = _Operation()


def _slots(grid: _Grid, orders: list[list[_Operation]]) -> _Slots:
    """Lets every stage run its next operation as soon as its inputs lie in earlier slots."""
    found, place = _Slots([], {}, {}), [0] * grid.stages
    while any(number < len(order) for number, order in zip(place, orders, strict=True)):
        upcoming = [
            order[number] if number < len(order) else _EMPTY
            for number, order in zip(place, orders, strict=True)
        ]
        row = [operation if _ready(grid, operation, found) else _EMPTY for operation in upcoming]
        if all(operation == _EMPTY for operation in row):
            raise RuntimeError("stages wait for each other")
        for stage, operation in enumerate(row):
            place[stage] += operation != _EMPTY
            if operation.forward:
                found.forward[operation.forward] = len(found.rows)
            if operation.backward:
                found.backward[operation.backward] = len(found.rows)
        found.rows.append(row)
    return found


def _ready(grid: _Grid, operation: _Operation, found: _Slots) -> bool:
    """Whether the inputs of an operation are made."""
    ahead, back = operation.forward, operation.backward
    if ahead and ahead.part > 0 and _before(ahead) not in found.forward:
        return False
    if back and back.part == grid.parts - 1:
        return back in found.forward
    return not back or _after(back) in found.backward


def _before(unit: _Unit) -> _Unit:
    return unit._replace(part=unit.part - 1)


def _after(unit: _Unit) -> _Unit:
    return unit._replace(part=unit.part + 1)


def _tables(grid: _Grid, orders: list[list[_Operation]]) -> Orders:
    """Numbers of the operations and of what they wait for."""
    found = _slots(grid, orders)
    shape = (len(found.rows), grid.stages)
    parts = np.full((*shape, 3), grid.parts, np.int32)
    lags = np.zeros((*shape, 2), np.int32)
    senders = np.zeros((*shape, 2), np.int32)
    arriving = np.full((*shape, 2), grid.stages, np.int32)
    leaving = np.full((*shape, 2), grid.stages, np.int32)
    for slot, row in enumerate(found.rows):
        for stage, operation in enumerate(row):
            parts[slot, stage] = [unit.part if unit else grid.parts for unit in operation]
            for column, message in enumerate(_messages(grid, operation, found)):
                arriving[slot, stage, column] = message.arriving
                leaving[slot, stage, column] = message.leaving
                if message.source and message.slot >= 0:
                    senders[slot, stage, column] = grid.place(message.source)
                    lags[slot, stage, column] = slot - message.slot
    recent = np.zeros((max(int(lags.max()), 1), grid.stages), np.float32)
    source = np.where(lags > 0, (lags - 1) * grid.stages + senders, recent.size)
    return Orders(parts, source.astype(np.int32), arriving, leaving, recent)


class _Message(NamedTuple):
    """What an operation waits for and what it sends on, of one kind of pass."""

    source: _Unit | None
    """Unit whose output it needs; none at an end of the model."""
    slot: int
    arriving: int
    leaving: int


def _messages(grid: _Grid, operation: _Operation, found: _Slots) -> list[_Message]:
    """Of the forward pass and of the input gradient; an end of the model is no boundary."""
    nothing = _Message(None, 0, grid.stages, grid.stages)
    ahead, back = operation.forward, operation.backward
    messages = [nothing, nothing]
    if ahead:
        source = _before(ahead)
        ends = grid.boundary(source), grid.boundary(ahead)
        messages[0] = _Message(source, found.forward.get(source, -1), *ends)
    if back:
        source = _after(back)
        ends = grid.boundary(back), grid.boundary(_before(back))
        messages[1] = _Message(source, found.backward.get(source, -1), *ends)
    return messages
