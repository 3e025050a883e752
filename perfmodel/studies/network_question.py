"""From the words of `perfmodel network` to a network, a collective, ranks and sizes."""

from collections.abc import Iterator
from typing import NamedTuple

from perfmodel.config.faults import Fault, Faults, attempt, nearest, one_of, refuse, shown
from perfmodel.config.library import Library
from perfmodel.config.schema.scenario import Machine, Platform
from perfmodel.config.series import counts, quantities
from perfmodel.lowering.fabric import LEVELS
from perfmodel.studies.collective_times import COLLECTIVES, Question


class Asked(NamedTuple):
    """What the user wrote."""

    target: str
    """Name of a fabric or of a site."""
    collective: str = ""
    ranks: str = ""
    size: str = ""
    stride: int = 1
    algorithm: str | None = None
    chip: str | None = None
    node: str | None = None
    site: str | None = None
    stack: str | None = None
    partition: int = 0
    overrides: tuple[str, ...] = ()


class Carrier(NamedTuple):
    """A partition of a site that lends what the user did not name."""

    site: str
    partition: int
    bounded: bool
    """Whether the user asked about this site, so that its chips are all there are."""


def ask(asked: Asked, library: Library) -> Question:
    """Resolves names and reads numbers, and says everything that is wrong with them at once.

    Parameters
    ----------
    asked
        What the user wrote.
    library
        Where configs come from.

    Returns
    -------
    Question
        All that the times depend on.

    Raises
    ------
    Faults
        Unknown names, wrong numbers, more ranks than there are chips.
    """
    found: list[Fault] = []
    ranks = attempt(found, counts, asked.ranks, "--ranks")
    sizes = attempt(found, quantities, asked.size, "--size", "B")
    attempt(found, _check_algorithm, asked)
    if asked.stride < 1:
        expected = "a whole number from 1"
        field, value = "--stride", str(asked.stride)
        found.append(Fault(problem="less than one", expected=expected, field=field, value=value))
    carrier, built = carried(asked, library, found)
    if built and carrier and ranks and asked.stride >= 1:
        attempt(found, _check_levels, built.machine)
        attempt(found, _check_reach, ranks, asked, built.machine, carrier)
    refuse(found)
    if not (carrier and built and ranks and sizes):
        raise Faults(found)
    return Question(
        built,
        carrier.site,
        asked.collective,
        ranks=tuple(ranks),
        sizes=tuple(sizes),
        stride=asked.stride,
        algorithm=asked.algorithm,
    )


def require(**options: str | None) -> None:
    """Refuses options that are missing beside a collective.

    Parameters
    ----------
    options
        What was given, by name.

    Raises
    ------
    Faults
        One fault per option that is missing.
    """
    refuse(
        Fault(problem="missing beside --collective", field=f"--{name}", expected="a value")
        for name, value in options.items()
        if value is None
    )


def carried(
    asked: Asked, library: Library, found: list[Fault]
) -> tuple[Carrier | None, Platform | None]:
    """The partition that lends chip and node, and the platform with what the user named.

    Parameters
    ----------
    asked
        Names of configs.
    library
        Where configs come from.
    found
        Faults, to which those of the names are added.

    Returns
    -------
    tuple
        Nothing in place of what could not be found.
    """
    wrong_names = _name_faults(asked, library)
    found += wrong_names
    carrier = attempt(found, _carrier, asked, library)
    known = carrier if not wrong_names else None
    return carrier, attempt(found, _platform, asked, known, library) if known else None


def _check_algorithm(asked: Asked) -> None:
    known = COLLECTIVES[asked.collective].algorithms
    if asked.algorithm is None or asked.algorithm in known:
        return
    raise Faults([
        Fault(
            problem=f"no algorithm of {asked.collective} has that name",
            field="--algorithm",
            value=shown(asked.algorithm),
            expected=one_of(known),
            nearest=nearest(asked.algorithm, known),
        )
    ])  # fmt: skip


def _name_faults(asked: Asked, library: Library) -> list[Fault]:
    """Names of configs other than the target."""
    found: list[Fault] = []
    for kind in ("chips", "nodes", "sites", "stacks"):
        field = kind.removesuffix("s")
        name = getattr(asked, field)
        if name is not None:
            attempt(found, library.load, kind, name, field=f"--{field}")
    return found


