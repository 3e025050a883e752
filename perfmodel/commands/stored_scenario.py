"""The scenario that a stored result came from: a folder of a run, or one Parquet file."""

from pathlib import Path
from typing import Any, NamedTuple

from perfmodel.config.description import Described, shown_value
from perfmodel.config.documents import dotted, walk
from perfmodel.config.faults import Fault, Faults, short_path
from perfmodel.config.schema.scenario import Scenario


class Stored(NamedTuple):
    """A scenario and where it was found."""

    name: str
    file: str
    fields: list[Described]


def stored_scenario(target: str) -> Stored | None:
    """Scenario of a stored result.

    Parameters
    ----------
    target
        What the user wrote: a folder with a manifest, or a Parquet file.

    Returns
    -------
    Stored | None
        Its fields with their units; none where the text names no such file.

    Raises
    ------
    Faults
        The file is not one of this program, or holds several scenarios.
    """
    path = Path(target)
    if path.is_dir() and (path / "manifest.json").exists():
        from perfmodel.results.manifest import read_manifest

        manifest = read_manifest(path)
        return _stored(path, manifest.command, manifest.scenario)
    if path.suffix == ".parquet" and path.is_file():
        from perfmodel.results.parquet import read

        provenance = _read(path, read)
        return _stored(path, provenance.command, provenance.scenario)
    return None


def _read(path: Path, read: Any) -> Any:
    try:
        return read(path).provenance
    except ValueError as error:
        problem = str(error).removeprefix(f"{path}: ")
        raise Faults([Fault(file=short_path(path), problem=problem)]) from error


def _stored(path: Path, command: str, scenario: Any) -> Stored:
    if not isinstance(scenario, dict):
        problem = f"holds {len(scenario or ())} scenarios"
        expected = "a result of one scenario, such as the folder of a sweep"
        raise Faults([Fault(file=short_path(path), problem=problem, expected=expected)])
    fields = []
    for place, value in walk(scenario):
        if value is None:
            continue
        unit, words = shown_value(Scenario, place, value)
        fields.append(Described(dotted(place), value, unit, words, command, short_path(path), None))
    return Stored(path.name, short_path(path), fields)
