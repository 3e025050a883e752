"""What a user asks of a sweep: a site and a workload, or a file that names both."""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from perfmodel.config.axes import Sampling
from perfmodel.config.documents import Document
from perfmodel.config.faults import Fault, Faults, nearest, refuse, shown
from perfmodel.config.library import check
from perfmodel.results.run_folder import WHOLE, Shard
from perfmodel.studies.sweep_plan import SweepQuestion, library_of

KIND = "sweeps"


class Given(NamedTuple):
    """The words of a command line."""

    first: str
    texts: Sequence[str]
    partition: int
    samples: int
    seed: int
    objective: str | None
    space: str | None
    where: Sequence[str]
    chunk: int
    configs: Sequence[Path]


class Asked(NamedTuple):
    """A question, and what its file says about it."""

    question: SweepQuestion
    name: str
    told: dict[str, Any]
    """Title, question and figure."""


def asked(given: Given) -> Asked:
    """Reads a command line.

    Parameters
    ----------
    given
        Its words.

    Returns
    -------
    Asked
        The question.

    Raises
    ------
    Faults
        All that is wrong before the axes are read.
    """
    refuse(_number_faults(given))
    _check_conditions(given.where)
    folders = tuple(path.resolve() for path in given.configs)
    second = given.texts[0] if given.texts else ""
    if given.first.endswith(".toml") or not second or "=" in second:
        return _by_file(given, folders)
    sampling = Sampling(given.samples, given.seed)
    question = SweepQuestion(
        given.first, second, tuple(given.texts[1:]), sampling, given.partition,
        given.objective or "throughput", given.space or "few", tuple(given.where), given.chunk,
        folders,
    )  # fmt: skip
    return Asked(question, f"{given.first}-{second}", {})


def _check_conditions(where: Sequence[str]) -> None:
    """Refuses what is no condition; what one may be about takes a second to load."""
    if where:
        from perfmodel.studies.bounds import parse_bounds

        parse_bounds(where)


def _number_faults(given: Given) -> list[Fault]:
    numbers = {"--samples": given.samples, "--seed": given.seed, "--chunk": given.chunk}
    return [
        Fault(field=name, value=str(value), problem="is negative", expected="0 or more")
        for name, value in numbers.items()
        if value < 0
    ]


def _by_file(given: Given, folders: tuple[Path, ...]) -> Asked:
    document = _document(given, folders)
    sweep: Any = check(document)
    changed = {text.partition("=")[0].strip() for text in given.texts}
    own = [
        text
        for text in (*sweep.overrides, *sweep.axes)
        if text.partition("=")[0].strip() not in changed
    ]
    sampling = Sampling(given.samples or sweep.samples, given.seed or sweep.seed)
    question = SweepQuestion(
        sweep.site, sweep.workload, (*own, *given.texts), sampling, given.partition,
        given.objective or sweep.objective, given.space or sweep.space,
        (*sweep.where, *given.where), given.chunk, folders,
    )  # fmt: skip
    figure = sweep.figure.model_dump() if sweep.figure else None
    _check_conditions(question.where)
    told = {"title": sweep.name, "question": sweep.question, "figure": figure}
    return Asked(question, document.name, told)


def _document(given: Given, folders: tuple[Path, ...]) -> Document:
    library = library_of(folders)
    if given.first.endswith(".toml"):
        return library.open(KIND, Path(given.first))
    known = library.names(KIND)
    if given.first in known:
        return library.document(KIND, given.first)
    sites = library.names("sites")
    if given.first in sites:
        fault = Fault(
            field="SITE WORKLOAD",
            value=shown(given.first),
            problem="no workload behind the site",
            expected=f"a workload, such as {library.names('workloads')[0]}",
        )
        raise Faults([fault])
    raise Faults([
        Fault(
            problem="no sweep has that name",
            value=shown(given.first),
            expected="the name of a sweep, a .toml file, or a site and a workload",
            nearest=nearest(given.first, [*known, *sites]),
        )
    ])  # fmt: skip


def shard_of(text: str) -> Shard:
    """Reads which part of a run a process computes.

    Parameters
    ----------
    text
        Such as ``2/8``, counted from 0; empty takes the task of a Slurm job array, if this is one.

    Returns
    -------
    Shard
        The part.

    Raises
    ------
    Faults
        It is no part.
    """
    if not text:
        return _slurm_task()
    match = re.fullmatch(r"([0-9]{1,6})/([0-9]{1,6})", text)
    if match is None or int(match[1]) >= int(match[2]):
        expected = "i/n with i from 0 to n - 1, such as 0/4"
        problem = "is no part of a run"
        raise Faults(
            [Fault(field="--shard", value=shown(text), problem=problem, expected=expected)]
        )
    return Shard(int(match[1]), int(match[2]))


def _slurm_task() -> Shard:
    task, first, count = (
        os.environ.get(f"SLURM_ARRAY_TASK_{name}", "") for name in ("ID", "MIN", "COUNT")
    )
    if not (task.isdecimal() and count.isdecimal()):
        return WHOLE
    number = int(task) - (int(first) if first.isdecimal() else 0)
    return Shard(number, int(count)) if 0 <= number < int(count) else WHOLE
