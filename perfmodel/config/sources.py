"""Where the numbers of a config come from: the comment on the line of each."""

from typing import NamedTuple

from perfmodel.config.documents import Document, FieldPath, dotted, read_text, statement, walk
from perfmodel.config.faults import Fault, printable, short_path, shown
from perfmodel.config.fields import Leaf, choices, find
from perfmodel.config.kinds import KINDS

ESTIMATE = "estimate:"
"""How a comment begins that marks a guess."""

WANTED = f'a comment on its line that says where it comes from, or "{ESTIMATE} ..." for a guess'


class Source(NamedTuple):
    """What a file says of one value."""

    text: str
    """The value as it was written."""
    comment: str
    """Comment on its line, empty where there is none."""
    file: str
    """File that wrote it."""
    line: int | None
    """Line, counted from 1."""

    @property
    def is_estimate(self) -> bool:
        """Whether the file calls the value a guess."""
        return self.comment.startswith(ESTIMATE)


def sources(document: Document) -> dict[str, Source]:
    """Collect the source of each value of a config, inherited ones included.

    Parameters
    ----------
    document
        The config.

    Returns
    -------
    dict[str, Source]
        Dotted path of the field to what its file says.
    """
    return {dotted(path): source for path, source in _merged(document).items()}


def unsourced(document: Document) -> list[Fault]:
    """List the numbers that a file itself writes without a source."""
    found = []
    for path, source in _own(document).items():
        leaf = find(KINDS[document.kind], path)
        if leaf is not None and needs_source(leaf, source.text) and not source.comment:
            fault = Fault(problem="has no source", expected=WANTED, value=source.text)
            found.append(_placed(fault, path, source))
    return found


def needs_source(leaf: Leaf, text: str) -> bool:
    """Whether a value is a number, bare or with a unit, and not a word such as "unlimited"."""
    return leaf.is_number and text.strip("\"'") not in ("", *choices(leaf.annotation))


def _placed(fault: Fault, path: FieldPath, source: Source) -> Fault:
    return Fault(**{**vars(fault), "field": dotted(path)}).at(source.file, source.line)


def _merged(document: Document) -> dict[FieldPath, Source]:
    if document.parent is None:
        return _own(document)
    inherited = {
        path: source
        for path, source in _merged(document.parent).items()
        if document.place(path).file != short_path(document.path)
    }
    return inherited | _own(document)


def _own(document: Document) -> dict[FieldPath, Source]:
    """Sources of the values that stand in the file itself."""
    lines = read_text(document.path).split("\n")
    found: dict[FieldPath, Source] = {}
    for path, value in walk(document.own):
        file, number = document.place(path)
        text, comment = statement(lines[number - 1]) if number else ("", "")
        written = text if document.lines.get(path) == number else shown(value)
        found[path] = Source(written, printable(comment), file, number)
    return found
