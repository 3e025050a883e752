"""The verb `report`: a stored run as one page."""

import time
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter


def report(
    run: Path,
    *,
    where: Annotated[list[str] | None, Parameter(consume_multiple=True, negative=())] = None,
    out: Path | None = None,
    format: Literal["table", "json"] = "table",
) -> int:
    """Write a stored run as one HTML file with figures and tables, which needs no network.

    Parameters
    ----------
    run
        Folder of the run.
    where
        Condition on points such as chip=h100 or "fabric.nic_bandwidth>=400 Gb/s".
    out
        The file; report.html in the folder of the run when not given.
    format
        A line for people, or JSON with a stable schema.
    """
    started = time.perf_counter()
    from perfmodel.commands.run_views import Delivery, deliver_report
    from perfmodel.results.dataset import open_run

    stored = open_run(run)
    conditions = stored.conditions(where or ())
    return deliver_report(stored, conditions, Delivery(out, format, started))
