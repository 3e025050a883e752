"""The verb `calibrate`: parameters of the library from published measurements."""

import time
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

Asked = Annotated[bool, Parameter(negative=())]
"""Option of a fit."""


def calibrate(
    *,
    power: Asked = False,
    hosts: Asked = False,
    fabrics: Asked = False,
    runs: Asked = False,
    congestion: Asked = False,
    write: Annotated[bool, Parameter(negative=())] = False,
    format: Literal["table", "json"] = "table",
    device: Literal["auto", "cpu", "gpu", "tpu"] = "auto",
    configs: Annotated[list[Path] | None, Parameter(negative=())] = None,
) -> int:
    """Fit parameters to published measurements: value, standard error, prior, what identified it.

    Without a fit: all of them. Exit status 1 when a search does not end at a minimum.

    Parameters
    ----------
    power
        Energies by chip generation, from Linpack systems and metered training.
    hosts
        Nodes of message-passing libraries, from collectives in host memory.
    fabrics
        Links, protocols and launches, from all-reduces in device memory on few nodes.
    runs
        Chips and stacks, from published training runs; errors in sample and left out. Minutes.
    congestion
        The table of what colliding flows and failed links leave of every fabric; solved, not
        fitted, and only when asked for. Minutes.
    write
        Put the fitted values into the config files that hold them; without it nothing is changed.
    format
        A table for people, or JSON with a stable schema.
    device
        Where the kernels run.
    configs
        Folders with configs of your own, looked at before the shipped ones.
    """
    started = time.perf_counter()
    from perfmodel.commands.calibration import Wanted, deliver
    from perfmodel.config.library import Library

    if congestion:
        from perfmodel.commands.congestion import deliver_table

        return deliver_table(Library(configs or ()), Wanted(format, write, device, started))
    return deliver(
        {"power": power, "hosts": hosts, "fabrics": fabrics, "runs": runs},
        Library(configs or ()),
        Wanted(format, write, device, started),
    )
