"""Predictions of published power: Linpack systems, metered nodes and states of chips."""

import csv
import re
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from perfmodel.config.faults import Fault, Faults, attempt, refuse, short_path
from perfmodel.config.library import Library
from perfmodel.config.measurements import read_rows
from perfmodel.config.schema.measurement import MeasuredRow
from perfmodel.config.schema.power_measurement import KILOWATT, LinpackRow, MeteredRow, StateRow
from perfmodel.config.schema.scenario import Machine, Scenario
from perfmodel.engine.run import compiled
from perfmodel.lowering.chip import lower_power
from perfmodel.lowering.fabric_power import fabric_power
from perfmodel.lowering.published_power import (
    SITE,
    SMALL,
    Job,
    linpack_machine,
    lower_linpack,
    metered_job,
    metered_machine,
)
from perfmodel.lowering.site import lower_node
from perfmodel.studies.best_layout import Row, best_row
from perfmodel.studies.judged import Judged, Judgement, Measure
from perfmodel_kernels.building import NodePower, node_power
from perfmodel_kernels.linpack import Linpack, LinpackMetrics, linpack_metrics
from perfmodel_kernels.power import ChipPower, Work, pace_under_cap, waiting_power

LINPACK, EFFICIENCY, NODE, PEAK, STATE, RATE = (
    "HPL, power of a chip",
    "HPL, FLOP per joule",
    "node in a run",
    "node at its peak",
    "state of a chip",
    "tokens per second",
)
"""Families of rows."""

POWER = Measure("power", "W")
PER_JOULE = Measure("FLOP per joule", "FLOP/J")
PER_SECOND = Measure("tokens per second of a chip", "tokens/s")

QUANTITIES = "power, FLOP per joule, tokens per second"

KINDS: dict[str, type[MeasuredRow]] = {
    "rmax_pflops": LinpackRow,
    "mean_kW_per_node": MeteredRow,
    "power_w_per_gpu": StateRow,
}
"""Column that a kind of file has, to its schema."""

NOTES = (
    "Rmax of HPL and energies of a chip come from one set of parameters per chip generation.",
    "GPT-3 175B runs with TP 4, PP 8 of the vendor's recipe: its own layout is not published.",
)


def judge_power(paths: Sequence[Path], library: Library) -> Judged:
    """Predict files of power.

    Parameters
    ----------
    paths
        CSV files of any of the three kinds.
    library
        Configs that predict the rows.

    Returns
    -------
    Judged
        Rows by family.
    """
    faults: list[Fault] = []
    rows = [row for path in paths for row in attempt(faults, _read, path) or ()]
    refuse(faults)
    used = [row for row in rows if row.use != "exclude"]
    judgements = [one for row in used for one in _judgements(row, library)]
    excluded: dict[str, int] = {}
    for row in rows:
        if row.use == "exclude":
            reason = row.exclude_reason or "excluded"
            excluded[reason] = excluded.get(reason, 0) + 1
    return Judged(judgements, QUANTITIES, "", "family", excluded, NOTES)


def _read(path: Path) -> list[Any]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        head = next(csv.reader(file), [])
    for column, schema in KINDS.items():
        if column in head:
            return read_rows(path, schema)
    expected = "one of the columns " + ", ".join(KINDS)
    raise Faults([Fault(problem="no power in it", file=short_path(path), expected=expected)])


def _judgements(row: MeasuredRow, library: Library) -> Iterator[Judgement]:
    if isinstance(row, LinpackRow):
        yield from _linpack(row, library)
    elif isinstance(row, MeteredRow):
        yield from _metered(row, library)
    elif isinstance(row, StateRow):
        yield _state(row, library)


@cache
def _programs() -> tuple[Callable[..., Any], ...]:
    """Linpack, a node and a waiting chip, each one program for all rows."""
    return compiled(linpack_metrics), compiled(node_power), compiled(_waiting)


