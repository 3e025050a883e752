"""A config as people read it: resolved values in the units they know, each with its source."""

from typing import Any, NamedTuple

from perfmodel.config.documents import Document, FieldPath, dotted, walk
from perfmodel.config.faults import Fault, Faults, nearest, one_of, short_path, shown
from perfmodel.config.fields import find
from perfmodel.config.kinds import KINDS, NOUNS
from perfmodel.config.library import Library, check
from perfmodel.config.schema._model import Config
from perfmodel.config.sources import sources
from perfmodel.config.units import text

DEFAULT = "default"
"""Source of a value that no file writes."""


class Described(NamedTuple):
    """One field of a config."""

    field: str
    """Dotted path."""
    value: Any
    """Resolved value, in SI."""
    unit: str
    """SI unit, empty for a bare value."""
    text: str
    """The value as people read it."""
    source: str
    """Comment on its line."""
    file: str
    """File that wrote it, empty for a default."""
    line: int | None
    """Line of that file."""


class Entry(NamedTuple):
    """One config of the library."""

    kind: str
    """Folder."""
    name: str
    """File name without its ending."""
    title: str
    """What people call it."""
    file: str
    """The file."""


def entries(library: Library, kind: str | None = None) -> list[Entry]:
    """List the configs of one kind, or of all."""
    kinds = [NOUNS.get(kind, kind)] if kind else list(KINDS)
    return [_entry(library, kind, name) for kind in kinds for name in library.names(kind)]


def describe(document: Document) -> list[Described]:
    """List the fields of a config with their sources.

    Parameters
    ----------
    document
        The config.

    Returns
    -------
    list[Described]
        In the order of the schema; optional fields that nothing sets are left out.
    """
    known = sources(document)
    found = []
    for path, value in walk(check(document).model_dump()):
        if value is None:
            continue
        source = known.get(dotted(path))
        unit, words = shown_value(KINDS[document.kind], path, value)
        place = (source.comment, source.file, source.line) if source else (DEFAULT, "", None)
        found.append(Described(dotted(path), value, unit, words, *place))
    return found


def find_config(library: Library, target: str) -> tuple[str, str]:
    """Find what ``KIND/NAME``, ``NOUN/NAME`` or a unique ``NAME`` means.

    Parameters
    ----------
    library
        Where to look.
    target
        What the user wrote.

    Returns
    -------
    tuple[str, str]
        Kind and name.

    Raises
    ------
    Faults
        When nothing, or more than one config, is called that.
    """
    kind, slash, name = target.rpartition("/")
    if slash:
        return NOUNS.get(kind, kind), name
    holders = [kind for kind in KINDS if name in library.names(kind)]
    if len(holders) == 1:
        return holders[0], name
    if holders:
        expected = one_of(f"{kind}/{name}" for kind in holders)
        raise Faults([Fault(problem="several kinds have it", value=shown(name), expected=expected)])
    close = nearest(name, (name for kind in KINDS for name in library.names(kind)))
    raise Faults([Fault(problem="no config has that name", value=shown(name), nearest=close)])


def _entry(library: Library, kind: str, name: str) -> Entry:
    """A file that cannot be read is listed all the same: its faults belong to `configs check`."""
    try:
        document = library.document(kind, name)
    except Faults as error:
        return Entry(kind, name, f"faulty: {error.faults[0].problem}", error.faults[0].file)
    title = document.merged().get("name")
    return Entry(kind, name, title if isinstance(title, str) else "", short_path(document.path))


def shown_value(schema: type[Config], path: FieldPath, value: Any) -> tuple[str, str]:
    """SI unit of a value, and the value in words.

    Parameters
    ----------
    schema
        That of the table that the path begins in.
    path
        Where the value stands.
    value
        In SI.

    Returns
    -------
    tuple[str, str]
        Unit and words.
    """
    leaf = find(schema, path)
    unit = leaf.unit if leaf else None
    if unit is not None and isinstance(value, float):
        return unit, text(value, unit)
    return "", value if isinstance(value, str) else shown(value)
