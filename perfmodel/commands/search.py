"""The verb `search`: the best layouts of one job on one site, the front, and why others lose."""

import time
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter


def search(
    site: str,
    workload: str,
    *overrides: str,
    partition: int = 0,
    top: int = 10,
    objective: Literal[
        "throughput",
        "energy",
        "power-limited",
        "memory",
        "useful-throughput",
        "cost",
        "carbon",
    ] = "throughput",
    case: Literal["low", "base", "high"] = "base",
    storage: str = "tectonic",
    way: Literal["synchronous", "asynchronous", "memory", "elastic"] = "asynchronous",
    pareto: str = "",
    where: Annotated[list[str] | None, Parameter(consume_multiple=True, negative=())] = None,
    axes: Literal["few", "usual", "all"] = "usual",
    explain: Annotated[list[str] | None, Parameter(negative=())] = None,
    decide: int = 4,
    out: Path | None = None,
    format: Literal["table", "json", "csv"] = "table",
    device: Literal["auto", "cpu", "gpu", "tpu"] = "auto",
    require: Annotated[list[str] | None, Parameter(negative=())] = None,
    configs: Annotated[list[Path] | None, Parameter(negative=())] = None,
) -> int:
    """Search the best layouts of one job: top list, front between aims, why the others lose.

    Parameters
    ----------
    site
        Name of a site.
    workload
        Name of a workload.
    overrides
        Changes such as site.chips=4096 workload.batch.sequences=4096. A layout.* names a layout to
        explain against the best one.
    partition
        Which partition of the site, counted from 0.
    top
        Layouts to list, at most 16.
    objective
        What is to be best: tokens/s, energy per token, tokens/s under the grid connection of the
        site, memory left, tokens/s between failures, or euros or carbon of a token that is kept.
    case
        Failures and prices of the last three: few and low, usual, many and high. Overrides such as
        reliability.failures.rate="0.01 1/d" cost.utilization=0.6 change them.
    storage
        Name of a storage config, for the checkpoints of the last three.
    way
        How the job saves its state and comes back, for the same.
    pareto
        Two to four of time, memory, energy, power, joined by commas: layouts that no other one
        beats in all of them.
    where
        Condition on layouts such as pp<=8, or on results such as memory_fraction<=0.9, in SI units.
    axes
        How much of each axis is tried: what comparisons search, what frameworks offer, or every
        value that the model knows.
    explain
        A layout to hold against the best one, such as tp=8,pp=16,dp=32.
    decide
        How many of the best have their pipelines played operation by operation, which decides
        their order; 0 leaves it to the closed forms.
    out
        Folder for search.parquet, the front and the figures.
    format
        A table for people, JSON with a stable schema, or CSV.
    device
        Where the kernels run.
    require
        Condition on the best layout, such as mfu>=0.4; exit status 1 when it fails.
    configs
        Folders with configs of your own, looked at before the shipped ones.
    """
    started = time.perf_counter()
    from perfmodel.commands.layout_answer import Delivery, Question, ask, deliver
    from perfmodel.config.library import Library
    from perfmodel.studies.requirement import parse_requirements

    question = Question(
        site, workload, overrides, partition, top, objective, pareto, where or (), axes,
        explain or (), decide, require or (), case, storage, way,
    )  # fmt: skip
    scenario, asked = ask(question, Library(configs or ()))
    needs = parse_requirements(require or ())
    return deliver(scenario, asked, Delivery(out, format, device, needs, started))
