"""JSON Schemas of the verbs that judge and fit the model: `validate` and `calibrate`."""

from collections.abc import Mapping
from typing import Any

Schema = dict[str, Any]

COUNT: Schema = {"type": "integer"}
NUMBER: Schema = {"type": ["number", "null"]}
TEXT: Schema = {"type": "string"}
FLAG: Schema = {"type": "boolean"}
WALL: Schema = {"type": "number", "description": "Our own run time.", "x-unit": "s"}


def validation_schema() -> Schema:
    """Answer of `validate`: errors of all rows at the top, those of each set under ``sets``."""
    properties = {
        **_errors(),
        "per_row": _listed(_object(_row(), "A measured row and its prediction.")),
        "sets": {"type": "object", "additionalProperties": _object(_set(), "One set.")},
        "gate": _listed(_object(_failure(), "A bound that fails.")),
        "files": _listed(TEXT),
        "wall_s": WALL,
    }
    return {"title": "Answer of `validate`", **_object(properties, "Errors are fractions.")}


def calibration_schema() -> Schema:
    """Answer of `calibrate`: each fit with its parameters."""
    properties = {
        "fits": {"type": "object", "additionalProperties": _object(_fit(), "One fit.")},
        "files": _listed(_said(TEXT, "Config file that was changed.")),
        "wall_s": WALL,
    }
    return {"title": "Answer of `calibrate`", **_object(properties, "Parameters are in SI.")}


def _fit() -> dict[str, Schema]:
    return {
        "title": TEXT,
        "rows": _said(COUNT, "Rows that it was fitted to."),
        "cost_before": _said(NUMBER, "Half the robust sum of squares at the priors."),
        "cost_after": _said(NUMBER, "The same with the fitted values, priors included."),
        "noise_ratio": _said(NUMBER, "Spread of the residuals over the expected noise."),
        "converged": FLAG,
        "parameters": _listed(_object(_parameter(), "One fitted parameter.")),
        "notes": _listed(TEXT),
    }


def _parameter() -> dict[str, Schema]:
    shares = {"type": "object", "additionalProperties": {"type": "number"}}
    return {
        "name": TEXT,
        "unit": TEXT,
        "value": NUMBER,
        "standard_error": _said(NUMBER, "Null at a bound."),
        "prior": NUMBER,
        "prior_spread": _said(NUMBER, "Of the logarithm where the scale is log."),
        "scale": _said(TEXT, "log or linear."),
        "low": NUMBER,
        "high": NUMBER,
        "bound": _said(TEXT, "low or high where it lies on a bound, else empty."),
        "identified": FLAG,
        "gain": _said(NUMBER, "Information of the data over that of the prior."),
        "information": _said(shares, "Share by group of data and of the prior."),
        "identified_by": TEXT,
    }


def _figures() -> dict[str, Schema]:
    return {
        "rows": _said(COUNT, "Rows that were to be judged."),
        "predicted": _said(COUNT, "Rows with a prediction."),
        "skipped": _said(COUNT, "Rows without one."),
        "mape": _said(NUMBER, "Mean absolute relative error."),
        "median_ape": _said(NUMBER, "Median absolute relative error."),
        "bias": _said(NUMBER, "Mean signed relative error, above zero where predicted too large."),
        "p90_ape": _said(NUMBER, "90th percentile of the absolute relative error."),
        "pairwise_order": _said(NUMBER, "Share of pairs more than 3 % apart in the right order."),
        "pairs": _said(COUNT, "Such pairs."),
        "coverage_90": _said(NUMBER, "Share of measurements inside their 90 % interval."),
    }


def _errors() -> dict[str, Schema]:
    groups = {"type": "object", "additionalProperties": _object(_figures(), "One group.")}
    return {
        **_figures(),
        "macro_mape": _said(NUMBER, "Mean of the families' mean errors."),
        "families": _said(COUNT, "Families with at least five judged rows."),
        "groups": groups,
    }


def _set() -> dict[str, Schema]:
    groups = {"type": "object", "additionalProperties": _object(_figures(), "One group.")}
    tables = {"type": "object", "additionalProperties": groups}
    return {
        "title": TEXT,
        "quantity": _said(TEXT, "What was measured."),
        "unit": _said(TEXT, "Its SI unit."),
        "by": _said(TEXT, "What the groups are."),
        **_errors(),
        "baselines": {"type": "object", "additionalProperties": _object(_errors(), "A model.")},
        "tables": _said(
            tables, "Errors by further groupings, mean errors of simpler models beside."
        ),
        "apart": _said(groups, "Rows that do not count in the errors, by the reason."),
        "with_apart": _object(_figures(), "Errors with these rows among the others."),
        "excluded": {"type": "object", "additionalProperties": COUNT},
        "notes": _listed(TEXT),
    }


def _row() -> dict[str, Schema]:
    numbers = ("measured", "predicted", "low", "high", "ape")
    texts = {
        **dict.fromkeys(("id", "set", "group"), TEXT),
        "quantity": _said(TEXT, "What was measured."),
        "unit": _said(TEXT, "Its SI unit."),
        "skipped": _said(TEXT, "Reason, or empty."),
        "apart": _said(TEXT, "Why it does not count in the errors, or empty."),
    }
    return {**texts, **dict.fromkeys(numbers, NUMBER)}


def _failure() -> dict[str, Schema]:
    texts = dict.fromkeys(("set", "group", "figure", "text"), TEXT)
    return {**texts, "value": NUMBER, "bound": NUMBER}


def _said(schema: Schema, description: str) -> Schema:
    return {**schema, "description": description}


def _listed(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def _object(properties: Mapping[str, Schema], description: str) -> Schema:
    return {
        "type": "object",
        "description": description,
        "properties": dict(properties),
        "required": list(properties),
    }
