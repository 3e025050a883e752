"""The verb `cost`: euros and carbon of a job on a site, or what a programme's budget buys."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

CASES = ("low", "base", "high")
"""Configs of costs and of reliability that ship, the cheapest first."""

DESIGNS = ("gigafactory-h100", "gigafactory-gb200", "gigafactory")
"""Sites that a programme's budget is spent on, one per chip generation with a price."""


def cost(
    site: str | None = None,
    workload: str | None = None,
    *overrides: str,
    programme: str | None = None,
    design: Annotated[list[str] | None, Parameter(consume_multiple=True, negative=())] = None,
    storage: str = "tectonic",
    years: int = 5,
    out: Path | None = None,
    format: Literal["table", "json", "csv"] = "table",
    device: Literal["auto", "cpu", "gpu", "tpu"] = "auto",
    configs: Annotated[list[Path] | None, Parameter(negative=())] = None,
) -> int:
    """Cost and carbon of a job on a site, low to high, or what a programme buys.

    Parameters
    ----------
    site
        Name of a site.
    workload
        Name of a workload.
    overrides
        Changes such as cost.utilization=0.5 cost.capital.public_share=0 chip.power_cap="500 W".
    programme
        Name of a programme config, in place of site and workload.
    design
        Sites that its budget is spent on, one per chip generation when not given.
    storage
        Name of a storage config, for the goodput.
    years
        Years over which the price of the same work is followed, 0 to 30.
    out
        Folder for the tables and the figure of a job.
    format
        A table for people, JSON with a stable schema, or the rows as CSV.
    device
        Where the kernels run.
    configs
        Folders with configs of your own, looked at before the shipped ones.
    """
    from perfmodel.commands.cost_answer import Asked, deliver
    from perfmodel.config.library import Library

    names = (site, workload, programme)
    asked = Asked(*names, tuple(overrides), tuple(design or DESIGNS), storage, CASES, years, out)
    return deliver(asked, Library(configs or ()), format, device)
