"""Operations of a pipeline laid on slots, as tables for a recurrence over them."""

from collections import deque
from itertools import chain
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from jaxtyping import Array, Float, Int

from perfmodel_kernels.schedule import DUALPIPE, GPIPE, ONE_F_ONE_B, ZERO_BUBBLE
from perfmodel_kernels.stage_orders import Grid, Operation, Unit, stage_order

Ints = npt.NDArray[np.integer]
Marks = npt.NDArray[np.bool_]

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


_EMPTY = Operation()


def _rows(grid: Grid, orders: list[list[Operation]]) -> list[list[Operation]]:
    """Slots of all stages: each runs its next operation once its inputs lie in earlier slots."""
    done: tuple[set[Unit], set[Unit]] = (set(), set())
    queues, rows = [deque(order) for order in orders], list[list[Operation]]()
    while any(queues):
        row = [
            queue.popleft() if queue and _ready(grid, queue[0], done) else _EMPTY
            for queue in queues
        ]
        for made, kind in zip(done, (0, 1), strict=True):
            made.update(unit for unit in (operation[kind] for operation in row) if unit)
        if all(operation is _EMPTY for operation in row):
            raise RuntimeError("stages wait for each other")
        rows.append(row)
    return rows


def _ready(grid: Grid, operation: Operation, done: tuple[set[Unit], set[Unit]]) -> bool:
    """Whether the inputs of an operation are made."""
    ahead, back, _ = operation
    if ahead and ahead.part > 0 and Unit(ahead.part - 1, ahead.micro_batch) not in done[0]:
        return False
    if back and back.part == grid.stages * grid.chunks - 1:
        return back in done[0]
    return not back or Unit(back.part + 1, back.micro_batch) in done[1]


class _Units(NamedTuple):
    """Forward passes and input gradients by slot and stage."""

    grid: Grid
    part: Ints
    micro_batch: Ints

    def _on(self, part: Ints) -> Marks:
        """Whether there is a pass, and a part of the model that it hands over to or takes from."""
        parts = self.grid.stages * self.grid.chunks
        return (self.part < parts) & (part >= 0) & (part < parts)

    def _stage(self, part: Ints) -> Ints:
        """Stage that holds a part for the micro-batch of a pass."""
        place = part % self.grid.stages
        return np.where(self._up(), self.grid.stages - 1 - place, place)

    def _boundary(self, part: Ints) -> Ints:
        """Boundary between the part of a pass and the one beside it."""
        stages, lower = self.grid.stages, np.minimum(part, self.part)
        crossed = np.where(self._up(), stages - 2 - lower, lower % stages)
        return np.where(self._on(part) & (stages > 1), crossed, stages)

    def _up(self) -> Marks:
        """Whether the micro-batch runs from the last stage to the first."""
        return self.grid.both_ways & (2 * self.micro_batch >= self.grid.micro_batches)


def _tables(grid: Grid, orders: list[list[Operation]]) -> Orders:
    """Numbers of the operations and of what they wait for."""
    none = Unit(grid.stages * grid.chunks, 0)
    rows = _rows(grid, orders)
    units = (unit or none for row in rows for operation in row for unit in operation)
    flat = np.fromiter(chain.from_iterable(units), np.int32)
    every = flat.reshape(len(rows), grid.stages, 3, 2)
    parts = every[..., 0]
    passes = _Units(grid, parts[..., :2], every[..., :2, 1])
    ahead = np.array([1, -1], np.int32)  # gradients run from part to part backwards
    before, after = passes.part - ahead, passes.part + ahead
    slot, _, kind = np.indices(passes.part.shape, np.int32)
    made = np.zeros((2, none.part + 2, grid.micro_batches), np.int32)
    made[kind, passes.part, passes.micro_batch] = slot
    lag = np.where(passes._on(before), slot - made[kind, before, passes.micro_batch], 0)
    recent = np.zeros((max(int(lag.max()), 1), grid.stages), np.float32)
    source = np.where(lag > 0, (lag - 1) * grid.stages + passes._stage(before), recent.size)
    found = np.stack([source, passes._boundary(before), passes._boundary(after)]).astype(np.int32)
    return Orders(parts, found[0], found[1], found[2], recent)
