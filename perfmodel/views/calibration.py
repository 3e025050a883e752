"""Fitted parameters on the terminal: value, standard error, prior, and what identified each."""

import math
from collections.abc import Mapping
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from perfmodel.views.quantities import MISSING, engineering, three_digits
from perfmodel.views.terminal import table

_HEADS = ("parameter", "value", "standard error", "prior", "identified by")


def terminal_parts(part: Mapping[str, Any]) -> list[RenderableType]:
    """Table of one fit.

    Parameters
    ----------
    part
        The fit, as the JSON answer has it under ``fits``.

    Returns
    -------
    list[RenderableType]
        Parts for :func:`perfmodel.views.terminal.show`.
    """
    lines = [_line(parameter) for parameter in part["parameters"]]
    fitted = (
        f"{len(lines)} parameters, {part['rows']:,} rows; cost {three_digits(part['cost_before'])} "
        f"-> {three_digits(part['cost_after'])}; residuals {three_digits(part['noise_ratio'])} "
        "times the expected noise."
    )
    ended = "" if part["converged"] else "The search did not end at a minimum."
    said = " ".join(filter(None, (fitted, ended, *part["notes"])))
    return [table(part["title"], _HEADS, lines), Text(said)]


def _line(parameter: Mapping[str, Any]) -> list[str]:
    unit = parameter["unit"]
    spread = parameter["prior_spread"]
    wide = f"{spread:.0%}" if parameter["scale"] == "log" else engineering(spread, unit)
    return [
        parameter["name"],
        engineering(parameter["value"], unit),
        _error(parameter),
        f"{engineering(parameter['prior'], unit)} +- {wide}",
        parameter["identified_by"],
    ]


def _error(parameter: Mapping[str, Any]) -> str:
    """Absolute, and relative where the parameter is positive."""
    error = parameter["standard_error"]
    if not math.isfinite(error):  # at a bound
        return MISSING
    if parameter["scale"] == "linear":
        return engineering(error, parameter["unit"])
    return f"{error / parameter['value']:.1%}"
