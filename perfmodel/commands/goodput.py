"""The verb `goodput`: how much of its time a job turns into work, between failures."""

import time
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

CASES = ("low", "base", "high")
"""Reliability configs that ship, fewest failures first."""


def goodput(
    site: str,
    workload: str,
    *overrides: str,
    partition: int = 0,
    storage: str = "tectonic",
    reliability: Annotated[list[str] | None, Parameter(consume_multiple=True, negative=())] = None,
    way: Literal["synchronous", "asynchronous", "memory", "elastic"] = "asynchronous",
    out: Path = Path("goodput"),
    format: Literal["table", "json", "csv"] = "table",
    device: Literal["auto", "cpu", "gpu", "tpu"] = "auto",
    configs: Annotated[list[Path] | None, Parameter(negative=())] = None,
) -> int:
    """Goodput of one job on one site: failures, checkpoints, restarts, spares, low to high.

    Parameters
    ----------
    site
        Name of a site.
    workload
        Name of a workload.
    overrides
        Changes such as storage.write_bandwidth="500 GB/s" reliability.restart.detect="5 min"
        chip.memory.bandwidth="10 TB/s" layout.tp=4.
    partition
        Which partition of the site, counted from 0.
    storage
        Name of a storage config.
    reliability
        Names of reliability configs, which are low, base and high when not given.
    way
        How the job saves its state and comes back; the table compares all four.
    out
        Folder for the tables and the figure.
    format
        A table for people, JSON with a stable schema, or the cases as CSV.
    device
        Where the kernels run.
    configs
        Folders with configs of your own, looked at before the shipped ones.
    """
    started = time.perf_counter()
    from perfmodel.commands.goodput_answer import Answer, Asked, ask, deliver
    from perfmodel.config.library import Library

    cases = tuple(reliability or CASES)
    asked = Asked(site, workload, tuple(overrides), partition, storage, cases, way)
    question = ask(asked, Library(configs or ()))
    return deliver(asked, question, Answer(out, format, device, started))
