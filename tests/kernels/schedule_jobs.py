"""Pipelines of the closed forms, with what their stages compute as a job to be played."""

import numpy as np

from perfmodel_kernels.schedule import (
    DUALPIPE,
    GPIPE,
    ONE_F_ONE_B,
    ZERO_BUBBLE,
    Passes,
    Pipeline,
)
from tests.kernels.pipelines import Job

Three = tuple[float, float, float]
NAMES = {GPIPE: "gpipe", ZERO_BUBBLE: "zero bubble", DUALPIPE: "dualpipe"}


def pipeline(
    stages: int, chunks: int = 1, micro_batches: int = 1, schedule: float = ONE_F_ONE_B
) -> Pipeline:
    return Pipeline(float(stages), float(chunks), float(micro_batches), schedule)


def present(values: Three, stages: int) -> list[float]:
    """Values of the stages in a row."""
    first, middle, last = values
    return [first, *[middle] * (stages - 2), last] if stages > 1 else [last]


def job_of(passes: Passes, shape: Pipeline, send: float = 0.0, occupied: float = 0.0) -> Job:
    """The same pipeline, to be played operation by operation."""
    stages, chunks = int(shape.stages), int(shape.chunks)
    name = NAMES.get(float(shape.schedule), "interleaved" if chunks > 1 else "1f1b")
    rows = [
        [each / chunks for each in present((first, middle, last), stages)] * chunks
        for first, middle, last in np.asarray(passes).tolist()
    ]
    forward, backward, weight, hidden = rows
    count, sends = int(shape.micro_batches), [send] * stages
    return Job(
        name, stages, chunks, count, forward, backward, weight, hidden, sends, occupied
    )  # fmt: skip


def even(forward: float, backward: float, weight: float, hidden: float = 0.0) -> Passes:
    return Passes(*(np.full(3, each) for each in (forward, backward, weight, hidden)))
