"""The verb `estimate`: one site, one job, one layout, the whole breakdown."""

import sys
import time
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter


def estimate(
    site: str,
    workload: str,
    *overrides: str,
    partition: int = 0,
    format: Literal["table", "json", "csv"] = "table",
    device: Literal["auto", "cpu", "gpu", "tpu"] = "auto",
    require: Annotated[list[str] | None, Parameter(negative=())] = None,
    without: Annotated[list[str] | None, Parameter(negative=())] = None,
    timeline: Annotated[bool, Parameter(negative=())] = False,
    out: Path = Path("estimate"),
    configs: Annotated[list[Path] | None, Parameter(negative=())] = None,
) -> int:
    """Estimate one job on one site: throughput, time, memory and power, the bottleneck named.

    Parameters
    ----------
    site
        Name of a site.
    workload
        Name of a workload.
    overrides
        Changes such as layout.tp=8 site.chips=16384 chip.power.tdp="500 W". Any layout.* names the
        layout, otherwise the best one is searched.
    partition
        Which partition of the site, counted from 0.
    format
        A table for people, JSON with a stable schema, or CSV.
    device
        Where the kernels run.
    require
        Condition such as mfu>=0.4, in SI units; exit status 1 when it fails.
    without
        Effect of the model to take out once more, such as tiles, recompute or collisions; `all`
        takes out each in turn. Prints what it is worth.
    timeline
        Lay the step out over time: what each pipeline stage does when, as a table, a file and a
        figure.
    out
        Folder for the file and the figure of the timeline.
    configs
        Folders with configs of your own, looked at before the shipped ones.
    """
    started = time.perf_counter()
    from perfmodel.commands.estimation import (
        document,
        print_ablation,
        print_conventions,
        print_tables,
    )
    from perfmodel.commands.timeline import print_timeline, timeline_document, timeline_of
    from perfmodel.config.library import Library
    from perfmodel.engine.devices import device_line, open_devices
    from perfmodel.results.canonical import csv_text, json_text
    from perfmodel.studies.effects import named_effects
    from perfmodel.studies.legality import check_layout
    from perfmodel.studies.requirement import parse_requirements, unmet

    needs = parse_requirements(require or ())
    effects = named_effects(without or ())
    scenario = Library(configs or ()).scenario(
        site, workload, overrides=overrides, partition=partition
    )
    check_layout(scenario)
    sys.stderr.write(device_line(open_devices(device), device))
    from perfmodel.studies.ablation import ablate
    from perfmodel.studies.flop_conventions import counted
    from perfmodel.studies.power_limit import limited_row

    limited = limited_row(scenario)
    found = bool(limited.row["layout"])
    ablated = ablate(scenario, limited.row, effects) if found else []
    counts = counted(scenario, limited.row) if found else []
    row = {"name": site} | limited.row | {"workload": workload}
    laid, files = timeline_of(scenario, limited.row, out) if found and timeline else (None, [])
    if format == "json":
        wall = time.perf_counter() - started
        answer = document(row, limited.strategies, (ablated, counts), wall)
        answer |= timeline_document(laid, files)
        sys.stdout.write(json_text(answer) + "\n")
    elif format == "csv":
        sys.stdout.write(csv_text({key: [value] for key, value in row.items()}))
    else:
        print_tables(row, limited)
        print_conventions(counts)
        print_ablation(ablated)
        print_timeline(laid, files)
    failures = unmet(needs, [row])
    sys.stderr.writelines(f"{line}\n" for line in failures)
    return 1 if failures else 0
