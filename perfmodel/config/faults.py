"""Mistakes of users: each said once, clearly, and all of them together."""

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

LONGEST_SHOWN = 60
"""Characters of a value that a message quotes."""

STATUS = 2
"""Exit status of a program that found faults."""

MOST_LISTED = 100
"""Faults that one report lists."""


class Problem(ValueError):  # noqa: N818 - what it is called in a message
    """What is wrong with one value, before it is known where the value was written."""

    def __init__(self, problem: str, expected: str = "", field: str = "") -> None:
        super().__init__(f"{problem}; expected {expected}" if expected else problem)
        self.problem = problem
        self.expected = expected
        self.field = field


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One mistake: where it stands, what stands there and what would be right."""

    problem: str
    """What is wrong."""
    file: str = ""
    """File, or what else the value came from."""
    line: int | None = None
    """Line of the file, counted from 1."""
    field: str = ""
    """Dotted path of the field."""
    value: str = ""
    """The value as it is shown, see :func:`shown`."""
    expected: str = ""
    """What would be right."""
    nearest: str = ""
    """A name that exists and looks like the one that does not."""

    def __str__(self) -> str:
        """One line, in the form that editors and compilers know."""
        place = printable(self.file) + (f":{self.line}" if self.line else "")
        what = " = ".join(filter(None, (printable(self.field), self.value)))
        problem = self.problem + (f"; expected {self.expected}" if self.expected else "")
        nearest = f'; did you mean "{self.nearest}"?' if self.nearest else ""
        return ": ".join(filter(None, (place, what, problem))) + nearest

    def at(self, file: str, line: int | None = None) -> "Fault":
        """Say where it stands."""
        return replace(self, file=file, line=line)


class Faults(ValueError):  # noqa: N818 - a list of faults, not one error
    """All the mistakes that were found."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(dict.fromkeys(faults))
        super().__init__(*self.faults)

    def __str__(self) -> str:
        """One line per fault."""
        listed = [str(fault) for fault in self.faults[:MOST_LISTED]]
        more = len(self.faults) - len(listed)
        return "\n".join([*listed, *([f"and {more} more"] if more else [])])


def attempt(found: list[Fault], call: Callable[P, T], *args: P.args, **named: P.kwargs) -> T | None:
    """Call, and add the faults that it raises to those already found."""
    try:
        return call(*args, **named)
    except Faults as error:
        found.extend(error.faults)
        return None


def refuse(found: Iterable[Fault]) -> None:
    """Raise the faults if there are any."""
    if faults := tuple(found):
        raise Faults(faults)


def shown(value: Any) -> str:
    """Quote a value: as TOML writes it, shortened, control characters escaped."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{shortened(printable(value[: 2 * LONGEST_SHOWN]))}"'
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, (list, tuple)):
        return "an array"
    if isinstance(value, int) and value.bit_length() > 256:
        return "a whole number of more than 77 digits"
    return shortened(printable(str(value)))


def shortened(text: str) -> str:
    """Cut a text to the length that a message can hold."""
    return text if len(text) <= LONGEST_SHOWN else text[: LONGEST_SHOWN - 3] + "..."


def printable(text: str) -> str:
    r"""Escape what a terminal would obey or hide: control and direction marks as ``\u202e``."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def nearest(name: str, names: Iterable[str]) -> str:
    """Find the name that looks most like this one, or nothing."""
    close = get_close_matches(name[:LONGEST_SHOWN], list(names), n=1)
    return close[0] if close else ""


def one_of(names: Iterable[str]) -> str:
    """List what may be chosen, for a message."""
    quoted = [f'"{name}"' for name in names]
    return quoted[0] if len(quoted) == 1 else f"one of {', '.join(quoted)}"


def short_path(path: Path) -> str:
    """Path from the working directory where that is shorter, else whole."""
    try:
        return min(os.path.relpath(path), str(path), key=len)
    except (OSError, ValueError):
        return str(path)
