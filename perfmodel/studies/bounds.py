"""Bounds that a user sets on layouts and results of a search, such as `pp<=8` or `mfu>=0.4`."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from perfmodel.results.columns import COLUMNS, SITE, STEP
from perfmodel.spaces.layouts import FIELDS
from perfmodel.spaces.space import Grid
from perfmodel.studies.requirement import Requirement, parse_requirements

KEYS = (*FIELDS, *(column.key for column in (*STEP, *SITE)))
"""Name of each column of a search: fields of the layout, then outputs in their order."""


class Bounds(NamedTuple):
    """Conditions, all of which a layout has to meet."""

    conditions: Sequence[Requirement]

    def kept(self, grid: Grid) -> NDArray[np.bool_]:
        """Which columns of layouts meet the conditions on fields that are there."""
        keep = np.ones(len(next(iter(grid.values()))), bool)
        for need in self.conditions:
            if need.key in grid:
                keep &= np.asarray(need.holds(grid[need.key], need.limit))  # type: ignore[arg-type]
        return keep

    def columns(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Least and largest value of each column, for what only an evaluation knows."""
        low, high = np.full(len(KEYS), -np.inf), np.full(len(KEYS), np.inf)
        for need in self.conditions:
            if need.key in FIELDS:
                continue
            place, form = KEYS.index(need.key), need.text.replace(need.key, "", 1)
            if ">" in form or "==" in form:
                low[place] = max(low[place], _beyond(need.limit, form, ">"))
            if "<" in form or "==" in form:
                high[place] = min(high[place], _beyond(need.limit, form, "<"))
        return low.astype(np.float32), high.astype(np.float32)


def _beyond(limit: float, form: str, sign: str) -> float:
    """The limit itself, or the next number where it is excluded."""
    if "=" in form:
        return limit
    return float(np.nextafter(np.float32(limit), np.float32(np.inf if sign == ">" else -np.inf)))


def parse_bounds(texts: Iterable[str]) -> Bounds:
    """Reads conditions.

    Parameters
    ----------
    texts
        Field or column, comparison and number in SI, one condition each.

    Returns
    -------
    Bounds
        Conditions.

    Raises
    ------
    Faults
        Names every text that is not a condition.
    """
    known = {column.key for column in COLUMNS.values()} | set(FIELDS)
    return Bounds(parse_requirements(texts, known, "--where"))
