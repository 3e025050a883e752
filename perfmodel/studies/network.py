"""How long collectives take on a network, as tables: calls, algorithms, levels."""

from typing import Any, NamedTuple

import numpy as np

from perfmodel.config.schema.scenario import Platform
from perfmodel.results.columns import NETWORK
from perfmodel.studies.collective_times import (
    COLLECTIVES,
    Question,
    Timed,
    allowed,
    time_collectives,
)

Row = dict[str, Any]
"""Values by column key, SI units."""

SCALEUP = "scale-up"
"""What the scale-up domain is called among the levels, all axes of its torus together."""

PASSES = {"all-reduce": 2.0, "all-gather": 1.0, "reduce-scatter": 1.0, "all-to-all": 1.0}
"""How often the share :math:`(n - 1) / n` of the payload crosses a link at best."""


class Answer(NamedTuple):
    """Three tables."""

    calls: list[Row]
    """One row per number of ranks and size."""
    algorithms: list[Row]
    """One row per call and algorithm."""
    levels: list[Row]
    """One row per call and level: where the time of the chosen algorithm goes."""


def answer(question: Question) -> Answer:
    """Times a collective over all ranks and sizes.

    Parameters
    ----------
    question
        Network, software, collective, ranks and sizes.

    Returns
    -------
    Answer
        Tables.
    """
    ranks = np.repeat(question.ranks, len(question.sizes))
    timed = time_collectives(question)
    picked = _picked(timed.times, allowed(question), ranks)
    labels = [
        {"ranks": ranks, NETWORK["size"].key: size}
        for ranks in question.ranks
        for size in question.sizes
    ]
    calls = [
        label | _call(question, label, timed, (best, call))
        for call, (label, best) in enumerate(zip(labels, picked, strict=True))
    ]
    return Answer(
        calls, _algorithm_rows(question, labels, timed), _level_rows(question, calls, timed, picked)
    )


def bus_bandwidth(payload: float, time: float, ranks: int, collective: str) -> float:
    """Rate at which the busiest link would have to run, as the benchmarks of NCCL report it.

    Parameters
    ----------
    payload
        Size of the call, by the convention of the kernels. [B]
    time
        Completion time. [s]
    ranks
        Ranks that take part.
    collective
        Its name.

    Returns
    -------
    float
        Bandwidth, not a number where there is no time. [B/s]

    References
    ----------
    NVIDIA, nccl-tests, doc/PERFORMANCE.md at commit 03a204a.
    """
    factor = PASSES[collective] * (ranks - 1) / ranks if collective in PASSES else 1.0
    return factor * payload / time if time > 0.0 else float("nan")


def _picked(times: np.ndarray, allowed: np.ndarray, ranks: np.ndarray) -> list[int | None]:
    """Row of the fastest algorithm of each call; none where there is none to choose."""
    able = np.where(allowed[:, None], times, np.inf)
    found = np.isfinite(able).any(0) & (ranks > 1)
    best = zip(able.argmin(0).tolist(), found.tolist(), strict=True)
    return [row if there else None for row, there in best]


def _call(question: Question, label: Row, timed: Timed, at: tuple[int | None, int]) -> Row:
    best, call = at
    names = COLLECTIVES[question.collective].algorithms
    size, ranks = label[NETWORK["size"].key], label["ranks"]
    alone = 0.0 if ranks == 1 else float("nan")
    time = alone if best is None else float(timed.times[best, call])
    return {
        NETWORK["time"].key: time,
        NETWORK["bus_bandwidth"].key: bus_bandwidth(size, time, ranks, question.collective),
        NETWORK["algorithm_bandwidth"].key: size / time if time > 0.0 else float("nan"),
        "algorithm": "" if best is None else names[best],
        NETWORK["launch_time"].key: alone if best is None else float(timed.launch[best, call]),
    }


def _algorithm_rows(question: Question, labels: list[Row], timed: Timed) -> list[Row]:
    names = COLLECTIVES[question.collective].algorithms
    marks = allowed(question).tolist()
    times = np.where(np.isfinite(timed.times), timed.times, np.nan)
    return [
        label
        | {
            "algorithm": name,
            "allowed": marks[row],
            NETWORK["algorithm_time"].key: float(times[row, call]),
        }
        for call, label in enumerate(labels)
        for row, name in enumerate(names)
    ]


def level_names(platform: Platform) -> list[str]:
    """Levels as they are reported: the scale-up domain as one, then those of the fabric.

    Parameters
    ----------
    platform
        Chip and fabric.

    Returns
    -------
    list[str]
        Names, innermost first.
    """
    return [SCALEUP, *(level.name for level in platform.machine.fabric.level)]


def _level_rows(
    question: Question, calls: list[Row], timed: Timed, picked: list[int | None]
) -> list[Row]:
    names = level_names(question.platform)
    columns = {
        NETWORK["latency_time"].key: timed.latency,
        NETWORK["transfer_time"].key: timed.transfer,
    }
    return [
        {key: row[key] for key in ("ranks", NETWORK["size"].key)}
        | {"level": name}
        | {
            key: 0.0 if best is None else float(part[level, best, call])
            for key, part in columns.items()
        }
        for call, (row, best) in enumerate(zip(calls, picked, strict=True))
        for level, name in enumerate(names)
    ]
