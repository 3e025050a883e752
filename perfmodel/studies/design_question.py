"""From words to a design question: free figures with bounds and prices, budgets, an objective."""

import math
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from perfmodel.config.faults import Fault, Faults, Problem, attempt, nearest, one_of, refuse, shown
from perfmodel.config.schema.scenario import Scenario
from perfmodel.config.units import quantity
from perfmodel.lowering.hardware import Figure, hardware_figures
from perfmodel.studies.power_limit import limit_of

COST = "cost"
BUDGETS = {
    "site.power": ("site_power", "W"),
    "site.provisioned_power": ("provisioned_power", "W"),
    COST: (COST, "EUR"),
}
"""What may be limited: to the quantity and its SI unit."""

LEAST_BOUND = 1e-15
"""Lower bounds have to be above zero: designs move by shares of a figure."""

_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")

Resolve = Callable[[Sequence[str]], Scenario]
"""The scenario with more overrides; raises the faults of these."""


class Asked(NamedTuple):
    """What the user typed."""

    free: str
    bounds: Sequence[str]
    budget: Sequence[str]
    price: Sequence[str]
    objective: str


class Free(NamedTuple):
    """A figure that may move."""

    figure: Figure
    low: float
    """Least value. [SI]"""
    high: float
    price: float
    """What one more in SI costs for each chip of the site. [EUR]"""


class Budget(NamedTuple):
    """A limit."""

    name: str
    """As the user named it."""
    aim: str
    """Quantity that it limits."""
    limit: float
    """In SI."""
    unit: str


class Design(NamedTuple):
    """What is asked."""

    scenario: Scenario
    free: tuple[Free, ...]
    budgets: tuple[Budget, ...]
    objective: str
    resolve: Resolve

    @property
    def figures(self) -> list[Figure]:
        """Figures that may move."""
        return [one.figure for one in self.free]


def design_of(asked: Asked, resolve: Resolve) -> Design:
    """Checks a design question.

    A grid connection of the site is a budget of its power, unless a lower one is given.

    Parameters
    ----------
    asked
        Words.
    resolve
        Gives the scenario with further overrides.

    Returns
    -------
    Design
        The question.

    Raises
    ------
    Faults
        All that is wrong, one message each.
    """
    found: list[Fault] = []
    scenario = resolve(())
    if scenario.layout is not None:
        expected = "no layout.*: the best layout is searched for each design"
        found.append(Fault(field="layout", problem="is named", expected=expected))
    figures = _free(found, asked.free, scenario)
    bounds = _pairs(found, "--bounds", asked.bounds, figures)
    prices = _pairs(found, "--price", asked.price, figures)
    budgets = _budgets(found, asked.budget, bool(prices))
    free = [
        one
        for name, figure in figures.items()
        if (one := attempt(found, _bounded, figure, bounds.get(name), prices.get(name), resolve))
    ]
    refuse(found)
    return Design(
        scenario, tuple(free), _with_connection(budgets, scenario), asked.objective, resolve
    )


def _with_connection(budgets: Sequence[Budget], scenario: Scenario) -> tuple[Budget, ...]:
    """Budgets within what the grid connection of the site carries."""
    name, (aim, unit) = next(iter(BUDGETS.items()))
    least = min([limit_of(scenario), *(one.limit for one in budgets if one.name == name)])
    others = tuple(one for one in budgets if one.name != name)
    return (Budget(name, aim, least, unit), *others) if math.isfinite(least) else others


def _free(found: list[Fault], text: str, scenario: Scenario) -> dict[str, Figure]:
    known = {figure.name: figure for figure in hardware_figures(scenario)}
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        expected = "figures joined by commas, such as chip.memory.bandwidth,node.nic_bandwidth"
        found.append(Fault(field="--free", value=shown(text), problem="none", expected=expected))
    found.extend(_stranger(name, known) for name in names if name not in known)
    return {name: known[name] for name in dict.fromkeys(names) if name in known}


def _stranger(name: str, known: dict[str, Figure]) -> Fault:
    last = name.rsplit(".", maxsplit=1)[-1]
    namesakes = [one for one in known if one.split(".")[-1] == last]
    return Fault(
        field="--free",
        value=shown(name),
        problem="no continuous figure of this site's hardware",
        expected="a quantity or a share of chip, node, fabric or site.facility",
        nearest=nearest(name, namesakes) or nearest(name, known),
    )


