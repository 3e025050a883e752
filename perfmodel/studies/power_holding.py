"""How many chips of each generation a grid connection feeds, and what they train."""

from collections.abc import Sequence
from typing import NamedTuple

from perfmodel.config.schema.scenario import Scenario
from perfmodel.spaces.layouts import Axes
from perfmodel.studies.best_layout import Row, best_row
from perfmodel.studies.scaling import GROWING, batch_at

LIMITS = (100e6, 150e6)
"""Grid connections of sites under discussion. [W]"""

ROUNDS = 4
"""Searches, each at the number of chips that the power of the last one leads to."""

MARGIN = 0.998
"""Chips kept over those that would draw the limit by the last search: layouts differ in power."""

AXES = Axes(micro_batch=(1, 2, 4))
"""As in a comparison of sites."""


class Design(NamedTuple):
    """A site whose nodes, fabric and building are repeated until the connection is full."""

    name: str
    scenario: Scenario


def what_fits(
    designs: Sequence[Design], limits: Sequence[float] = LIMITS, axes: Axes = AXES
) -> list[Row]:
    """Chips, throughput and energy of every design behind every grid connection.

    Parameters
    ----------
    designs
        Sites.
    limits
        Grid connections. [W]
    axes
        Values of the layout's axes.

    Returns
    -------
    list[Row]
        One per limit and design; `chips` by the mean power of training, `chips_provisioned` by
        the rating of the nodes.
    """
    return [_fit(design, limit, axes) for limit in limits for design in designs]


def _fit(design: Design, limit: float, axes: Axes) -> Row:
    scenario, best = design.scenario, None
    chips, row = scenario.machine.chips, _best(scenario, scenario.machine.chips, axes)
    provisioned = row["provisioned_power_w"] / chips
    for _ in range(ROUNDS):
        if not row["layout"]:
            break
        chips = _whole_nodes(scenario, MARGIN * chips * limit / row["site_power_w"])
        row = _best(scenario, chips, axes)
        fits = row["feasible"] and row["site_power_w"] <= limit
        if fits and (best is None or row["tokens_per_s"] > best["tokens_per_s"]):
            best = row
    extra = {
        "name": design.name,
        "power_limit_w": limit,
        "chips_provisioned": _whole_nodes(scenario, limit / provisioned) if row["layout"] else 0,
    }
    return (best or row) | extra | {"feasible": best is not None}


def _best(scenario: Scenario, chips: int, axes: Axes) -> Row:
    """Best layout with a batch that grows with the site up to the critical one."""
    batch = batch_at(GROWING, scenario.workload, chips)
    return best_row(scenario, chips=chips, batch=batch, axes=axes)


def _whole_nodes(scenario: Scenario, chips: float) -> int:
    node = scenario.machine.node.chips
    return max(int(chips // node), 1) * node