def _carrier(asked: Asked, library: Library) -> Carrier:
    """The site that is asked about, or the first one that has the fabric."""
    if asked.target not in library.names("fabrics"):
        return _site(asked, library)
    if asked.site is not None:
        return Carrier(asked.site, asked.partition, True)
    users = list(_users(asked.target, library))
    for name, partition in users:
        node = library.load("sites", name).partition[partition].node
        if asked.chip in (None, library.load("nodes", node).chip):
            return Carrier(name, partition, False)
    if users or asked.node or asked.chip:
        return Carrier(*(users or [_first_site(library)])[0], False)
    problem = "no site uses this fabric"
    expected = "--node, --chip or --site, which says what hangs on it"
    value = shown(asked.target)
    raise Faults([Fault(problem=problem, field="FABRIC", value=value, expected=expected)])


def _site(asked: Asked, library: Library) -> Carrier:
    """The target as the name of a site."""
    sites = library.names("sites")
    found: list[Fault] = []
    if asked.target not in sites:
        close = nearest(asked.target, [*library.names("fabrics"), *sites])
        problem, value = "no fabric or site has that name", shown(asked.target)
        expected = "" if close else "a name that `perfmodel configs list fabrics` prints"
        fault = Fault(problem=problem, field="FABRIC", value=value, expected=expected)
        found.append(Fault(**{**vars(fault), "nearest": close}))
    elif asked.site is not None:
        problem = f"{shown(asked.target)} is a site already"
        value, expected = shown(asked.site), "the name of a fabric before it"
        found.append(Fault(problem=problem, field="--site", value=value, expected=expected))
    refuse(found)
    return Carrier(asked.target, asked.partition, True)


def _users(fabric: str, library: Library) -> Iterator[tuple[str, int]]:
    """Sites and their partitions on a fabric, by name; a site with faults is passed over."""
    for name in library.names("sites"):
        site = attempt([], library.load, "sites", name)
        for position, partition in enumerate(site.partition if site else ()):
            if partition.fabric == fabric:
                yield name, position


def _first_site(library: Library) -> tuple[str, int]:
    return library.names("sites")[0], 0


def _platform(asked: Asked, carrier: Carrier, library: Library) -> Platform:
    """The carrier with the fabric, node, chip and stack that the user named in place of its own."""
    found: list[Fault] = []
    site = library.load("sites", carrier.site)
    count = len(site.partition)
    own = site.partition[carrier.partition] if 0 <= carrier.partition < count else None
    node = attempt(found, _node, asked, own.node, library) if own else None
    refuse(found)
    fabrics = library.names("fabrics")
    chosen = {
        f"site.partition.{carrier.partition}.node": node,
        f"site.partition.{carrier.partition}.fabric": (
            asked.target if asked.target in fabrics else None
        ),
        "node.chip": asked.chip,
    }
    named = [f"{path}={name}" for path, name in chosen.items() if name]
    return library.platform(
        carrier.site,
        stack=asked.stack,
        overrides=[*named, *asked.overrides],
        partition=carrier.partition,
    )


def _node(asked: Asked, own: str, library: Library) -> str:
    """The node that is named, else the carrier's where it has the chip, else one that has it."""
    if asked.node is not None:
        return asked.node
    if asked.chip in (None, library.load("nodes", own).chip):
        return own
    for name in library.names("nodes"):
        node = attempt([], library.load, "nodes", name)
        if node and node.chip == asked.chip:
            return name
    problem, expected = "no node holds this chip", "--node, in which it is put"
    fault = Fault(problem=problem, field="--chip", value=shown(asked.chip), expected=expected)
    raise Faults([fault])


def _check_levels(machine: Machine) -> None:
    axes = len(machine.chip.scaleup.torus or (1,))
    if axes + len(machine.fabric.level) > LEVELS:
        problem = f"{axes} axes of the scale-up domain of {machine.chip.name} and "
        problem += f"{len(machine.fabric.level)} levels of {machine.fabric.name}"
        raise Faults([Fault(problem=problem, field="FABRIC", expected=f"at most {LEVELS} in all")])


def _check_reach(ranks: list[int], asked: Asked, machine: Machine, carrier: Carrier) -> None:
    """No group may reach beyond the fabric, nor beyond the site where one was named."""
    outermost = machine.fabric.level[-1].chips
    limits = (
        {} if outermost == "unlimited" else {f"chips that {machine.fabric.name} joins": outermost}
    )
    if carrier.bounded:
        limits[f"chips of {machine.site.name}"] = machine.chips
    for what, most in limits.items():
        far = [count for count in ranks if (count - 1) * asked.stride >= most]
        refuse(
            Fault(
                problem=f"reaches over {(count - 1) * asked.stride + 1:,} chips",
                field="--ranks",
                value=str(count),
                expected=f"at most the {most:,} {what}",
            )
            for count in far
        )
