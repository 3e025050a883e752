"""Pipeline schedules played operation by operation in plain Python."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple


class Job(NamedTuple):
    """What the stages compute: one forward and one backward time per stage, of all its chunks."""

    forward: Sequence[float]
    backward: Sequence[float]
    chunks: int
    micro_batches: int
    send: float = 0.0
    """From the end of an operation to its start on the neighbouring stage. [s]"""


class Operation(NamedTuple):
    """A pass of one chunk; chunk c of stage i is the (c p + i)-th part of the model."""

    backward: bool
    chunk: int
    micro_batch: int


def operations(job: Job, stage: int) -> Iterator[Operation]:
    """Order on a stage: 1F1B with one chunk, interleaved 1F1B with more."""
    stages, chunks, count = len(job.forward), job.chunks, job.micro_batches * job.chunks
    behind = stages - stage - 1
    warm_up = min(behind if chunks == 1 else 2 * behind + (chunks - 1) * stages, count)

    def unit(number: int, backward: bool) -> Operation:
        if chunks == 1:
            return Operation(backward, 0, number)
        turn, place = divmod(number, stages)
        chunk = turn % chunks
        micro_batch = turn // chunks * stages + place
        return Operation(backward, chunks - 1 - chunk if backward else chunk, micro_batch)

    for number in range(warm_up):
        yield unit(number, backward=False)
    for number in range(warm_up, count):
        yield unit(number, backward=False)
        yield unit(number - warm_up, backward=True)
    for number in range(count - warm_up, count):
        yield unit(number, backward=True)


def step_time(job: Job) -> float:
    """Time until the last stage has run its last operation; stages keep to their order."""
    stages = len(job.forward)
    queues = [list(operations(job, stage)) for stage in range(stages)]
    done: dict[tuple[bool, int, int], float] = {}
    clock, next_place = [0.0] * stages, [0] * stages
    moved = True
    while moved:
        moved = False
        for stage in range(stages):
            while next_place[stage] < len(queues[stage]):
                operation = queues[stage][next_place[stage]]
                ready = _ready(job, stage, operation, done)
                if ready is None:
                    break
                times = job.backward if operation.backward else job.forward
                clock[stage] = max(clock[stage], ready) + times[stage] / job.chunks
                part = operation.chunk * stages + stage
                done[operation.backward, part, operation.micro_batch] = clock[stage]
                next_place[stage] += 1
                moved = True
    if any(place < len(queue) for place, queue in zip(next_place, queues, strict=True)):
        raise RuntimeError("stages wait for each other")
    return max(clock)


def _ready(job: Job, stage: int, operation: Operation, done: dict) -> float | None:
    """When the input of an operation has arrived; None while nobody has made it."""
    stages = len(job.forward)
    part, last = operation.chunk * stages + stage, stages * job.chunks - 1
    if not operation.backward:
        if part == 0:
            return 0.0
        made = done.get((False, part - 1, operation.micro_batch))
    elif part == last:
        return done.get((False, part, operation.micro_batch))
    else:
        made = done.get((True, part + 1, operation.micro_batch))
    travels = job.send if stages > 1 else 0.0
    return None if made is None else made + travels
