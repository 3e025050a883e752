"""Published training runs to the numbers of a step: parts once, then arrays over all rows."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar, cast

import numpy as np

from perfmodel.config.library import Library
from perfmodel.config.schema.chip import Chip
from perfmodel.config.schema.model import Model
from perfmodel.config.schema.run import RunRow
from perfmodel.config.schema.scenario import Machine
from perfmodel.config.schema.stack import Stack
from perfmodel.config.schema.workload import Workload
from perfmodel.lowering.chip import lower_chip, lower_power
from perfmodel.lowering.fabric import lower_network
from perfmodel.lowering.layout import lower_layout
from perfmodel.lowering.model import lower_model
from perfmodel.lowering.precision import format_on
from perfmodel.lowering.published_architecture import architecture
from perfmodel.lowering.published_blanks import completed, corrected
from perfmodel.lowering.published_layout import layout_of, workload_of
from perfmodel.lowering.published_machine import (
    Chips,
    Machines,
    Parts,
    aliases,
    machine_parts,
    machines,
)
from perfmodel.lowering.published_stack import changed, stack_changes, stack_name
from perfmodel.lowering.site import COPIES
from perfmodel.lowering.stack import lower_library, lower_stack
from perfmodel.lowering.workload import lower_workload
from perfmodel_kernels._typing import Scalar
from perfmodel_kernels.collectives import Library as CollectiveLibrary
from perfmodel_kernels.layout import Layout
from perfmodel_kernels.operators import ChipRates
from perfmodel_kernels.power import ChipPower
from perfmodel_kernels.step_parts import Host, StepParams
from perfmodel_kernels.step_parts import Stack as StackNumbers
from perfmodel_kernels.step_parts import Workload as KernelWorkload
from perfmodel_kernels.topology import Network
from perfmodel_kernels.transformer import Model as KernelModel

T = TypeVar("T")


class Run(NamedTuple):
    """One row, read: what stands for it by name, and its own numbers."""

    row: RunRow
    """Corrected and completed."""
    audit: str
    """What was found of the row."""
    model: Model
    workload: Workload
    layout: Layout
    """Degrees and modes as numbers."""
    parts: Parts
    """Chip and network by name."""
    stack: str
    """Software by name."""
    changes: tuple[tuple[str, Any], ...]
    """What the row states of the software beside."""


class Unmodelled(NamedTuple):
    """A row without a prediction."""

    row: RunRow
    audit: str
    reason: str
    """Why there is none."""


class Reader(NamedTuple):
    """Reads rows with the names that a library knows."""

    library: Library
    chips: Chips
    stacks: Mapping[str, int]
    """Stacks and their years."""

    def read(self, row: RunRow) -> Run | Unmodelled:
        """Read a row.

        Parameters
        ----------
        row
            As its file has it.

        Returns
        -------
        Run | Unmodelled
            What stands for it, or why nothing does.
        """
        own, audit = corrected(row)
        full = completed(own)
        model, workload = architecture(full), workload_of(full)
        parts = machine_parts(full, self.chips, self.library)
        reasons = [one for one in (workload, model, parts) if isinstance(one, str)]
        if reasons or not isinstance(model, Model):
            return Unmodelled(full, audit, reasons[0])
        layout = layout_of(full, model)
        if isinstance(layout, str) or isinstance(workload, str) or isinstance(parts, str):
            return Unmodelled(full, audit, str(layout))
        chips = layout.tp * layout.cp * layout.pp * (full.dp or 1)
        numbers = lower_layout(layout, chips, workload.batch.sequences, model.layers)
        exact = max(1.0, (full.gbs or 1.0) / (layout.micro_batch * (full.dp or 1)))
        numbers = numbers._replace(micro_batches=np.float64(exact))
        name = stack_name(full, self.stacks)
        return Run(full, audit, model, workload, numbers, parts, name, stack_changes(full))


def reader(library: Library) -> Reader:
    """What reads rows with the names of a library.

    Parameters
    ----------
    library
        Configs.

    Returns
    -------
    Reader
        Names of chips and stacks.
    """
    names = library.names("stacks")
    return Reader(
        library,
        Chips(frozenset(library.names("chips")), aliases()),
        {name: library.load("stacks", name).year for name in names},
    )


class Configs(NamedTuple):
    """Chips and stacks by name: those of the library, or changed ones."""

    chip: Callable[[str], Chip]
    stack: Callable[[str], Stack]
    machines: Machines


def configs(
    library: Library,
    chips: Mapping[str, Chip] | None = None,
    stacks: Mapping[str, Stack] | None = None,
) -> Configs:
    """Chips and stacks of a library, some of them replaced.

    Parameters
    ----------
    library
        Configs.
    chips, stacks
        Replacements by name, as a calibration tries them.

    Returns
    -------
    Configs
        What :func:`lower_runs` takes.
    """
    other_chips, other_stacks = chips or {}, stacks or {}

    def chip(name: str) -> Chip:
        return other_chips.get(name) or library.load("chips", name)

    def stack(name: str) -> Stack:
        return other_stacks.get(name) or library.load("stacks", name)

    return Configs(chip, stack, machines(library))


class Lowered(NamedTuple):
    """Runs as arrays, one entry per row along the first axis."""

    params: StepParams
    layouts: Layout


class Table(NamedTuple):
    """Runs as arrays, but for what chips and stacks say of them."""

    models: KernelModel
    """Architectures, an entry per row."""
    lengths: np.ndarray
    """Tokens of a sequence. [token]"""
    layouts: Layout
    """Layouts, an entry per row."""
    samples: Sequence[Run]
    """One run of each combination of machine, software and number format."""
    place: np.ndarray
    """Combination of each row."""

    def params(self, known: Configs) -> StepParams:
        """Numbers of the step with the chips and stacks at hand.

        Parameters
        ----------
        known
            Chips and stacks.

        Returns
        -------
        StepParams
            An entry per row, double precision on the host.
        """
        hardware: dict[Parts, _Hardware] = {}
        for run in self.samples:
            if run.parts not in hardware:
                hardware[run.parts] = _hardware(run.parts, known)
        table = _stacked([_shared(run, hardware[run.parts], known) for run in self.samples])
        shared: _Shared = _taken(table, self.place)
        return StepParams(
            model=self.models,
            workload=shared.workload._replace(length=self.lengths),
            chip=shared.chip,
            power=shared.power,
            capacity=shared.capacity,
            link_energy=shared.link_energy,
            host=shared.host,
            network=shared.network,
            library=shared.library,
            stack=shared.stack,
        )


def tabulate(runs: Sequence[Run]) -> Table:
    """Runs as arrays; what rows share by name is one combination.

    Parameters
    ----------
    runs
        What a reader returned, at least one.

    Returns
    -------
    Table
        To be filled in with chips and stacks.
    """
    samples: dict[Any, Run] = {}
    keys = [(run.parts, run.stack, run.changes, run.workload.precision) for run in runs]
    for key, run in zip(keys, runs, strict=True):
        samples.setdefault(key, run)
    order = {key: number for number, key in enumerate(samples)}
    return Table(
        models=_stacked([lower_model(run.model, run.workload) for run in runs]),
        lengths=np.array([float(run.workload.sequence_length) for run in runs]),
        layouts=_stacked([run.layout for run in runs]),
        samples=list(samples.values()),
        place=np.array([order[key] for key in keys]),
    )


def lower_runs(runs: Sequence[Run], known: Configs) -> Lowered:
    """Runs as arrays.

    Parameters
    ----------
    runs
        What a reader returned, at least one.
    known
        Chips and stacks.

    Returns
    -------
    Lowered
        Double precision on the host.
    """
    table = tabulate(runs)
    return Lowered(table.params(known), table.layouts)


class _Hardware(NamedTuple):
    machine: Machine
    power: ChipPower
    host: Host
    network: Network


class _Shared(NamedTuple):
    """Part of the numbers of a step that machine, software and number format give."""

    workload: KernelWorkload
    chip: ChipRates
    power: ChipPower
    capacity: Scalar
    link_energy: Scalar
    host: Host
    network: Network
    library: CollectiveLibrary
    stack: StackNumbers


def _hardware(parts: Parts, known: Configs) -> _Hardware:
    """Power, host and network of a machine."""
    machine = known.machines.of(parts, known.chip(parts.chip))
    host = Host(machine.node.host_link, machine.node.host_memory_bandwidth / machine.node.chips)
    return _Hardware(machine, lower_power(machine.chip), host, lower_network(machine))


def _shared(run: Run, hardware: _Hardware, known: Configs) -> _Shared:
    """Numbers of one combination."""
    chip = hardware.machine.chip
    stack = changed(known.stack(run.stack), run.changes)
    number_format = format_on(chip, run.workload)
    return _Shared(
        workload=lower_workload(run.workload, stack, number_format),
        chip=lower_chip(chip, stack, number_format),
        power=hardware.power,
        capacity=chip.memory.capacity,
        link_energy=chip.energy.link_byte + COPIES * chip.energy.hbm_byte,
        host=hardware.host,
        network=hardware.network,
        library=lower_library(stack.collectives),
        stack=lower_stack(stack, number_format, run.workload),
    )


def _stacked(trees: Sequence[T]) -> T:
    """Equal trees of numbers as one tree of arrays."""
    first: Any = trees[0]
    if not hasattr(first, "_fields"):
        together: Any = np.stack([np.asarray(tree, float) for tree in trees])
        return together
    columns: Any = zip(*(tuple(tree) for tree in cast("Sequence[Any]", trees)), strict=True)
    return type(first)(*(_stacked(list(column)) for column in columns))


def _taken(tree: T, place: np.ndarray) -> T:
    """Entries of every array of a tree."""
    branches: Any = tree
    if not hasattr(branches, "_fields"):
        return branches[place]
    return type(branches)(*(_taken(part, place) for part in branches))
