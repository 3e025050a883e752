"""What a fit of training runs may change: fields of chips and stacks, their priors and bounds."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from perfmodel.config.documents import Document, FieldPath, dotted
from perfmodel.config.library import Library
from perfmodel.config.schema.chip import Chip
from perfmodel.config.schema.stack import Stack
from perfmodel.lowering.published_run import Configs, configs


class Field(NamedTuple):
    """What is known of a field whatever config it stands in."""

    path: FieldPath
    """Its place in the config."""
    spread: float
    """Standard deviation of the logarithm of its prior."""
    low: float
    """Least value, in SI."""
    high: float
    """Greatest value, in SI."""
    unit: str = ""
    """SI unit."""


STACK_FIELDS: Mapping[str, Field] = {
    "gemm": Field(("gemm_multiplier",), 0.15, 0.4, 1.1),
    "attention": Field(("attention_multiplier",), 0.3, 0.15, 1.3),
    "passes": Field(("elementwise_passes",), 0.35, 0.8, 6.0),
    "dispatch": Field(("host_dispatch",), 1.0, 1e-7, 1.5e-4, "s"),
    "overhead": Field(("step_overhead",), 0.7, 1e-4, 2.0, "s"),
    "experts": Field(("expert_dispatch",), 0.7, 1e-6, 1e-3, "s"),
    "grouped": Field(("grouped_multiplier",), 0.15, 0.3, 1.1),
}
"""Fields of a stack. estimate: all spreads and bounds."""

CHIP_FIELDS: Mapping[str, Field] = {
    "gemm_16bit": Field(("efficiency", "gemm_16bit"), 0.02, 0.5, 1.0),
    "sustained_16bit": Field(("efficiency", "sustained_16bit"), 0.15, 0.4, 1.0),
    "gemm_fp8": Field(("efficiency", "gemm_fp8"), 0.03, 0.4, 1.0),
    "gemm_mxfp8": Field(("efficiency", "gemm_mxfp8"), 0.08, 0.4, 1.0),
    "hbm": Field(("efficiency", "hbm"), 0.02, 0.6, 1.0),
    "energy_16bit": Field(("energy", "flop_16bit"), 0.1, 1e-13, 2e-12, "J/FLOP"),
    "energy_fp8": Field(("energy", "flop_fp8"), 0.1, 5e-14, 1e-12, "J/FLOP"),
}
"""Fields of a chip. estimate: spreads of what kernels were measured to reach, which bind these more
closely than runs can."""

LOOSER: Mapping[tuple[str, str], float] = {
    ("gb300", "gemm_fp8"): 0.08,
}
"""Spreads where less is known: on Blackwell only the best shapes of a product were measured, none
of a layer. estimate."""

FIELDS: Mapping[str, Mapping[str, Field]] = {"stacks": STACK_FIELDS, "chips": CHIP_FIELDS}
"""Kind of config to its fields."""

_STACK = ("gemm", "attention", "passes", "dispatch", "overhead")

_EXPERTS: Mapping[str, Mapping[str, float]] = {
    "megatron-core-2025": {"experts": 1.2e-4, "grouped": 0.9},
    "maxtext-2025": {"grouped": 0.9},
}
"""Host time and products of experts: one value for the stacks that descend from each of these."""

PRIORS: Mapping[str, Mapping[str, Mapping[str, float]]] = {
    "stacks": {
        name: dict(zip(_STACK, values, strict=True)) | _EXPERTS.get(name, {})
        for name, values in {
            "megatron-core-2025": (0.76, 0.90, 1.5, 5e-6, 0.04),
            "nemo-25": (0.76, 0.90, 1.5, 5e-6, 0.04),
            "megatron-bridge-25": (0.76, 0.90, 1.5, 5e-6, 0.04),
            "megatron-bridge-26": (0.96, 0.90, 1.15, 5e-6, 0.04),
            "nemo-24": (0.93, 0.80, 1.4, 5e-6, 0.06),
            "internevo-2024": (0.93, 0.80, 1.4, 5e-6, 0.06),
            "nanotron-2024": (0.93, 0.80, 1.8, 5e-6, 0.06),
            "megatron-2021": (0.90, 0.90, 1.8, 5e-6, 0.10),
            "megatron-2022": (0.92, 0.90, 1.6, 5e-6, 0.08),
            "megatron-deepspeed-2022": (0.90, 0.90, 1.8, 5e-6, 0.12),
            "vtrain-megatron-2023": (0.92, 0.90, 1.6, 5e-6, 0.02),
            "fsdp-composer-2023": (0.93, 0.90, 1.9, 6e-6, 0.04),
            "maxtext-2025": (0.97, 0.90, 1.1, 5e-7, 0.005),
        }.items()
    },
    "chips": {
        "a100-80": {"gemm_16bit": 0.95, "hbm": 0.86},
        "h100": {"gemm_16bit": 0.90, "gemm_fp8": 0.80, "hbm": 0.90},
        "gb300": {
            "gemm_16bit": 0.885,
            "sustained_16bit": 0.95,
            "gemm_fp8": 0.885,
            "gemm_mxfp8": 0.82,
            "hbm": 0.90,
            "energy_16bit": 5.7e-13,
            "energy_fp8": 2.9e-13,
        },
    },
}
"""Most likely values before the runs, in SI: stacks with eight rows or more, chips with twenty that
state the field themselves. Their sources stood in the configs: kernels measured on the chips,
estimates of the stacks. They stay when the configs take the fitted values, so that a fit can be
repeated."""


class Knob(NamedTuple):
    """One parameter of the fit."""

    kind: str
    """``stacks`` or ``chips``."""
    name: str
    """Config that holds the value; those that extend it and say nothing else take it over."""
    field: Field
    """What it is."""
    prior: float
    """Most likely value, in SI."""

    @property
    def label(self) -> str:
        """Such as ``nemo-25.gemm_multiplier``."""
        return f"{self.name}.{dotted(self.field.path)}"


def all_knobs() -> tuple[Knob, ...]:
    """Every knob, stacks before chips."""
    return tuple(
        Knob(kind, name, _field(kind, name, field), prior)
        for kind, names in PRIORS.items()
        for name, fields in names.items()
        for field, prior in fields.items()
    )


def _field(kind: str, name: str, field: str) -> Field:
    known = FIELDS[kind][field]
    return known._replace(spread=LOOSER.get((name, field), known.spread))


class Reach(NamedTuple):
    """Configs by name and the knobs that reach them."""

    library: Library
    knobs: tuple[Knob, ...]
    chips: Mapping[str, tuple[int, ...]]
    """Name to the places of its knobs."""
    stacks: Mapping[str, tuple[int, ...]]

    def configs(self, values: Mapping[int, float]) -> Configs:
        """Chips and stacks with other values.

        Parameters
        ----------
        values
            Place of a knob to its value, in SI; every knob.

        Returns
        -------
        Configs
            What rows are lowered with.
        """
        chips = {name: self._chip(name, places, values) for name, places in self.chips.items()}
        stacks = {name: self._stack(name, places, values) for name, places in self.stacks.items()}
        return configs(self.library, chips, stacks)

    def _chip(self, name: str, places: tuple[int, ...], values: Mapping[int, float]) -> Chip:
        chip = self.library.load("chips", name)
        parts: dict[str, dict[str, float]] = {}
        for at in places:
            part, name = map(str, self.knobs[at].field.path)
            parts.setdefault(part, {})[name] = values[at]
        return chip.model_copy(
            update={part: getattr(chip, part).model_copy(update=new) for part, new in parts.items()}
        )

    def _stack(self, name: str, places: tuple[int, ...], values: Mapping[int, float]) -> Stack:
        new = {str(self.knobs[at].field.path[-1]): values[at] for at in places}
        return self.library.load("stacks", name).model_copy(update=new)


def reach(library: Library, knobs: tuple[Knob, ...]) -> Reach:
    """Find what each knob changes, inheritance included.

    Parameters
    ----------
    library
        Configs.
    knobs
        Parameters of the fit.

    Returns
    -------
    Reach
        By name of chip and stack.
    """
    return Reach(library, knobs, *(_reached(library, knobs, kind) for kind in ("chips", "stacks")))


def _reached(library: Library, knobs: tuple[Knob, ...], kind: str) -> dict[str, tuple[int, ...]]:
    place = {(k.name, k.field.path): at for at, k in enumerate(knobs) if k.kind == kind}
    found = {
        name: tuple(_places(library.document(kind, name), place)) for name in library.names(kind)
    }
    return {name: places for name, places in found.items() if places}


def _places(document: Document, place: Mapping[tuple[str, FieldPath], int]) -> Iterator[int]:
    """Knob of each field: the nearest config among a document and what it extends decides."""
    for path in dict.fromkeys(path for _, path in place):
        at: Document | None = document
        while at is not None and (at.name, path) not in place and not _states(at.own, path):
            at = at.parent
        if at is not None and (at.name, path) in place:
            yield place[at.name, path]


def _states(table: object, path: FieldPath) -> bool:
    for part in path:
        if not isinstance(table, dict) or part not in table:
            return False
        table = table[part]
    return True
