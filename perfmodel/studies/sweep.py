"""A sweep from its plan to files: chunks computed anywhere, kept one by one, summed up."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import cache, lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from perfmodel.config.axes import Axis
from perfmodel.results.parquet import encoded
from perfmodel.results.provenance import Provenance, installed_versions
from perfmodel.results.run_folder import RunFolder
from perfmodel.studies.sweep_plan import Plan, SweepQuestion, plan

RANKED = {
    "throughput": ("tokens_per_s", -1.0),
    "power-limited": ("tokens_per_s", -1.0),
    "energy": ("energy_per_token_j", 1.0),
    "memory": ("memory_fraction", 1.0),
}
"""Objective to the column that ranks points, and the sign that puts the best first."""

FORMAT = 1
"""Form of the files of a run."""

Compute = Callable[[SweepQuestion, Iterable[int]], Iterator[tuple[int, bytes]]]
"""Chunks of a sweep by number to their files, in any order."""


class Summary(NamedTuple):
    """What the files of a run hold."""

    points: int
    feasible: int
    layouts: int
    """Full evaluations that it took."""
    reasons: dict[str, int]
    """Infeasible points by reason."""
    best: list[dict[str, Any]]
    """Best points, best first."""


@lru_cache(maxsize=2)
def planned(question: SweepQuestion) -> Plan:
    """The plan of a question, once per process.

    Parameters
    ----------
    question
        What is asked.

    Returns
    -------
    Plan
        The points.
    """
    return plan(question)


def chunk_bytes(question: SweepQuestion, number: int) -> bytes:
    """Computes one chunk of a sweep.

    Parameters
    ----------
    question
        What is asked.
    number
        Which chunk.

    Returns
    -------
    bytes
        A Parquet file; the same inputs give the same bytes on the same kind of device.
    """
    from perfmodel.studies.sweep_points import sweep_columns

    asked = planned(question)
    start = number * asked.chunk
    columns = sweep_columns(asked, start, min(asked.points, start + asked.chunk))
    units = {column.path: column.unit for column in asked.columns}
    return encoded(columns, provenance(asked), units)


def provenance(asked: Plan) -> Provenance:
    """Where the numbers of a sweep come from.

    Parameters
    ----------
    asked
        The sweep.

    Returns
    -------
    Provenance
        For every file.
    """
    import jax

    return Provenance(
        command=command_of(asked.question),
        device=jax.devices()[0].device_kind,
        scenario=asked.scenario.model_dump(mode="json"),
        versions=installed_versions(),
    )


def command_of(question: SweepQuestion) -> str:
    """The command that asks a question, without where and how it is computed."""
    import shlex

    words = ["perfmodel", "sweep", question.site, question.workload, *question.texts]
    sampling = question.sampling
    options = {
        "--samples": sampling.points,
        "--seed": sampling.seed,
        "--partition": question.partition,
        "--objective": "" if question.objective == "throughput" else question.objective,
        "--space": "" if question.space == "few" else question.space,
        "--chunk": question.chunk,
    }
    words += [word for name, value in options.items() if value for word in (name, str(value))]
    words += [word for text in question.where for word in ("--where", text)]
    return shlex.join(words)


def manifest(asked: Plan, device: str, told: dict[str, Any]) -> dict[str, Any]:
    """What a run is, for its folder.

    Parameters
    ----------
    asked
        The sweep.
    device
        Kind of device that computes it.
    told
        Title, question and figure of a sweep file.

    Returns
    -------
    dict
        JSON values.
    """
    question = asked.question
    return {
        "format": FORMAT,
        "title": told.get("title") or f"{question.workload} on {question.site}",
        "question": told.get("question", ""),
        "site": question.site,
        "workload": question.workload,
        "objective": question.objective,
        "axes": [_axis(axis) for axis in asked.axes],
        "points": asked.points,
        "chunk": asked.chunk,
        "chunks": asked.chunks,
        "inputs": asked.fingerprint(),
        "code": code_hash(),
        "versions": installed_versions(),
        "device": device,
        "command": command_of(question),
        "asked": question._asdict() | {"folders": [str(one) for one in question.folders]},
        "figure": told.get("figure") or _figure(asked),
        "scenario": asked.scenario.model_dump(mode="json"),
    }


def _axis(axis: Axis) -> dict[str, Any]:
    """An axis as the manifest names it; of fields that move together the first one leads."""
    first = axis.columns[0]
    found = {
        "key": first.path,
        "label": label_of(first.path),
        "unit": first.unit,
        "scale": first.scale,
        "values": axis.size,
    }
    more = [column.path for column in axis.columns[1:]]
    return found | ({"with": more} if more else {})


def label_of(path: str) -> str:
    """What a figure calls a field: the last words of its path."""
    *_, last = words = [word for word in path.split(".") if not word.isdigit()]
    owner = words[-2] if len(words) > 1 else ""
    repeats = last.startswith(owner) or owner == "site"
    return (last if repeats else f"{owner} {last}").replace("_", " ")


def _figure(asked: Plan) -> dict[str, Any]:
    """The figure that suits the axes: the longest axis of numbers along x, the others as colours
    and panels.
    """
    axes = sorted(asked.axes, key=lambda axis: (not axis.columns[0].numeric, -axis.size))
    keys = [axis.columns[0].path for axis in axes if axis.size > 1][:3]
    x, color, facet = (*keys, None, None, None)[:3]
    return {"x": x, "y": RANKED[asked.question.objective][0], "color": color, "facet": facet}


@cache
def code_hash() -> str:
    """Fingerprint of the program's own text."""
    known = hashlib.sha256()
    for package in ("perfmodel", "perfmodel_kernels"):
        root = Path(str(files(package)))
        for file in sorted(root.rglob("*.py")):
            known.update(str(file.relative_to(root)).encode() + b"\0" + file.read_bytes())
    return known.hexdigest()[:16]


