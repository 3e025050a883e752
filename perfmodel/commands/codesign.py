"""The verb `codesign`: the best hardware for one job on one site under budgets."""

import time
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter


def codesign(
    site: str,
    workload: str,
    *overrides: str,
    free: str,
    bounds: Annotated[list[str], Parameter(consume_multiple=True, negative=())],
    budget: Annotated[list[str] | None, Parameter(consume_multiple=True, negative=())] = None,
    price: Annotated[list[str] | None, Parameter(consume_multiple=True, negative=())] = None,
    objective: Literal["tokens_per_s", "energy_per_token"] = "tokens_per_s",
    partition: int = 0,
    out: Path | None = None,
    format: Literal["table", "json", "csv"] = "table",
    device: Literal["auto", "cpu", "gpu", "tpu"] = "auto",
    configs: Annotated[list[Path] | None, Parameter(negative=())] = None,
) -> int:
    """Design hardware under a budget: by exact gradients, the layout searched again at each step.

    Parameters
    ----------
    site
        Name of a site.
    workload
        Name of a workload.
    overrides
        Changes such as chip.memory.bandwidth="10 TB/s", where the design starts.
    free
        Hardware figures that may move, joined by commas, as `perfmodel sensitivity` names them.
    bounds
        Range of each of them, such as "chip.memory.bandwidth=2 TB/s..16 TB/s".
    budget
        Limit such as "site.power=150 MW", "site.provisioned_power=200 MW", or "cost=2000 EUR",
        which is what one chip may cost beyond the start at the prices given.
    price
        What more of a figure costs for each chip, such as "chip.memory.bandwidth=1 EUR per GB/s".
    objective
        Most tokens/s, or least energy per token.
    partition
        Which partition of the site, counted from 0.
    out
        Folder for codesign.parquet, the designs on the way.
    format
        A table for people, JSON with a stable schema, or the designs as CSV.
    device
        Where the kernels run.
    configs
        Folders with configs of your own, looked at before the shipped ones.
    """
    started = time.perf_counter()
    from perfmodel.commands.codesign_answer import Delivery, Site, ask, deliver
    from perfmodel.config.library import Library
    from perfmodel.studies.design_question import Asked

    asked = Asked(free, bounds, budget or (), price or (), objective)
    design = ask(Site(site, workload, tuple(overrides), partition), asked, Library(configs or ()))
    return deliver(design, Delivery(site, workload, tuple(overrides), out, format, device, started))
