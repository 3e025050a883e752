"""Runs a sweep for its user: folder, progress, table or JSON, exit status."""

import math
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from perfmodel.commands.sweep_question import Asked
from perfmodel.config.faults import Fault, Faults
from perfmodel.results.canonical import csv_text, json_text
from perfmodel.results.columns import COLUMNS
from perfmodel.results.run_folder import RunFolder, Shard, opened
from perfmodel.studies.sweep import (
    RANKED,
    Compute,
    Summary,
    chunk_bytes,
    compute_here,
    manifest,
    planned,
    points_of,
    run,
    summary,
)
from perfmodel.studies.sweep_plan import ASK, Plan, SweepQuestion
from perfmodel.views.sweep import (
    axes_table,
    best_so_far,
    best_table,
    reasons_table,
    sample_line,
    started_line,
)
from perfmodel.views.terminal import progress, show

if TYPE_CHECKING:
    from perfmodel.studies.requirement import Requirement

EVERY = 30.0
"""Time between lines of progress where there is no terminal. [s]"""

SAMPLE = 4096
"""Points that a dry run evaluates where the layout is named."""


class Delivery(NamedTuple):
    """What the user wants of the answer."""

    asked: Asked
    top: int
    out: Path | None
    format: str
    device: str
    needs: Sequence["Requirement"]
    cluster: str
    settings: Path | None
    shard: Shard
    dry_run: bool
    yes: bool
    started: float


def deliver(delivery: Delivery) -> int:
    """Sweeps, keeps, prints.

    Parameters
    ----------
    delivery
        What the user wants.

    Returns
    -------
    int
        Exit status: 1 when a condition does not hold.
    """
    plan = planned(delivery.asked.question)
    _ask(plan, delivery)
    if delivery.dry_run:
        return _dry_run(plan, delivery)
    from perfmodel.engine.devices import device_line, open_devices

    sys.stderr.write(started_line(plan))
    devices = open_devices(delivery.device)  # type: ignore[arg-type]
    sys.stderr.write(device_line(devices, delivery.device))  # type: ignore[arg-type]
    told = manifest(plan, devices[0].device_kind, delivery.asked.told)
    path = delivery.out or Path(f"sweep-{delivery.asked.name}-{told['inputs'][:8]}")
    with opened(path, told, delivery.shard) as folder:
        before = len(folder.done())
        computed = _compute(plan, folder, delivery)
        found = summary(plan, folder, delivery.top)
    wall = time.perf_counter() - delivery.started
    _print(plan, Answer(folder, found, (before, computed), wall), delivery)
    return _status(found, delivery)


class Answer(NamedTuple):
    """What came of a sweep."""

    folder: RunFolder
    found: Summary
    work: tuple[int, int]
    """Files that were there at the start, and points computed since."""
    wall: float
    """Run time. [s]"""


def _ask(plan: Plan, delivery: Delivery) -> None:
    if plan.points <= ASK or delivery.yes or delivery.dry_run:
        return
    longest = max(plan.axes, key=lambda axis: axis.size)
    problem = f"holds {longest.size:,} values, the sweep {plan.points:,} points"
    expected = "fewer, or --yes if that many are meant; --dry-run says what they take"
    raise Faults([Fault(field=longest.columns[0].path, problem=problem, expected=expected)])


def _compute(plan: Plan, folder: RunFolder, delivery: Delivery) -> int:
    """Computes what is missing; returns how many points that were."""
    todo = folder.missing()
    total = sum(points_of(plan, number) for number in todo)
    if not todo:
        return 0
    with _computing(delivery) as compute, _told(plan, total) as (best, done):
        run(plan, folder, best(compute), done)
    return total


@contextmanager
def _computing(delivery: Delivery) -> Iterator[Compute]:
    """Who computes chunks: this process, or the workers of a cluster."""
    if not delivery.cluster:
        yield compute_here
        return
    from functools import partial

    from perfmodel.engine.cluster import Cluster
    from perfmodel.studies.sweep_worker import on_worker

    with Cluster(delivery.cluster, delivery.settings) as cluster:
        sys.stderr.write(f"{len(cluster.workers)} workers\n")
        yield lambda question, chunks: cluster.each(
            partial(on_worker, question, delivery.device), chunks
        )


