"""The verb `rerun`: a stored run computed again, and whether the numbers are the same."""

import time
from pathlib import Path
from typing import Literal


def rerun(
    run: Path,
    *,
    files: int = 0,
    format: Literal["table", "json"] = "table",
    device: Literal["auto", "cpu", "gpu", "tpu"] = "auto",
) -> int:
    """Compute a stored run again and compare: exit status 1 when a number differs.

    Parameters
    ----------
    run
        Folder of a run, as `sweep` makes it.
    files
        Files to compute again, spread over the run; 0 takes all.
    format
        A table for people, or JSON.
    device
        Where the kernels run.
    """
    started = time.perf_counter()
    from perfmodel.commands.rerun_answer import deliver

    return deliver(run, files, (format, device), started)
