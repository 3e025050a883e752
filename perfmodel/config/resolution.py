"""From the names of a site and a job to a scenario: what names what, overrides laid over."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from perfmodel.config.documents import NOWHERE, Document, FieldPath, Place, dotted
from perfmodel.config.faults import Fault, Faults, attempt, refuse
from perfmodel.config.kinds import KINDS, NOUNS
from perfmodel.config.overrides import (
    ROOTS,
    SOURCE,
    Override,
    Setting,
    apply,
    parse,
    settle,
    single,
)
from perfmodel.config.schema.scenario import Machine, Platform, Scenario
from perfmodel.config.schema.workload import Layout
from perfmodel.config.validation import validate

if TYPE_CHECKING:
    from perfmodel.config.library import Library

MACHINE = ("site", "node", "chip", "fabric")
"""Nouns of a machine."""

JOB = (*MACHINE, "workload", "model", "stack", "layout")
"""Nouns of a job on a machine."""

Overrides = Sequence[Override | str]


@dataclass(frozen=True)
class Request:
    """What a user asked for beyond the names of configs."""

    library: "Library"
    """Where names are looked up."""
    settings: tuple[Setting, ...]
    """Overrides that have found their fields."""
    roots: dict[str, str]
    """Names that overrides give to the site and the workload."""

    def of(self, noun: str) -> list[Setting]:
        """Settings of one noun."""
        return [setting for setting in self.settings if setting.noun == noun]


@dataclass(frozen=True)
class Draft:
    """One config with the overrides laid over it."""

    config: Any
    """The checked config."""
    document: Document
    """The file."""
    written: dict[FieldPath, Override]
    """Where overrides were written."""

    def place(self, path: FieldPath) -> Place:
        """Tell where a value comes from."""
        return Place(SOURCE, None) if path in self.written else self.document.place(path)

    def field(self, path: FieldPath) -> str:
        """Name a field as the user did who wrote its value."""
        return self.written[path].path if path in self.written else dotted(path)

    def value(self, path: FieldPath) -> Any:
        """Value of a field."""
        value = self.config
        for part in path:
            value = value[part] if isinstance(part, int) else getattr(value, part)
        return value


def single_config(library: "Library", noun: str, name: str, overrides: Overrides) -> Any:
    """Resolve one config that nothing else names, with the overrides of its noun."""
    asked = _request(library, overrides)
    strangers = (one.override for one in asked.settings if one.noun != noun)
    refuse(
        replace(_stranger(one, MACHINE, noun), expected=f"a field of {noun}") for one in strangers
    )
    return _draft(asked, noun, name).config


def machine(library: "Library", site: str, overrides: Overrides, partition: int) -> Machine:
    """Resolve one partition of a site."""
    asked = _request(library, overrides)
    refuse(_stranger(one.override, MACHINE) for one in asked.settings if one.noun not in MACHINE)
    place = _draft(asked, "site", site)
    _check_partition(place, partition)
    return _machine(asked, place, partition)


def platform(
    library: "Library", site: str, stack: str | None, overrides: Overrides, *, partition: int
) -> Platform:
    """Resolve one partition of a site and the software on it; all faults at once."""
    asked = _request(library, overrides)
    nouns = (*MACHINE, "stack")
    found = [_stranger(one.override, nouns) for one in asked.settings if one.noun not in nouns]
    place = attempt(found, _draft, asked, "site", site)
    if place:
        attempt(found, _check_partition, place, partition)
    refuse(found)
    built = attempt(found, _machine, asked, place, partition) if place else None
    software = attempt(found, _stack, asked, place, stack, partition) if place else None
    if not (built and software) or found:
        raise Faults(found)
    return Platform(machine=built, stack=software.config)


def _check_partition(place: Draft, partition: int) -> None:
    count = len(place.config.partition)
    if not 0 <= partition < count:
        expected = f"0 to {count - 1}"
        fault = Fault(problem="no such partition", expected=expected, value=str(partition))
        raise Faults([fault.at(*place.place(("partition",)))])


def scenario(
    library: "Library",
    site: str,
    workload: str,
    stack: str | None,
    overrides: Overrides,
    *,
    partition: int,
) -> Scenario:
    """Resolve a job on one partition of a site; the faults of all its configs at once."""
    asked = _request(library, overrides)
    strangers = [one.override for one in asked.settings if one.noun not in JOB]
    found = [_stranger(override, JOB, "a job") for override in strangers]
    place = attempt(found, _draft, asked, "site", site)
    job = attempt(found, _draft, asked, "workload", workload)
    if place:
        attempt(found, _check_partition, place, partition)
        refuse(found)
    built = attempt(found, _machine, asked, place, partition) if place else None
    software = attempt(found, _stack, asked, place, stack, partition) if place else None
    model = attempt(found, _follow, asked, "model", job, ("model",)) if job else None
    layout = attempt(found, _layout, asked)
    if not (built and job and software and model) or found:
        raise Faults(found)
    return Scenario(
        machine=built,
        model=model.config,
        workload=job.config,
        stack=software.config,
        layout=layout,
    )


def _machine(asked: Request, site: Draft, partition: int) -> Machine:
    found: list[Fault] = []
    here: FieldPath = ("partition", partition)
    node = attempt(found, _follow, asked, "node", site, (*here, "node"))
    fabric = attempt(found, _follow, asked, "fabric", site, (*here, "fabric"))
    chip = attempt(found, _follow, asked, "chip", node, ("chip",)) if node else None
    if not (node and fabric and chip) or found:
        raise Faults(found)
    return Machine(
        site=site.config,
        chips=site.value((*here, "chips")),
        chip=chip.config,
        node=node.config,
        fabric=fabric.config,
        facility=site.config.facility,
    )


def _request(library: "Library", overrides: Overrides) -> Request:
    found: list[Fault] = []
    texts = [f"{one.path}={one.text}" if isinstance(one, Override) else one for one in overrides]
    parsed = parse(texts)
    names = [one for one in parsed if one.path in ROOTS]
    roots = {one.path: text for one in names if (text := attempt(found, single, one))}
    settings = attempt(found, settle, [one for one in parsed if one.path not in ROOTS])
    refuse(found)
    return Request(library, tuple(settings or ()), roots)


def _draft(
    asked: Request, noun: str, name: str, named_at: Place = NOWHERE, field: str = ""
) -> Draft:
    """Read a config, lay the overrides of its noun over it and check the result."""
    if noun in asked.roots:
        name, named_at, field = asked.roots[noun], Place(SOURCE, None), noun
    document = asked.library.document(NOUNS[noun], name, named_at, field)
    settings = asked.of(noun)
    if not settings:
        return Draft(asked.library.load(NOUNS[noun], name), document, {})
    table = document.merged()
    draft = Draft(None, document, apply(settings, table))
    try:
        return replace(draft, config=validate(KINDS[NOUNS[noun]], table, draft.place))
    except Faults as error:
        faults = error.faults
    names = {dotted(path): override.path for path, override in draft.written.items()}
    raise Faults(
        replace(one, field=names.get(one.field, one.field)) if one.file == SOURCE else one
        for one in faults
    )


def _follow(asked: Request, noun: str, draft: Draft, path: FieldPath) -> Draft:
    """Read the config that a field of another one names."""
    return _draft(asked, noun, draft.value(path), draft.place(path), draft.field(path))


def _stack(asked: Request, site: Draft, name: str | None, partition: int) -> Draft:
    """Read the stack: an override's choice, else the caller's, else the partition's own."""
    path: FieldPath = ("partition", partition, "stack")
    if name is None or path in site.written:
        return _follow(asked, "stack", site, path)
    return _draft(asked, "stack", name)


def _layout(asked: Request) -> Layout | None:
    settings = asked.of("layout")
    if not settings:
        return None
    table: dict[str, Any] = {}
    apply(settings, table)
    try:
        return validate(Layout, table, lambda path: Place(SOURCE, None))
    except Faults as error:
        faults = error.faults
    raise Faults(replace(fault, field=f"layout.{fault.field}") for fault in faults)


def _stranger(override: Override, nouns: Sequence[str], whole: str = "a machine") -> Fault:
    return Fault(
        problem=f"does not belong to {whole}",
        file=SOURCE,
        field=override.path,
        expected=f"a field of its {', '.join(nouns[:-1])} or {nouns[-1]}",
    )
