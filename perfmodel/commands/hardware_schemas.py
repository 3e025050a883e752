"""JSON Schemas of the answers of `sensitivity` and `codesign`."""

from typing import Any

from perfmodel.commands.run_schemas import WALL

TEXTS = ("site", "workload", "chip", "stack")
"""Names that both answers repeat."""

_NUMBERS = {"type": "object", "additionalProperties": {"type": ["number", "null"]}}
_LISTED = {"type": "array", "items": {"type": "string"}}


def sensitivity_schema() -> dict[str, Any]:
    """What `sensitivity` prints.

    Returns
    -------
    dict[str, Any]
        JSON Schema without its draft.
    """
    figure = {
        "field": {"type": "string", "description": "What an override calls it."},
        "part": {"type": "string", "description": "chip, node, fabric or facility."},
        "value": {"type": "number", "description": "In SI."},
        "unit": {"type": "string", "description": "SI unit, empty for a share."},
        "text": {"type": "string", "description": "The value as people write it."},
        "effect": {
            "type": "string",
            "enum": ["effect", "whole boxes", "at zero", "no effect"],
            "description": "How it acts; whole boxes: on numbers of switches and modules too.",
        },
        "meaning": {"type": "string"},
    }
    properties = {
        **{name: {"type": "string"} for name in (*TEXTS, "layout", "reason")},
        "chips": {"type": "integer"},
        "feasible": {"type": "boolean"},
        "above_power_limit": {
            "type": "boolean",
            "description": "The site draws more than its grid connection carries, left aside.",
        },
        "of": {**_LISTED, "description": "Quantities that were derived."},
        "values": {**_NUMBERS, "description": "Their values, by column key."},
        "figures": {
            "type": "array",
            "description": "One per figure, those that matter most first; for each quantity "
            "`*_elasticity` with switches and modules counted in the mean, "
            "`*_elasticity_whole` between two whole ones, and `*_slope` in SI over SI.",
            "items": {"type": "object", "properties": figure, "required": [*figure]},
        },
        "no_effect": {**_LISTED, "description": "Figures that change nothing here."},
        "files": _LISTED,
        "wall_s": WALL,
    }
    return _schema("Answer of `sensitivity`", properties)


def codesign_schema() -> dict[str, Any]:
    """What `codesign` prints.

    Returns
    -------
    dict[str, Any]
        JSON Schema without its draft.
    """
    budget = {
        "budget": {"type": "string"},
        "limit": {"type": "number", "description": "In SI."},
        "spent": {"type": "number", "description": "In SI."},
        "unit": {"type": "string"},
        "reached": {"type": "boolean"},
        "elasticity": {"type": "number", "description": "Relative gain by relative room."},
        "worth": {"type": "number", "description": "Gain of the objective by room, in SI."},
    }
    bound = {
        "field": {"type": "string"},
        **{
            name: {"type": "number", "description": "In SI."}
            for name in ("start", "value", "lowest", "highest")
        },
        "unit": {"type": "string"},
        "text": {"type": "string", "description": "The value of the design as people write it."},
        "at": {"type": "string", "enum": ["", "lowest", "highest"]},
        "elasticity": {"type": "number", "description": "Gain by change of the bound, relative."},
    }
    rows = {"type": "array", "items": {"type": "object"}}
    properties = {
        **{name: {"type": "string"} for name in TEXTS},
        "chips": {"type": "integer"},
        "objective": {"type": "string"},
        "steps": {**rows, "description": "Designs on the way, the start first; figures in SI."},
        "design": {"type": "object", "description": "Estimate of the last one, by column key."},
        "overrides": {**_LISTED, "description": "What gives the design to `estimate`."},
        "command": {"type": "string", "description": "The same as a whole command."},
        "budgets": _rows(budget),
        "bounds": {**_rows(bound), "description": "The figures between their bounds."},
        "memory_elasticity": {
            "type": "number",
            "description": "Relative gain by more memory, where its size is free and filled.",
        },
        "unexplained": {
            "type": "number",
            "description": "Share of the objective's slope that no bound or budget explains.",
        },
        "converged": {"type": "boolean"},
        "files": _LISTED,
        "wall_s": WALL,
    }
    return _schema("Answer of `codesign`", properties)


def _rows(properties: dict[str, Any]) -> dict[str, Any]:
    row = {"type": "object", "properties": properties, "required": [*properties]}
    return {"type": "array", "items": row}


def _schema(title: str, properties: dict[str, Any]) -> dict[str, Any]:
    return {"title": title, "type": "object", "properties": properties, "required": [*properties]}
