"""From names of configs to the question that `compare` asks."""

from collections.abc import Sequence
from typing import NamedTuple

from perfmodel.config.faults import Fault, Faults, attempt, refuse
from perfmodel.config.library import Library
from perfmodel.studies.compare import Case, Question
from perfmodel.studies.surroundings import Named, parted, surroundings


class Asked(NamedTuple):
    """What the user named."""

    sites: Sequence[str]
    workloads: Sequence[str]
    overrides: Sequence[str]
    subject: str | None
    """Site that the ratios are about; the first one when none."""
    base: str
    """Site that the others are compared with."""


def split_targets(targets: Sequence[str]) -> tuple[list[str], list[str]]:
    """Names and overrides among the words of a command line.

    Parameters
    ----------
    targets
        Words; one with an equals sign is an override.

    Returns
    -------
    tuple[list[str], list[str]]
        Names, overrides.
    """
    names = [word for word in targets if "=" not in word]
    return names, [word for word in targets if "=" in word]


def ask(asked: Asked, library: Library) -> Question:
    """Resolves every scenario of a comparison.

    Overrides apply to the named sites; a base that was not named is compared as it ships.

    Parameters
    ----------
    asked
        Names.
    library
        Where configs come from.

    Returns
    -------
    Question
        Scenarios, workload by workload.
    """
    named = dict.fromkeys((*asked.sites, *([asked.subject] if asked.subject else ())))
    mine, own = parted(asked.overrides)
    overrides = dict.fromkeys(named, own)
    overrides.setdefault(asked.base, [])
    workloads = list(dict.fromkeys(asked.workloads))
    _check_names(library, list(overrides), workloads)
    found: list[Fault] = []
    around = surroundings(found, library, Named(), mine)
    resolved = {
        (site, workload): attempt(
            found, library.scenario, site, workload, overrides=overrides[site]
        )
        for workload in workloads
        for site in overrides
    }
    if around is None or found:
        raise Faults(dict.fromkeys(found))
    cases = [Case(*names, scenario) for names, scenario in resolved.items() if scenario]
    return Question(cases, asked.subject or next(iter(named)), asked.base, around)


def _check_names(library: Library, sites: Sequence[str], workloads: Sequence[str]) -> None:
    """Refuses unknown names, all of them at once, before anything is resolved."""
    found: list[Fault] = []
    for kind, names in (("sites", sites), ("workloads", workloads)):
        for name in names:
            attempt(found, library.load, kind, name)
    refuse(found)
