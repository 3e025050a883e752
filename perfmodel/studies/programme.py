"""What the budget of a programme buys, and where its figures do not fit together."""

from collections.abc import Mapping
from typing import Any

from perfmodel.config.schema.costs import Costs
from perfmodel.config.schema.programme import Programme
from perfmodel.studies.cost import Place, chip_cost

Row = dict[str, Any]


def purchases(
    programme: Programme, cases: Mapping[str, Costs], places: Mapping[str, Place]
) -> list[Row]:
    """Chips that the budget of one gigafactory buys, by generation and case of prices.

    Parameters
    ----------
    programme
        Budgets.
    cases
        Prices by case.
    places
        A site of each generation.

    Returns
    -------
    list[Row]
        A row per generation and case.
    """
    tier = programme.gigafactories
    budget = tier.budget / tier.sites
    rows = []
    for site, place in places.items():
        for case, costs in cases.items():
            cost = chip_cost(costs, place)
            bought = budget / cost["capital_eur"]
            rows.append(
                {
                    "site": site,
                    "case": case,
                    "capital_eur": cost["capital_eur"],
                    "chips_bought": int(bought),
                    "share_of_announced": bought / tier.chips,
                    "provisioned_w": int(bought) * place.provisioned,
                    "chip_hour_eur": cost["chip_hour_eur"],
                }
            )
    return rows


def contradictions(programme: Programme, rows: list[Row]) -> list[str]:
    """Where the figures of a programme do not fit together, or do not buy what they say.

    Parameters
    ----------
    programme
        Budgets.
    rows
        What they buy.

    Returns
    -------
    list[str]
        Sentences with the figures.
    """
    large, small = programme.gigafactories, programme.factories
    per_large, per_small = large.budget / large.sites, small.budget / small.sites
    budget_ratio, each = per_large / per_small, per_large / large.chips
    said = []
    if budget_ratio > 2.0 * programme.ratio or 2.0 * budget_ratio < programme.ratio:
        said.append(
            f"A gigafactory has {programme.ratio:g} times the chips of a factory and "
            f"{budget_ratio:.1f} times its budget ({per_large / 1e9:.3g} against "
            f"{per_small / 1e9:.3g} bn EUR): EUR {each:,.0f} a chip against "
            f"{per_small / small.chips:,.0f}."
        )
    for row in rows:
        if row["share_of_announced"] < 1.0:
            said.append(
                f"{per_large / 1e9:.3g} bn EUR buy {row['chips_bought']:,} chips of "
                f"{row['site']} at prices of the case {row['case']}, "
                f"{row['share_of_announced']:.0%} of the {large.chips:,} announced."
            )
    if programme.total > 2.0 * (large.budget + small.budget):
        share = (large.budget + small.budget) / programme.total
        said.append(
            f"Both budgets are {share:.0%} of the {programme.total / 1e9:.0f} bn EUR announced."
        )
    return said