def _pairs(
    found: list[Fault], option: str, texts: Sequence[str], figures: dict[str, Figure]
) -> dict[str, str]:
    """Texts of the form NAME=VALUE by name; names have to be free."""
    pairs: dict[str, str] = {}
    for text in texts:
        name, equals, value = (part.strip() for part in text.partition("="))
        if not equals or not value:
            problem, expected, close = "no value", "NAME=VALUE", ""
        elif name not in figures:
            problem, expected = "is not a free figure", one_of(figures) if figures else "one"
            close = nearest(name, figures)
        elif name in pairs:
            problem, expected, close = "is given twice", "one value", ""
        else:
            pairs[name] = value
            continue
        found.append(
            Fault(
                field=option, value=shown(text), problem=problem, expected=expected, nearest=close
            )
        )
    return pairs


def _budgets(found: list[Fault], texts: Sequence[str], priced: bool) -> list[Budget]:
    budgets = [one for text in texts if (one := attempt(found, _budget, text, priced))]
    names = [one.name for one in budgets]
    twice = dict.fromkeys(name for name in names if names.count(name) > 1)
    found.extend(
        Fault(field="--budget", value=shown(name), problem="is given twice") for name in twice
    )
    return budgets


def _budget(text: str, priced: bool) -> Budget:
    name, _, value = (part.strip() for part in text.partition("="))
    if name not in BUDGETS:
        problem, close = "nothing that can be limited", nearest(name, BUDGETS)
        raise Faults([_fault("--budget", text, problem, one_of(BUDGETS), close)])
    if name == COST and not priced:
        expected = '--price with it, such as --price "chip.memory.bandwidth=1 EUR per GB/s"'
        raise Faults([_fault("--budget", text, "no figure has a price", expected)])
    aim, unit = BUDGETS[name]
    limit = _read("--budget", text, value, unit)
    if name != COST and limit <= 0.0:
        raise Faults([_fault("--budget", text, "not above zero", "a power above zero")])
    return Budget(name, aim, limit, unit)


def _bounded(figure: Figure, bounds: str | None, price: str | None, resolve: Resolve) -> Free:
    """A free figure, its bounds and price read and held against the schema."""
    if bounds is None:
        expected = f'--bounds "{figure.name}=LOWEST..HIGHEST"'
        raise Faults([_fault("--free", figure.name, "has no bounds", expected)])
    written = f"{figure.name}={bounds}"
    ends = [end.strip() for end in bounds.split("..")]
    if len(ends) != 2 or not all(ends):
        raise Faults([_fault("--bounds", written, "not a range", "LOWEST..HIGHEST")])
    found: list[Fault] = []
    values = [attempt(found, _read, "--bounds", written, end, figure.unit) for end in ends]
    cost = attempt(found, _price, figure, price) if price is not None else 0.0
    refuse(found)
    low, high = (value for value in values if value is not None)
    _check_order(figure, written, low, high)
    for end in ends:
        attempt(found, resolve, [f"{figure.name}={end}"])
    refuse(found)
    return Free(figure, low, high, cost or 0.0)


def _check_order(figure: Figure, written: str, low: float, high: float) -> None:
    if low > high:
        raise Faults([_fault("--bounds", written, "lower bound above upper", "LOWEST..HIGHEST")])
    if low < LEAST_BOUND:
        raise Faults([_fault("--bounds", written, "lower bound not above zero", "one above zero")])
    if not low <= figure.value <= high:
        expected = f"bounds around {figure.text()}, or an override of {figure.name} within them"
        raise Faults([_fault("--bounds", written, "start outside the bounds", expected)])


def _price(figure: Figure, text: str) -> float:
    """Euros of one more in SI, from text such as `1 EUR per GB/s`."""
    written = f"{figure.name}={text}"
    amount, per, unit = (part.strip() for part in text.partition(" per "))
    if not per or not unit:
        expected = f"EUR per unit, such as 1 EUR per {figure.unit or '0.01'}"
        raise Faults([_fault("--price", written, "not a price", expected)])
    whole = unit if unit[0].isdigit() else f"1 {unit}"
    each, cost = (
        _read("--price", written, part, of) for part, of in ((whole, figure.unit), (amount, "EUR"))
    )
    if each <= 0.0 or cost == 0.0:
        raise Faults([_fault("--price", written, "no price", "an amount other than zero")])
    return cost / each


def _read(option: str, written: str, text: str, unit: str) -> float:
    """A number with its unit, or a bare one where there is none."""
    if not unit and _NUMBER.fullmatch(text):
        return float(text)
    try:
        return quantity(text, unit)
    except Problem as error:
        raise Faults([_fault(option, written, error.problem, error.expected)]) from None


def _fault(option: str, text: str, problem: str, expected: str, close: str = "") -> Fault:
    return Fault(field=option, value=shown(text), problem=problem, expected=expected, nearest=close)
