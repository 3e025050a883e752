"""The verb `train-time`: how long a run takes, and the largest model of a stretch of time."""

import time
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter


def train_time(
    site: str,
    workload: str,
    *overrides: str,
    tokens: float | None = None,
    days: float = 90.0,
    partition: int = 0,
    storage: str = "tectonic",
    scaling: str = "chinchilla-refit",
    way: Literal["synchronous", "asynchronous", "memory", "elastic"] = "asynchronous",
    out: Path = Path("train-time"),
    format: Literal["table", "json", "csv"] = "table",
    device: Literal["auto", "cpu", "gpu", "tpu"] = "auto",
    configs: Annotated[list[Path] | None, Parameter(negative=())] = None,
) -> int:
    """Time, energy, cost and carbon of a run; what batch reaches a loss first; the best model.

    Parameters
    ----------
    site
        Name of a site.
    workload
        Name of a workload.
    overrides
        Changes such as workload.batch.sequences=4096 scaling.critical_batch.factor=3
        reliability.failures.rate="0.01 1/d" layout.tp=4.
    tokens
        Tokens to train; those of the workload when not given.
    days
        Time in which the site trains the model with the least loss. [d]
    partition
        Which partition of the site, counted from 0.
    storage
        Name of a storage config.
    scaling
        Name of a config of the laws of training runs.
    way
        How the job saves its state and comes back.
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
    from perfmodel.commands.train_time_answer import Answer, Asked, ask, deliver
    from perfmodel.config.library import Library
    from perfmodel.studies.surroundings import Named

    named = Named(storage, scaling, way)
    asked = Asked(site, workload, tuple(overrides), partition, named, tokens, days)
    question = ask(asked, Library(configs or ()))
    return deliver(asked, question, Answer(out, format, device, started))
