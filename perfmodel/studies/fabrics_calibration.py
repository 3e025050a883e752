"""Fit of links, protocols and launches to measured all-reduces of small scale."""

import datetime
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from perfmodel.config.documents import Document, FieldPath, dotted
from perfmodel.config.library import Library
from perfmodel.config.measured_systems import read_systems, systems_place
from perfmodel.config.measurements import read_files, shipped_measurements
from perfmodel.config.schema.measured_system import MeasuredSystem
from perfmodel.config.schema.measurement import CollectiveRow
from perfmodel.engine.run import compiled
from perfmodel.lowering.measured_collective import Call, Measured, measured
from perfmodel.studies.calibrate import Calibrated
from perfmodel.studies.collectives_validation import shortest, stacked
from perfmodel.studies.edits import Edit
from perfmodel.studies.fabric_knobs import (
    OWN_PRIORS,
    PLACES,
    PRIORS,
    Knobs,
    Place,
    Prior,
    held,
    turn,
)
from perfmodel.studies.fitting import Data, Estimate, Fit, Parameter, fit

FILES = ("collectives.csv", "collectives_eu.csv")

NOISE = 0.08
"""Of the logarithm of a time: half of the calls of PICO have a 95th percentile 10 % above the
median of their repeats, and neighbouring sizes of one run scatter by 5-10 %."""

MICROSECOND = 1e-6


_PROTOCOLS = ("latency", "bulk", "short")
_CARDS = ("link", "outer_latency", "outer_bulk", "outer_short")

FITTED: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "chips": {
        "a100-80": ("scaleup", *_PROTOCOLS),
        "h100": ("reduction", *_PROTOCOLS),
        "gb300": ("reduction", *_PROTOCOLS),
        "b200": ("reduction",),
    },
    "fabrics": {
        "ndr200-fat-tree-mn5": (*_CARDS, "spread"),
        "efa": _CARDS,
        "efa-100g": _CARDS,
        "slingshot-alps": _CARDS,
    },
    "stacks": {"megatron-core-2025": ("tree",)},
}
"""Kind and name of a config to its fitted knobs. What rings alone would say of H100 and Blackwell
stands: no such row has a time. Systems with small messages have a launch each."""

MOST_NAMED = 5
"""Systems that a source names."""

VALUE_WIDTH = 27
"""Where the comment behind a value begins, less two blanks; a long value moves it."""

BOUNDS = {"": "", "low": ", at its lower bound", "high": ", at its upper bound"}
"""Bound of an estimate to what its source says of it."""

FOLLOWERS: Mapping[str, tuple[str, ...]] = {
    "ndr200-fat-tree-mn5": (
        *("bxi-v3", "dragonflyplus-jupiter", "dragonflyplus-leonardo", "hdr-fat-tree"),
        *("hdr-rail", "ndr-rail-3tier", "nvl72-clos-800g", "omnipath-fat-tree", "roce-24k-7to1"),
        *("roce-clos", "spectrum-x-800g", "xdr-fat-tree", "xgmi-node"),
    ),
    "slingshot-alps": ("slingshot-lumi",),
    "megatron-core-2025": ("fsdp-composer-2023",),
}
"""Fitted config to those without a measurement of their own that take its protocols over."""

FOLLOWED = ("outer_bulk", "outer_short", "tree")
"""Knobs that they take over: what software does, not what links give."""

SMALL = 2**20
"""Payload that a launch can be seen in. [B]"""


class Known(NamedTuple):
    """What the residuals take, stacked over rows."""

    call: Call
    """Calls with the values of the configs."""
    held: Knobs
    """These values."""
    which: np.ndarray
    """Which parameter a knob is; beyond the last one it keeps its value. Axes: row, knob."""
    measured: np.ndarray
    """Times. [s]"""


