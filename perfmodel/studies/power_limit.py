"""A grid connection that binds: all chips under a lower cap, or fewer chips and the rest dark."""

import math
from typing import NamedTuple

import numpy as np

from perfmodel.config.schema.scenario import Scenario
from perfmodel.lowering.site import lower_site
from perfmodel.spaces.layouts import Axes
from perfmodel.studies.best_layout import Row, best_row, layout_of
from perfmodel.studies.power_cap import at_cap, with_cap
from perfmodel.studies.uncertainty import error_bars

WITHIN, CAPPED, DARK = "within the limit", "all chips capped", "some chips dark"
"""How a site keeps its limit."""

TOLERANCE = 1e-4
"""Gap to the limit at which a cap counts as found, over the limit; float32 leaves 1e-6."""

STEPS = 24
"""Halvings of the range of caps, far below the tolerance."""

ROUNDS = 3
"""Searches for the best layout at the cap, or the number of chips, that the last one led to."""

ABOVE = "above the grid connection at any cap"


class Limited(NamedTuple):
    """A job under a grid connection."""

    row: Row
    """What the site does: the estimate itself, or the faster of the two strategies."""
    free: Row
    """The estimate as if the connection were unlimited."""
    strategies: list[Row]
    """One row per strategy where the limit binds, else none."""


def limit_of(scenario: Scenario) -> float:
    """Grid connection of a site.

    Parameters
    ----------
    scenario
        The machine.

    Returns
    -------
    float
        Power; infinite where there is no limit. [W]
    """
    limit = scenario.machine.facility.power_limit
    return math.inf if limit == "unlimited" else float(limit)


def limited_row(scenario: Scenario, batch: int | None = None, axes: Axes | None = None) -> Limited:
    """Best row of a job that keeps the grid connection of its site.

    Parameters
    ----------
    scenario
        The machine and the job.
    batch
        Global batch; the workload's when not given. [sequences]
    axes
        Values of the layout's axes.

    Returns
    -------
    Limited
        The row, marked in `strategy`, and both strategies where the limit binds.
    """
    limit, cap = limit_of(scenario), scenario.machine.chip.power.cap
    free = best_row(scenario, batch=batch, axes=axes)
    stored = limit if math.isfinite(limit) else math.nan
    free = free | {"strategy": WITHIN, "power_cap_w": cap, "power_limit_w": stored, "dark": 0}
    if not free["feasible"] or free["site_power_w"] <= limit:
        free = _with_bars(scenario, free)
        return Limited(free, free, [])
    found = [_capped(scenario, free, batch, axes), _dark(scenario, free, batch, axes)]
    ways = [_with_bars(scenario, row) for row in found]
    best = max(ways, key=lambda row: row["tokens_per_s"] if row["feasible"] else -1.0)
    return Limited(best, _with_bars(scenario, free), ways)


def _with_bars(scenario: Scenario, row: Row) -> Row:
    """A row with the ends of its interval, under its own cap."""
    known = math.isfinite(row["power_cap_w"])
    capped = with_cap(scenario, row["power_cap_w"]) if known else scenario
    return row | error_bars(capped, row)


def _marked(row: Row, free: Row, strategy: str, cap: float) -> Row:
    dark = free["chips"] - row["chips"]
    own = {"strategy": strategy, "power_cap_w": cap, "dark": dark, "chips": free["chips"]}
    return row | own | {"power_limit_w": free["power_limit_w"]}


def _capped(scenario: Scenario, free: Row, batch: int | None, axes: Axes | None) -> Row:
    """All chips under the cap at which the site draws its limit, its layout the best there."""
    row, found = free, None
    for _ in range(ROUNDS):
        cap = cap_at_limit(scenario, row)
        if cap is None:
            break
        found = _at_limit(scenario, row, cap)
        row = best_row(with_cap(scenario, cap), batch=batch, axes=axes)
        if row["layout"] == found["layout"]:
            break
    if found is None:
        return _marked(free | {"feasible": False, "reason": ABOVE}, free, CAPPED, math.nan)
    return _marked(found, free, CAPPED, found["power_cap_w"])


