"""A design as rows: the way to it, what its budgets are worth, where its figures stand."""

from collections.abc import Sequence
from typing import Any

from perfmodel.results.columns import COLUMNS
from perfmodel.studies.best_layout import Row
from perfmodel.studies.codesign import Answer
from perfmodel.studies.design_question import COST, Design
from perfmodel.studies.design_step import cost_of


def step_rows(design: Design, found: Answer, keys: Sequence[str]) -> list[Row]:
    """The designs on the way, the start first.

    Parameters
    ----------
    design
        The question.
    found
        The answer.
    keys
        Quantities to tell.

    Returns
    -------
    list[Row]
        One per step; figures by their names, in SI.
    """
    return [
        {"step": number, "layout": step.row["layout"]}
        | {key: step.row[key] for key in keys}
        | {"cost_eur": cost_of(design, step.values)}
        | dict(zip([one.name for one in design.figures], step.values.tolist(), strict=True))
        for number, step in enumerate(found.steps)
    ]


def budget_rows(design: Design, found: Answer) -> list[Row]:
    """Budgets: what is spent, whether that is all, and what one more would be worth.

    Parameters
    ----------
    design
        The question.
    found
        The answer.

    Returns
    -------
    list[Row]
        One per budget. `elasticity` is the relative gain of the objective by relative room, `worth`
        its gain by room in SI; a gain of energy per token is less of it.
    """
    value = found.row[COLUMNS[design.objective].key]
    rows = []
    for one in design.budgets:
        is_cost = one.aim == COST
        spent = (
            cost_of(design, found.steps[-1].values) if is_cost else found.row[COLUMNS[one.aim].key]
        )
        by = found.forces.budgets.get(one.name, 0.0)
        rows.append(
            {
                "budget": one.name,
                "limit": one.limit,
                "spent": spent,
                "unit": one.unit,
                "reached": one.name in found.forces.budgets,
                "elasticity": by * one.limit if is_cost else by,
                "worth": by * value if is_cost else by * value / one.limit,
            }
        )
    return rows


def bound_rows(design: Design, found: Answer) -> list[Row]:
    """Figures: where they stand between their bounds, and what another bound would be worth.

    Parameters
    ----------
    design
        The question.
    found
        The answer.

    Returns
    -------
    list[Row]
        One per free figure. `elasticity` is the relative gain of the objective by relative change
        of the bound that is reached, negative where a lower bound should be lower still.
    """
    texts: dict[str, Any] = {
        one.figure.name: one.figure.text(float(value))
        for one, value in zip(design.free, found.steps[-1].values, strict=True)
    }
    return [
        {
            "field": one.figure.name,
            "start": one.figure.value,
            "value": float(value),
            "lowest": one.low,
            "highest": one.high,
            "unit": one.figure.unit,
            "text": texts[one.figure.name],
            "at": _at(found.forces.bounds.get(one.figure.name, 0.0)),
            "elasticity": found.forces.bounds.get(one.figure.name, 0.0),
        }
        for one, value in zip(design.free, found.steps[-1].values, strict=True)
    ]


def _at(force: float) -> str:
    """The bound that holds a figure back."""
    if force == 0.0:
        return ""
    return "highest" if force > 0.0 else "lowest"
