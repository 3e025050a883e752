"""Throughput of one workload from a thousand chips to four hundred thousand, two batch rules."""

from collections.abc import Callable

from perfmodel.config.schema.scenario import Scenario
from perfmodel.config.schema.workload import Workload
from perfmodel.spaces.layouts import Axes
from perfmodel.studies.best_layout import Row, best_row

FIXED, GROWING = "fixed batch", "batch grows to critical"
RULES = (FIXED, GROWING)

SIZES = (1_000, 2_000, 5_000, 10_000, 25_000, 50_000, 100_000, 200_000, 400_000)
"""Chips of a scaling curve."""

REFERENCE = 25_000
"""Chips at which both rules use the batch of the workload: an AI factory. [chips]"""


def batch_at(rule: str, workload: Workload, chips: int) -> int:
    """Global batch of a rule.

    Parameters
    ----------
    rule
        One of :data:`RULES`.
    workload
        Its batch is used up to the reference size; above, the growing rule keeps the batch per chip
        until the critical batch.
    chips
        Size of the machine.

    Returns
    -------
    int
        Batch. [sequences]
    """
    given = workload.batch.sequences
    if rule == FIXED:
        return given
    critical = int(workload.batch.critical_tokens // workload.sequence_length)
    return max(given, min(critical, given * chips // REFERENCE))


def curves(
    label: str, scenario: Scenario, axes: Axes, done: Callable[[int], None] = lambda _: None
) -> list[Row]:
    """Best layout at every size under both rules.

    Parameters
    ----------
    label
        Name of the curves.
    scenario
        Chip, node, fabric and job; its number of chips is replaced.
    axes
        Values of the layout's axes.
    done
        Told after each point.

    Returns
    -------
    list[Row]
        One row per rule and size; where the rules agree on the batch, the same numbers.
    """
    rows, known = [], {}
    for rule in RULES:
        for chips in SIZES:
            batch = batch_at(rule, scenario.workload, chips)
            if (chips, batch) not in known:
                known[chips, batch] = best_row(scenario, chips, batch, axes)
            rows.append(known[chips, batch] | {"curve": label, "rule": rule})
            done(1)
    return rows