def _at_limit(scenario: Scenario, row: Row, cap: float) -> Row:
    """The row's layout at a cap, texts kept."""
    params = lower_site(scenario, row["chips"])
    found = at_cap(params, layout_of(row), cap)
    texts = {key: row[key] for key in ("bottleneck", "reason", "feasible")}
    return row | found | texts


def cap_at_limit(scenario: Scenario, row: Row) -> float | None:
    """Cap at which a site draws its limit with the layout of a row.

    Site power rises with the cap, so halving a range finds it.

    Parameters
    ----------
    scenario
        The machine and the job.
    row
        Its estimate.

    Returns
    -------
    float | None
        Cap; none where the site draws more than its limit at any. [W]
    """
    power, limit = scenario.machine.chip.power, limit_of(scenario)
    params, layout = lower_site(scenario, row["chips"]), layout_of(row)
    low, high = 1.02 * (power.idle + (power.host or 0.0)), power.cap
    if at_cap(params, layout, low)["site_power_w"] > limit:
        return None
    for _ in range(STEPS):
        middle = 0.5 * (low + high)
        drawn = at_cap(params, layout, middle)["site_power_w"]
        low, high = (middle, high) if drawn <= limit else (low, middle)
        if limit * (1.0 - TOLERANCE) < drawn <= limit:
            break
    return low


def _dark(scenario: Scenario, free: Row, batch: int | None, axes: Axes | None) -> Row:
    """As many whole nodes at the full cap as the limit feeds, the others switched off."""
    best = None
    chips = _whole_nodes(scenario, free["chips"] * free["power_limit_w"] / free["site_power_w"])
    for _ in range(ROUNDS):
        if chips < 1 or _takes_more(scenario, chips):
            break
        row = best_row(scenario, chips=chips, batch=batch, axes=axes)
        fits = row["feasible"] and row["site_power_w"] <= free["power_limit_w"]
        if fits and (best is None or row["tokens_per_s"] > best["tokens_per_s"]):
            best = row
        drawn = row["site_power_w"] if row["feasible"] else np.inf
        share = min(free["power_limit_w"] / drawn, 1.05) if np.isfinite(drawn) else 0.97
        following = _whole_nodes(scenario, min(chips * share, free["chips"]))
        if following == chips:
            break
        chips = following
    if best is None:
        nothing = free | {"feasible": False, "reason": "no layout of few enough chips"}
        return _marked(nothing, free, DARK, free["power_cap_w"])
    return _marked(best, free, DARK, free["power_cap_w"])


def _takes_more(scenario: Scenario, chips: int) -> bool:
    """Whether a named layout says how many chips it takes, and they are more."""
    layout = scenario.layout
    if layout is None or layout.dp == "fill":
        return layout is not None and layout.tp * layout.cp * layout.pp > chips
    return layout.tp * layout.cp * layout.pp * layout.dp > chips


def limit_columns(limited: Limited) -> Row:
    """What each strategy comes to, for a row of results; not a number where no limit binds.

    Parameters
    ----------
    limited
        A job under a grid connection.

    Returns
    -------
    Row
        `capped_power_cap_w`, `capped_tokens_per_s`, `dark_chips`, `dark_tokens_per_s`.
    """
    columns: Row = dict.fromkeys(
        ("capped_power_cap_w", "capped_tokens_per_s", "dark_chips", "dark_tokens_per_s"), math.nan
    )
    for row in limited.strategies:
        if row["feasible"] and row["strategy"] == CAPPED:
            columns |= {
                "capped_power_cap_w": row["power_cap_w"],
                "capped_tokens_per_s": row["tokens_per_s"],
            }
        elif row["feasible"]:
            columns |= {
                "dark_chips": float(row["dark"]),
                "dark_tokens_per_s": row["tokens_per_s"],
            }
    return columns


def _whole_nodes(scenario: Scenario, chips: float) -> int:
    node = scenario.machine.node.chips
    return int(chips // node) * node
