"""What a gigafactory buys over an AI factory: best layouts, curves, decomposition, a conclusion."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from perfmodel.config.schema.scenario import Scenario
from perfmodel.spaces.layouts import Axes
from perfmodel.studies.best_layout import Row, make_searches_ready
from perfmodel.studies.conclusion import conclude
from perfmodel.studies.decomposition import decompose
from perfmodel.studies.network_sensitivity import STEPS, network_sensitivity, told
from perfmodel.studies.outcome import Job, Surroundings, spread
from perfmodel.studies.power_limit import limit_columns, limited_row
from perfmodel.studies.power_year import pue_columns, years
from perfmodel.studies.scaling import FIXED, RULES, SIZES, batch_at, curves

RATIOS = (
    "chips",
    "tokens_per_s",
    "tokens_per_s_per_chip",
    "mfu",
    "step_time_s",
    "site_power_w",
    "energy_per_token_j",
    *("useful_share", "useful_tokens_per_s", "useful_tokens_per_s_low", "useful_tokens_per_s_high"),
    *("million_tokens_eur", "million_tokens_carbon_kg"),
    *("fixed_loss_time_s", "fixed_loss_time_low_s", "fixed_loss_time_high_s"),
)
"""Quantities whose ratio to the AI factory is reported."""


AXES = Axes(micro_batch=(1, 2, 4))
"""Axes of the comparison: larger micro-batches have not won on any shipped site."""


class Case(NamedTuple):
    """One job on one site, with the names of their configs."""

    site: str
    workload: str
    scenario: Scenario


class Question(NamedTuple):
    """What is compared."""

    cases: Sequence[Case]
    """Workload by workload, site by site."""
    subject: str
    """Config name of the gigafactory."""
    base: str
    """Config name of the AI factory."""
    around: Surroundings
    """Failures, storage, prices and laws, the same for all."""


class Comparison(NamedTuple):
    """All tables of a comparison, and what they say."""

    sites: list[Row]
    """One row per site, workload and batch rule that changes the batch."""
    curves: list[Row]
    """Scaling curves of the first workload."""
    decomposition: list[Row]
    """Causes of the ratio of subject over base, per workload and rule."""
    ratios: list[Row]
    """Ratios of subject over base, per workload and rule."""
    network: list[Row]
    """What the networks of subject and base are worth, for the first workload."""
    year: list[Row]
    """PUE of each site by month, in the mean and in the hottest hours."""
    conclusion: str
    """One paragraph."""


Progress = Callable[[int], None]


def steps(question: Question) -> int:
    """Searches that a comparison needs, for a progress bar.

    Returns
    -------
    int
        Number of calls of `done`.
    """
    return 2 * len(question.cases) + 2 * len(RULES) * len(SIZES) + 2 * STEPS


def compare(question: Question, done: Progress = lambda _: None) -> Comparison:
    """Answers the question.

    Parameters
    ----------
    question
        Sites, workloads and who is compared with whom.
    done
        Told after each search.

    Returns
    -------
    Comparison
        Tables and a paragraph.
    """
    return conclude_from(compare_sites(question, done), question, done)


def compare_sites(question: Question, done: Progress = lambda _: None) -> list[Row]:
    """Best layout of every job on every site, with its ratio to the AI factory.

    Parameters
    ----------
    question
        Sites, workloads and who is compared with whom.
    done
        Told after each search.

    Returns
    -------
    list[Row]
        One row per site, workload and batch rule that changes the batch.
    """
    make_searches_ready(question.cases[0].scenario, AXES)
    found = [(case, row) for case in question.cases for row in _site(case, done)]
    come_to = spread([Job(case.scenario, row) for case, row in found], question.around)
    sites = [row | more for (_, row), more in zip(found, come_to, strict=True)]
    for row in sites:
        row["ratio"] = _ratio_to_base(row, sites, question.base)
    return sites


def conclude_from(
    sites: list[Row], question: Question, done: Progress = lambda _: None
) -> Comparison:
    """Scaling curves, decomposition and conclusion.

    Parameters
    ----------
    sites
        Rows of :func:`compare_sites`.
    question
        The question.
    done
        Told after each search.

    Returns
    -------
    Comparison
        Tables and a paragraph.
    """
    pairs = _pairs(sites, question)
    curves = _curves(question, done)
    decomposition = [
        {"workload": site["workload"], "rule": rule, **term._asdict()}
        for rule, site, base in pairs
        for term in decompose(site, base)
    ]
    ratios = [_ratios(rule, site, base) for rule, site, base in pairs]
    network = _network(question, done)
    year = years({case.site: case.scenario.machine for case in question.cases})
    conclusion = " ".join(text for text in (conclude(pairs, curves), told(network)) if text)
    return Comparison(sites, curves, decomposition, ratios, network, year, conclusion)


def _network(question: Question, done: Progress) -> list[Row]:
    """Subject and base with other networks, for the first workload."""
    first = question.cases[0].workload
    scenarios = {case.site: case.scenario for case in question.cases if case.workload == first}
    names = [name for name in dict.fromkeys((question.subject, question.base)) if name in scenarios]
    rows = [
        row | {"workload": first}
        for name in names
        for row in network_sensitivity(name, scenarios[name], AXES, done)
    ]
    done(STEPS * (2 - len(names)))
    return rows


def _site(case: Case, done: Progress) -> list[Row]:
    """A row per rule; one row where both give the same batch, as far as a batch may move."""
    scenario, names = case.scenario, {"name": case.site}
    chips = scenario.machine.chips
    batches = {rule: batch_at(rule, scenario.workload, chips) for rule in RULES}
    year = pue_columns(scenario.machine)
    least = batches[FIXED] * (1.0 + scenario.workload.batch.tolerance)
    rows = []
    for rule in RULES:
        if rule == FIXED or batches[rule] > least:
            found = limited_row(scenario, batch=batches[rule], axes=AXES)
            row = found.row | limit_columns(found) | year
            rows.append(names | {"rule": rule} | row | {"workload": case.workload})
        done(1)
    return rows


def _find(sites: list[Row], name: str, workload: str, rule: str) -> Row | None:
    """Row of a site under a rule; the fixed batch where the rule changes nothing."""
    own = [row for row in sites if row["name"] == name and row["workload"] == workload]
    return next((row for row in own if row["rule"] == rule), own[0] if own else None)


def _pairs(sites: list[Row], question: Question) -> list[tuple[str, Row, Row]]:
    workloads = list(dict.fromkeys(row["workload"] for row in sites))
    pairs = []
    for workload in workloads:
        for rule in RULES:
            subject = _find(sites, question.subject, workload, rule)
            base = _find(sites, question.base, workload, rule)
            if subject and base and subject["name"] != base["name"]:
                pairs.append((rule, subject, base))
    return pairs


def _ratio_to_base(row: Row, sites: list[Row], base: str) -> float:
    other = _find(sites, base, row["workload"], row["rule"])
    return row["tokens_per_s"] / other["tokens_per_s"] if other else float("nan")


def _ratios(rule: str, site: Row, base: Row) -> Row:
    quantities = {key: site[key] / base[key] for key in RATIOS}
    return {"workload": site["workload"], "rule": rule, **quantities}


def _curves(question: Question, done: Progress) -> list[Row]:
    """Curves of subject and base for the first workload; one where both are the same machine."""
    first = question.cases[0].workload
    scenarios = {case.site: case.scenario for case in question.cases if case.workload == first}
    rows: list[Row] = []
    for name in dict.fromkeys((question.subject, question.base)):
        scenario = scenarios[name]
        own = curves(scenario.machine.site.name, scenario, AXES, done)
        come_to = spread([Job(scenario, row) for row in own], question.around)
        rows += [row | more for row, more in zip(own, come_to, strict=True)]
    return [row | {"workload": first} for row in rows]