def _waiting(chip: ChipPower) -> Any:
    """Power of a chip in a collective that moves nothing yet."""
    nothing = np.zeros(1, np.float32)
    pace = pace_under_cap(Work(nothing, nothing + 1.0, nothing, nothing), chip)
    return waiting_power(pace, chip)[0] + chip.host


def _single(tree: Any) -> Any:
    """Numbers of a tree in single precision."""
    if hasattr(tree, "_fields"):
        return type(tree)(*(_single(part) for part in tree))
    return np.float32(tree)


def linpack_of(linpack: Linpack) -> LinpackMetrics:
    """Rate and power of one chip in Linpack.

    Parameters
    ----------
    linpack
        SI numbers.

    Returns
    -------
    LinpackMetrics
        Per chip.
    """
    return LinpackMetrics(*(float(value) for value in _programs()[0](_single(linpack))))


def plug_power(chip: float, node: NodePower) -> float:
    """Power of a node at its plug, per chip.

    Parameters
    ----------
    chip
        Mean power of its chips. [W]
    node
        The node.

    Returns
    -------
    float
        Power. [W]
    """
    return float(_programs()[1](np.float32(chip), _single(node)).drawn)


def linpack_power(chip: float, machine: Machine) -> float:
    """Power of a system per chip as the TOP500 counts it: nodes and fabric, no cooling.

    Parameters
    ----------
    chip
        Mean power of the chips. [W]
    machine
        Node and fabric.

    Returns
    -------
    float
        Power. [W]
    """
    return plug_power(chip, lower_node(machine.node)) + fabric_power(machine, machine.chips)


def _linpack(row: LinpackRow, library: Library) -> Iterator[Judgement]:
    groups = {"chip": row.chip_id, "system": row.system}
    power, efficiency = row.power_per_chip, row.efficiency
    machine = linpack_machine(row, library)
    linpack = lower_linpack(machine) if machine else None
    drawn = rate = float("nan")
    if machine and linpack:
        found = linpack_of(linpack)
        drawn, rate = linpack_power(float(found.chip_power), machine), float(found.rate)
    known = "" if linpack else "no node of the library has this chip with an FP64 side"
    for family, measured, predicted, measure in (
        (LINPACK, power, drawn, POWER),
        (EFFICIENCY, efficiency, rate / drawn, PER_JOULE),
    ):
        skipped = known if measured else "no power is printed"
        value = predicted if not skipped else float("nan")
        name = f"{row.id}:{'power' if family == LINPACK else 'efficiency'}"
        own = groups | {"family": family}
        yield Judgement(name, measured or float("nan"), value, skipped, own, measure=measure)


def _metered(row: MeteredRow, library: Library) -> Iterator[Judgement]:
    groups, job = {"chip": row.chip, "system": row.system}, metered_job(row)
    node = metered_machine(row)
    known = "" if node else f"no node of the library has {row.chip} with such cooling"
    idle = "idle" in row.workload.lower()
    found = _run(job, node, library) if node and isinstance(job, Job) and not idle else None
    reason = known or (job if isinstance(job, str) else "")
    if row.mean_kW_per_node:
        measured = row.mean_kW_per_node * KILOWATT
        if idle and node:
            predicted, reason = _idle(node, library), ""
        else:
            predicted = _node(found, row) if found else float("nan")
        own = groups | {"family": NODE}
        yield Judgement(f"{row.id}:mean", measured, predicted, reason, own, measure=POWER)
    if row.peak_kW_per_node:
        measured, own = row.peak_kW_per_node * KILOWATT, groups | {"family": PEAK}
        peak = _peak(node, library) if node else float("nan")
        yield Judgement(f"{row.id}:peak", measured, peak, known, own, measure=POWER)
    if row.throughput_tokens_s_per_chip:
        rate = found["tokens_per_s_per_chip"] if found else float("nan")
        own, measured = groups | {"family": RATE}, row.throughput_tokens_s_per_chip
        yield Judgement(f"{row.id}:rate", measured, rate, reason, own, measure=PER_SECOND)


