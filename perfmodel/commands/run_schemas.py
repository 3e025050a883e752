"""JSON Schemas of the verbs that make, repeat and draw stored runs."""

from collections.abc import Callable
from typing import Any

WALL = {"type": "number", "description": "Our own run time.", "x-unit": "s"}
"""Run time, as every answer has it."""


def sweep_schema() -> dict[str, Any]:
    """Schema of what `sweep` prints."""
    counts = {"type": "object", "additionalProperties": {"type": "integer"}}
    rows = {"type": "array", "items": {"type": "object"}}
    properties = {
        "points": {"type": "integer", "description": "Points whose results are kept."},
        "feasible_points": {"type": "integer", "description": "Of them, those with a layout."},
        "layouts": {"type": "integer", "description": "Full evaluations that they took."},
        "complete": {"type": "boolean", "description": "Whether all points are there."},
        "objective": {"type": "string"},
        "best": {**rows, "description": "Rows as the files hold them, best first."},
        "infeasible_by_reason": {**counts, "description": "Points by reason."},
        "points_per_second": {"type": "number", "description": "Computed now, over `wall_s`."},
        "files": {"type": "array", "items": {"type": "string"}},
        "wall_s": WALL,
    }
    title = "Answer of `sweep`"
    return {"title": title, "type": "object", "properties": properties, "required": [*properties]}


def rerun_schema() -> dict[str, Any]:
    """Schema of what `rerun` prints."""
    pairs = {"type": "object", "additionalProperties": {"type": "array"}}
    gaps = {"type": "object", "additionalProperties": {"type": ["number", "null"]}}
    properties = {
        "files": {"type": "integer", "description": "Files that were computed again."},
        "equal": {"type": "integer", "description": "Of them, those with the same values."},
        "differences": {**gaps, "description": "Largest relative ones; null for other values."},
        "changed": {**pairs, "description": "Versions, code and device, then and now."},
        "same": {"type": "boolean"},
        "wall_s": WALL,
    }
    title = "Answer of `rerun`"
    return {"title": title, "type": "object", "properties": properties, "required": [*properties]}


def view_schema(verb: str) -> Callable[[], dict[str, Any]]:
    """Schema of what a verb prints that draws a stored run."""
    properties = {
        "run": {"type": "string", "description": "Folder of the run."},
        "title": {"type": "string"},
        "points": {"type": "integer", "description": "Of the whole run."},
        "chunks": {"type": "integer", "description": "Of the whole run."},
        "chunks_there": {"type": "integer", "description": "Of them, those that are there."},
        "files": {"type": "array", "items": {"type": "string"}},
        "wall_s": WALL,
    }
    title = f"Answer of `{verb}`"
    return lambda: {
        "title": title,
        "type": "object",
        "properties": properties,
        "required": [*properties],
    }
