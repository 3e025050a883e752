"""The verb `compare`: what a gigafactory buys over an AI factory."""

import time
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

SITES = ("gigafactory", "gigafactory-h100", "ai-factory", "jupiter", "leonardo", "lumi")
WORKLOADS = ("llama3-405b", "deepseek-v3", "dense-2t", "moe-10t")


def compare(
    *targets: str,
    workload: Annotated[list[str] | None, Parameter(consume_multiple=True, negative=())] = None,
    subject: str | None = None,
    base: str = "ai-factory",
    out: Path = Path("compare"),
    format: Literal["table", "json", "csv"] = "table",
    device: Literal["auto", "cpu", "gpu", "tpu"] = "auto",
    require: Annotated[list[str] | None, Parameter(negative=())] = None,
    configs: Annotated[list[Path] | None, Parameter(negative=())] = None,
) -> int:
    """Compare sites: best layout, throughput, time and power split, scaling, and why.

    Without a name: the shipped gigafactories, the AI factory and the named European systems.

    Parameters
    ----------
    targets
        Names of sites, and overrides such as chip.memory.bandwidth="8 TB/s" for the named sites.
    workload
        Workloads to train; the scaling curves are drawn for the first.
    subject
        Site that the ratios and the conclusion are about; the first one when not given.
    base
        Site that the others are compared with.
    out
        Folder for compare.parquet, the other tables and the figures.
    format
        A table for people, JSON with a stable schema, or CSV.
    device
        Where the kernels run.
    require
        Condition on every row, such as mfu>=0.4, in SI units; exit status 1 when one fails.
    configs
        Folders with configs of your own, looked at before the shipped ones.
    """
    started = time.perf_counter()
    from perfmodel.commands.comparison import Answer, deliver
    from perfmodel.config.library import Library
    from perfmodel.studies.question import Asked, ask, split_targets
    from perfmodel.studies.requirement import parse_requirements

    names, overrides = split_targets(targets)
    needs = parse_requirements(require or ())
    asked = Asked(names or SITES, workload or WORKLOADS, overrides, subject, base)
    question = ask(asked, Library(configs or ()))
    return deliver(question, Answer(out, format, needs, device, started))
