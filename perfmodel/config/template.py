"""A config file to start from: every field of its kind with its meaning and what it may hold."""

import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path

from pydantic.fields import FieldInfo

from perfmodel.config.faults import Fault, Faults, short_path, shown
from perfmodel.config.fields import annotation_of, expectation, is_array, table_of
from perfmodel.config.kinds import KINDS, NOUNS
from perfmodel.config.library import NAME, Library
from perfmodel.config.schema._model import Config
from perfmodel.config.sources import ESTIMATE, Source, sources

WIDTH = 100
"""Longest line of a comment. [character]"""

COMMENTED = "# "

HEAD = f"""\
# What this is, in one line.
#
# Say behind each number, on its line, where it comes from; begin with "{ESTIMATE}" where it is a
# guess. A quantity is text with its unit.
"""


def start(kind: str, name: str, into: Path, extends: str | None, folders: Sequence[Path]) -> Path:
    """Write a new config file.

    Parameters
    ----------
    kind, name
        Where it goes: ``into/kind/name.toml``.
    into
        Folder of the user's configs; made where there is none.
    extends
        Config that it is a variant of, or none.
    folders
        The user's folders in which that config may lie.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    Faults
        When kind or name cannot be, or there is such a file already.
    """
    kind = NOUNS.get(kind, kind)
    library = Library(folders)
    library.names(kind)
    if not NAME.fullmatch(name):
        expected = "letters, digits and . _ + - only"
        raise Faults([Fault(problem="not a name", value=shown(name), expected=expected)])
    content = template(kind)
    if extends is not None:
        content = variant(kind, extends, sources(library.document(kind, extends)))
    path = into / kind / f"{name}.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(content)
    except FileExistsError:
        raise Faults([Fault(problem="is there already", file=short_path(path))]) from None
    return path


def template(kind: str) -> str:
    """Write a file of a kind with its values left empty.

    Parameters
    ----------
    kind
        Such as ``chips``.

    Returns
    -------
    str
        TOML text. Fields that must be filled in hold an empty text, others are commented out.
    """
    return "\n".join([HEAD, *_table(KINDS[kind], "", "")]).rstrip() + "\n"


def variant(kind: str, parent: str, known: dict[str, Source]) -> str:
    """Write a file of a kind that changes a few values of another.

    Parameters
    ----------
    kind
        Such as ``chips``.
    parent
        Config that it extends.
    known
        Sources of the parent's values.

    Returns
    -------
    str
        TOML text, every value of the parent commented out.
    """
    lines = [HEAD, f"extends = {shown(parent)}", "# Remove the # before what differs.", ""]
    return "\n".join([*lines, *_known(known)]).rstrip() + "\n"


def _table(schema: type[Config], path: str, mark: str) -> Iterator[str]:
    """Lines of one table: its own values first, then the tables inside it."""
    tables: dict[str, type[Config]] = {}
    for name, info in schema.model_fields.items():
        table = table_of(annotation_of(info))
        if table is None:
            yield from _value(name, info, mark)
        else:
            tables[name] = table
    for name, table in tables.items():
        here = f"{path}.{name}" if path else name
        yield from _inner(schema.model_fields[name], table, here, mark)


def _inner(info: FieldInfo, table: type[Config], path: str, mark: str) -> Iterator[str]:
    repeats = is_array(annotation_of(info))
    optional = mark or ("" if info.is_required() else COMMENTED)
    said = [info.description or (table.__doc__ or "").partition("\n")[0]]
    said += ["Repeat the table as needed."] if repeats else []
    said += ["May be left out."] if not info.is_required() else []
    yield from ("", f"# {' '.join(said)}", f"{optional}{f'[[{path}]]' if repeats else f'[{path}]'}")
    yield from _table(table, path, optional)


def _value(name: str, info: FieldInfo, mark: str) -> Iterator[str]:
    """Lines of one field: what it means, what it may hold, its default or nothing."""
    expected = expectation(annotation_of(info))
    meaning = " ".join((info.description or "").split())
    yield from wrap(f"{meaning} {expected[:1].upper()}{expected[1:]}.")
    if info.is_required():
        yield f'{mark}{name} = ""'
    else:
        default = shown("" if info.default is None else info.default)
        yield f"{COMMENTED}{name} = {default}"


def wrap(text: str) -> list[str]:
    """Break a comment into lines."""
    return textwrap.wrap(text, WIDTH, initial_indent="# ", subsequent_indent="#   ")


def _known(known: dict[str, Source]) -> Iterator[str]:
    """Values of a parent as dotted keys; those inside arrays have to be written as a whole."""
    for field, source in known.items():
        if not any(part.isdecimal() for part in field.split(".")):
            yield f"{COMMENTED}{field} = {source.text}"
    arrays = {field.split(".")[0] for field in known if any(map(str.isdecimal, field.split(".")))}
    for name in sorted(arrays):
        yield from wrap(f"[[{name}]] tables would replace all those of the parent.")
