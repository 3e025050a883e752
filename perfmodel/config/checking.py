"""All that is wrong with a user's own files: schema, names of other configs, missing sources."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from perfmodel.config.documents import Document, dotted, walk
from perfmodel.config.faults import Fault, Faults, attempt, refuse, short_path
from perfmodel.config.fields import find, reference_of
from perfmodel.config.kinds import KINDS
from perfmodel.config.library import NAME, Library, check
from perfmodel.config.sources import unsourced


class Checked(NamedTuple):
    """What came of a check."""

    files: int
    """Files that were read."""
    faults: tuple[Fault, ...]
    """All that is wrong with them."""


def check_files(paths: Sequence[Path], folders: Sequence[Path] = ()) -> Checked:
    """Check config files and folders of them.

    Parameters
    ----------
    paths
        Files, folders of a kind, or folders with a sub-folder per kind; none means the folders of
        the user, or what ships where the user has none.
    folders
        Folders in which the files may name other configs, beside their own.

    Returns
    -------
    Checked
        Number of files and all their faults.
    """
    library = Library(folders)
    found: list[Fault] = []
    asked = paths or library.folders[:-1] or library.folders
    files = [file for path in asked for file in attempt(found, _files, path) or ()]
    roots = dict.fromkeys(file.parent.parent for file in files)
    beside = Library([*(root for root in roots if root not in library.folders), *folders])
    for file in files:
        attempt(found, check_file, beside, file)
    return Checked(len(files), tuple(found))


def check_file(library: Library, path: Path) -> None:
    """Check one file and what it names.

    Raises
    ------
    Faults
        All that is wrong with it.
    """
    kind = path.parent.name
    if not NAME.fullmatch(path.stem):
        expected = "letters, digits and . _ + - only"
        raise Faults([Fault(problem="not a name of a config", file=str(path), expected=expected)])
    document = library.open(kind, path)
    found: list[Fault] = []
    attempt(found, check, document)
    found.extend((*unsourced(document), *_dangling(library, document)))
    refuse(sorted(found, key=lambda fault: fault.line or 0))


def _dangling(library: Library, document: Document) -> Iterator[Fault]:
    """Names of configs that do not exist."""
    for path, value in walk(document.merged()):
        leaf = find(KINDS[document.kind], path)
        kind = reference_of(leaf.annotation) if leaf else None
        if kind is not None and isinstance(value, str):
            found: list[Fault] = []
            attempt(found, library.document, kind, value, document.place(path), dotted(path))
            yield from (fault for fault in found if fault.field == dotted(path))


def _files(path: Path) -> list[Path]:
    """Files to check under a path."""
    place = short_path(path)
    if path.is_dir():
        of_kind = path.resolve().name in KINDS
        folders = [path] if of_kind else [path / kind for kind in KINDS]
        files = [file for folder in folders for file in sorted(folder.glob("*.toml"))]
        if files:
            return [file.absolute() for file in files]
        expected = f"a folder with a sub-folder per kind: {', '.join(KINDS)}"
        raise Faults([Fault(problem="holds no configs", file=place, expected=expected)])
    if not path.exists():
        raise Faults([Fault(problem="no such file", file=place)])
    if path.absolute().parent.name not in KINDS:
        expected = f"a folder named for its kind: {', '.join(KINDS)}"
        raise Faults([Fault(problem="lies in no folder of a kind", file=place, expected=expected)])
    return [path.absolute()]
