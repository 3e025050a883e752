"""What the verbs about configs and devices print as JSON: a model per answer."""

from typing import Any

from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """An answer or a part of one; more keys may come, these stay."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)


class Entry(Record):
    """One config of the library."""

    kind: str
    """Folder."""
    name: str
    """File name without its ending."""
    title: str
    """What people call it."""
    file: str
    """The file."""


class Listing(Record):
    """Answer of `configs list`."""

    configs: list[Entry]
    """By kind and name."""


class Field(Record):
    """One field of a config."""

    field: str
    """Dotted path."""
    value: Any
    """Resolved value, in SI."""
    unit: str
    """SI unit, empty for a bare value."""
    text: str
    """The value as people read it."""
    source: str
    """Where the value comes from."""
    file: str
    """File that wrote it, empty for a default."""
    line: int | None
    """Line of that file."""


class Description(Record):
    """Answer of `configs show`."""

    kind: str
    """Folder."""
    name: str
    """File name without its ending."""
    file: str
    """The file."""
    fields: list[Field]
    """In the order of the schema."""


class Mistake(Record):
    """One fault of a file."""

    file: str
    """The file."""
    line: int | None
    """Line, where it is known."""
    field: str
    """Dotted path."""
    value: str
    """What stands there."""
    problem: str
    """What is wrong."""
    expected: str
    """What would be right."""
    nearest: str
    """A name that exists and looks like the one that does not."""


class Report(Record):
    """Answer of `configs check`."""

    files: int
    """Files that were read."""
    faults: list[Mistake]
    """All that is wrong with them."""


class Seen(Record):
    """One device."""

    platform: str
    """cpu, gpu or tpu."""
    kind: str
    """What the driver calls it."""
    id: int
    """Number that jax gives it."""
    memory_bytes: int | None
    """Memory that jax may use, where the device says. [B]"""
    used: bool
    """Whether `--device auto` uses it."""


class Devices(Record):
    """Answer of `devices`."""

    jax: str
    """Version of jax."""
    devices: list[Seen]
    """What it sees on this machine."""
