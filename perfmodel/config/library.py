"""Configs by kind and name: the user's folders first, then what ships."""

import os
import re
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from perfmodel.config import resolution
from perfmodel.config.documents import NOWHERE, Document, Place, dotted, read
from perfmodel.config.faults import Fault, Faults, nearest, one_of, short_path, shown
from perfmodel.config.kinds import KINDS, NOUNS
from perfmodel.config.overrides import Override
from perfmodel.config.schema._model import Named
from perfmodel.config.schema.scenario import Machine, Platform, Scenario
from perfmodel.config.validation import validate

FOLDERS = "PERFMODEL_CONFIGS"
"""Environment variable that lists folders of configs, separated as paths are."""

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}")
"""What a config may be called: nothing that could leave its folder."""


class Library:
    """Configs that can be named, each read and checked once.

    Parameters
    ----------
    folders
        Folders with a sub-folder per kind. They come before those of the environment variable
        ``PERFMODEL_CONFIGS``, and both before the configs that ship.
    """

    def __init__(self, folders: Sequence[Path] = ()) -> None:
        listed = filter(None, os.environ.get(FOLDERS, "").split(os.pathsep))
        users = [Path(folder) for folder in (*folders, *listed)]
        faults = [fault for folder in users if (fault := _folder_fault(folder))]
        if faults:
            raise Faults(faults)
        self.folders = (*users, shipped())
        self._documents: dict[tuple[str, str], Document] = {}
        self._configs: dict[tuple[str, str], Any] = {}

    def names(self, kind: str) -> list[str]:
        """List the configs of a kind by name."""
        _known(kind)
        found = (path.stem for folder in self.folders for path in (folder / kind).glob("*.toml"))
        return sorted({name for name in found if NAME.fullmatch(name)})

    def load(self, kind: str, name: str, named_at: Place = NOWHERE, field: str = "") -> Any:
        """Read and check one config.

        Parameters
        ----------
        kind
            Folder, such as ``chips``.
        name
            File name without its ending.
        named_at, field
            Where the name was written, for the message when there is no such config.

        Returns
        -------
        Any
            Object of the kind's schema, in SI.

        Raises
        ------
        Faults
            When there is no such config, or something is wrong with it.
        """
        key = (kind, name)
        if key not in self._configs:
            document = self.document(kind, name, named_at, field)
            self._configs[key] = check(document)
        return self._configs[key]

    def document(
        self, kind: str, name: str, named_at: Place = NOWHERE, field: str = ""
    ) -> Document:
        """Find and read one config with all that it extends, unchecked."""
        _known(kind)
        key = (kind, name)
        if key not in self._documents:
            path = self._find(kind, name, named_at, field or NOUN_OF[kind])
            self._documents[key] = self.open(kind, path)
        return self._documents[key]

    def open(self, kind: str, path: Path, heirs: tuple[Path, ...] = ()) -> Document:
        """Read a config file and what it extends.

        Parameters
        ----------
        kind
            Folder that gives its schema.
        path
            The file.
        heirs
            Files that extend it, the first one first.
        """
        own, lines = read(path)
        if "extends" not in own:
            return Document(kind, path.stem, path, own, lines)
        place = Place(short_path(path), lines.get(("extends",)))
        parent = self._parent(kind, own.pop("extends"), path, place)
        chain = (*heirs, path)
        if parent in chain:
            raise Faults([_circle(kind, (*chain, parent), place)])
        return Document(kind, path.stem, path, own, lines, self.open(kind, parent, chain))

    def machine(
        self, site: str, overrides: Sequence[Override | str] = (), partition: int = 0
    ) -> Machine:
        """Resolve one partition of a site: node, chip, fabric and building.

        Parameters
        ----------
        site
            Name of the site.
        overrides
            Such as ``site.chips=25000``.
        partition
            Which partition, counted from 0.

        Returns
        -------
        Machine
            All that it names, in SI.
        """
        return resolution.machine(self, site, overrides, partition)

    def machines(self, site: str, overrides: Sequence[Override | str] = ()) -> list[Machine]:
        """Resolve all partitions of a site."""
        count = len(self.load("sites", site).partition)
        return [self.machine(site, overrides, partition) for partition in range(count)]

    def platform(
        self,
        site: str,
        *,
        stack: str | None = None,
        overrides: Sequence[Override | str] = (),
        partition: int = 0,
    ) -> Platform:
        """Resolve one partition of a site and its software, without a job.

        Parameters
        ----------
        site
            Name of the site.
        stack
            Name of a software stack; none takes that of the partition.
        overrides
            Such as ``fabric.spread=0.1`` or ``stack.collectives.launch=5 us``.
        partition
            Which partition, counted from 0.

        Returns
        -------
        Platform
            All that it names, in SI.
        """
        return resolution.platform(self, site, stack, overrides, partition=partition)

    def single(self, noun: str, name: str, overrides: Sequence[Override | str] = ()) -> Any:
        """Resolve one config that no site or workload names, such as a storage.

        Parameters
        ----------
        noun
            Such as ``storage``.
        name
            Name of the config.
        overrides
            Of this noun alone, such as ``storage.write_bandwidth=1 TB/s``.

        Returns
        -------
        Any
            Object of the kind's schema, in SI.
        """
        return resolution.single_config(self, noun, name, overrides)

    def scenario(
        self,
        site: str,
        workload: str,
        *,
        stack: str | None = None,
        overrides: Sequence[Override | str] = (),
        partition: int = 0,
    ) -> Scenario:
        """Resolve a job on one partition of a site.

        Parameters
        ----------
        site, workload
            Names of configs.
        stack
            Name of a software stack; none takes that of the partition.
        overrides
            Such as ``chip.memory.bandwidth=8 TB/s``, ``stack=megatron-2024`` or ``layout.tp=8``.
        partition
            Which partition, counted from 0.

        Returns
        -------
        Scenario
            All that a prediction needs, in SI.

        Raises
        ------
        Faults
            All that is wrong with the overrides and with the configs.
        """
        return resolution.scenario(self, site, workload, stack, overrides, partition=partition)

    def _find(self, kind: str, name: Any, place: Place, field: str) -> Path:
        if isinstance(name, str) and NAME.fullmatch(name):
            for path in (folder / kind / f"{name}.toml" for folder in self.folders):
                if path.exists():
                    return path
        raise Faults([self._absent(kind, name, place, field)])

    def _parent(self, kind: str, name: Any, child: Path, place: Place) -> Path:
        """Find the file that another extends; one that extends its own name means the next."""
        own_name = name == child.stem
        folders = list(self.folders)
        here = next((i for i, folder in enumerate(folders) if folder / kind == child.parent), -1)
        later = [folder / kind / child.name for folder in folders[here + 1 :]]
        if own_name and (path := next(filter(Path.exists, later), None)):
            return path
        return child if own_name else self._find(kind, name, place, "extends")

    def _absent(self, kind: str, name: Any, place: Place, field: str) -> Fault:
        known = self.names(kind)
        others = [other for other in KINDS if other != kind and name in self.names(other)]
        problem = f"no {NOUN_OF[kind]} has that name"
        expected = "" if len(known) > 20 or not known else one_of(known)
        if others:
            problem = f"is a {NOUN_OF[others[0]]}, not a {NOUN_OF[kind]}"
        if not isinstance(name, str) or not NAME.fullmatch(name):
            problem = "not a name of a config"
            expected = "letters, digits and . _ + - only, without a folder"
        close = nearest(name, known) if isinstance(name, str) else ""
        return Fault(
            problem=problem,
            file=place.file,
            line=place.line,
            field=field,
            value=shown(name),
            expected="" if close else expected,
            nearest=close,
        )


