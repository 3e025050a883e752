"""Config files as they are written: read safely, merged over the file they extend, line by line."""

import re
import stat
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from perfmodel.config.faults import Fault, Faults, refuse, short_path, shown

MOST_BYTES = 1_000_000
"""Largest config file. [B]"""

LONGEST_LINE = 1000
"""Longest line: tomllib takes time and memory with the square of a dotted key. [character]"""

DEEPEST = 8
"""Levels of tables and arrays within each other; the schema needs four."""

FieldPath = tuple[str | int, ...]
"""Keys and array indices from the root of a file to a value."""

_BARE = r"[A-Za-z0-9_-]+"
_PART = rf'(?:{_BARE}|"[^"\\]*"|\'[^\']*\')'
_DOTTED = rf"{_PART}(?:\s*\.\s*{_PART})*"
_HEADER = re.compile(rf"\s*(\[\[?)\s*({_DOTTED})\s*\]\]?\s*(?:#.*)?")
_KEY = re.compile(rf"\s*({_DOTTED})\s*=")


class Place(NamedTuple):
    """Where a value was written."""

    file: str
    """File, or what else it came from."""
    line: int | None
    """Line, counted from 1."""


NOWHERE = Place("", None)
"""Place of a value that a caller gave."""


@dataclass(frozen=True)
class Document:
    """One config file and, through the file it extends, its ancestors."""

    kind: str
    """Folder that it lies in."""
    name: str
    """File name without its ending."""
    path: Path
    """The file."""
    own: dict[str, Any]
    """What the file itself says."""
    lines: dict[FieldPath, int]
    """Line of each key and table header."""
    parent: "Document | None" = None
    """The file that it extends."""

    def merged(self) -> dict[str, Any]:
        """Tables of the file laid over those of the file it extends; arrays replace arrays."""
        return _over(self.parent.merged(), self.own) if self.parent else _copy(self.own)

    def place(self, path: FieldPath) -> Place:
        """Find the line that wrote a value, or the nearest table around it."""
        file = short_path(self.path)
        if _holds(self.own, path) or self.parent is None:
            return Place(file, self._line(path))
        if _holds(self.parent.merged(), path):
            return self.parent.place(path)
        return Place(file, self._line(path))

    def _line(self, path: FieldPath) -> int | None:
        prefixes = (path[:length] for length in range(len(path), 0, -1))
        return next((self.lines[prefix] for prefix in prefixes if prefix in self.lines), None)


def read(path: Path) -> tuple[dict[str, Any], dict[FieldPath, int]]:
    """Read one TOML file and locate its lines.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    tuple[dict[str, Any], dict[FieldPath, int]]
        Its tables and the line of each key.

    Raises
    ------
    Faults
        When it is no readable TOML of at most 1 MB, or holds characters that hide.
    """
    text = read_text(path)
    table = _parsed(text, path)
    lines = locate(text)
    hidden = [
        Fault(
            problem="holds control or invisible characters",
            expected="plain text",
            file=short_path(path),
            line=lines.get(place),
            field=dotted(place),
            value=shown(value),
        )
        for place, value in walk(table)
        if not all(
            part.isprintable() for part in (*map(str, place), value) if isinstance(part, str)
        )
    ]
    refuse(hidden)
    return table, lines


def read_text(path: Path) -> str:
    """Read a text file that may have been given by mistake: a folder, a device, a film."""
    data = _bytes(path)
    if len(data) > MOST_BYTES:
        raise _fault(path, "larger than 1 MB", "a config file")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise _fault(path, "not UTF-8 text", "a TOML file in UTF-8", line=line) from None


def _bytes(path: Path) -> bytes:
    """First megabyte and one byte of a file; a pipe or a device could be without end."""
    problem, expected = "no such file", ""
    try:
        mode = path.stat().st_mode
        if stat.S_ISREG(mode):
            with path.open("rb") as file:
                return file.read(MOST_BYTES + 1)
        problem, expected = "not a file", "a TOML file"
    except FileNotFoundError:
        pass
    except (OSError, ValueError) as error:
        problem = f"cannot be read: {getattr(error, 'strerror', None) or error}"
    raise _fault(path, problem, expected)


def locate(text: str) -> dict[FieldPath, int]:
    """Line of each key and table header of a TOML text, counted from 1."""
    lines: dict[FieldPath, int] = {}
    counts: dict[FieldPath, int] = {}
    table: FieldPath = ()
    for number, line in enumerate(text.split("\n"), start=1):
        if header := _HEADER.fullmatch(line):
            table = _indexed(_parts(header[2]), counts)
            if header[1] == "[[":
                counts[table] = counts.get(table, -1) + 1
                table = (*table, counts[table])
            lines.setdefault(table, number)
        elif key := _KEY.match(line):
            lines.setdefault((*table, *_parts(key[1])), number)
    return lines


