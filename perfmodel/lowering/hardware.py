"""The continuous figures of a machine's configs: their names, units and values, and others."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from perfmodel.config.documents import FieldPath
from perfmodel.config.fields import ANY, Leaf, kinds, leaves
from perfmodel.config.kinds import KINDS, NOUNS
from perfmodel.config.schema._model import Config
from perfmodel.config.schema.scenario import Scenario
from perfmodel.config.schema.site import Facility
from perfmodel.config.units import text

OF_MACHINE: dict[str, type[Config]] = {
    **{noun: KINDS[NOUNS[noun]] for noun in ("chip", "node", "fabric")},
    "facility": Facility,
}
"""Part of a machine to the schema of its figures."""

IN_OVERRIDES = {"facility": ("site", "facility")}
"""Parts that an override names otherwise."""


class Figure(NamedTuple):
    """One number of a config that may change by as little as one likes."""

    part: str
    """Chip, node, fabric or facility."""
    path: FieldPath
    """Keys and indices inside of it."""
    unit: str
    """SI unit, empty for a share."""
    value: float
    """In SI."""
    meaning: str

    @property
    def name(self) -> str:
        """What an override calls it."""
        return ".".join(map(str, (*IN_OVERRIDES.get(self.part, (self.part,)), *self.path)))

    def text(self, value: float | None = None) -> str:
        """A value as a config or an override writes it, its own when none is given."""
        value = self.value if value is None else value
        return text(value, self.unit) if self.unit else f"{value:.6g}"


def hardware_figures(scenario: Scenario) -> list[Figure]:
    """Figures that a scenario really has, in the order of the schema.

    A figure is a quantity with a unit or a share; counts, words and figures that the configs leave
    out are none.

    Parameters
    ----------
    scenario
        The machine.

    Returns
    -------
    list[Figure]
        Of chip, node, fabric and facility.
    """
    return [
        Figure(part, path, leaf.unit or "", value, leaf.meaning)
        for part, schema in OF_MACHINE.items()
        for leaf in leaves(schema)
        if float in kinds(leaf.annotation)
        for path, value in _values(getattr(scenario.machine, part), leaf)
        if isinstance(value, float)
    ]


def _values(config: Any, leaf: Leaf) -> Iterator[tuple[FieldPath, Any]]:
    """Values of a leaf with their paths, one per element of an array of tables."""
    found: list[tuple[FieldPath, Any]] = [((), config)]
    for key in leaf.path:
        if key == ANY:
            found = [((*path, i), one) for path, array in found for i, one in enumerate(array)]
        else:
            found = [((*path, key), getattr(one, key)) for path, one in found if one is not None]
    yield from found


def with_figures(scenario: Scenario, figures: Sequence[Figure], values: Sequence[Any]) -> Scenario:
    """The same scenario with other values, which are not checked again.

    Parameters
    ----------
    scenario
        The machine and the job.
    figures
        What is changed.
    values
        Numbers in SI, those with derivatives among them.

    Returns
    -------
    Scenario
        A copy.
    """
    changes: dict[str, dict[FieldPath, Any]] = {}
    for figure, value in zip(figures, values, strict=True):
        changes.setdefault(figure.part, {})[figure.path] = value
    parts = {part: _changed(getattr(scenario.machine, part), new) for part, new in changes.items()}
    return scenario.model_copy(update={"machine": scenario.machine.model_copy(update=parts)})


def _changed(config: Any, changes: Mapping[FieldPath, Any]) -> Any:
    """A copy of a table, or of an array of them, with values at some paths replaced."""
    if () in changes:
        return changes[()]
    inside: dict[Any, dict[FieldPath, Any]] = {}
    for (first, *rest), value in changes.items():
        inside.setdefault(first, {})[tuple(rest)] = value
    if isinstance(config, tuple):
        return tuple(
            _changed(one, inside[i]) if i in inside else one for i, one in enumerate(config)
        )
    update = {key: _changed(getattr(config, key), new) for key, new in inside.items()}
    return config.model_copy(update=update)
