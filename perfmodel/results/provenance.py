"""Where a stored result came from: command, scenario, device and versions."""

import json
import platform
from collections.abc import Mapping
from importlib import metadata
from typing import Any, NamedTuple

from perfmodel.results.canonical import json_text

PACKAGES = ("perfmodel", "jax", "jaxlib", "numpy", "pyarrow")
"""Distributions whose version can change a number or the bytes of a file."""


class Provenance(NamedTuple):
    """What it takes to compute a result again. No time of day: same inputs, same bytes."""

    command: str
    """Command line as given."""
    device: str
    """Kind of device that computed it, as JAX names it."""
    scenario: Any
    """Resolved scenario as JSON values, SI units."""
    versions: Mapping[str, str]
    """Versions of Python and of the packages that matter."""


def installed_versions() -> dict[str, str]:
    """Versions of Python and of every package in :data:`PACKAGES`."""
    return {"python": platform.python_version(), **{p: metadata.version(p) for p in PACKAGES}}


def to_metadata(provenance: Provenance) -> dict[str, str]:
    """Flatten a provenance to the text pairs that a file carries."""
    return {
        "perfmodel.command": provenance.command,
        "perfmodel.device": provenance.device,
        "perfmodel.scenario": json_text(provenance.scenario, indent=None),
        "perfmodel.versions": json_text(provenance.versions, indent=None),
    }


def from_metadata(pairs: Mapping[str, str]) -> Provenance:
    """Read the pairs of :func:`to_metadata` back.

    Raises
    ------
    ValueError
        The pairs are not from this program.
    """
    try:
        return Provenance(
            command=pairs["perfmodel.command"],
            device=pairs["perfmodel.device"],
            scenario=json.loads(pairs["perfmodel.scenario"]),
            versions=json.loads(pairs["perfmodel.versions"]),
        )
    except KeyError as missing:
        raise ValueError(f"not written by perfmodel: metadata {missing} is missing") from missing
