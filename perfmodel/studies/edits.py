"""Writes fitted values into config files: one line each, everything else as it was."""

import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from perfmodel.config.documents import FieldPath, dotted, locate, read_text
from perfmodel.results.atomic import whole_file


class Edit(NamedTuple):
    """One value of one config file."""

    path: Path
    """The file."""
    field: FieldPath
    """Keys and array indices, such as ``("level", 0, "latency")``."""
    text: str
    """The value as TOML, such as ``"3.1 us"`` with its quotes."""
    source: str
    """Comment behind it: what it was fitted to, and when."""


def apply(edits: Sequence[Edit]) -> list[Path]:
    """Write values into their files, which keep their other lines, order and comments.

    Nothing is written unless every edit can be. A field that a file does not state yet goes into
    its table, which is made where it is missing.

    Parameters
    ----------
    edits
        Values; at most one per field.

    Returns
    -------
    list[Path]
        Files whose text has changed.

    Raises
    ------
    ValueError
        A file is no longer TOML with the values that were asked for, or an array lacks the element.
    """
    old = {edit.path: read_text(edit.path) for edit in edits}
    new = dict(old)
    for edit in edits:
        new[edit.path] = _edited(new[edit.path], edit)
    for edit in edits:
        _verify(new[edit.path], edit)
    changed = [path for path in old if new[path] != old[path]]
    for path in changed:
        with whole_file(path) as file:
            file.write(new[path].encode())
    return changed


def _edited(text: str, edit: Edit) -> str:
    lines, places = text.split("\n"), locate(text)
    key = str(edit.field[-1])
    line = f"{key} = {edit.text}  # {edit.source}"
    if edit.field in places:
        before = lines[places[edit.field] - 1]
        if re.match(rf"\s*{re.escape(key)}\s*=", before) is None:
            raise ValueError(f"{edit.path}: {dotted(edit.field)} shares its line with other fields")
        lines[places[edit.field] - 1] = line
    elif edit.field[:-1] in places:
        lines.insert(places[edit.field[:-1]], line)
    elif len(edit.field) == 1:
        first = next((at for path, at in places.items() if len(path) == 1), len(lines))
        lines.insert(first - 1, line)
    elif any(isinstance(part, int) for part in edit.field):
        raise ValueError(f"{edit.path}: no table for {dotted(edit.field)}")
    else:
        body = text.rstrip("\n")
        return f"{body}\n\n[{dotted(edit.field[:-1])}]\n{line}\n"
    return "\n".join(lines)


def _verify(text: str, edit: Edit) -> None:
    """The file says what was asked for, read as any reader of TOML would."""
    wanted = tomllib.loads(f"value = {edit.text}")["value"]
    found: Any = tomllib.loads(text)
    for part in edit.field:
        found = found[part]
    if found != wanted:
        raise ValueError(f"{edit.path}: {dotted(edit.field)} reads {found!r}, not {wanted!r}")
