"""All that is asked of the power of one job on one site, in one answer."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from perfmodel.config.schema.scenario import Scenario
from perfmodel.studies.best_layout import Row
from perfmodel.studies.power_cap import cap_curve
from perfmodel.studies.power_holding import Design, what_fits
from perfmodel.studies.power_limit import Limited, limited_row
from perfmodel.studies.power_surroundings import surroundings
from perfmodel.studies.power_year import years

Progress = Callable[[int], None]


class Question(NamedTuple):
    """What is asked."""

    site: str
    """Config name of the site."""
    workload: str
    """Config name of the workload."""
    scenario: Scenario
    designs: Sequence[Design]
    """Sites that fill the connections."""
    limits: Sequence[float]
    """Grid connections to fill. [W]"""


class Power(NamedTuple):
    """The answer."""

    limited: Limited
    """The estimate under the site's own connection."""
    curve: list[Row]
    """Over the caps of a chip; empty without a layout."""
    year: list[Row]
    """PUE by month, in the mean and in the hottest hours."""
    holds: list[Row]
    """What the connections feed."""


def _rows(found: Limited) -> list[Row]:
    return [found.row, found.free, *found.strategies]


def steps(question: Question) -> int:
    """Parts of an answer, for a progress bar.

    Returns
    -------
    int
        Number of calls of `done`.
    """
    return 3 + len(question.limits) * len(question.designs)


def answer(question: Question, done: Progress = lambda _: None) -> Power:
    """Answers the question.

    Parameters
    ----------
    question
        Site, job, designs and connections.
    done
        Told after each part.

    Returns
    -------
    Power
        Rows.
    """
    scenario, named = question.scenario, {"name": question.site, "workload": question.workload}
    found = limited_row(scenario)
    facility = scenario.machine.facility
    full = [row | named | surroundings(facility, row["it_power_w"]) for row in _rows(found)]
    limited = Limited(full[0], full[1], full[2:])
    done(1)
    curve = cap_curve(scenario, limited.free) if limited.free["feasible"] else []
    done(1)
    year = years({question.site: scenario.machine})
    done(1)
    holds = []
    for limit in question.limits:
        for design in question.designs:
            holds += what_fits([design], [limit])
            done(1)
    return Power(limited, curve, year, [row | {"workload": question.workload} for row in holds])
