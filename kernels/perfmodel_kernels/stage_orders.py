"""Operations of each stage of a pipeline, in the order of its schedule."""

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from perfmodel_kernels.schedule import DUALPIPE, GPIPE, ZERO_BUBBLE


class Unit(NamedTuple):
    """A micro-batch on a part of the model."""

    part: int
    micro_batch: int


class Operation(NamedTuple):
    """What a stage runs without a pause; nothing in an empty slot."""

    forward: Unit | None = None
    backward: Unit | None = None
    """Gradient of the input."""
    weight: Unit | None = None


class Grid(NamedTuple):
    """A pipeline as its orders see it."""

    stages: int
    chunks: int
    micro_batches: int
    both_ways: bool
    """The second half of the micro-batches enters at the last stage, on a copy of the model."""


_Order = Iterator[Operation]


def stage_order(schedule: float, grid: Grid, stage: int) -> _Order:
    """Operations of one stage.

    GPipe: all forward passes, then the backward passes, last micro-batch first. 1F1B: stage i of p
    runs p - i - 1 forward passes ahead. Interleaved: chunks take turns every p micro-batches; those
    that fill no group join the first. Zero bubble (ZB-H1): forward pass x, input gradient
    x - (p - i - 1), weight gradient x - (p - 1). DualPipe: the eight steps of its authors.

    Parameters
    ----------
    schedule
        Code of the schedule.
    grid
        Stages, chunks and micro-batches that the schedule admits.
    stage
        Place in the row, from 0.

    Yields
    ------
    Operation
        In the order in which the stage runs them.

    References
    ----------
    Huang et al., "GPipe: Efficient Training of Giant Neural Networks using Pipeline Parallelism",
    arXiv 1811.06965, figure 2.
    Narayanan et al., "Efficient Large-Scale Language Model Training on GPU Clusters Using
    Megatron-LM", arXiv 2104.04473, section 2.2.
    Qi et al., "Zero Bubble Pipeline Parallelism", arXiv 2401.10241, section 2.
    DeepSeek-AI, DualPipe, github.com/deepseek-ai/DualPipe at commit bb214e8.
    """
    if schedule == GPIPE:
        return _all_forward_first(grid, stage)
    if schedule == ZERO_BUBBLE:
        return _weights_last(grid, stage)
    if schedule == DUALPIPE:
        return _both_ways(grid, stage)
    return _one_forward_one_backward(grid, stage)


def _whole(unit: Unit) -> Operation:
    """A backward pass that is not split."""
    return Operation(backward=unit, weight=unit)


def _all_forward_first(grid: Grid, stage: int) -> _Order:
    units = [Unit(stage, number) for number in range(grid.micro_batches)]
    yield from (Operation(forward=unit) for unit in units)
    yield from (_whole(unit) for unit in reversed(units))


def _one_forward_one_backward(grid: Grid, stage: int) -> _Order:
    forward = _turns(grid, stage, range(grid.chunks))
    backward = _turns(grid, stage, range(grid.chunks - 1, -1, -1))
    behind = grid.stages - stage - 1
    lead = behind if grid.chunks == 1 else 2 * behind + (grid.chunks - 1) * _group(grid)
    if grid.chunks > 1 and grid.micro_batches < grid.stages:
        lead = len(forward)
    for number in range(len(forward) + lead):
        if number < len(forward):
            yield Operation(forward=forward[number])
        if 0 <= number - lead < len(backward):
            yield _whole(backward[number - lead])


def _group(grid: Grid) -> int:
    """Micro-batches of the first group, which takes those that fill no group of their own."""
    return min(grid.stages + grid.micro_batches % grid.stages, grid.micro_batches)


def _turns(grid: Grid, stage: int, chunks: range) -> list[Unit]:
    """Units of a stage: a group of micro-batches on each chunk in turn, then the next group."""
    count, first = grid.micro_batches, _group(grid)
    starts = [0, *range(first, count, grid.stages), count]
    return [
        Unit(chunk * grid.stages + stage, number)
        for start, end in pairwise(starts)
        for chunk in chunks
        for number in range(start, end)
    ]


def _weights_last(grid: Grid, stage: int) -> _Order:
    delay, last = grid.stages - stage - 1, grid.stages - 1
    units = [Unit(stage, number) for number in range(grid.micro_batches)]
    for number in range(len(units) + last):
        if number < len(units):
            yield Operation(forward=units[number])
        if 0 <= number - delay < len(units):
            yield Operation(backward=units[number - delay])
        if number >= last:
            yield Operation(weight=units[number - last])


class _Chip:
    """What is left to do on one chip of DualPipe, which holds a stage of each direction.

    Near is the direction whose micro-batches enter at the closer end of the pipeline.
    """

    def __init__(self, grid: Grid, stage: int) -> None:
        ways = [_units_of_way(grid, stage, up) for up in (False, True)]
        if 2 * stage >= grid.stages:
            ways.reverse()
        self.ahead = [iter(units) for units in ways]
        self.behind = [iter(units) for units in ways]
        self.waiting: list[Unit] = []

    def forward(self, way: int) -> Operation:
        return Operation(forward=next(self.ahead[way]))

    def backward(self, way: int) -> Operation:
        return _whole(next(self.behind[way]))

    def gradient(self, way: int) -> Operation:
        """Of the input alone; the weights wait."""
        self.waiting.append(next(self.behind[way]))
        return Operation(backward=self.waiting[-1])

    def weight(self) -> Operation:
        return Operation(weight=self.waiting.pop(0))

    def pair(self, way: int) -> Operation:
        """A forward pass of one direction with a backward pass of the other."""
        back = next(self.behind[1 - way])
        return Operation(next(self.ahead[way]), back, back)


_NEAR, _FAR = 0, 1


def _units_of_way(grid: Grid, stage: int, up: bool) -> list[Unit]:
    half = grid.micro_batches // 2
    part = grid.stages - 1 - stage if up else stage
    return [Unit(part, number + up * half) for number in range(half)]


def _both_ways(grid: Grid, stage: int) -> _Order:
    chip, place = _Chip(grid, stage), min(stage, grid.stages - 1 - stage)
    inner = grid.stages // 2 - place - 1
    yield from _fill(chip, place, inner)
    for turn in range(grid.micro_batches // 2 - grid.stages + place + 1):
        if turn == 0 and inner == 0:  # the innermost stages run their first pair apart
            yield chip.forward(_NEAR)
            yield chip.backward(_FAR)
        else:
            yield chip.pair(_NEAR)
        yield chip.pair(_FAR)
    yield from _drain(chip, place, inner)


def _fill(chip: _Chip, place: int, inner: int) -> _Order:
    for _ in range(2 * inner):
        yield chip.forward(_NEAR)
    for _ in range(place + 1):
        yield chip.forward(_NEAR)
        yield chip.forward(_FAR)
    for _ in range(inner):
        yield chip.gradient(_FAR)
        yield chip.weight()
        yield chip.forward(_FAR)


def _drain(chip: _Chip, place: int, inner: int) -> _Order:
    for _ in range(inner):
        yield chip.backward(_FAR)
        yield chip.pair(_FAR)
    for turn in range(2 * (place + 1)):  # the second half leaves its weights for later
        way = _NEAR if turn % 2 else _FAR
        yield chip.gradient(way) if turn > place else chip.backward(way)
    for _ in range(inner):
        yield chip.weight()
        yield chip.gradient(_NEAR)
    while chip.waiting:
        yield chip.weight()