def compute_here(question: SweepQuestion, chunks: Iterable[int]) -> Iterator[tuple[int, bytes]]:
    """Computes chunks in this process, the next one while the caller stores the last.

    Parameters
    ----------
    question
        What is asked.
    chunks
        Which.

    Yields
    ------
    tuple[int, bytes]
        Number and file.
    """
    from perfmodel.engine.background import ahead

    yield from ahead(lambda number: (number, chunk_bytes(question, number)), chunks)


def run(asked: Plan, folder: RunFolder, compute: Compute, done: Callable[[int], None]) -> None:
    """Computes what is missing and keeps it.

    Parameters
    ----------
    asked
        The sweep.
    folder
        Where files go.
    compute
        Who computes chunks.
    done
        Told the points of each chunk that is kept.
    """
    for number, content in compute(asked.question, folder.missing()):
        folder.keep(number, content)
        done(points_of(asked, number))


def points_of(asked: Plan, number: int) -> int:
    """Points of a chunk."""
    return min(asked.points, (number + 1) * asked.chunk) - number * asked.chunk


def summary(asked: Plan, folder: RunFolder, top: int) -> Summary:
    """Reads what the files hold, one at a time.

    Parameters
    ----------
    asked
        The sweep.
    folder
        Its files.
    top
        Points to list.

    Returns
    -------
    Summary
        Counts and the best points.
    """
    import pyarrow.parquet as pq

    key, sign = RANKED[asked.question.objective]
    points = feasible = layouts = 0
    reasons: Counter[str] = Counter()
    heads: list[tuple[float, int, int]] = []
    for number in folder.done():
        file = folder.file(number)
        table = pq.ParquetFile(file).read(["feasible", "reason", "layouts", key])
        fits = table["feasible"].to_numpy()
        points, feasible = points + len(fits), feasible + int(fits.sum())
        layouts += int(table["layouts"].to_numpy().sum())
        for pair in table["reason"].value_counts().to_pylist():
            reasons[pair["values"]] += pair["counts"]
        score = np.where(fits, sign * table[key].to_numpy(), np.inf)
        first = np.argsort(score, kind="stable")[:top]
        heads += [(float(score[row]), number, int(row)) for row in first if fits[row]]
        heads = sorted(heads)[:top]
    reasons.pop("", None)
    best = [_row(folder.file(number), row) for _, number, row in heads]
    return Summary(points, feasible, layouts, dict(reasons.most_common()), best)


def _row(file: Path, row: int) -> dict[str, Any]:
    import pyarrow.parquet as pq

    return pq.ParquetFile(file).read().slice(row, 1).to_pylist()[0]
