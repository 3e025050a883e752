"""Configs that no site or workload names: storage, failures, prices, laws of training runs."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from perfmodel.config.faults import Fault, attempt
from perfmodel.config.library import Library
from perfmodel.studies.outcome import PROBABILITIES, Case, Surroundings

OWN = ("storage", "reliability", "cost", "scaling")
"""Their nouns."""


class Named(NamedTuple):
    """Names of such configs; reliability and prices come in cases."""

    storage: str = "tectonic"
    scaling: str = "chinchilla-refit"
    way: str = "asynchronous"
    cases: tuple[str, ...] = tuple(PROBABILITIES)


def parted(overrides: Sequence[str], own: Sequence[str] = OWN) -> tuple[dict[str, list], list[str]]:
    """Overrides of such configs by noun, and all others.

    Parameters
    ----------
    overrides
        As the user typed them.
    own
        Nouns that count.

    Returns
    -------
    tuple[dict[str, list], list[str]]
        By noun, and the rest.
    """
    mine = {noun: [text for text in overrides if _noun(text) == noun] for noun in own}
    return mine, [text for text in overrides if _noun(text) not in own]


def _noun(override: str) -> str:
    return override.partition("=")[0].partition(".")[0].strip()


def surroundings(
    found: list[Fault], library: Library, named: Named, mine: dict[str, list]
) -> Surroundings | None:
    """Resolves the configs; what is wrong is added to the faults.

    Parameters
    ----------
    found
        Faults so far.
    library
        Where configs come from.
    named
        Names.
    mine
        Overrides by noun.

    Returns
    -------
    Surroundings | None
        Nothing where a config is wrong.
    """

    def one(noun: str, name: str) -> Any:
        return attempt(found, library.single, noun, name, mine[noun])

    storage, scaling = one("storage", named.storage), one("scaling", named.scaling)
    pairs = {name: (one("reliability", name), one("cost", name)) for name in named.cases}
    if not (storage and scaling and all(all(pair) for pair in pairs.values())):
        return None
    cases = {name: Case(*pair, PROBABILITIES[name]) for name, pair in pairs.items()}
    return Surroundings(storage, scaling, cases, named.way)
