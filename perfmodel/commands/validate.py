"""The verb `validate`: predictions against published measurements."""

import time
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

Files = Annotated[list[Path] | None, Parameter(consume_multiple=True, negative=())]
"""Option of a set: alone it takes the files that ship, else the files behind it."""


def validate(
    *,
    runs: Files = None,
    memory: Files = None,
    power: Files = None,
    host_collectives: Files = None,
    exchanges: Files = None,
    collectives: Files = None,
    by: str = "",
    gate: Path | None = None,
    out: Path | None = None,
    format: Literal["table", "json"] = "table",
    device: Literal["auto", "cpu", "gpu", "tpu"] = "auto",
    configs: Annotated[list[Path] | None, Parameter(negative=())] = None,
) -> int:
    """Predict published measurements and say how far off: errors by group, worst and skipped rows.

    Without a set: all of them, with the files that ship.

    Parameters
    ----------
    runs
        Step times and memory of published training runs; files of your own behind it.
    memory
        Their memory alone; files of your own behind it.
    power
        Power of Linpack systems, metered nodes and states of chips; files of your own behind it.
    host_collectives
        Collectives of MPI libraries in host memory; files of your own behind it.
    exchanges
        Dispatch and combine of expert-parallel groups; files of your own behind it.
    collectives
        Collectives in device memory; files of your own behind it.
    by
        What to group the errors by; each set has groupings of its own.
    gate
        File of bounds on the errors; exit status 1 when one is passed.
    out
        Folder for the answer as JSON and the figures of predicted against measured.
    format
        A table for people, or JSON with a stable schema.
    device
        Where the kernels run.
    configs
        Folders with configs of your own, looked at before the shipped ones.
    """
    started = time.perf_counter()
    from perfmodel.commands.validation import Wanted, deliver
    from perfmodel.config.library import Library

    wanted = Wanted(format, by, gate, out, device, started)
    asked = {
        "runs": runs,
        "memory": memory,
        "power": power,
        "host_collectives": host_collectives,
        "collectives": collectives,
        "exchanges": exchanges,
    }
    return deliver(asked, Library(configs or ()), wanted)
