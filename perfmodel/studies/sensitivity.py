"""Which figure of the hardware matters: relative derivatives of aims by every one of them."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from perfmodel.config.schema.scenario import Scenario
from perfmodel.engine.gradient import Gradients, gradients
from perfmodel.lowering.dual import SLOPED, WHOLE
from perfmodel.lowering.hardware import Figure, hardware_figures
from perfmodel.lowering.jacobian import lower_with_derivatives
from perfmodel.results.columns import elasticity, slope
from perfmodel.studies.best_layout import Row, best_row, layout_of
from perfmodel.studies.power_limit import limit_of
from perfmodel_kernels.layout import Layout

NO_EFFECT = 1e-9
"""Elasticity below which a figure has none: a ten-thousandth of what float32 resolves."""

SAME = 1e-6
"""Difference of two slopes that whole boxes make, over which it is told."""

EFFECT, IN_BOXES, AT_ZERO, NONE = "effect", "whole boxes", "at zero", "no effect"
"""How a figure acts: smoothly; through whole switches and modules too; from zero upwards, where no
elasticity exists; not at all."""


class Sensitivity(NamedTuple):
    """The figures of a machine and what they do."""

    row: Row
    """The estimate; without a layout nothing is derived."""
    rows: list[Row]
    """One per figure, those with the largest elasticity first."""
    above_limit: bool
    """Whether the site draws more than its grid connection carries, which is left aside."""

    @property
    def effective(self) -> list[Row]:
        """Figures that have an elasticity."""
        return [row for row in self.rows if row["effect"] in (EFFECT, IN_BOXES)]

    @property
    def at_zero(self) -> list[Row]:
        """Figures that are zero and whose growth would matter."""
        return [row for row in self.rows if row["effect"] == AT_ZERO]

    @property
    def idle(self) -> list[str]:
        """Names of the others."""
        return [row["field"] for row in self.rows if row["effect"] == NONE]


def sensitivity(scenario: Scenario, aims: Sequence[str]) -> Sensitivity:
    """Derives the aims at the best layout, or at the one that the scenario names.

    Parameters
    ----------
    scenario
        The machine and the job.
    aims
        Names in :data:`perfmodel.engine.gradient.AIMS`.

    Returns
    -------
    Sensitivity
        Rows by figure.
    """
    row = best_row(scenario)
    if not row["layout"]:
        return Sensitivity(row, [], False)
    figures = hardware_figures(scenario)
    whole, mean = (derived(scenario, layout_of(row), figures, counts) for counts in (WHOLE, SLOPED))
    rows = [
        _row(figure, aims, *(_at(one, aims, place) for one in (mean, whole)))
        for place, figure in enumerate(figures)
    ]
    rows.sort(key=lambda one: -max(abs(one[elasticity(aim).key]) for aim in aims))
    return Sensitivity(row, rows, row["site_power_w"] > limit_of(scenario))


def scales(figures: Sequence[Figure]) -> NDArray[np.float64]:
    """By how much figures change where their elasticities are one.

    Parameters
    ----------
    figures
        Figures of a machine.

    Returns
    -------
    NDArray[np.float64]
        Their values; one in SI for a figure that is zero.
    """
    return np.array([figure.value if figure.value != 0.0 else 1.0 for figure in figures])


def derived(
    scenario: Scenario,
    layout: Layout,
    figures: Sequence[Figure],
    counts: int,
    dtype: type = np.float32,
) -> Gradients:
    """Aims and their elasticities by figures, at the values that these have.

    Parameters
    ----------
    scenario
        The machine and the job.
    layout
        Held.
    figures
        What to derive by.
    counts
        How switches and modules are counted, see :mod:`perfmodel.lowering.dual`.
    dtype
        Precision of the kernels.

    Returns
    -------
    Gradients
        Relative change of the aims by relative change of figures; by change where they are zero.
    """
    values = [figure.value for figure in figures]
    lowered = lower_with_derivatives(scenario, figures, values, counts)
    return gradients(lowered.params, layout, lowered.jacobian * scales(figures), dtype)


def _at(found: Gradients, aims: Sequence[str], place: int) -> dict[str, tuple[float, float]]:
    """Value and slope of each aim along one figure."""
    return {aim: (found.values[aim], float(found.slopes[aim][place])) for aim in aims}


def _row(
    figure: Figure,
    aims: Sequence[str],
    mean: dict[str, tuple[float, float]],
    whole: dict[str, tuple[float, float]],
) -> Row:
    is_zero = figure.value == 0.0
    row: Row = {
        "field": figure.name,
        "part": figure.part,
        "value": figure.value,
        "unit": figure.unit,
        "text": figure.text(),
        "effect": _effect(is_zero, mean, whole),
    }
    for aim in aims:
        value, by = mean[aim]
        row[elasticity(aim).key] = 0.0 if is_zero else by
        row[elasticity(aim, "whole").key] = 0.0 if is_zero else whole[aim][1]
        row[slope(aim).key] = by * value / (1.0 if is_zero else figure.value)
    return row | {"meaning": " ".join(figure.meaning.split())}


def _effect(
    is_zero: bool, mean: dict[str, tuple[float, float]], whole: dict[str, tuple[float, float]]
) -> str:
    largest = max(abs(by) for one in (mean, whole) for _, by in one.values())
    if largest <= NO_EFFECT:
        return NONE
    if is_zero:
        return AT_ZERO
    apart = max(abs(mean[aim][1] - whole[aim][1]) for aim in mean)
    return IN_BOXES if apart > SAME else EFFECT
