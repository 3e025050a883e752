"""Axes of a sweep: an override that stands for several values."""

import math
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from perfmodel.config.faults import Fault, Faults, attempt, refuse, shown
from perfmodel.config.fields import Leaf, kinds
from perfmodel.config.overrides import (
    ROOTS,
    SEVERAL,
    WHOLE,
    Override,
    fault,
    parse,
    target,
)
from perfmodel.config.units import Problem, quantity

MOST = 100_000_000
"""Values of one axis beyond which an array of them would not fit."""

Scale = Literal["names", "linear", "log"]

_CALL = re.compile(r"([a-z]+)\((.*)\)", re.DOTALL)


class Column(NamedTuple):
    """The values that one field takes along an axis."""

    path: str
    """Left of the equals sign."""
    unit: str
    """SI unit of numbers; empty for a count, a share or a name."""
    scale: Scale
    """How the values lie; names have no order."""
    values: NDArray[Any]
    """Numbers in SI, or texts."""

    @property
    def numeric(self) -> bool:
        """Whether it holds numbers."""
        return self.values.dtype.kind in "if"

    def text(self, place: int) -> str:
        """A value as an override writes it."""
        value = self.values[place].item()
        return f"{value!r} {self.unit}".rstrip() if self.numeric else value


class Axis(NamedTuple):
    """Fields that move together: one, or several that `zip` pairs or a sample draws."""

    columns: tuple[Column, ...]

    @property
    def size(self) -> int:
        """Values."""
        return len(self.columns[0].values)


class Sampling(NamedTuple):
    """How many points are drawn where values are stated as distributions."""

    points: int = 0
    seed: int = 0


class _Drawn(NamedTuple):
    """A field whose values are drawn: from the unit interval to values."""

    override: Override
    unit: str
    scale: Scale
    value: Callable[[NDArray[np.float64]], NDArray[Any]]


def split_axes(texts: Iterable[str]) -> tuple[list[str], list[str]]:
    """Tells texts that stand for one value from those that stand for several.

    Parameters
    ----------
    texts
        Overrides and axes.

    Returns
    -------
    tuple[list[str], list[str]]
        Overrides, and axes.
    """
    single: list[str] = []
    several: list[str] = []
    for text in texts:
        value = text.partition("=")[2].strip()
        drawn = _CALL.fullmatch(value)
        is_axis = text.strip().startswith("zip(") or SEVERAL.fullmatch(value)
        (several if is_axis or (drawn and drawn[1] in _DRAWS) else single).append(text)
    return single, several


def parse_axes(texts: Sequence[str], sampling: Sampling) -> list[Axis]:
    """Reads the axes of a sweep.

    Parameters
    ----------
    texts
        Such as ``site.chips=25000,100000``, ``fabric.spread="linspace(0, 0.2, 5)"``,
        ``zip(site.chips=1024,2048; workload.batch.sequences=512,1024)`` or
        ``node.nic_bandwidth="loguniform(100 Gb/s, 1.6 Tb/s)"``.
    sampling
        Points to draw where values are distributions; all of these form one axis, a scrambled Sobol
        sequence.

    Returns
    -------
    list[Axis]
        In the order of the texts, what is drawn last.

    Raises
    ------
    Faults
        All that is wrong.
    """
    found: list[Fault] = []
    axes: list[Axis] = []
    drawn: list[_Drawn] = []
    for text in texts:
        read = attempt(found, _axis, text)
        for one in read or ():
            (drawn if isinstance(one, _Drawn) else axes).append(one)  # type: ignore[arg-type]
    paths = [c.path for axis in axes for c in axis.columns] + [d.override.path for d in drawn]
    found.extend(fault(Override(path, ""), "is given twice") for path in sorted(_repeated(paths)))
    if drawn and sampling.points < 1:
        found.append(fault(drawn[0].override, "draws values", "how many, with --samples"))
    if sampling.points and not drawn and not found:
        expected = "an axis such as loguniform(100 Gb/s, 1.6 Tb/s)"
        problem = "nothing is drawn"
        found.append(Fault(field="--samples", value=str(sampling.points), problem=problem,
                           expected=expected))  # fmt: skip
    refuse(found)
    return [*axes, _sampled(drawn, sampling)] if drawn else axes


def _repeated(paths: Sequence[str]) -> set[str]:
    return {path for i, path in enumerate(paths) if path in paths[:i]}


