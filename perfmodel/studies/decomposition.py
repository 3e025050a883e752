"""Why one site is faster than another: factors that multiply to the ratio exactly."""

import math
from typing import NamedTuple

from perfmodel.studies.best_layout import Row

COMPUTE = ("matrix", "attention", "elementwise", "recompute")
COMMUNICATION = ("tensor", "context", "expert", "pipeline", "data")


class Term(NamedTuple):
    """One cause."""

    term: str
    """What differs."""
    factor: float
    """How much faster it makes the first site."""
    log: float
    """Natural logarithm of the factor; the terms add up to that of the ratio."""


def decompose(site: Row, base: Row) -> list[Term]:
    r"""Splits the ratio of two throughputs between failures into causes.

    .. math:: \frac{T}{s} = N \cdot u \cdot \frac{P}{f} \cdot r \cdot \eta
        \cdot \frac{C}{C + b} \cdot \frac{C + b}{C + b + c} \cdot \frac{C + b + c}{t} \cdot U

    with installed chips :math:`N`, share in use :math:`u`, peak :math:`P` over the FLOP of a token,
    clock :math:`r`, kernel efficiency :math:`\eta` (what is left while computing, recompute
    included), computation :math:`C`, bubble :math:`b`, exposed communication :math:`c`, the
    step time :math:`t` and the useful share :math:`U`.

    Parameters
    ----------
    site
        Row of the site.
    base
        Row of the site that it is compared with, of the same model.

    Returns
    -------
    list[Term]
        Causes; empty where one of the two has no feasible layout.
    """
    if not (site["feasible"] and base["feasible"]):
        return []
    ours, theirs = _parts(site), _parts(base)
    return [
        Term(name, ours[name] / theirs[name], math.log(ours[name] / theirs[name])) for name in ours
    ]


def _parts(row: Row) -> dict[str, float]:
    """Factors; their product is useful tokens/s up to the FLOP of a token."""
    compute = sum(row[f"time_split_{name}_s"] for name in COMPUTE)
    communication = sum(row[f"time_split_{name}_s"] for name in COMMUNICATION)
    filled = compute + row["time_split_bubble_s"]
    exchanged = filled + communication
    peak = row["model_flop_rate_flop_per_s"] / row["mfu"]
    busy_share = compute / row["step_time_s"]
    per_chip = row["tokens_per_s"] / row["chips_used"]
    flop_per_token = row["model_flop_rate_flop_per_s"] / row["tokens_per_s_per_chip"]
    return {
        "chips": row["chips"],
        "chips in use": row["chips_used"] / row["chips"],
        "chip generation": peak / flop_per_token,
        "clock": row["clock_ratio"],
        "kernels and recompute": per_chip
        / (peak / flop_per_token * row["clock_ratio"] * busy_share),
        "batch and bubble": compute / filled,
        "exposed communication": filled / exchanged,
        "stragglers, optimiser, host": exchanged / row["step_time_s"],
        "goodput": row["useful_share"],
    }
