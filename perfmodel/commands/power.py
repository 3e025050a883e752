"""The verb `power`: megawatts by part, the efficient cap, the year, and what a connection feeds."""

import time
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

DESIGNS = (
    *("gigafactory-h100", "gigafactory-gb200", "gigafactory"),
    *("gigafactory-mi355x", "gigafactory-rubin"),
)
"""One site per chip generation."""


def power(
    site: str,
    workload: str,
    *overrides: str,
    partition: int = 0,
    design: Annotated[list[str] | None, Parameter(consume_multiple=True, negative=())] = None,
    limit: Annotated[list[str] | None, Parameter(consume_multiple=True, negative=())] = None,
    out: Path = Path("power"),
    format: Literal["table", "json", "csv"] = "table",
    device: Literal["auto", "cpu", "gpu", "tpu"] = "auto",
    configs: Annotated[list[Path] | None, Parameter(negative=())] = None,
) -> int:
    """Power of one job on one site: every part, the efficient cap, the year, the connection.

    Parameters
    ----------
    site
        Name of a site.
    workload
        Name of a workload.
    overrides
        Changes such as chip.power_cap="500 W" site.power_limit="100 MW"
        site.outside_temperature="25 degC".
    partition
        Which partition of the site, counted from 0.
    design
        Sites to fill grid connections with, one per chip generation when not given.
    limit
        Grid connections to fill, such as "100 MW" "150 MW", which are those when not given.
    out
        Folder for the tables and the figures.
    format
        A table for people, JSON with a stable schema, or the cap curve as CSV.
    device
        Where the kernels run.
    configs
        Folders with configs of your own, looked at before the shipped ones.
    """
    started = time.perf_counter()
    from perfmodel.commands.power_answer import Answer, Asked, ask, deliver
    from perfmodel.config.library import Library

    library = Library(configs or ())
    scenario = library.scenario(site, workload, overrides=overrides, partition=partition)
    asked = Asked(site, workload, tuple(design or DESIGNS), tuple(limit or ()))
    question = ask(asked, scenario, library)
    return deliver(question, Answer(out, format, device, started))
