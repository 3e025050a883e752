"""From names of configs to the question that `compare` asks."""

from collections.abc import Sequence
from typing import NamedTuple

from perfmodel.config.library import Library
from perfmodel.studies.compare import Case, Question


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
    sites = list(dict.fromkeys((*asked.sites, *([asked.subject] if asked.subject else ()))))
    unnamed = [] if asked.base in sites else [asked.base]
    cases = [
        Case(site, workload, library.scenario(site, workload, overrides=overrides))
        for workload in dict.fromkeys(asked.workloads)
        for site, overrides in (
            *((site, asked.overrides) for site in sites),
            *((site, ()) for site in unnamed),
        )
    ]
    return Question(cases, asked.subject or sites[0], asked.base)