def _axis(text: str) -> list[Axis | _Drawn]:
    """One axis, or what takes part in the drawn one."""
    zipped = re.fullmatch(r"\s*zip\((.*)\)\s*", text, re.DOTALL)
    if zipped is None:
        (override,) = parse([text])
        read = _column(override)
        return [read if isinstance(read, _Drawn) else Axis((_distinct(override, read),))]
    members = [part for part in _words(zipped[1], ";") if part]
    whole = Override("zip", text)
    if len(members) < 2:
        raise Faults([fault(whole, "pairs fewer than two axes", _ZIP)])
    columns = [_column(override) for override in parse(members)]
    fixed = [one for one in columns if isinstance(one, Column)]
    if len(fixed) < len(columns):
        raise Faults([fault(whole, "pairs values that are drawn", "lists or ranges")])
    sizes = {column.path: len(column.values) for column in fixed}
    if len(set(sizes.values())) > 1:
        counts = ", ".join(f"{path} has {size}" for path, size in sizes.items())
        raise Faults([fault(whole, f"pairs axes of different lengths: {counts}")])
    return [Axis(tuple(fixed))]


_ZIP = "zip(a.b=1,2; c.d=3,4)"


def _column(override: Override) -> Column | _Drawn:
    """Values of one field."""
    leaf = _leaf(override)
    call = _CALL.fullmatch(override.text)
    if call is None or call[1] not in {*_RANGES, *_DRAWS}:
        return _listed(override, leaf)
    words = _words(call[2], ",")
    if call[1] == "choice":
        return _choice(override, leaf, words)
    if leaf is None or not leaf.is_number:
        raise Faults([fault(override, "holds no number", "a list of names")])
    if call[1] in _DRAWS:
        return _distribution(override, leaf, (call[1], words))
    return _ranged(override, leaf, (call[1], words))


def _leaf(override: Override) -> Leaf | None:
    """The field; none for the name of a whole config."""
    if override.path in ROOTS:
        return None
    _, leaf, _ = target(Override(WHOLE.get(override.path, override.path), override.text))
    return leaf


def _listed(override: Override, leaf: Leaf | None) -> Column:
    words = _words(override.text.removeprefix("[").removesuffix("]"), ",")
    if not all(words):
        point = " with a decimal point" if re.search(r"[0-9],[0-9]", override.text) else ""
        raise Faults([fault(override, "has an empty place in its list", f"values{point}")])
    unit = leaf.unit or "" if leaf else ""
    try:
        numbers = None if leaf is None else [_number(word, leaf) for word in words]
    except Problem as error:
        raise Faults([fault(override, error.problem, error.expected)]) from None
    if numbers is None or any(number is None for number in numbers):
        texts = [word.strip("\"'") for word in words]
        return Column(override.path, "", "names", np.array(texts))
    values = np.array(numbers)
    return Column(override.path, unit, _scale(values), values)


def _number(word: str, leaf: Leaf) -> int | float | None:
    """A number where the field holds one; nothing for a word that it may hold beside."""
    if leaf.unit is not None:
        words = [kind for kind in kinds(leaf.annotation) if kind is not float]
        return None if words and word.strip("\"'").isalpha() else quantity(word, leaf.unit)
    if not leaf.is_number or bool in kinds(leaf.annotation):
        return None
    if re.fullmatch(r"[+-]?[0-9][0-9_]{0,17}", word) and int in kinds(leaf.annotation):
        return int(word)
    if re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?", word):
        if float in kinds(leaf.annotation):
            return float(word)
        raise Problem(f"{word} is not a whole number", "a whole number")
    return None


def _distinct(override: Override, column: Column) -> Column:
    """The column, if it says nothing twice; what `zip` pairs may."""
    values, counts = np.unique(column.values, return_counts=True)
    if (counts > 1).any():
        twice = shown(str(values[counts > 1][0]))
        raise Faults([fault(override, f"holds {twice} more than once")])
    return column


def _scale(values: NDArray[Any]) -> Scale:
    """Whether a list grows by factors rather than by steps: its increments then differ less."""
    if values.min() <= 0 or not (np.diff(values) > 0).all():
        return "linear"
    if len(values) < 3:
        return "log" if values[-1] > 3 * values[0] else "linear"
    factors, steps = np.diff(np.log(values)), np.diff(values)
    return "log" if np.std(factors) / factors.sum() < np.std(steps) / steps.sum() else "linear"


