"""PUE of a site over the year: by month, in the mean and in the hottest hours."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np

from perfmodel.config.schema.scenario import Machine
from perfmodel.engine.run import compiled
from perfmodel.lowering.site import lower_facility
from perfmodel.studies.best_layout import Row
from perfmodel_kernels.building import Facility, in_hottest_hours, in_month, overhead

MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
YEAR, HOTTEST = "year", "hottest 1 %"


def _pue(month: float, facility: Facility) -> tuple:
    """PUE and temperature in a month, over the year and in the hottest hours."""
    then, hot = in_month(month, facility), in_hottest_hours(facility)
    return (
        (overhead(then), then.outside_temperature),
        (overhead(facility), facility.outside_temperature),
        (overhead(hot), hot.outside_temperature),
    )


@cache
def _program() -> Callable[..., Any]:
    """One program for all sites."""
    return compiled(_pue)


def pue_over_year(machine: Machine) -> list[Row]:
    """PUE by month, then the mean of the year and the hottest hours.

    Parameters
    ----------
    machine
        Site and nodes.

    Returns
    -------
    list[Row]
        `period`, `outside_temperature_k`, `pue`.
    """
    facility, program = _single(lower_facility(machine.facility, machine.node)), _program()
    found = [program(np.float32(number), facility) for number in range(len(MONTHS))]
    months = [_row(name, then) for name, (then, _, _) in zip(MONTHS, found, strict=True)]
    _, year, hottest = found[0]
    return [*months, _row(YEAR, year), _row(HOTTEST, hottest)]


def years(machines: Mapping[str, Machine]) -> list[Row]:
    """PUE over the year of several sites.

    Parameters
    ----------
    machines
        Sites and nodes by the name that the rows shall have.

    Returns
    -------
    list[Row]
        Rows of :func:`pue_over_year` with a `name`, site by site.
    """
    return [
        {"name": name, **row}
        for name, machine in machines.items()
        for row in pue_over_year(machine)
    ]


def _single(facility: Facility) -> Facility:
    return Facility(*(np.float32(value) for value in facility))


def _row(period: str, found: tuple) -> Row:
    pue, temperature = (float(value) for value in found)
    return {"period": period, "outside_temperature_k": temperature, "pue": pue}


def pue_columns(machine: Machine) -> Row:
    """Extremes of the PUE over the year, for a row of results.

    Parameters
    ----------
    machine
        Site and nodes.

    Returns
    -------
    Row
        `pue_coldest_month`, `pue_warmest_month`, `pue_hottest_hours`.
    """
    by_period = {row["period"]: row["pue"] for row in pue_over_year(machine)}
    months = [by_period[name] for name in MONTHS]
    return {
        "pue_coldest_month": min(months),
        "pue_warmest_month": max(months),
        "pue_hottest_hours": by_period[HOTTEST],
    }
