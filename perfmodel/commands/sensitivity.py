"""The verb `sensitivity`: which figure of the hardware matters for one job on one site."""

import time
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter


def sensitivity(
    site: str,
    workload: str,
    *overrides: str,
    partition: int = 0,
    of: str = "tokens_per_s,energy_per_token,site_power",
    top: int = 20,
    out: Path | None = None,
    format: Literal["table", "json", "csv"] = "table",
    device: Literal["auto", "cpu", "gpu", "tpu"] = "auto",
    configs: Annotated[list[Path] | None, Parameter(negative=())] = None,
) -> int:
    """Say which hardware figure matters: elasticities by every one of chip, node, fabric and site.

    Parameters
    ----------
    site
        Name of a site.
    workload
        Name of a workload.
    overrides
        Changes such as chip.memory.bandwidth="10 TB/s". Any layout.* names the layout, otherwise
        the best one is searched; it is held either way.
    partition
        Which partition of the site, counted from 0.
    of
        Quantities, joined by commas: tokens_per_s, energy_per_token, site_power,
        provisioned_power, step_time, mfu, chip_power, memory_fraction.
    top
        Figures to list in the table and to draw, those that matter most.
    out
        Folder for sensitivity.parquet and the figure.
    format
        A table for people, JSON with a stable schema, or CSV.
    device
        Where the kernels run.
    configs
        Folders with configs of your own, looked at before the shipped ones.
    """
    started = time.perf_counter()
    from perfmodel.commands.sensitivity_answer import Asked, Delivery, ask, deliver
    from perfmodel.config.library import Library

    asked = Asked(site, workload, tuple(overrides), partition, of, top)
    scenario, aims = ask(asked, Library(configs or ()))
    return deliver(scenario, aims, Delivery(out, format, device, top, started))
