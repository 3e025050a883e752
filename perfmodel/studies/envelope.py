"""Whether a layout lies where the model has been held to measurements."""

import csv
from functools import cache

import numpy as np

from perfmodel.config.measurements import shipped_measurements
from perfmodel.studies.best_layout import Row

COLUMNS = {
    "tp": "tp",
    "cp": "cp",
    "pp": "pp",
    "vpp": "vpp_n",
    "ep": "ep",
    "etp": "etp",
    "dp": "dp",
    "micro_batch": "mbs",
    "micro_batches": "ga",
}
"""Field of a layout to the column of published runs that states it."""

NAMES = {
    "tp": "TP",
    "cp": "CP",
    "pp": "PP",
    "vpp": "VPP",
    "ep": "EP",
    "etp": "ETP",
    "dp": "DP",
    "micro_batch": "micro-batch",
    "micro_batches": "micro-batches",
}
"""Field to what people read."""

LEAST = 3
"""Runs that must reach a value before it counts as covered."""


@cache
def largest() -> dict[str, float]:
    """Largest value of each degree that enough published runs reach.

    Returns
    -------
    dict[str, float]
        By field of a layout.
    """
    found: dict[str, list[float]] = {field: [] for field in COLUMNS}
    for path in sorted(shipped_measurements("runs").glob("*.csv")):
        with path.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                for field, column in COLUMNS.items():
                    if (value := _number(row.get(column))) is not None:
                        found[field].append(value)
    return {field: _reached(values) for field, values in found.items()}


def _number(cell: str | None) -> float | None:
    try:
        return float(cell or "")
    except ValueError:
        return None


def _reached(values: list[float]) -> float:
    ordered = np.sort(values)[::-1]
    return float(ordered[LEAST - 1]) if len(ordered) >= LEAST else 1.0


def outside(row: Row) -> str:
    """What of a layout no published run of the validation set comes near.

    Parameters
    ----------
    row
        Degrees by name of the field.

    Returns
    -------
    str
        Degrees beyond the largest that at least three runs use, empty where there are none.
    """
    reached = largest()
    beyond = [
        f"{name} {row[field]:,} (runs: to {reached[field]:,.0f})"
        for field, name in NAMES.items()
        if row[field] > reached[field]
    ]
    offloaded = row["offload_states"] > 0 or row["offload_activations"] > 0
    return ", ".join(beyond + (["offload"] if offloaded else []))
