"""The gate: bounds on the errors of groups of measurements, and which of them fail."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from perfmodel.config.documents import FieldPath, Place, read
from perfmodel.config.faults import Fault, Faults, attempt, nearest, one_of, refuse, short_path
from perfmodel.config.schema.gate import Bounds
from perfmodel.config.validation import validate
from perfmodel.studies.judged import Judged, groupings, scored
from perfmodel.studies.scores import Figures, Score

ALL = "all"
"""Group that holds every row of a set."""

Gate = Mapping[str, Mapping[str, Bounds]]
"""Set, then group, to the bounds of its errors."""

UPPER = ("mape", "median_ape", "p90_ape", "bias", "skipped", "macro_mape", "coverage_90_most")
"""Figures that may not be larger than their bound; others may not be smaller."""


class Failure(NamedTuple):
    """A figure that its bound does not admit."""

    set: str
    """Set of measurements."""
    group: str
    """Group of its rows."""
    figure: str
    """Figure, empty where the group has no rows."""
    value: float
    """What it is."""
    bound: float
    """What it may be."""

    def __str__(self) -> str:
        """One line for people."""
        place = f'{self.set}, "{self.group}"'
        if not self.figure:
            return f"{place}: the gate names this group, but it has no judged rows"
        side = "above" if self.figure in UPPER else "below"
        if self.value != self.value:
            return f"{place}: {self.figure} does not exist, its bound is {self.bound:.4g}"
        return f"{place}: {self.figure} is {self.value:.4g}, {side} its bound of {self.bound:.4g}"


def read_gate(path: Path, sets: Mapping[str, Any]) -> Gate:
    """Read a file of bounds.

    Parameters
    ----------
    path
        TOML: a table ``[SET."GROUP"]`` with bounds for each group. A group is a family of the set,
        ``all``, or ``GROUPING=GROUP`` of another grouping.
    sets
        Sets that exist, by name.

    Returns
    -------
    Gate
        Bounds by set and group.

    Raises
    ------
    Faults
        All that is wrong with the file.
    """
    table, lines = read(path)
    file = short_path(path)
    found: list[Fault] = []
    gate: dict[str, dict[str, Bounds]] = {}
    for name, groups in table.items():
        # a table of groups alone has no header of its own
        place = Place(file, next((at for path, at in lines.items() if path[0] == name), None))
        if name not in sets:
            found.append(_unknown(name, sets).at(*place))
        elif not isinstance(groups, dict):
            found.append(Fault(problem="no table of groups", field=name).at(*place))
        else:
            read_one = _Reader(file, lines, name)
            gate[name] = {
                group: bounds
                for group, values in groups.items()
                if (bounds := attempt(found, read_one.bounds, group, values)) is not None
            }
    refuse(sorted(found, key=lambda fault: fault.line or 0))
    return gate


class _Reader(NamedTuple):
    """Where the groups of one set stand."""

    file: str
    lines: Mapping[FieldPath, int]
    set: str

    def bounds(self, group: str, values: Any) -> Bounds:
        """Bounds of one group."""
        path: FieldPath = (self.set, group)
        field = f'{self.set}."{group}"'
        line = self.lines.get(path)
        if not isinstance(values, dict) or not values:
            expected = "one or more bounds, such as median_ape = 0.12"
            raise Faults(
                [Fault(problem="no bounds", field=field, expected=expected).at(*self._at(path))]
            )
        try:
            return validate(Bounds, values, lambda inner: self._at((*path, *inner)))
        except Faults as error:
            faults = error.faults
        raise Faults(
            replace(fault, field=f"{field}.{fault.field}", line=fault.line or line)
            for fault in faults
        )

    def _at(self, path: FieldPath) -> Place:
        return Place(self.file, self.lines.get(path))


def check(sets: Mapping[str, Judged], gate: Gate) -> list[Failure]:
    """Hold sets to their bounds.

    Parameters
    ----------
    sets
        Sets that were validated; the gate may name others, which are passed over.
    gate
        Bounds by set and group.

    Returns
    -------
    list[Failure]
        Every figure that fails, and every group of the gate that has no judged rows.
    """
    return [
        failure
        for name, judged in sets.items()
        for group, bounds in gate.get(name, {}).items()
        for failure in _failures(name, judged, group, bounds)
    ]


def _failures(name: str, judged: Judged, group: str, bounds: Bounds) -> Iterator[Failure]:
    grouping, _, member = group.partition("=")
    known = grouping in groupings(judged) and bool(member)
    result = scored(judged, grouping if known else "")
    figures = result.figures if group == ALL else result.groups.get(member if known else group)
    if figures is None or not figures.predicted:
        yield Failure(name, group, "", float("nan"), float("nan"))
        return
    for figure, bound in bounds.model_dump(exclude_none=True).items():
        value = _figure(figure, figures, result)
        holds = value <= bound if figure in UPPER else value >= bound
        if not holds:
            yield Failure(name, group, figure, value, bound)


def _figure(name: str, figures: Figures, result: Score) -> float:
    derived = {
        "bias": abs(figures.bias),
        "skipped": figures.skipped / figures.rows,
        "macro_mape": result.macro_mape,
        "coverage_90_most": figures.coverage_90,
    }
    return derived[name] if name in derived else getattr(figures, name)


def _unknown(name: str, sets: Mapping[str, Any]) -> Fault:
    close = nearest(name, sets)
    expected = "" if close or not sets else one_of(sets)
    return Fault(
        problem="no such set of measurements", field=name, expected=expected, nearest=close
    )
