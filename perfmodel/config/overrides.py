"""Overrides ``noun.field=value``: one value of a scenario, changed without a file of its own."""

import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from perfmodel.config.documents import FieldPath
from perfmodel.config.faults import Fault, Faults, attempt, nearest, one_of, refuse, shown
from perfmodel.config.fields import ANY, Leaf, kinds, leaves
from perfmodel.config.kinds import KINDS, NOUNS
from perfmodel.config.schema._model import Config
from perfmodel.config.schema.workload import Layout

SOURCE = "override"
"""What a fault names in place of a file."""

SCHEMAS: dict[str, type[Config]] = {
    **{noun: KINDS[kind] for noun, kind in NOUNS.items() if kind != "sweeps"},
    "layout": Layout,
}
"""Noun to the schema of its fields."""

WHOLE = {
    "chip": "node.chip",
    "site.chip": "node.chip",
    "node": "site.partition.0.node",
    "fabric": "site.partition.0.fabric",
    "stack": "site.partition.0.stack",
    "model": "workload.model",
}
"""Noun that takes the name of a config, to the field where that name stands."""

ROOTS = ("site", "workload")
"""Nouns that nothing else names: an override replaces the scenario's own choice."""

_PATH = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z0-9_+-]+)*")
SEVERAL = re.compile(r"[^\"']*,.*|\[.*\]|(range|linspace|geomspace|zip)\(.*\)", re.DOTALL)
_INTEGER = re.compile(r"[+-]?[0-9]{1,3}(_?[0-9]{1,3}){0,6}")
_FLOAT = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")
_LONGEST = 500


class Override(NamedTuple):
    """What a user wrote."""

    path: str
    """Left of the equals sign."""
    text: str
    """Right of it."""


class Setting(NamedTuple):
    """An override that has found its field."""

    noun: str
    """Config that it changes."""
    leaf: Leaf
    """Field that it changes."""
    indices: tuple[str | None, ...]
    """What the user wrote for each index of the leaf's path, none where it was left out."""
    value: Any
    """The value, not yet checked."""
    override: Override
    """Where it came from."""


def parse(texts: Iterable[str]) -> list[Override]:
    """Split overrides at their first equals sign.

    Parameters
    ----------
    texts
        Such as ``site.chips=25000`` or ``chip.memory.bandwidth=8 TB/s``.

    Returns
    -------
    list[Override]
        In the order given; the field is not looked up yet.

    Raises
    ------
    Faults
        Overrides without a path or a value, and paths given twice.
    """
    found: list[Fault] = []
    parsed = [one for text in texts if (one := attempt(found, _split, text))]
    twice = {one.path for i, one in enumerate(parsed) if one.path in {o.path for o in parsed[:i]}}
    found.extend(fault(Override(path, ""), "is given twice") for path in sorted(twice))
    refuse(found)
    return parsed


def settle(overrides: Sequence[Override]) -> list[Setting]:
    """Find the field of each override and read its value by the type of the field.

    Raises
    ------
    Faults
        Unknown and ambiguous paths, lists where one value belongs.
    """
    found: list[Fault] = []
    settings = [one for override in overrides if (one := attempt(found, _settle, override))]
    refuse(found)
    return settings


def apply(settings: Iterable[Setting], table: dict[str, Any]) -> dict[FieldPath, Override]:
    """Write settings into the table of their config.

    Parameters
    ----------
    settings
        All of the same noun.
    table
        Content of the config; changed in place.

    Returns
    -------
    dict[FieldPath, Override]
        Where each override was written.
    """
    written: dict[FieldPath, Override] = {}
    found: list[Fault] = []
    for setting in settings:
        path = attempt(found, path_in, setting, table)
        if path is not None:
            _write(table, path, setting.value)
            written[path] = setting.override
    refuse(found)
    return written


def single(override: Override) -> str:
    """Give the text of an override, and refuse the lists and ranges that only a sweep can take."""
    if not SEVERAL.fullmatch(override.text):
        return override.text
    point = " with a decimal point" if re.search(r"[0-9],[0-9]", override.text) else ""
    raise Faults([fault(override, "a list of values belongs to a sweep", f"one value{point}")])


def paths(noun: str) -> list[str]:
    """List the paths that an override of a noun may have, 0 for an index."""
    return [_joined(noun, leaf) for leaf in leaves(SCHEMAS[noun])]


def _split(text: str) -> Override:
    path, equals, value = text.partition("=")
    override = Override(path.strip(), value.strip())
    expected = "noun.field=value, such as site.chips=25000"
    if len(text) > _LONGEST:
        raise Faults([Fault(problem="too long", file=SOURCE, value=shown(text), expected=expected)])
    if not equals or not _PATH.fullmatch(override.path):
        problem = "not an override"
        raise Faults([Fault(problem=problem, file=SOURCE, value=shown(text), expected=expected)])
    if not override.text:
        raise Faults([fault(override, "has no value", expected)])
    if not override.text.isprintable():
        raise Faults([fault(override, "holds control or invisible characters", "plain text")])
    return override


