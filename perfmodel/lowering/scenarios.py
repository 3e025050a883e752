"""Many scenarios that differ in numbers to the vectors that an evaluation takes."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from numpy.typing import NDArray

from perfmodel.config.faults import Faults, Problem
from perfmodel.config.overrides import Override, Setting, path_in, target
from perfmodel.config.schema._model import Config
from perfmodel.config.schema.scenario import Scenario
from perfmodel.lowering.lanes import Lanes, by_branches, lane
from perfmodel.lowering.layout import lower_layout
from perfmodel.lowering.site import lower_site


class Group(NamedTuple):
    """Scenarios that take the same way through the lowering."""

    chosen: NDArray[np.int64]
    """Their numbers."""
    point: Any
    """Parameters of the site and layout, lanes where they differ; none where it is no scenario."""
    scenario: Any
    """The scenario, lanes where the group differs."""
    problem: str
    """Why it is no scenario; empty where it is one."""


def lower_scenarios(
    scenario: Scenario, columns: Mapping[str, NDArray[Any]], count: int, partition: int = 0
) -> list[Group]:
    """Lowers scenarios that differ in numbers.

    Parameters
    ----------
    scenario
        The one that they vary, with a layout.
    columns
        Path of an override to its values in SI, one per scenario.
    count
        Scenarios.
    partition
        Partition of the site.

    Returns
    -------
    list[Group]
        Together every scenario once.
    """
    paths = {path: _place(scenario, path) for path in columns}

    def lowered(chosen: NDArray[np.int64]) -> tuple[Any, Any, str]:
        values = {path: lane(column[chosen]) for path, column in columns.items()}
        try:
            changed = scenario
            for path, value in values.items():
                changed = _changed(changed, paths[path], (value, partition))
        except Problem as error:
            field = f"{error.field} " if error.field else ""
            return None, None, f"{field}{error}"
        chips, batch = changed.machine.chips, changed.workload.batch.sequences
        if changed.layout is None:
            raise ValueError("a scenario without a layout needs a search")
        layout = lower_layout(changed.layout, chips, batch, changed.model.layers)
        return (lower_site(changed), layout), changed, ""

    return [Group(chosen, *found) for chosen, found in by_branches(lowered, count)]


class _Place(NamedTuple):
    """Where a field lies in a scenario."""

    noun: str
    path: tuple[str | int, ...]


_HOMES = {
    "site": ("machine", "site"),
    "node": ("machine", "node"),
    "chip": ("machine", "chip"),
    "fabric": ("machine", "fabric"),
}
"""Noun to where its config lies, for those that do not lie in the scenario itself."""


def _place(scenario: Scenario, path: str) -> _Place:
    noun, leaf, indices = target(Override(path, ""))
    home: Any = scenario
    for name in _HOMES.get(noun, (noun,)):
        home = getattr(home, name)
    setting = Setting(noun, leaf, indices, None, Override(path, ""))
    try:
        return _Place(noun, path_in(setting, home.model_dump(mode="json")))
    except Faults:
        return _Place(noun, tuple(0 if part == "*" else part for part in leaf.path))


def _changed(scenario: Scenario, place: _Place, new: tuple[Any, int]) -> Scenario:
    """A copy with one number changed, and all rules between fields asked again."""
    value, partition = new
    home = _HOMES.get(place.noun, (place.noun,))
    changed = _put(scenario, (*home, *place.path), value)
    if place.noun != "site":
        return changed
    site = changed.machine.site
    own = {"facility": site.facility, "chips": site.partition[partition].chips}
    return changed.model_copy(update={"machine": changed.machine.model_copy(update=own)})


def _put(table: Any, path: Sequence[str | int], value: Any) -> Any:
    if not path:
        return value
    head, *rest = path
    if isinstance(head, int):
        items = list(table)
        items[head] = _put(items[head], rest, value)
        return tuple(items)
    copy = table.model_copy(update={head: _put(getattr(table, head), rest, value)})
    _keep_rules(copy)
    return copy


def _keep_rules(table: Config) -> None:
    """Asks the rules between the fields of a table, which a copy does not."""
    for rule in type(table).__pydantic_decorators__.model_validators.values():
        if rule.info.mode == "after":
            rule.func(table)


def vectors_of(group: Group) -> NDArray[np.float32]:
    """Numbers of the points of a group. Axes: number, point."""
    count = len(group.chosen)
    rows: list[NDArray[np.float32]] = []
    for leaf in jax.tree.leaves(group.point):
        numbers = [leaf] if isinstance(leaf, Lanes) else np.ravel(np.asarray(leaf)).tolist()
        for number in numbers:
            own = number.values if isinstance(number, Lanes) else number
            rows.append(np.broadcast_to(np.asarray(own, np.float32), count))
    return np.stack(rows)


def layout_columns(group: Group) -> dict[str, NDArray[np.float64]]:
    """Layout of every point of a group, by field."""
    _, layout = group.point
    return {name: spread(value, len(group.chosen)) for name, value in layout._asdict().items()}


def spread(value: Any, count: int) -> NDArray[np.float64]:
    """A number or lanes as one number per point.

    Parameters
    ----------
    value
        The number or the lanes.
    count
        Points.

    Returns
    -------
    NDArray[np.float64]
        One per point.
    """
    own = value.values if isinstance(value, Lanes) else value
    return np.broadcast_to(np.asarray(own, np.float64), count)
