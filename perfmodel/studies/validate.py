"""Sets of published measurements that predictions are held to, and their errors as one answer."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from perfmodel.config.faults import Fault, Faults, attempt, nearest, one_of, refuse, shown
from perfmodel.config.library import Library
from perfmodel.config.measurements import shipped_measurements
from perfmodel.studies.collectives_validation import judge_collectives, judge_reported
from perfmodel.studies.exchange_rows import judge_exchanges
from perfmodel.studies.host_collectives_validation import judge_host_collectives
from perfmodel.studies.judged import (
    Judged,
    Judgement,
    Measure,
    MeasurementSet,
    baselines,
    group_of,
    groupings,
    rows_of,
    scored,
    with_apart,
)
from perfmodel.studies.power_rows import judge_power
from perfmodel.studies.run_memory import judge_run_memory
from perfmodel.studies.runs_validation import judge_runs
from perfmodel.studies.scores import NOTHING, document, joined, relative_error, score

RUN_FILES = tuple(
    f"runs/{family}.csv"
    for family in (
        *("bigscience_jeanzay", "china_clusters", "european_systems", "google_tpu"),
        *("megatron_core_moe_report", "megatron_papers", "misc_accelerators", "mlperf_power"),
        *("mlperf_training", "mosaic_llmfoundry", "nvidia_dgxc_benchmarking"),
        *("nvidia_megatron_bridge", "nvidia_nemo_docs", "simumax_b200", "torch_native"),
        *("vtrain_multi", "vtrain_single"),
    )
)
"""Published runs, a file per family."""

SETS: dict[str, MeasurementSet] = {
    "runs": MeasurementSet("Published training runs", RUN_FILES, judge_runs),
    "memory": MeasurementSet(
        "Memory of published training runs", RUN_FILES, judge_run_memory, beside="runs"
    ),
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
    "reported": MeasurementSet(
        "Collectives in device memory, reported and not judged",
        ("collectives_racks.csv",),
        judge_reported,
        beside="collectives",
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
    asked_for = chosen or dict.fromkeys(SETS, ())
    chosen = _with_companions(asked_for)
    faults: list[Fault] = []
    found: dict[str, Judged] = {}
    for name, files in chosen.items():
        paths = list(files) or [shipped_measurements(file) for file in SETS[name].files]
        judged = attempt(faults, SETS[name].judge, paths, library)
        if judged is not None and (judged.rows or name in asked_for):
            found[name] = judged
    refuse(faults)
    return found


def _with_companions(chosen: Mapping[str, Sequence[Path]]) -> dict[str, Sequence[Path]]:
    """The chosen sets and those that lie in the same files."""
    others = {name: one.beside for name, one in SETS.items() if one.beside in chosen}
    both = {**{name: chosen[leader] for name, leader in others.items()}, **chosen}
    return {name: both[name] for name in SETS if name in both}


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
    whole = {name: one for name, one in sets.items() if SETS[name].beside not in sets}
    groups = [
        group for judged in whole.values() for group in group_of(judged, _of(judged, grouping))
    ]
    found = document(score(joined([rows_of(judged) for judged in whole.values()]), groups))
    rows = [row for name, one in sets.items() for row in _per_row(name, one, grouping)]
    parts = {name: _part(name, sets[name], grouping) for name in sets}
    return {**found, "per_row": rows, "sets": parts}


def _per_row(name: str, judged: Judged, grouping: str) -> list[dict[str, Any]]:
    """Every row with a prediction or a reason; first those that count in the errors."""
    everything = with_apart(judged)
    rows = document(scored(everything, _of(everything, grouping)))["per_row"]
    reasons = [""] * len(judged.rows)
    reasons += [reason for reason, some in judged.apart.items() for _ in some]
    for label, row, reason in zip(_labels(name, everything), rows, reasons, strict=True):
        row.update(label, apart=reason)
    return rows


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
        "tables": {one: _table(judged, one) for one in judged.tables},
        "apart": {reason: _figures(judged, rows) for reason, rows in judged.apart.items()},
        "with_apart": _figures(judged, with_apart(judged).rows),
        "excluded": dict(judged.excluded),
        "notes": list(judged.notes),
    }


def _table(judged: Judged, grouping: str) -> dict[str, Any]:
    """Errors by one grouping, those of simpler models on the same rows beside them."""
    own = document(scored(judged, grouping))["groups"]
    names = np.array(group_of(judged, grouping))
    errors = {one: np.abs(relative_error(rows_of(judged, one))) for one in baselines(judged)}
    return {
        group: {**figures, "baselines": _means(errors, names == group)}
        for group, figures in _in_order(own).items()
    }


def _in_order(groups: Mapping[str, Any]) -> Mapping[str, Any]:
    """Groups in order of appearance; buckets of sizes by size."""
    if not all(name.startswith(("<=", ">")) for name in groups):
        return groups
    size = {name: int("".join(filter(str.isdecimal, name))) for name in groups}
    return dict(sorted(groups.items(), key=lambda item: (item[0].startswith(">"), size[item[0]])))


def _means(errors: Mapping[str, np.ndarray], chosen: np.ndarray) -> dict[str, float]:
    """Mean error of each simpler model over the chosen rows that it predicts."""
    kept = {name: error[chosen & np.isfinite(error)] for name, error in errors.items()}
    return {name: float(error.mean()) if error.size else NOTHING for name, error in kept.items()}


def _figures(judged: Judged, rows: Sequence[Judgement]) -> dict[str, Any]:
    """Errors of some rows of a set."""
    return dict(scored(judged._replace(rows=rows)).figures._asdict())
