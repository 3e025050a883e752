"""Operations of a pipeline laid on slots, as tables for a recurrence over them."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Array, Float, Int

from perfmodel_kernels.schedule import DUALPIPE, GPIPE, ONE_F_ONE_B, ZERO_BUBBLE
from perfmodel_kernels.stage_orders import (
    Grid,
    Operation,
    Unit,
    boundary_after,
    part_count,
    stage_of,
    stage_order,
)

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


def order_tables(schedule: float, stages: int, chunks: int, micro_batches: int) -> Orders:
    """Lays the operations of a schedule on slots, for `max_plus`.

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
    """
    _check(schedule, stages, chunks, micro_batches)
    grid = Grid(stages, chunks, micro_batches, schedule == DUALPIPE)
    return _tables(grid, [list(stage_order(schedule, grid, stage)) for stage in range(stages)])


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


class _Slots(NamedTuple):
    """Where operations lie: rows of all stages and the slot in which each unit is done."""

    rows: list[list[Operation]]
    forward: dict[Unit, int]
    backward: dict[Unit, int]


_EMPTY = Operation()


def _slots(grid: Grid, orders: list[list[Operation]]) -> _Slots:
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


def _ready(grid: Grid, operation: Operation, found: _Slots) -> bool:
    """Whether the inputs of an operation are made."""
    ahead, back = operation.forward, operation.backward
    if ahead and ahead.part > 0 and _before(ahead) not in found.forward:
        return False
    if back and back.part == part_count(grid) - 1:
        return back in found.forward
    return not back or _after(back) in found.backward


def _before(unit: Unit) -> Unit:
    return unit._replace(part=unit.part - 1)


def _after(unit: Unit) -> Unit:
    return unit._replace(part=unit.part + 1)


def _tables(grid: Grid, orders: list[list[Operation]]) -> Orders:
    """Numbers of the operations and of what they wait for."""
    found = _slots(grid, orders)
    shape = (len(found.rows), grid.stages)
    parts = np.full((*shape, 3), part_count(grid), np.int32)
    lags = np.zeros((*shape, 2), np.int32)
    senders = np.zeros((*shape, 2), np.int32)
    arriving = np.full((*shape, 2), grid.stages, np.int32)
    leaving = np.full((*shape, 2), grid.stages, np.int32)
    for slot, row in enumerate(found.rows):
        for stage, operation in enumerate(row):
            parts[slot, stage] = [unit.part if unit else part_count(grid) for unit in operation]
            for column, message in enumerate(_messages(grid, operation, found)):
                arriving[slot, stage, column] = message.arriving
                leaving[slot, stage, column] = message.leaving
                if message.source and message.slot >= 0:
                    senders[slot, stage, column] = stage_of(grid, message.source)
                    lags[slot, stage, column] = slot - message.slot
    recent = np.zeros((max(int(lags.max()), 1), grid.stages), np.float32)
    source = np.where(lags > 0, (lags - 1) * grid.stages + senders, recent.size)
    return Orders(parts, source.astype(np.int32), arriving, leaving, recent)


class _Message(NamedTuple):
    """What an operation waits for and what it sends on, of one kind of pass."""

    source: Unit | None
    """Unit whose output it needs; none at an end of the model."""
    slot: int
    arriving: int
    leaving: int


def _messages(grid: Grid, operation: Operation, found: _Slots) -> list[_Message]:
    """Of the forward pass and of the input gradient; an end of the model is no boundary."""
    nothing = _Message(None, 0, grid.stages, grid.stages)
    ahead, back = operation.forward, operation.backward
    messages = [nothing, nothing]
    if ahead:
        source = _before(ahead)
        ends = boundary_after(grid, source), boundary_after(grid, ahead)
        messages[0] = _Message(source, found.forward.get(source, -1), *ends)
    if back:
        source = _after(back)
        ends = boundary_after(grid, back), boundary_after(grid, _before(back))
        messages[1] = _Message(source, found.backward.get(source, -1), *ends)
    return messages
