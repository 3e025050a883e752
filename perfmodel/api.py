"""The Python API: what the commands answer, as values."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from perfmodel.config.axes import Sampling
from perfmodel.config.faults import Fault, one_of, refuse, shown
from perfmodel.config.library import Library
from perfmodel.config.schema.scenario import Scenario
from perfmodel.engine.devices import Device, open_devices
from perfmodel.results.answers import Comparison, Estimate, Grid, Search, Table, table_of, units_of
from perfmodel.studies.legality import check_layout
from perfmodel.studies.power_limit import limited_row

Configs = Sequence[Path | str]
"""Folders looked at before the shipped configs."""


def load(
    site: str, workload: str, *overrides: str, configs: Configs = (), partition: int = 0
) -> Scenario:
    """Resolves a job on a site: every figure of it, in SI.

    Parameters
    ----------
    site, workload
        Names of configs.
    overrides
        Changes such as ``"site.chips=16384"``.
    configs
        Folders looked at before the shipped configs.
    partition
        Which partition of the site, counted from 0.

    Returns
    -------
    Scenario
        Machine, model, workload, software and layout, if one is named.

    Raises
    ------
    Faults
        Names, units or values are wrong; all faults at once.

    Examples
    --------
    >>> import perfmodel
    >>> scenario = perfmodel.load("ai-factory", "llama3-8b", "chip.memory.bandwidth=4 TB/s")
    >>> scenario.machine.chip.memory.bandwidth
    4000000000000.0
    """
    library = Library([Path(folder) for folder in configs])
    return library.scenario(site, workload, overrides=overrides, partition=partition)


def estimate(
    site: str,
    workload: str,
    *overrides: str,
    configs: Configs = (),
    device: Device = "auto",
) -> Estimate:
    """Estimates one job on one site.

    Parameters
    ----------
    site, workload
        Names of configs.
    overrides
        Changes such as ``"layout.tp=8"``; any of the layout names it, otherwise the best is found.
    configs
        Folders looked at before the shipped configs.
    device
        Where the kernels run.

    Returns
    -------
    Estimate
        A mapping of quantities by column key, SI units; the usual ones by name.

    Raises
    ------
    Faults
        Names, units or a layout are wrong; all faults at once.

    Examples
    --------
    >>> import perfmodel
    >>> job = perfmodel.estimate("ai-factory", "llama3-8b", "site.chips=512", "layout.tp=2")
    >>> job.layout
    'TP2 DP256 MB1x2 zero1'
    >>> bool(0.2 < job.mfu < 0.6), job["mfu"] == job.mfu
    (True, True)
    """
    scenario = load(site, workload, *overrides, configs=configs)
    check_layout(scenario)
    open_devices(device)
    return Estimate({"name": site} | limited_row(scenario).row | {"workload": workload})


def search(
    site: str,
    workload: str,
    *overrides: str,
    objective: str = "throughput",
    top: int = 10,
    pareto: Sequence[str] = (),
    where: Sequence[str] = (),
    space: str = "usual",
    configs: Configs = (),
    device: Device = "auto",
) -> Search:
    """Finds the best layouts of one job on one site.

    Parameters
    ----------
    site, workload
        Names of configs.
    overrides
        Changes such as ``"site.chips=4096"``.
    objective
        What is to be best, such as ``"throughput"``, ``"energy"`` or ``"memory"``.
    top
        Layouts to list, at most 16.
    pareto
        Two to four of ``"time"``, ``"memory"``, ``"energy"``, ``"power"``.
    where
        Conditions such as ``"pp<=8"`` or ``"memory_fraction<=0.9"``, SI units.
    space
        How much of each axis is tried: ``"few"``, ``"usual"`` or ``"all"``.
    configs
        Folders looked at before the shipped configs.
    device
        Where the kernels run.

    Returns
    -------
    Search
        Best layouts, front, counts.

    Raises
    ------
    Faults
        All that is wrong with what is asked.
    """
    from perfmodel.engine.search_kernel import KEEP, OBJECTIVES, RESPECTS
    from perfmodel.spaces.layouts import AXES
    from perfmodel.studies.bounds import parse_bounds
    from perfmodel.studies.layout_search import Asked, search_layouts

    refuse(
        Fault(field=field, value=shown(value), problem="is not known", expected=one_of(names))
        for field, value, names in (
            ("objective", objective, OBJECTIVES),
            ("space", space, AXES),
            *(("pareto", respect, RESPECTS) for respect in pareto),
        )
        if value not in names
    )
    asked = Asked(objective, min(top, KEEP), tuple(pareto), parse_bounds(where), AXES[space], ())
    scenario = load(site, workload, *overrides, configs=configs)
    open_devices(device)
    found = search_layouts(scenario, asked)
    return Search(
        table_of(found.best),
        table_of(found.front),
        found.found.points,
        found.found.feasible,
        found.infeasible,
    )


def sweep(
    site: str,
    workload: str,
    *texts: str,
    samples: int = 0,
    seed: int = 0,
    objective: str = "throughput",
    space: str = "few",
    where: Sequence[str] = (),
    configs: Configs = (),
    device: Device = "auto",
) -> Grid:
    """Evaluates many scenarios in memory; ``perfmodel sweep`` keeps them in files.

    Parameters
    ----------
    site, workload
        Names of configs.
    texts
        Overrides, and axes such as ``"site.chips=1024,2048"`` or
        ``"node.nic_bandwidth=geomspace(100 Gb/s, 1.6 Tb/s, 9)"``. Any of the layout names it,
        otherwise the best is found for each point.
    samples, seed
        Points to draw where values are distributions, and the start of the draws.
    objective
        What the layout of each point is to be best in.
    space
        How much of each axis of a layout is tried.
    where
        Conditions on layouts and results.
    configs
        Folders looked at before the shipped configs.
    device
        Where the kernels run.

    Returns
    -------
    Grid
        A row per point.

    Raises
    ------
    Faults
        All that is wrong with axes, values and names.

    Examples
    --------
    >>> import perfmodel
    >>> found = perfmodel.sweep(
    ...     "ai-factory", "llama3-8b", "layout.tp=2", "site.chips=512,1024", "chip=h100,gb200"
    ... )
    >>> found["chip"].tolist()
    ['h100', 'gb200', 'h100', 'gb200']
    >>> bool((found["tokens_per_s"][1::2] > found["tokens_per_s"][::2]).all())
    True
    """
    from perfmodel.studies.bounds import parse_bounds
    from perfmodel.studies.sweep_plan import SweepQuestion, plan
    from perfmodel.studies.sweep_points import sweep_columns

    parse_bounds(where)
    folders = tuple(Path(folder).resolve() for folder in configs)
    question = SweepQuestion(
        site,
        workload,
        texts,
        Sampling(samples, seed),
        0,
        objective,
        space,
        tuple(where),
        0,
        folders,
    )
    asked = plan(question)
    open_devices(device)
    parts = [
        sweep_columns(asked, start, min(start + asked.chunk, asked.points))
        for start in range(0, asked.points, asked.chunk)
    ]
    columns = {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
    units = units_of(columns) | {column.path: column.unit for column in asked.columns}
    axes = tuple(axis.columns[0].path for axis in asked.axes)
    return Grid(columns, {key: unit for key, unit in units.items() if unit}, axes)


def compare(
    sites: Sequence[str],
    workloads: Sequence[str],
    *overrides: str,
    subject: str | None = None,
    base: str = "ai-factory",
    configs: Configs = (),
    device: Device = "auto",
) -> Comparison:
    """Compares sites: best layouts, ratios, their causes, scaling curves, a paragraph.

    Parameters
    ----------
    sites, workloads
        Names of configs.
    overrides
        Changes of the named sites.
    subject
        Site that the ratios are about; the first one when none.
    base
        Site that the others are compared with.
    configs
        Folders looked at before the shipped configs.
    device
        Where the kernels run.

    Returns
    -------
    Comparison
        Tables and a paragraph.

    Raises
    ------
    Faults
        Names or values are wrong; all faults at once.
    """
    from perfmodel.studies.compare import compare as answer
    from perfmodel.studies.question import Asked, ask

    library = Library([Path(folder) for folder in configs])
    question = ask(Asked(sites, workloads, overrides, subject, base), library)
    open_devices(device)
    found = answer(question)
    first: dict[str, Any] = found.ratios[0] if found.ratios else {}
    return Comparison(
        _ragged(found.sites),
        _ragged(found.curves),
        _ragged(found.decomposition),
        {key: value for key, value in first.items() if isinstance(value, int | float)},
        found.conclusion,
    )


def _ragged(rows: Sequence[dict[str, Any]]) -> Table:
    """Rows that need not have all keys as a table: what is missing is NaN."""
    keys = dict.fromkeys(key for row in rows for key in row)
    return table_of([{key: row.get(key, float("nan")) for key in keys} for row in rows])
