"""Sets of published measurements that predictions are held to, and their errors as one answer."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from perfmodel.config.faults import Fault, Faults, attempt, nearest, one_of, refuse, shown
from perfmodel.config.library import Library
from perfmodel.config.measurements import shipped_measurements
from perfmodel.studies.collectives_validation import judge_collectives
from perfmodel.studies.exchange_rows import judge_exchanges
from perfmodel.studies.host_collectives_validation import judge_host_collectives
from perfmodel.studies.judged import (
    Judged,
    Measure,
    MeasurementSet,
    baselines,
    group_of,
    groupings,
    rows_of,
    scored,
)
from perfmodel.studies.power_rows import judge_power
from perfmodel.studies.scores import document, joined, score

SETS: dict[str, MeasurementSet] = {
    "power": MeasurementSet(
        "Power of Linpack systems, metered nodes and states of chips",
        ("power_hpl.csv", "power_training.csv", "power_states.csv"),
        judge_power,
    ),
    "host_collectives": MeasurementSet(
        "Message-passing collectives in host memory",
        ("collectives_eu.csv",),
        judge_host_collectives,
    ),
    "exchanges": MeasurementSet(
        "Exchanges of tokens between experts", ("moe_exchange.csv",), judge_exchanges
    ),
    "collectives": MeasurementSet(
        "Collectives in device memory",
        ("collectives.csv", "collectives_eu.csv"),
        judge_collectives,
    ),
}
"""Name of an option of `perfmodel validate` to its set."""


def judge(asked: Mapping[str, Sequence[Path] | None], library: Library) -> dict[str, Judged]:
    """Predict the rows of some sets.

    Parameters
    ----------
    asked
        Set to its files: none leaves the set out, an empty list takes the files that ship. All
        sets with their shipped files where every one is left out.
    library
        Configs that predict the rows.

    Returns
    -------
    dict[str, Judged]
        Rows and predictions by set.

    Raises
    ------
    Faults
        All that is wrong with their files.
    """
    chosen = {name: files for name, files in asked.items() if files is not None}
    chosen = chosen or dict.fromkeys(SETS, ())
    faults: list[Fault] = []
    found: dict[str, Judged] = {}
    for name, files in chosen.items():
        paths = list(files) or [shipped_measurements(file) for file in SETS[name].files]
        judged = attempt(faults, SETS[name].judge, paths, library)
        if judged is not None:
            found[name] = judged
    refuse(faults)
    return found


def check_grouping(sets: Mapping[str, Judged], grouping: str) -> None:
    """Refuse a grouping that no set has.

    Raises
    ------
    Faults
        With the groupings that exist.
    """
    known = list(dict.fromkeys(key for judged in sets.values() for key in groupings(judged)))
    if not grouping or grouping in known:
        return
    close = nearest(grouping, known)
    expected = "" if close or not known else one_of(known)
    fault = Fault(problem="no such grouping", field="--by", value=shown(grouping))
    raise Faults([Fault(**{**vars(fault), "expected": expected, "nearest": close})])


def answer(sets: Mapping[str, Judged], grouping: str = "") -> dict[str, Any]:
    """Errors of all rows together, of each set, and every row.

    Parameters
    ----------
    sets
        What :func:`judge` returned.
    grouping
        What to group by; a set that lacks it is grouped by family.

    Returns
    -------
    dict[str, Any]
        Figures of all rows at the top, those of each set under ``sets``.
    """
    labels = [label for name, judged in sets.items() for label in _labels(name, judged)]
    groups = [
        group for judged in sets.values() for group in group_of(judged, _of(judged, grouping))
    ]
    whole = document(score(joined([rows_of(judged) for judged in sets.values()]), groups))
    for label, row in zip(labels, whole["per_row"], strict=True):
        row.update(label)
    return {**whole, "sets": {name: _part(name, sets[name], grouping) for name in sets}}


def _labels(name: str, judged: Judged) -> list[dict[str, str]]:
    """Set, quantity and unit of each row."""
    whole = Measure(judged.quantity, judged.unit)
    return [{"set": name, **(row.measure or whole)._asdict()} for row in judged.rows]


def _of(judged: Judged, grouping: str) -> str:
    return grouping if grouping in groupings(judged) else judged.family


def _part(name: str, judged: Judged, grouping: str) -> dict[str, Any]:
    """Errors of one set, its rows apart."""
    by = _of(judged, grouping)
    figures = document(scored(judged, by))
    del figures["per_row"]
    others = {one: document(scored(judged, by, one)) for one in baselines(judged)}
    for other in others.values():
        del other["per_row"]
    return {
        "title": SETS[name].title,
        "quantity": judged.quantity,
        "unit": judged.unit,
        "by": by,
        **figures,
        "baselines": others,
        "excluded": dict(judged.excluded),
        "notes": list(judged.notes),
    }
