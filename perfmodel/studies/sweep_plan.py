"""What a sweep evaluates: its axes, how its points are numbered, and whether each value holds."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from perfmodel.config.axes import Axis, Column, Sampling, parse_axes, split_axes
from perfmodel.config.faults import Fault, Faults, attempt, refuse
from perfmodel.config.library import Library
from perfmodel.config.overrides import parse
from perfmodel.config.schema.scenario import Scenario
from perfmodel.results.canonical import json_text

ASK = 10_000_000
"""Points beyond which a sweep asks whether they are meant."""

CHECKED = 64
"""Values of a column of numbers that are all checked; of more, the least and the largest, since
fields have a lower and an upper bound."""

FILE_POINTS = 65_536
"""Points of one file where the layout is named: seconds of work, some 10 MB."""

FILE_SEARCHES = 8
"""Points of one file where each is a search of layouts."""


class SweepQuestion(NamedTuple):
    """What the user asks, in texts and numbers alone, so that it travels."""

    site: str
    workload: str
    texts: tuple[str, ...]
    """Overrides and axes."""
    sampling: Sampling = Sampling()
    partition: int = 0
    objective: str = "throughput"
    space: str = "few"
    """How much of each axis of a layout is tried."""
    where: tuple[str, ...] = ()
    """Conditions on layouts and results."""
    chunk: int = 0
    """Points of a file; 0 chooses."""
    folders: tuple[Path, ...] = ()
    """The user's own configs."""


class Plan(NamedTuple):
    """A sweep whose axes have been read and checked."""

    question: SweepQuestion
    overrides: tuple[str, ...]
    """Changes that all points share."""
    axes: tuple[Axis, ...]
    points: int
    named: bool
    """Whether the layout is named rather than searched."""
    chunk: int
    """Points of a file."""
    scenario: Scenario
    """The first point."""

    @property
    def chunks(self) -> int:
        """Files in all."""
        return -(-self.points // self.chunk)

    @property
    def columns(self) -> list[Column]:
        """All fields that move."""
        return [column for axis in self.axes for column in axis.columns]

    def places(self, start: int, stop: int) -> NDArray[np.int64]:
        """Places of points along their axes, the last axis the fastest. Axes: axis, point."""
        numbers = np.arange(start, stop)
        if not self.axes:
            return np.zeros((0, len(numbers)), np.int64)
        return np.stack(np.unravel_index(numbers, [axis.size for axis in self.axes]))

    def values(self, start: int, stop: int) -> dict[str, NDArray[Any]]:
        """Values of the fields that move, by path."""
        places = self.places(start, stop)
        return {
            column.path: column.values[own]
            for axis, own in zip(self.axes, places, strict=True)
            for column in axis.columns
        }

    def resolved(self, texts: Sequence[str]) -> Scenario:
        """The scenario of some overrides beside those that all points share."""
        question = self.question
        library = library_of(question.folders)
        given = (*self.overrides, *texts)
        return library.scenario(
            question.site, question.workload, overrides=given, partition=question.partition
        )

    def fingerprint(self) -> str:
        """What the results follow from, as one word: the same inputs give the same files."""
        question = self.question._replace(folders=())
        axes = [[(c.path, c.unit, _digest(c.values)) for c in axis.columns] for axis in self.axes]
        parts = {
            "question": question,
            "axes": axes,
            "chunk": self.chunk,
            "scenario": self.scenario.model_dump(mode="json"),
        }
        return hashlib.sha256(json_text(parts, indent=None).encode()).hexdigest()


def _digest(values: NDArray[Any]) -> str:
    content = values.tobytes() if values.dtype.kind in "if" else "\n".join(values).encode()
    return hashlib.sha256(content).hexdigest()


_LIBRARIES: dict[tuple[Path, ...], Library] = {}


def library_of(folders: tuple[Path, ...]) -> Library:
    """Configs of some folders, each file read once per process."""
    return _LIBRARIES.setdefault(folders, Library(folders))


def plan(question: SweepQuestion) -> Plan:
    """Reads and checks the axes of a sweep.

    Parameters
    ----------
    question
        What the user asks.

    Returns
    -------
    Plan
        The points.

    Raises
    ------
    Faults
        All that is wrong with axes, values and names.
    """
    found: list[Fault] = []
    single, several = split_axes(question.texts)
    axes = attempt(found, parse_axes, several, question.sampling) or []
    given = attempt(found, parse, single)
    paths = {column.path for axis in axes for column in axis.columns}
    found.extend(
        Fault(problem="is given twice", file="override", field=one.path)
        for one in given or () if one.path in paths
    )  # fmt: skip
    refuse(found)
    _check_values(question, single, axes)
    first = [column.path + "=" + column.text(0) for axis in axes for column in axis.columns]
    scenario = library_of(question.folders).scenario(
        question.site, question.workload, overrides=(*single, *first), partition=question.partition
    )
    points = int(np.prod([axis.size for axis in axes], dtype=object)) if axes else 1
    named = scenario.layout is not None
    chunk = question.chunk or (FILE_POINTS if named else FILE_SEARCHES)
    return Plan(question, tuple(single), tuple(axes), points, named, chunk, scenario)


def _check_values(question: SweepQuestion, single: Sequence[str], axes: Sequence[Axis]) -> None:
    """Resolves every value of every axis, the others at their first one."""
    library, found = library_of(question.folders), []
    columns = [column for axis in axes for column in axis.columns]
    for axis in axes:
        others = [c.path + "=" + c.text(0) for c in columns if c not in axis.columns]
        for place in _checked(axis):
            own = [f"{column.path}={column.text(place)}" for column in axis.columns]
            try:
                library.scenario(
                    question.site,
                    question.workload,
                    overrides=(*single, *others, *own),
                    partition=question.partition,
                )
            except Faults as error:
                found.extend(error.faults)
    refuse(found)


def _checked(axis: Axis) -> list[int]:
    places: set[int] = set()
    for column in axis.columns:
        values = column.values
        if not column.numeric and len(axis.columns) > 1:  # drawn names repeat
            places.update(np.unique(values, return_index=True)[1].tolist())
        elif not column.numeric or len(values) <= CHECKED:
            places.update(range(len(values)))
        else:
            places.update((0, len(values) - 1, int(values.argmin()), int(values.argmax())))
    return sorted(places)
