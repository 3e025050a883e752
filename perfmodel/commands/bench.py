"""The verb `bench`: full evaluations per second beside what the device sustains."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

SIZES = (1_000, 10_000, 100_000, 1_000_000, 10_000_000)


def bench(
    site: str = "ai-factory",
    workload: str = "llama3-405b",
    *overrides: str,
    points: Annotated[list[int] | None, Parameter(consume_multiple=True, negative=())] = None,
    virtual: int = 0,
    gradient: bool = False,
    out: Path | None = None,
    format: Literal["table", "json", "csv"] = "table",
    device: Literal["auto", "cpu", "gpu", "tpu"] = "auto",
    configs: Annotated[list[Path] | None, Parameter(negative=())] = None,
) -> int:
    """Measure this program: full evaluations of layouts per second, and the device's own limits.

    Parameters
    ----------
    site
        Name of a site.
    workload
        Name of a workload, whose layouts are evaluated.
    overrides
        Changes such as site.chips=4096.
    points
        Sizes of the searches, such as 1000 1000000; a thousand to ten million when not given.
    virtual
        Devices that the CPU is divided into; one per core when not given.
    gradient
        Time derivatives as well; their programs take a minute to compile.
    out
        File for the figures as JSON, with versions and date. Rows for other numbers of devices that
        it holds already stay.
    format
        A table for people, JSON with a stable schema, or CSV.
    device
        Where the kernels run.
    configs
        Folders with configs of your own, looked at before the shipped ones.
    """
    from perfmodel.commands.speed import Delivery, deliver
    from perfmodel.config.library import Library

    scenario = Library(configs or ()).scenario(site, workload, overrides=overrides)
    return deliver(
        scenario, tuple(points or SIZES), Delivery(out, format, device, virtual, gradient)
    )