@contextmanager
def _told(plan: Plan, total: int) -> Iterator[tuple[Callable, Callable[[int], None]]]:
    """A bar with rate, time left and the best so far; lines now and then without a terminal."""
    key, sign = RANKED[plan.question.objective]
    column = next(one for one in COLUMNS.values() if one.key == key)
    best, finished, began = math.inf, 0, time.monotonic()
    said = began

    def watching(compute: Compute) -> Compute:
        def watched(question: SweepQuestion, chunks: Iterable[int]) -> Iterator[tuple[int, bytes]]:
            nonlocal best
            for number, content in compute(question, chunks):
                best = min(best, _best_of(content, key, sign))
                yield number, content

        return watched

    with progress("points", total) as advance:

        def done(count: int) -> None:
            nonlocal finished, said
            finished, now = finished + count, time.monotonic()
            so_far = best_so_far(column, sign * best if math.isfinite(best) else math.nan)
            advance(count, f"points, {so_far}")
            if not sys.stderr.isatty() and now - said > EVERY:
                said, rate = now, finished / (now - began)
                left = (total - finished) / rate
                counts = f"{finished:,} of {total:,} points, {rate:,.3g}/s"
                sys.stderr.write(f"{counts}, {so_far}, {left:,.0f} s left\n")

        yield watching, done


def _best_of(content: bytes, key: str, sign: float) -> float:
    """Best value of a file, its sign turned so that less is better; infinite where nothing fits."""
    import numpy as np
    import pyarrow.parquet as pq

    table = pq.read_table(BytesIO(content), columns=["feasible", key])
    values = table[key].to_numpy()[table["feasible"].to_numpy()]
    return float(np.min(sign * values)) if len(values) else math.inf


def _dry_run(plan: Plan, delivery: Delivery) -> int:
    """What a sweep would take, from a sample of its points."""
    from perfmodel.engine.devices import open_devices

    open_devices(delivery.device)  # type: ignore[arg-type]
    size = min(SAMPLE if plan.named else 1, plan.points)
    sample = plan.question._replace(chunk=size)
    chunk_bytes(sample, 0)  # loads or compiles the programs
    began = time.perf_counter()
    content = chunk_bytes(sample, 0)
    took = time.perf_counter() - began
    told = {
        "points": plan.points,
        "chunks": plan.chunks,
        "named_layout": plan.named,
        "sample_points": size,
        "expected_s": took / size * plan.points,
        "expected_bytes": len(content) / size * plan.points,
        "memory_bytes": _peak_memory(),
        "axes": manifest(plan, "", {})["axes"],
    }
    if delivery.format == "json":
        sys.stdout.write(json_text(told) + "\n")
    else:
        show(axes_table(plan), sample_line(told))
    return 0


def _peak_memory() -> int | None:
    """Most memory that this process has held [B]; none where the system does not say."""
    try:
        import resource
    except ImportError:
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _print(plan: Plan, answer: Answer, delivery: Delivery) -> None:
    found, folder = answer.found, answer.folder
    before, computed = answer.work
    if delivery.format == "json":
        told = {
            "points": found.points,
            "feasible_points": found.feasible,
            "layouts": found.layouts,
            "complete": found.points == plan.points,
            "objective": plan.question.objective,
            "best": found.best,
            "infeasible_by_reason": found.reasons,
            "points_per_second": computed / answer.wall,
            "files": [str(folder.file(number)) for number in folder.done()],
            "wall_s": answer.wall,
        }
        sys.stdout.write(json_text(told) + "\n")
    elif delivery.format == "csv":
        rows = found.best
        sys.stdout.write(csv_text({key: [row[key] for row in rows] for key in rows[0]} if rows
                                  else {"point": []}))  # fmt: skip
    else:
        resumed = f", {before} files of an earlier run" if before else ""
        show(
            best_table(plan, found),
            reasons_table(found),
            f"{found.points:,} of {plan.points:,} points, {found.feasible:,} feasible, "
            f"{found.layouts:,} layouts evaluated in {answer.wall:.1f} s{resumed}: "
            f"{folder.path}/ ({len(folder.done())} of {plan.chunks} files)",
        )


def _status(found: Summary, delivery: Delivery) -> int:
    if not delivery.needs:
        return 0
    from perfmodel.studies.requirement import unmet

    question = delivery.asked.question
    names = {"site": question.site, "workload": question.workload}
    rows = [names | row for row in found.best[:1]]
    failures = unmet(delivery.needs, rows) if rows else ["no point is feasible"]
    sys.stderr.writelines(f"{line}\n" for line in failures)
    return 1 if failures else 0
