"""Fields of a schema as paths: what each holds, in which unit, and what it means."""

from collections.abc import Iterator
from functools import lru_cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le
from pydantic.fields import FieldInfo

from perfmodel.config.documents import FieldPath
from perfmodel.config.faults import one_of
from perfmodel.config.schema._model import LEAST, Config, Quantity, Reference
from perfmodel.config.units import example

OBVIOUS = 1e12
"""Upper bounds above this are not worth a word."""

ANY = "*"
"""Stands for an index of an array of tables."""


class Leaf(NamedTuple):
    """A field that holds one value."""

    path: tuple[str, ...]
    """Keys from the root, :data:`ANY` for an index."""
    annotation: Any
    """Type, constraints included."""
    meaning: str
    """What the schema says of it."""
    required: bool
    """Whether a file has to say it, once it has the table around it."""
    default: Any
    """Value where it may be left out."""

    @property
    def unit(self) -> str | None:
        """SI unit of a quantity, none for a bare value."""
        return unit_of(self.annotation)

    @property
    def is_number(self) -> bool:
        """Whether it holds a number, bare or with a unit."""
        return any(kind in (int, float) for kind in kinds(self.annotation))


def leaves(schema: type[Config]) -> tuple[Leaf, ...]:
    """List the fields that hold one value, in the order of the schema."""
    return tuple(_leaves(schema, ()))


def find(schema: type[Config], path: FieldPath) -> Leaf | None:
    """Find the leaf that a path of keys and indices leads to."""
    return _by_path(schema).get(generic(path))


def generic(path: FieldPath) -> tuple[str, ...]:
    """Replace the indices of a path by :data:`ANY`."""
    return tuple(ANY if isinstance(part, int) else part for part in path)


def table_of(annotation: Any) -> type[Config] | None:
    """Find the schema of a field that holds a table, or an array of tables."""
    return next((kind for kind in kinds(annotation) if _is_table(kind)), None)


def is_array(annotation: Any) -> bool:
    """Whether a field holds an array of tables."""
    return any(get_origin(_bare(part)) is tuple for part in _parts(annotation))


def unit_of(annotation: Any) -> str | None:
    """SI unit of a quantity, none for anything else."""
    marks = (mark for part in _parts(annotation) for mark in _metadata(part))
    return next((mark.unit for mark in marks if isinstance(mark, Quantity)), None)


def reference_of(annotation: Any) -> str | None:
    """Kind of the config that a field names, none for any other text."""
    marks = (mark for part in _parts(annotation) for mark in _metadata(part))
    return next((mark.kind for mark in marks if isinstance(mark, Reference)), None)


def kinds(annotation: Any) -> list[Any]:
    """List the plain types that a field may hold, those inside an array included."""
    found: list[Any] = []
    for bare in map(_bare, _parts(annotation)):
        found.append(get_args(bare)[0] if get_origin(bare) is tuple else bare)
    return [kind for kind in found if kind is not NoneType]


def choices(annotation: Any) -> list[str]:
    """List the words that a field may hold."""
    literals = (kind for kind in kinds(annotation) if get_origin(kind) is Literal)
    return [str(word) for literal in literals for word in get_args(literal)]


def expectation(annotation: Any) -> str:
    """Say in words what a field may hold."""
    words = choices(annotation)
    unit = unit_of(annotation)
    said = [] if unit is None else [f'a number and a unit, such as "{example(unit)}"']
    if unit is None:
        said = [_in_words(part) for part in _parts(annotation) if _in_words(part)]
    inside = any(get_origin(_bare(part)) is tuple for part in _parts(annotation))
    listed = [f"an array of {one_of(words)}" if inside else one_of(words)] if words else []
    return " or ".join([*said, *listed])


def _in_words(part: Any) -> str:
    plain = _bare(part)
    if (kind := reference_of(part)) is not None:
        return f"the name of one of the {kind}"
    noun = {int: "a whole number", float: "a number", str: "text in quotes", bool: "true or false"}
    if plain in noun:
        return " ".join([noun[plain], *_bounds(part)])
    if get_origin(plain) is tuple:
        inside = get_args(plain)[0]
        if _is_table(inside):
            return "an array of tables"
        return "" if choices(inside) else f"an array of {expectation(inside)}"
    return "a table" if _is_table(plain) else ""


def _bounds(part: Any) -> list[str]:
    """Say the bounds of a number: "from 0 to 1", "from 1", "above 0"."""
    marks: dict[type, Any] = {type(mark): mark for mark in _metadata(part)}
    least, above, most = (marks.get(kind) for kind in (Ge, Gt, Le))
    said = [f"from {least.ge:g}"] if least else [f"above {above.gt:g}"] if above else []
    if least and least.ge == LEAST:
        least, said = None, ["above 0"]
    if most and most.le < OBVIOUS:
        said.append(f"to {most.le:g}" if least else f"and at most {most.le:g}")
    return said


def _bare(part: Any) -> Any:
    return get_args(part)[0] if get_origin(part) is Annotated else part


def _metadata(part: Any) -> list[Any]:
    """Marks of an annotation, those inside pydantic's Field taken out."""
    found: list[Any] = []
    for mark in getattr(part, "__metadata__", ()):
        found.extend(mark.metadata if isinstance(mark, FieldInfo) else [mark])
    return found


def _parts(annotation: Any) -> list[Any]:
    """Members of a union, or the annotation itself."""
    if get_origin(annotation) in (Union, UnionType):
        return [part for member in get_args(annotation) for part in _parts(member)]
    return [annotation]


def _is_table(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Config)


def annotation_of(info: FieldInfo) -> Any:
    """Annotation of a model's field with the marks that pydantic took out of it."""
    return Annotated[info.annotation, *info.metadata] if info.metadata else info.annotation


def _leaves(schema: type[Config], path: tuple[str, ...]) -> Iterator[Leaf]:
    for name, info in schema.model_fields.items():
        annotation = annotation_of(info)
        table = table_of(annotation)
        here = (*path, name)
        if table is not None:
            yield from _leaves(table, (*here, ANY) if is_array(annotation) else here)
        else:
            default = None if info.is_required() else info.default
            yield Leaf(here, annotation, info.description or "", info.is_required(), default)


@lru_cache(maxsize=32)
def _by_path(schema: type[Config]) -> dict[tuple[str, ...], Leaf]:
    return {leaf.path: leaf for leaf in leaves(schema)}
