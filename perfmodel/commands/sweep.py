"""The verb `sweep`: many scenarios, the best layout of each or a named one, kept as they come."""

import time
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter


def sweep(
    first: str,
    *texts: str,
    partition: int = 0,
    samples: int = 0,
    seed: int = 0,
    objective: Literal["throughput", "energy", "power-limited", "memory"] | None = None,
    space: Literal["few", "usual", "all"] | None = None,
    where: Annotated[list[str] | None, Parameter(consume_multiple=True, negative=())] = None,
    top: int = 10,
    dry_run: Annotated[bool, Parameter(negative=())] = False,
    yes: Annotated[bool, Parameter(negative=())] = False,
    chunk: int = 0,
    cluster: str = "",
    cluster_settings: Path | None = None,
    shard: str = "",
    out: Path | None = None,
    format: Literal["table", "json", "csv"] = "table",
    device: Literal["auto", "cpu", "gpu", "tpu"] = "auto",
    require: Annotated[list[str] | None, Parameter(negative=())] = None,
    configs: Annotated[list[Path] | None, Parameter(negative=())] = None,
) -> int:
    """Sweep many scenarios and keep the results as they come: the same command goes on with a run.

    Parameters
    ----------
    first
        Name or file of a sweep; or a site, with a workload behind it.
    texts
        Overrides, and axes such as site.chips=25000,100000, chip=h100,gb300,
        node.nic_bandwidth="geomspace(100 Gb/s, 1.6 Tb/s, 9)", range(...), linspace(...),
        "zip(a.b=1,2; c.d=3,4)", or with --samples uniform(...), loguniform(...), choice(...).
        Any layout.* names the layout, otherwise the best one is searched for each point.
    partition
        Which partition of the site, counted from 0.
    samples
        Points to draw where values are distributions, a Sobol sequence.
    seed
        Start of the draws.
    objective
        What the layout of each point is to be best in, and what ranks the points.
    space
        How much of each axis of a layout is tried.
    where
        Condition such as pp<=8 or memory_fraction<=0.9, in SI units.
    top
        Points to list.
    dry_run
        Say how many points there are and what they take, from a sample, and stop.
    yes
        Sweep even millions of points by the tens.
    chunk
        Points of a file; 0 chooses.
    cluster
        Where chunks are computed: local:N, the address of a Dask scheduler, or slurm.
    cluster_settings
        TOML file with the settings of Slurm jobs.
    shard
        Part i/n of the chunks, from 0, for job arrays; taken from SLURM_ARRAY_TASK_ID where that
        is set.
    out
        Folder of the run; `sweep-NAME-` and a word for its inputs when not given.
    format
        A table for people, JSON with a stable schema, or CSV of the best points.
    device
        Where the kernels run.
    require
        Condition on the best point, such as mfu>=0.4; exit status 1 when it fails.
    configs
        Folders with configs of your own, looked at before the shipped ones.
    """
    started = time.perf_counter()
    from perfmodel.commands.sweep_answer import Delivery, deliver
    from perfmodel.commands.sweep_question import Given, asked, shard_of

    needs = ()
    if require:  # what a condition may be about takes a second to load
        from perfmodel.studies.requirement import parse_requirements

        needs = parse_requirements(require)
    given = Given(
        first, texts, partition, samples, seed, objective, space, where or (), chunk, configs or ()
    )
    question = asked(given)
    delivery = Delivery(
        question, top, out, format, device, needs, cluster, cluster_settings, shard_of(shard),
        dry_run, yes, started,
    )  # fmt: skip
    return deliver(delivery)