class Target(NamedTuple):
    """One parameter and where its value stands."""

    knob: str
    """Field of :class:`Knobs`."""
    name: str
    """Config, or system."""
    path: Path
    """Its file."""
    field: FieldPath
    """Its place in that file."""


def fit_fabrics(library: Library) -> Calibrated:
    """Fit links, protocols and launches to the rows that may be fitted.

    Parameters
    ----------
    library
        Configs that hold the values, and the systems.

    Returns
    -------
    Calibrated
        Values and how the library would hold them.
    """
    rows = fitted_rows(library)
    targets, index = _targets(rows, library)
    known = _known(rows, index)
    groups = [one.row.system for one in rows]
    noise, weight = np.full(len(rows), NOISE), _weights(rows)
    parameters = [_parameter(target) for target in targets]
    found = fit(parameters, Data(residuals, (known,), groups, noise, weight))
    edits = [
        edit
        for number, (target, estimate) in enumerate(zip(targets, found.estimates, strict=True))
        for edit in _edits(library, target, estimate, (index == number).any(axis=1), groups)
    ]
    return Calibrated(found, edits, _notes(found, known))


def fitted_rows(library: Library) -> list[Measured]:
    """Rows that may be fitted: all-reduces over device memory.

    Parameters
    ----------
    library
        Configs and systems.

    Returns
    -------
    list[Measured]
        In the order of the files.
    """
    systems = read_systems(library)
    rows = read_files([shipped_measurements(file) for file in FILES], CollectiveRow)
    used = [row for row in rows if row.use == "fit" and row.memory == "device"]
    found = [measured(row, systems, library) for row in used]
    return [one for one in found if isinstance(one, Measured) and one.collective == "all-reduce"]


def residuals(values: Any, known: Known) -> Any:
    """Logarithm of predicted over measured, one per row.

    Parameters
    ----------
    values
        Parameters.
    known
        Calls and measurements.

    Returns
    -------
    Any
        Array.
    """

    def one(call: Call, held: Knobs, index: Any) -> Any:
        fitted = values[jnp.minimum(index, values.shape[0] - 1)]
        turned = jnp.where(index < values.shape[0], fitted, jnp.stack(list(held)))
        return shortest("all-reduce", turn(call, held, Knobs(*turned)))

    times = jax.vmap(one)(known.call, known.held, known.which)
    return jnp.log(times / known.measured)


def _weights(rows: Sequence[Measured]) -> np.ndarray:
    """Ranks of each row over the mean of its system: what is asked for lies above the largest."""
    ranks = np.array([one.row.ranks for one in rows], float)
    systems = np.array([one.row.system for one in rows])
    return ranks / np.array([ranks[systems == system].mean() for system in systems])


def _known(rows: Sequence[Measured], index: np.ndarray) -> Known:
    return Known(
        call=jax.tree.map(np.float64, stacked([one.call for one in rows])),
        held=Knobs(*np.array([held(one) for one in rows], float).T),
        which=index,
        measured=np.array([one.row.time for one in rows]),
    )


def _targets(rows: Sequence[Measured], library: Library) -> tuple[list[Target], np.ndarray]:
    """Parameters, and which of them each knob of each row is."""
    small = {one.row.system for one in rows if float(one.call.payload[0]) <= SMALL}
    wanted = [[_target(one, knob, small, library) for knob in Knobs._fields] for one in rows]
    targets = sorted({one for row in wanted for one in row if one}, key=_order)
    place = {target: number for number, target in enumerate(targets)}
    beyond = len(targets)
    return targets, np.array([[place[one] if one else beyond for one in row] for row in wanted])


def _order(target: Target) -> tuple[str, str, int]:
    return target.path.parent.name, target.name, Knobs._fields.index(target.knob)