def _settle(override: Override) -> Setting:
    noun, leaf, indices = target(override)
    return Setting(noun, leaf, indices, _value(leaf, single(override)), override)


def target(override: Override) -> tuple[str, Leaf, tuple[str | None, ...]]:
    """Find the field that a path means: config, field, and what is said of each index.

    Raises
    ------
    Faults
        There is no such field, or there are several.
    """
    noun, *rest = WHOLE.get(override.path, override.path).split(".")
    if noun == "facility":
        noun, rest = "site", ["facility", *rest]
    if noun not in SCHEMAS or not rest:
        raise Faults([_unknown(override)])
    matches = [
        (leaf, match)
        for leaf in leaves(SCHEMAS[noun])
        if (match := _match(leaf.path, rest)) is not None
    ]
    whole = [(leaf, match) for leaf, match in matches if _is_whole(leaf.path, rest)]
    matches = whole or matches
    if not matches:
        raise Faults([_unknown(override)])
    if len(matches) > 1:
        fields = one_of(_joined(noun, leaf) for leaf, _ in matches)
        raise Faults([fault(override, "could mean several fields", fields)])
    leaf, indices = matches[0]
    return noun, leaf, indices


def _match(path: tuple[str, ...], tokens: Sequence[str]) -> tuple[str | None, ...] | None:
    """Lay the words of an override on the end of a path; return what it says of each index."""
    left = list(tokens)
    indices: list[str | None] = []
    for i in range(len(path) - 1, -1, -1):
        if path[i] == ANY:
            named = bool(left) and left[-1] != path[i - 1]
            indices.append(left.pop() if named else None)
        elif not left:
            continue
        elif left.pop() != path[i]:
            return None
    return None if left else tuple(reversed(indices))


def _is_whole(path: tuple[str, ...], tokens: Sequence[str]) -> bool:
    """Whether the words name every table on the way."""
    names = iter(tokens)
    return all(part in names for part in path if part != ANY)


def _value(leaf: Leaf, text: str) -> Any:
    """Read a value: text where the field holds text or a quantity, else a number or a flag."""
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        return text[1:-1]
    if leaf.unit is not None or str in kinds(leaf.annotation):
        return text
    if _INTEGER.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    return {"true": True, "false": False}.get(text.lower(), text)


def path_in(setting: Setting, table: dict[str, Any]) -> FieldPath:
    """Give the path of a setting in a table: the indices that its names stand for.

    Raises
    ------
    Faults
        An array has no such element.
    """
    path: FieldPath = ()
    indices = iter(setting.indices)
    here: Any = table
    for part in setting.leaf.path:
        step = _index(setting, next(indices), here) if part == ANY else part
        path = (*path, step)
        try:
            here = here[step]
        except (KeyError, IndexError, TypeError):
            here = {}
    return path


def _index(setting: Setting, word: str | None, array: Any) -> int:
    """Position of an element, by number from 0 or by its name."""
    array = array if isinstance(array, list) else []
    names = [str(item.get("name")) if isinstance(item, dict) else "" for item in array]
    if word is None and (setting.noun == "site" or len(array) == 1):
        return 0
    if word is not None and word.isdecimal() and int(word) < len(array):
        return int(word)
    if word is not None and word in names:
        return names.index(word)
    known = one_of([*map(str, range(len(array))), *names]) if array else ""
    problem = f'has no element "{word}"' if word else "does not say which element"
    raise Faults([fault(setting.override, problem, known)])


def _write(table: Any, path: FieldPath, value: Any) -> None:
    *way, last = path
    for part in way:
        if isinstance(table, dict) and not isinstance(table.get(part), (dict, list)):
            table[part] = {}
        table = table[part]
    table[last] = value


def _unknown(override: Override) -> Fault:
    tables = [path for noun in SCHEMAS for path in paths(noun)]
    inside = [path for path in tables if path.startswith(f"{override.path}.")]
    if inside:
        return fault(override, "is a table", one_of(inside))
    namesakes = [path for path in tables if path.endswith(f".{override.path.split('.')[-1]}")]
    close = nearest(override.path, namesakes) or nearest(override.path, [*tables, *WHOLE])
    expected = "" if close else f"a field of {one_of(SCHEMAS)}"
    return fault(override, "no such field", expected, close)


def _joined(noun: str, leaf: Leaf) -> str:
    return ".".join((noun, *("0" if part == ANY else part for part in leaf.path)))


def fault(override: Override, problem: str, expected: str = "", close: str = "") -> Fault:
    """Say what is wrong with an override."""
    return Fault(
        problem=problem,
        file=SOURCE,
        field=override.path,
        value=shown(override.text) if override.text else "",
        expected=expected,
        nearest=close,
    )