NOUN_OF = {kind: noun for noun, kind in NOUNS.items()}
"""Kind to what one config of it is called."""


def check(document: Document) -> Named:
    """Check the merged content of a config file against the schema of its kind."""
    return validate(KINDS[document.kind], document.merged(), document.place)


def shipped() -> Path:
    """Folder of the configs that ship: inside the installed package, or beside a checkout's."""
    package = Path(str(files("perfmodel")))
    inside = package / "configs"
    return inside if inside.is_dir() else package.parent / "configs"


def _known(kind: str) -> None:
    if kind not in KINDS:
        expected, close = one_of(KINDS), nearest(kind, KINDS)
        fault = Fault(problem="no such kind of config", value=shown(kind), expected=expected)
        raise Faults([Fault(**{**vars(fault), "nearest": close})])


def _folder_fault(folder: Path) -> Fault | None:
    file = short_path(folder)
    expected = f"a folder with a sub-folder per kind: {', '.join(KINDS)}"
    try:
        if not folder.is_dir():
            return Fault(problem="no such folder of configs", file=file, expected=expected)
        if not any((folder / kind).is_dir() for kind in KINDS):
            return Fault(problem="holds no configs", file=file, expected=expected)
    except (OSError, ValueError):
        return Fault(problem="cannot be read as a folder", file=file, expected=expected)
    return None


def _circle(kind: str, chain: tuple[Path, ...], place: Place) -> Fault:
    names = " -> ".join(path.stem for path in chain)
    return Fault(
        problem=f"extends itself: {names}",
        file=place.file,
        line=place.line,
        field=dotted(("extends",)),
        expected=f"a chain of {kind} that ends",
    )
