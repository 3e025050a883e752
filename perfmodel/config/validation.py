"""From tables of TOML to checked configs; what is wrong with them in plain words."""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from perfmodel.config.documents import FieldPath, Place, dotted
from perfmodel.config.faults import MOST_LISTED, Fault, Faults, Problem, nearest, one_of, shown
from perfmodel.config.fields import annotation_of, choices, expectation, is_array, table_of, unit_of
from perfmodel.config.schema._model import LEAST, Config

C = TypeVar("C", bound=Config)

PROBLEMS = {
    "missing": "is missing",
    "extra_forbidden": "no such field",
    "literal_error": "not a word that is known here",
    "finite_number": "not a finite number",
    "string_too_long": "too long",
    "too_short": "is empty",
    "too_long": "too many entries",
}
"""Kind of pydantic's error to what a user reads; any other kind is a wrong type."""

_BOUNDS = {
    "greater_than": ("gt", "not above"),
    "greater_than_equal": ("ge", "below"),
    "less_than": ("lt", "not below"),
    "less_than_equal": ("le", "above"),
}


class _Found(NamedTuple):
    """One error of pydantic against the field that it is about."""

    path: FieldPath
    """Path of the field, pydantic's tags of union members left out."""
    annotation: Any
    """Type of the field, none where there is no such field."""
    owner: type[Config]
    """Table that holds it."""
    meaning: str
    """What the schema says of it."""
    error: ErrorDetails
    """Pydantic's account."""


def validate(schema: type[C], table: dict[str, Any], place: Callable[[FieldPath], Place]) -> C:
    """Check a table against its schema.

    Parameters
    ----------
    schema
        What the table should hold.
    table
        Merged content of a config file.
    place
        Tells where the value of a path was written.

    Returns
    -------
    C
        The config, in SI.

    Raises
    ------
    Faults
        All that is wrong with it.
    """
    try:
        return schema.model_validate(_tuples(table))
    except ValidationError as error:
        details = error.errors(include_url=False)
    raise Faults(_faults(schema, table, details, place))


def _faults(
    schema: type[Config],
    table: dict[str, Any],
    details: list[ErrorDetails],
    place: Callable[[FieldPath], Place],
) -> list[Fault]:
    """Say each error once: members of a union that all failed are one fault."""
    found: dict[FieldPath, _Found] = {}
    for detail in details[: 3 * MOST_LISTED]:
        one = _resolve(schema, detail)
        found.setdefault(one.path, one)
    ends = [one for one in found.values() if not _echoes(one, found)]
    return [_fault(one, table).at(*place(_blamed(one))) for one in ends]


def _blamed(one: _Found) -> FieldPath:
    """Path of the field that is wrong: a check of a whole table names one inside it."""
    cause = one.error.get("ctx", {}).get("error")
    return (*one.path, *(_steps(cause.field) if isinstance(cause, Problem) else ()))


def _echoes(one: _Found, found: dict[FieldPath, _Found]) -> bool:
    """Whether an array is called empty only because its elements have faults of their own."""
    inside = (path for path in found if len(path) > len(one.path))
    return one.error["type"] == "too_short" and any(
        path[: len(one.path)] == one.path for path in inside
    )


def _resolve(schema: type[Config], error: ErrorDetails) -> _Found:
    """Follow the location of an error through the schema as far as it names fields."""
    table: type[Config] | None = schema
    path: FieldPath = ()
    annotation, owner, meaning = schema, schema, ""
    for part in error["loc"]:
        if table is None:
            break
        if isinstance(part, int):
            path = (*path, part)
            continue
        owner, path = table, (*path, part)
        info = table.model_fields.get(part)
        annotation = annotation_of(info) if info else None
        meaning = (info.description or "") if info else ""
        table = table_of(annotation) if info else None
    return _Found(path, annotation, owner, meaning, error)


def _fault(found: _Found, table: dict[str, Any]) -> Fault:
    kind, cause = found.error["type"], found.error.get("ctx", {}).get("error")
    if kind == "extra_forbidden":
        return _unknown(found, table)
    if kind == "missing":
        return Fault(problem="is missing", field=dotted(found.path), expected=_wanted(found))
    if isinstance(cause, Problem):
        return _inconsistent(found, cause, table)
    return Fault(
        problem=_problem(found),
        field=dotted(found.path),
        value=_quoted(table, found.path),
        expected=expectation(found.annotation),
        nearest=nearest(str(found.error["input"]), choices(found.annotation)),
    )


def _unknown(found: _Found, table: dict[str, Any]) -> Fault:
    fields = list(found.owner.model_fields)
    close = nearest(str(found.path[-1]), fields)
    return Fault(
        problem=PROBLEMS["extra_forbidden"],
        field=dotted(found.path),
        value=_quoted(table, found.path),
        expected="" if close else one_of(fields),
        nearest=close,
    )


def _inconsistent(found: _Found, cause: Problem, table: dict[str, Any]) -> Fault:
    """A problem that our own readers and checks have already put in words."""
    words = [one_of(choices(found.annotation))] if choices(found.annotation) else []
    path = _blamed(found)
    return Fault(
        problem="is empty" if found.error["input"] == "" else cause.problem,
        field=dotted(path),
        value=_quoted(table, path),
        expected=" or ".join([cause.expected, *words]),
    )


def _steps(field: str) -> FieldPath:
    return tuple(int(part) if part.isdecimal() else part for part in field.split(".") if part)


def _problem(found: _Found) -> str:
    kind = found.error["type"]
    if found.error["input"] == "":
        return "is empty"
    if kind in PROBLEMS:
        return PROBLEMS[kind]
    if kind in _BOUNDS:
        return _out_of_bounds(found)
    if kind == "value_error":
        return found.error["msg"].removeprefix("Value error, ")
    if kind == "int_type" and isinstance(found.error["input"], float):
        return "is no whole number"
    return f"is {_noun(found.error['input'])}"


def _out_of_bounds(found: _Found) -> str:
    key, side = _BOUNDS[found.error["type"]]
    bound = found.error.get("ctx", {})[key]
    unit = unit_of(found.annotation) or ""
    if key == "gt" or (bound == LEAST and found.error["input"] <= 0.0):
        return "not positive"
    return f"{side} {bound:g} {unit}".rstrip()


def _noun(value: Any) -> str:
    """Say what kind of value a file holds."""
    if isinstance(value, (dict, list, tuple)):
        return shown(value)
    nouns = {str: "a text", bool: "a flag", int: "a number", float: "a number"}
    return nouns.get(type(value), "a date or time")


def _wanted(found: _Found) -> str:
    """What belongs into a missing field: its type, then its meaning."""
    path = dotted(found.path)
    what = f"a table [{path}]" if table_of(found.annotation) else expectation(found.annotation)
    if is_array(found.annotation):
        what = f"one or more tables [[{path}]]"
    meaning = found.meaning.partition(" [")[0].rstrip(".")
    return f"{what} ({meaning})" if meaning else what


def _quoted(table: Any, path: FieldPath) -> str:
    """Quote the value that stands at a path, nothing for a table or an array."""
    for part in path:
        try:
            table = table[part]
        except (KeyError, IndexError, TypeError):
            return ""
    return "" if isinstance(table, (dict, list)) else shown(table)


def _tuples(value: Any) -> Any:
    """Arrays as tuples: the schema is strict and its fields immutable."""
    if isinstance(value, dict):
        return {key: _tuples(item) for key, item in value.items()}
    if isinstance(value, list):
        return tuple(_tuples(item) for item in value)
    return value