def _target(one: Measured, knob: str, small: set[str], library: Library) -> Target | None:
    """Where the knob of a row stands, none where it is not fitted."""
    place = PLACES[knob]
    alone = (one.row.ranks or 0) <= one.platform.machine.chip.scaleup.domain
    if place.kind == "fabrics" and alone:
        return None
    if place.kind == "systems":
        known = one.row.system in small
        return _launch(one.system, place, library) if known else None
    owner = _owner(_document(one, place.kind, library), place.field)
    if owner is None or knob not in FITTED[place.kind].get(owner.name, ()):
        return None
    return Target(knob, owner.name, owner.path, place.field)


def _launch(system: MeasuredSystem, place: Place, library: Library) -> Target:
    path, number = systems_place(library, system)
    return Target("launch", system.system, path, ("system", number, *place.field))


def _document(one: Measured, kind: str, library: Library) -> Document:
    node = library.load("nodes", one.system.node)
    names = {"chips": node.chip, "fabrics": one.system.fabric, "stacks": one.system.stack}
    return library.document(kind, names[kind])


def _owner(document: Document | None, field: FieldPath) -> Document | None:
    """The config among a document and what it extends that states a field."""
    while document is not None and not _states(document.own, field):
        document = document.parent
    return document


def _states(table: Any, field: FieldPath) -> bool:
    for part in field:
        if isinstance(table, dict) and part not in table:
            return False
        table = table[part]
    return True


def _prior(target: Target) -> Prior:
    return OWN_PRIORS.get((target.name, target.knob), PRIORS[target.knob])


def _parameter(target: Target) -> Parameter:
    prior = _prior(target)
    name = f"{target.name}.{dotted(PLACES[target.knob].field)}"
    return Parameter(name, prior.value, prior.spread, prior.low, prior.high, "log", prior.unit)


def _notes(found: Fit, known: Known) -> tuple[str, ...]:
    values = np.array([estimate.value for estimate in found.estimates])
    errors = np.abs(np.expm1(np.asarray(compiled(residuals)(values, known))))
    return (f"median error of the fitted rows: {np.median(errors):.1%}",)


def _edits(
    library: Library, target: Target, estimate: Estimate, rows: np.ndarray, systems: Sequence[str]
) -> Iterator[Edit]:
    """The fitted value, the levels above that keep their distance, and who takes it over."""
    today = datetime.datetime.now(tz=datetime.UTC).date()
    names = dict.fromkeys(name for name, used in zip(systems, rows, strict=True) if used)
    who = ", ".join(names) if len(names) <= MOST_NAMED else f"{len(names)} systems"
    said = f"{rows.sum()} all-reduces of {who} (configs/validation), {today}"
    source = f"fit to {said}{BOUNDS[estimate.bound]}"
    if not estimate.identified and not estimate.bound:
        source = f"estimate: {_prior(target).source}; {said} say little of it"
    unit, value = estimate.parameter.unit, estimate.value
    yield Edit(target.path, target.field, _text(target.field, value, unit), source)
    if target.knob == "outer_latency":
        yield from _levels_above(library, target, value)
    if target.knob in FOLLOWED:
        place = PLACES[target.knob]
        for name in FOLLOWERS.get(target.name, ()):
            path = library.document(place.kind, name).path
            yield Edit(
                path,
                place.field,
                _text(target.field, value, unit),
                f"estimate: as {target.name}, {today}",
            )


def _levels_above(library: Library, target: Target, value: float) -> Iterator[Edit]:
    leaf, *above = library.load("fabrics", target.name).level
    for number, level in enumerate(above, start=1):
        farther = level.latency - leaf.latency
        text = f"estimate: leaf + {farther / MICROSECOND:.2g} us of switches and fibre"
        field = ("level", number, "latency")
        yield Edit(target.path, field, _text(field, value + farther, "s"), text)


def _text(field: FieldPath, value: float, unit: str) -> str:
    """A value as a config holds it, blanks up to the comment."""
    written = f'"{value / MICROSECOND:.3g} us"' if unit == "s" else f"{value:.3g}"
    return written.ljust(VALUE_WIDTH - len(f"{field[-1]} = "))
