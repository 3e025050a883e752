"""The closed form of collisions against flows, level by level."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from perfmodel.config.schema.scenario import Machine
from perfmodel.lowering.congestion import PARTNER, RING
from perfmodel.lowering.fabric import lower_network
from perfmodel.studies.congestion_table import Case, own_rule, solve_case
from perfmodel_kernels.topology import NEIGHBOUR, PERMUTATION

Row = dict[str, Any]

BOUND = 0.03
"""Relative difference that the closed form may have from a direct solution."""

ROWS = {RING: NEIGHBOUR, PARTNER: PERMUTATION}
"""Pattern to its row of the closed form."""


def check_levels(machine: Machine, seed: int) -> list[Row]:
    """Share of its bandwidth that a level keeps, in closed form and by flows of another draw.

    Under adaptive routing and spraying the closed form counts what failed links take from a sound
    fabric, whose own losses are part of ``link_fraction``; flows are compared in the same way.

    Parameters
    ----------
    machine
        Fabric, with its failed links.
    seed
        Of the direct solution; the shipped table has seed 0.

    Returns
    -------
    list[Row]
        One row per level above the leaf and pattern.
    """
    network, found = lower_network(machine), []
    first = int(np.flatnonzero(network.scaleup < 0.5)[0])
    for position, level in enumerate(machine.fabric.level):
        if position == 0:
            continue
        for pattern, row in ROWS.items():
            case = Case(machine, position, pattern, own_rule(level), machine.fabric.failed_links)
            direct = solve_case(case, seed).mean
            if case.rule.method != "ecmp" and direct:
                direct /= solve_case(case._replace(failed=0.0), seed).mean
            closed = float(network.share[row, first + position])
            found.append({
                "level": level.name,
                "pattern": pattern,
                "closed_form": closed,
                "flows": direct,
                "difference": closed / direct - 1.0 if direct else float("inf"),
            })  # fmt: skip
    return found


def holds(rows: Sequence[Row]) -> bool:
    """Whether no level differs by more than :data:`BOUND`.

    Parameters
    ----------
    rows
        From :func:`check_levels`.

    Returns
    -------
    bool
        Verdict.
    """
    return all(abs(row["difference"]) <= BOUND for row in rows)
