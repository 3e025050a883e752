"""Reads the files that say which configs stand for the systems of measured collectives."""

from pathlib import Path

from perfmodel.config.documents import FieldPath, Place, dotted, read
from perfmodel.config.faults import Fault, attempt, refuse, short_path
from perfmodel.config.library import Library
from perfmodel.config.measurements import FOLDER
from perfmodel.config.schema.measured_system import MeasuredSystem, MeasuredSystems
from perfmodel.config.validation import validate

SYSTEMS = "systems.toml"
"""File of the systems, beside the measurements."""

NAMES = {"node": "nodes", "fabric": "fabrics", "stack": "stacks"}
"""Field of a system to the kind of config that it names."""


def read_systems(library: Library) -> list[MeasuredSystem]:
    """Systems of all folders of a library, those of the user first.

    Parameters
    ----------
    library
        Folders that may hold ``validation/systems.toml``.

    Returns
    -------
    list[MeasuredSystem]
        In the order in which they are looked through.

    Raises
    ------
    Faults
        All that is wrong with the files.
    """
    return [system for systems in _files(library).values() for system in systems]


def systems_place(library: Library, system: MeasuredSystem) -> tuple[Path, int]:
    """Where an entry stands.

    Parameters
    ----------
    library
        Folders that it was read from.
    system
        The entry.

    Returns
    -------
    tuple[Path, int]
        File, and place among its entries.
    """
    files = _files(library).items()
    return next((path, all_of.index(system)) for path, all_of in files if system in all_of)


def _files(library: Library) -> dict[Path, tuple[MeasuredSystem, ...]]:
    paths = [folder / FOLDER / SYSTEMS for folder in library.folders]
    found: list[Fault] = []
    files = {path: attempt(found, _read, path, library) for path in paths if path.is_file()}
    refuse(found)
    return {path: file.system for path, file in files.items() if file}


def _read(path: Path, library: Library) -> MeasuredSystems:
    table, lines = read(path)
    file = short_path(path)

    def place(field: FieldPath) -> Place:
        prefixes = (field[:length] for length in range(len(field), 0, -1))
        return Place(file, next((lines[part] for part in prefixes if part in lines), None))

    systems = validate(MeasuredSystems, table, place)
    found: list[Fault] = []
    for number, system in enumerate(systems.system):
        for field, kind in NAMES.items():
            at: FieldPath = ("system", number, field)
            attempt(found, library.load, kind, getattr(system, field), place(at), dotted(at))
    refuse(found)
    return systems
