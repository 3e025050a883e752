"""Whether a layout of the user is as good as the best found, and what speaks for the better one."""

import math
from collections.abc import Callable

import numpy as np

from perfmodel.config.schema.scenario import Scenario
from perfmodel.engine.run import evaluate_few
from perfmodel.lowering.site import lower_site
from perfmodel.spaces.layouts import Layouts
from perfmodel.studies.best_layout import Row, layout_of, metrics
from perfmodel.studies.coupled import AIMS
from perfmodel.studies.run_intervals import SPREADS

NEAR = 0.05
"""Lead up to which two layouts count as equally good: noise of equal runs, see `run_intervals`."""

SIGNS = (1.0, -1.0)


def _as_it_is(row: Row) -> Row:
    return row


def lead(row: Row, best: Row, objective: str) -> float:
    """How much better the best is.

    Parameters
    ----------
    row, best
        Layouts with what they do.
    objective
        What was to be best.

    Returns
    -------
    float
        Gain of the best over the row, as a share of the row's tokens/s or of the best's energy,
        memory, cost or carbon.
    """
    if objective in AIMS:
        key, large = AIMS[objective]
        return (best[key] / row[key] if large > 0.0 else row[key] / best[key]) - 1.0
    if objective == "energy":
        return row["energy_per_token_j"] / best["energy_per_token_j"] - 1.0
    if objective == "memory":
        return row["memory_fraction"] / best["memory_fraction"] - 1.0
    return best["tokens_per_s"] / row["tokens_per_s"] - 1.0


def verdict(
    scenario: Scenario, row: Row, best: Row, objective: str, told: Callable[[Row], Row] = _as_it_is
) -> str:
    """What the model thinks of a layout, and whether it has evidence.

    Parameters
    ----------
    scenario
        The machine and the job.
    row
        A layout of the user, with what no run of its kind was measured with.
    best
        The best found.
    objective
        What was to be best.
    told
        Adds to a row what the objective needs beside its step.

    Returns
    -------
    str
        Two or three sentences.
    """
    ahead = lead(row, best, objective)
    if not row["feasible"]:
        return f"{_too_large(row, best, ahead)} {_evidence(best)}"
    if ahead < -NEAR:
        return (
            f"This layout beats the best found by {-ahead:.1%}: it lies outside of what was "
            "searched; more of each axis is tried with --axes usual or --axes all."
        )
    if ahead <= NEAR:
        return f"This layout lies within {NEAR:.0%} of the best found ({_behind(ahead)})."
    better = f"The model thinks that {best['layout']} is {ahead:.1%} better by {objective}."
    return (
        f"{better} {_evidence(best)} {_sureness(moved_leads(scenario, row, best, objective, told))}"
    )


def _too_large(row: Row, best: Row, ahead: float) -> str:
    return (
        f"The model thinks that this layout needs {row['memory_fraction']:.0%} of the memory; "
        f"where it was run, the model is wrong there. Did it fit, it would be {_behind(ahead)}. "
        f"The best found is {best['layout']}."
    )


def _behind(ahead: float) -> str:
    return f"{ahead:.1%} behind" if ahead >= 0.0 else f"{-ahead:.1%} ahead"


def _evidence(best: Row) -> str:
    """Whether runs like the better one were measured."""
    if best["extrapolated"]:
        return f"That one has no evidence: no run was measured with {best['extrapolated']}."
    return "Its degrees, the chip, the software and the scale each occur in measured runs."


def _sureness(leads: dict[str, tuple[float, ...]]) -> str:
    """Whether the lead outlasts what is not known of the parameters."""
    turned = [name for name, values in leads.items() if min(values) < 0.0]
    if turned:
        return f"It falls behind within a standard deviation of {', '.join(turned)}."
    every = [value for values in leads.values() for value in values]
    ends = f"{min(every):.1%} to {max(every):.1%}"
    return f"The lead stays, {ends}, when one of {len(leads)} priors moves by its deviation."


def moved_leads(
    scenario: Scenario, row: Row, best: Row, objective: str, told: Callable[[Row], Row] = _as_it_is
) -> dict[str, tuple[float, ...]]:
    """Lead of the best where one of the parameters that are known least is another one.

    Parameters
    ----------
    scenario, row, best, objective, told
        As in :func:`verdict`.

    Returns
    -------
    dict[str, tuple[float, ...]]
        By what is moved, up and down by a standard deviation of its prior.
    """
    params = lower_site(scenario)
    pair = [layout_of(row), layout_of(best)]
    layouts = Layouts(*(np.array(values) for values in zip(*pair, strict=True)))

    def moved(name: str, sign: float) -> float:
        change, spread = SPREADS[name]
        step = change(params.step, math.exp(sign * spread))
        found = evaluate_few(params._replace(step=step), layouts)
        own, other = (told(one | metrics(found, place)) for place, one in enumerate((row, best)))
        return lead(own, other, objective)

    return {name: tuple(moved(name, sign) for sign in SIGNS) for name in SPREADS}