def _ranged(override: Override, leaf: Leaf, call: tuple[str, list[str]]) -> Column:
    name, words = call
    make, form, least, most = _RANGES[name]
    if not least <= len(words) <= most:
        raise Faults([fault(override, f"{name} takes {form}")])
    counted = name != "range"
    ends = _ends(override, leaf, words[:-1] if counted else words)
    count = _count(override, words[-1]) if counted else 0
    if name == "geomspace" and min(ends) <= 0.0:
        raise Faults([fault(override, "geomspace needs values above 0")])
    values = make(override, ends, count)
    if leaf.unit is None and float not in kinds(leaf.annotation):
        values = np.unique(np.round(values)).astype(np.int64)
        values = values if ends[0] <= ends[1] else values[::-1].copy()
    scale: Scale = "log" if name == "geomspace" else "linear"
    return Column(override.path, leaf.unit or "", scale, values)


def _ends(override: Override, leaf: Leaf, words: Sequence[str]) -> list[float]:
    try:
        ends = [_number(word, leaf) for word in words]
    except Problem as error:
        raise Faults([fault(override, error.problem, error.expected)]) from None
    if any(end is None for end in ends):
        raise Faults([fault(override, "has an end that is not a number")])
    return [float(end) for end in ends if end is not None]


def _count(override: Override, word: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", word) or not 1 <= int(word) <= MOST:
        expected = f"a whole number from 1 to {MOST:,}"
        raise Faults([fault(override, f"counts {shown(word)} values", expected)])
    return int(word)


def _stepped(override: Override, ends: Sequence[float], count: int) -> NDArray[Any]:
    del count
    start, stop, *rest = ends if len(ends) > 1 else (0.0, *ends)
    step = rest[0] if rest else 1.0
    steps = (stop - start) / step if step else 0.0
    if not steps > 0.0:
        raise Faults([fault(override, "is empty", "a stop that the steps come to")])
    if steps > MOST:
        raise Faults([fault(override, f"holds {steps:.3g} values", f"at most {MOST:,}")])
    return start + step * np.arange(math.ceil(steps - 1e-9))


_COUNTED = "(first, last, count)"

_RANGES: dict[str, tuple[Callable[..., NDArray[Any]], str, int, int]] = {
    "range": (_stepped, "(start, stop, step), the stop excluded", 2, 3),
    "linspace": (lambda _, ends, n: np.linspace(ends[0], ends[1], n), _COUNTED, 3, 3),
    "geomspace": (lambda _, ends, n: np.geomspace(ends[0], ends[1], n), _COUNTED, 3, 3),
}

_DRAWS = ("uniform", "loguniform", "choice")


def _distribution(override: Override, leaf: Leaf, call: tuple[str, list[str]]) -> _Drawn:
    name, words = call
    if len(words) != 2:
        raise Faults([fault(override, f"{name} takes (lowest, highest)")])
    low, high = _ends(override, leaf, words)
    if not low < high or (name == "loguniform" and low <= 0.0):
        above = " above 0" if name == "loguniform" else ""
        raise Faults([fault(override, "has no room between its ends", f"two values{above}")])
    whole = leaf.unit is None and float not in kinds(leaf.annotation)

    def value(unit: NDArray[np.float64]) -> NDArray[Any]:
        by_factor = name == "loguniform"
        drawn = low * (high / low) ** unit if by_factor else low + (high - low) * unit
        return np.round(drawn).astype(np.int64) if whole else drawn

    return _Drawn(override, leaf.unit or "", "log" if name == "loguniform" else "linear", value)


def _choice(override: Override, leaf: Leaf | None, words: list[str]) -> _Drawn:
    column = _listed(Override(override.path, ",".join(words)), leaf)

    def value(unit: NDArray[np.float64]) -> NDArray[Any]:
        places = (unit * len(column.values)).astype(int)
        return column.values[np.minimum(places, len(column.values) - 1)]

    return _Drawn(override, column.unit, column.scale, value)


def _sampled(drawn: Sequence[_Drawn], sampling: Sampling) -> Axis:
    """Points of a scrambled Sobol sequence, as many as asked for."""
    from scipy.stats.qmc import Sobol

    engine = Sobol(len(drawn), scramble=True, rng=np.random.default_rng(sampling.seed))
    unit = engine.random_base2(max(sampling.points - 1, 0).bit_length())[: sampling.points]
    columns = (
        Column(one.override.path, one.unit, one.scale, one.value(unit[:, number]))
        for number, one in enumerate(drawn)
    )
    return Axis(tuple(columns))


def _words(text: str, mark: str) -> list[str]:
    """Cuts a text at a mark, not inside quotes or brackets."""
    words, depth, quote = [""], 0, ""
    for letter in text:
        if letter == mark and not depth and not quote:
            words.append("")
            continue
        if letter in "\"'":
            quote = "" if letter == quote else quote or letter
        elif not quote:
            depth += (letter in "([") - (letter in ")]")
        words[-1] += letter
    return [word.strip() for word in words]