def job_scenario(job: Job, node: Sequence[str], library: Library) -> Scenario:
    """A job that stands for a metered one, on the nodes of its row.

    Parameters
    ----------
    job
        Workload, layout and software.
    node
        Overrides of the site; those that the job makes itself stand back.
    library
        Configs.

    Returns
    -------
    Scenario
        Checked.
    """
    overrides = [*job.overrides, *(one for one in node if one.partition("=")[0] not in _own(job))]
    return library.scenario(SITE, job.workload, overrides=overrides)


def _run(job: Job, node: Sequence[str], library: Library) -> Row:
    return best_row(job_scenario(job, node, library))


def _own(job: Job) -> set[str]:
    """Paths that a job sets itself."""
    return {one.partition("=")[0] for one in job.overrides}


def _node(found: Row, row: MeteredRow) -> float:
    """Node at its plug in a run. [W]."""
    parts = ("chips", "hosts", "fans", "conversion")
    total = sum(found[f"power_split_{part}_w"] for part in parts)
    return total / found["chips"] * row.chips_per_node


def _machine(node: Sequence[str], library: Library) -> Machine:
    return library.machine(SITE, node)


def _idle(node: Sequence[str], library: Library) -> float:
    """Node at its plug with its chips at rest. [W]."""
    machine = _machine(node, library)
    power = machine.chip.power
    rest = power.idle + (power.host_idle or 0.0)
    return plug_power(rest, lower_node(machine.node)) * machine.node.chips


def _peak(node: Sequence[str], library: Library) -> float:
    """Node at its plug with every chip at its cap. [W]."""
    machine = _machine(node, library)
    return plug_power(machine.chip.power.cap, lower_node(machine.node)) * machine.node.chips


NOT_A_STATE = "not a state of one chip: a distribution, a change, or another device"


def _state(row: StateRow, library: Library) -> Judgement:
    measured = middle(row.power_w_per_gpu)
    chip, predicted = _device(row.device), float("nan")
    if chip and measured:
        predicted = _state_power(row.state, chip, library)
    skipped = NOT_A_STATE if np.isnan(predicted) else ""
    groups = {"family": STATE, "chip": chip or "other", "system": row.dataset}
    return Judgement(row.id, measured or float("nan"), predicted, skipped, groups, measure=POWER)


def middle(text: str) -> float | None:
    """Middle of a range such as ``146-160``, or the first of several states; none of other text.

    Parameters
    ----------
    text
        Power as it was printed. [W]

    Returns
    -------
    float | None
        Power. [W]
    """
    numbers = re.fullmatch(r"([0-9.]+)(?:-([0-9.]+))?(?:/[0-9.]+)?", text.strip())
    if numbers is None:
        return None
    low = float(numbers[1])
    return 0.5 * (low + float(numbers[2] or low))


def _device(text: str) -> str | None:
    words = text.lower()
    return next((chip for chip in ("h100", "a100-80", "mi250x") if chip in words), None)


def _state_power(state: str, chip: str, library: Library) -> float:
    """Power of a chip in a state that the model knows, else not a number. [W]."""
    words, power = state.lower(), lower_power(library.load("chips", chip))
    if words.startswith("idle"):
        return float(power.idle + power.host_idle)
    if "wait" in words:
        return float(_programs()[2](_single(power)))
    if _is_small_run(words, chip):
        return _run(SMALL, (), library)["chip_power_w"]
    return float("nan")


def runs_small_model(row: StateRow) -> bool:
    """Whether a row is of a chip that trains the small model of :data:`SMALL`."""
    return _is_small_run(row.state.lower(), _device(row.device))


def _is_small_run(words: str, chip: str | None) -> bool:
    return "350m" in words.replace(" ", "") and chip == "h100"
