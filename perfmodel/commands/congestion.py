"""Makes the table of congestion and delivers it: a line per fabric, the file only when asked."""

import sys
import time

from perfmodel.commands.calibration import Wanted
from perfmodel.config.library import Library, shipped
from perfmodel.engine.devices import device_line, open_devices
from perfmodel.lowering.congestion import FILE
from perfmodel.results.atomic import whole_file
from perfmodel.results.canonical import json_text
from perfmodel.studies.congestion_table import machines, rows_of, table_text


def deliver_table(library: Library, wanted: Wanted) -> int:
    """Solves every instance of every shipped fabric.

    Parameters
    ----------
    library
        Configs.
    wanted
        Form, and whether to write the table among the configs.

    Returns
    -------
    int
        Exit status.
    """
    sys.stderr.write(device_line(open_devices(wanted.device), wanted.device))
    rows, files = [], []
    for machine in machines(library).values():
        sys.stderr.write(f"{machine.fabric.name}\n")
        rows += rows_of(machine)
    text = table_text(rows)
    if wanted.write:
        path = shipped() / FILE
        with whole_file(path) as file:
            file.write(text.encode())
        files.append(str(path))
    if wanted.format == "json":
        wall = time.perf_counter() - wanted.started
        sys.stdout.write(json_text({"rows": rows, "files": files, "wall_s": wall}) + "\n")
    else:
        sys.stdout.write(text)
    return 0
