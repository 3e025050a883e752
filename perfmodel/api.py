"""The Python API: what the commands answer, as values."""

from collections.abc import Sequence
from pathlib import Path

from perfmodel.config.library import Library
from perfmodel.engine.devices import Device, open_devices
from perfmodel.studies.best_layout import Row
from perfmodel.studies.legality import check_layout
from perfmodel.studies.power_limit import limited_row


def estimate(
    site: str,
    workload: str,
    *overrides: str,
    configs: Sequence[Path] = (),
    device: Device = "auto",
) -> Row:
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
    Row
        Values by column key, SI units.

    Raises
    ------
    Faults
        Names, units or a layout are wrong; all faults at once.
    """
    scenario = Library(configs).scenario(site, workload, overrides=overrides)
    check_layout(scenario)
    open_devices(device)
    return {"name": site} | limited_row(scenario).row | {"workload": workload}
