"""Published operating points of large jobs beside the closed form: plausibility, nothing fitted."""

import csv
from typing import Any

from perfmodel.config.library import shipped
from perfmodel_kernels.checkpoints import Interruption, Saving, daly_interval, goodput
from perfmodel_kernels.recovery import Elastic, elastic_goodput

NODE = 8.0
"""Chips of the nodes that published rates refer to."""

DAY = 86400.0
FILE = "goodput.csv"

Row = dict[str, Any]


def published_points() -> list[Row]:
    """Published shares of effective time, and what the closed form says over the stated ranges.

    Returns
    -------
    list[Row]
        One row per point, its prediction as an interval.
    """
    with (shipped() / "validation" / FILE).open(encoding="utf-8", newline="") as file:
        return [_point(row) for row in csv.DictReader(file)]


def _point(row: dict[str, str]) -> Row:
    rate = float(row["failures_per_1000_node_days"]) / 1000.0 / NODE / DAY
    mtti = 1.0 / (rate * float(row["chips"]))
    ends = [_predicted(row, mtti, end) for end in ("high", "low")]
    return {
        "point": row["point"],
        "chips": int(row["chips"]),
        "mtti_s": mtti,
        "predicted_low": ends[0],
        "predicted_high": ends[1],
        "published_low": float(row["published_low"]),
        "published_high": float(row["published_high"]),
        "source": row["source"],
    }


def _predicted(row: dict[str, str], mtti: float, end: str) -> float:
    restart, blocking = (float(row[f"{name}_{end}_s"]) for name in ("restart", "checkpoint"))
    if row["way"] == "elastic":
        return float(elastic_goodput(0.0, mtti, Elastic(0.0, restart)))
    interval = float(daly_interval(blocking, mtti))
    stop = Interruption(mtti, restart)
    return float(goodput(interval, Saving(blocking, 0.0, 0.0, 0.0), stop))
