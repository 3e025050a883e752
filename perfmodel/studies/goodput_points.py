"""Published operating points of large jobs beside the closed form: plausibility, nothing fitted."""

import csv
from collections.abc import Mapping, Sequence
from typing import Any

from perfmodel.config.library import shipped
from perfmodel_kernels._typing import Real
from perfmodel_kernels.checkpoints import Interruption, Saving, daly_interval, goodput
from perfmodel_kernels.recovery import Elastic, elastic_goodput

NODE = 8.0
"""Chips of the nodes that published rates refer to."""

DAY = 86400.0
FILE = "goodput.csv"

RESTARTS = (60.0, 180.0, 300.0, 600.0)
"""Restarts of the sheet, from recovery without checkpoints to a stall at scale. [s]"""

BLOCKING = (1.0, 5.0, 20.0)
"""Checkpoints of the sheet. [s]"""

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


def goodput_sheet(sizes: Sequence[int], rates: Mapping[str, float]) -> list[Row]:
    """Goodput of synchronous checkpoints at their best interval, over all that decides it.

    Parameters
    ----------
    sizes
        Chips.
    rates
        Failures per chip by the name of their case. [1/s]

    Returns
    -------
    list[Row]
        A row per size, rate, restart and checkpoint.
    """
    return [
        {
            "chips": chips,
            "case": name,
            "mtti_s": 1.0 / (rate * chips),
            "restart_s": restart,
            "write_s": blocking,
            "goodput": float(_synchronous(1.0 / (rate * chips), restart, blocking)),
        }
        for chips in sizes
        for name, rate in rates.items()
        for restart in RESTARTS
        for blocking in BLOCKING
    ]


def _synchronous(mtti: float, restart: float, blocking: float) -> Real:
    stop = Interruption(mtti, restart)
    return goodput(daly_interval(blocking, mtti), Saving(blocking, 0.0, 0.0, 0.0), stop)


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
    return float(_synchronous(mtti, restart, blocking))
