"""Objectives of a search that failures, spares, storage and prices enter beside the step."""

from typing import NamedTuple

from perfmodel.config.schema.scenario import Scenario
from perfmodel.engine.coupling import Coupling, Price
from perfmodel.lowering.costs import country_of, generation_of
from perfmodel.lowering.reliability import Saved, lower_habits, lower_store
from perfmodel.lowering.site import lower_site
from perfmodel.studies.best_layout import Row
from perfmodel.studies.cost import Place, chip_cost
from perfmodel.studies.goodput import WAYS, parameters_of
from perfmodel.studies.outcome import Case, Job, Surroundings, outcomes
from perfmodel_kernels.economics import HOUR, HOURS
from perfmodel_kernels.site import provisioned_power

USEFUL, COST, CARBON = "useful-throughput", "cost", "carbon"
COUPLED = (USEFUL, COST, CARBON)
"""Names of these objectives."""

AIMS = {
    USEFUL: ("useful_tokens_per_s", 1.0),
    COST: ("million_tokens_eur", -1.0),
    CARBON: ("million_tokens_carbon_kg", -1.0),
}
"""Column of each, and 1 where it is to be large."""

SHOWN = (
    *("useful_share", "useful_tokens_per_s"),
    *("million_tokens_eur", "million_tokens_carbon_kg", "fixed_loss_time_s"),
)
"""What a row of such a search says beside its step."""


class Beside(NamedTuple):
    """What enters beside the step."""

    around: Surroundings
    case: str
    """Which of its cases."""

    @property
    def chosen(self) -> Case:
        """Failures and prices of the case."""
        return self.around.cases[self.case]


def coupling_of(scenario: Scenario, beside: Beside, objective: str) -> Coupling:
    """What enters the objective of a search.

    Parameters
    ----------
    scenario
        The machine and the job.
    beside
        Failures, storage, prices.
    objective
        One of :data:`COUPLED`.

    Returns
    -------
    Coupling
        Numbers.

    Raises
    ------
    Faults
        When the chip or the country has no price and one is needed.
    """
    case, machine = beside.chosen, scenario.machine
    saved = Saved(parameters_of(scenario), case.reliability)
    store = lower_store(saved, beside.around.storage, machine)
    price = Price(1.0, 0.0) if objective == USEFUL else _price(scenario, case, objective)
    habits = lower_habits(case.reliability, machine)
    return Coupling(habits, store, WAYS[beside.around.way], price)


def _price(scenario: Scenario, case: Case, objective: str) -> Price:
    """Euros or kilograms of a second and of a joule."""
    costs, machine = case.costs, scenario.machine
    chip, country = machine.node.chip, country_of(costs, machine.site.country)
    if objective == CARBON:
        life = costs.equipment_years * HOURS * HOUR * costs.utilization
        return Price(machine.chips * generation_of(costs, chip).embodied / life, country.carbon)
    provisioned = float(provisioned_power(lower_site(scenario))) / machine.chips
    hour = chip_cost(costs, Place(chip, machine.site.country, provisioned, 0.0))["chip_hour_eur"]
    return Price(machine.chips * hour / HOUR, country.price + costs.grid_fee)


def with_outcome(scenario: Scenario, row: Row, beside: Beside) -> Row:
    """A row with what it comes to.

    Parameters
    ----------
    scenario
        The machine and the job.
    row
        The step under a layout.
    beside
        Failures, storage, prices.

    Returns
    -------
    Row
        With :data:`SHOWN`.
    """
    known = row | {"chips": scenario.machine.chips}
    known |= {"sequence_length": scenario.workload.sequence_length}
    around = beside.around._replace(cases={beside.case: beside.chosen})
    found = outcomes([Job(scenario, known)], around)[0][beside.case]
    return row | {key: found[key] for key in SHOWN}