def statement(line: str) -> tuple[str, str]:
    """Split a line of TOML into the value that it writes and the comment behind it."""
    key = _KEY.match(line)
    start = key.end() if key else 0
    quote = ""
    for i in range(start, len(line)):
        if quote:
            quote = "" if line[i] == quote and not _is_escaped(line, i, quote) else quote
        elif line[i] in "\"'":
            quote = line[i]
        elif line[i] == "#":
            return line[start:i].strip(), line[i:].lstrip("#").strip()
    return line[start:].strip(), ""


def _is_escaped(line: str, i: int, quote: str) -> bool:
    before = line[:i]
    return quote == '"' and (len(before) - len(before.rstrip("\\"))) % 2 == 1


def walk(value: Any, path: FieldPath = ()) -> list[tuple[FieldPath, Any]]:
    """List every value that is no table or array, with its path."""
    found: list[tuple[FieldPath, Any]] = []
    waiting: list[tuple[FieldPath, Any]] = [(path, value)]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, dict):
            waiting.extend(((*path, key), item) for key, item in reversed(value.items()))
        elif isinstance(value, (list, tuple)):
            waiting.extend(((*path, i), item) for i, item in reversed(list(enumerate(value))))
        else:
            found.append((path, value))
    return found


def dotted(path: FieldPath) -> str:
    """Write a path as users do: ``level.0.latency``."""
    return ".".join(map(str, path))


def _parsed(text: str, path: Path) -> dict[str, Any]:
    for number, line in enumerate(text.split("\n"), start=1):
        if len(line) > LONGEST_LINE:
            expected = f"at most {LONGEST_LINE} characters"
            raise _fault(path, f"a line of {len(line)} characters", expected, number)
    try:
        table = tomllib.loads(text)
    except RecursionError:
        table = None
    except ValueError as error:
        match = re.search(r"\(at line (\d+), column \d+\)", str(error))
        problem = _in_words(re.sub(r"\s*\(at .*\)$", "", str(error))) or "not TOML"
        line = int(match[1]) if match else None
        raise _fault(path, f"not valid TOML: {problem}", line=line) from None
    if table is None or _deeper(table, DEEPEST):
        raise _fault(path, "nested too deeply", f"at most {DEEPEST} levels of tables")
    return table


def _in_words(problem: str) -> str:
    """Write the key ``('a', 'b')`` of a parser's message as ``[a.b]``."""
    keys = re.compile(r"\('(.*?)',?\)")
    return keys.sub(lambda match: f"[{match[1].replace(chr(39) + ', ' + chr(39), '.')}]", problem)


def _deeper(table: dict[str, Any], levels: int) -> bool:
    """Whether tables and arrays are nested deeper than so many levels."""
    layer: list[Any] = [table]
    for _ in range(levels):
        nests = (item.values() if isinstance(item, dict) else item for item in layer)
        layer = [item for nest in nests for item in nest if isinstance(item, (dict, list))]
    return bool(layer)


def _fault(path: Path, problem: str, expected: str = "", line: int | None = None) -> Faults:
    place = short_path(path)
    return Faults([Fault(problem=problem, expected=expected, file=place, line=line)])


def _parts(text: str) -> FieldPath:
    return tuple(part.strip("\"'") for part in re.findall(_PART, text))


def _indexed(path: FieldPath, counts: dict[FieldPath, int]) -> FieldPath:
    """Put the index of the current element behind each array of tables on the way."""
    result: FieldPath = ()
    for i, part in enumerate(path):
        result = (*result, part)
        if result in counts and i < len(path) - 1:
            result = (*result, counts[result])
    return result


def _holds(table: Any, path: FieldPath) -> bool:
    """Whether a table decides a value: it holds the key, or an array that replaces the parent's."""
    for part in path:
        if isinstance(table, list):
            return True
        if not isinstance(table, dict) or part not in table:
            return False
        table = table[part]
    return True


def _over(parent: dict[str, Any], child: dict[str, Any]) -> dict[str, Any]:
    """Lay one table over another. The parent's is a copy and is used up."""
    for key, value in child.items():
        if isinstance(value, dict) and isinstance(parent.get(key), dict):
            parent[key] = _over(parent[key], value)
        else:
            parent[key] = _copy(value)
    return parent


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copy(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_copy(item) for item in value]
    return value
