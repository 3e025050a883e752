"""Throughput, interconnect and power of a whole AI site, before it is built.

>>> import perfmodel
>>> row = perfmodel.estimate("ai-factory", "llama3-405b", "site.chips=16384")  # doctest: +SKIP
>>> 0.3 < row["mfu"] < 0.5  # doctest: +SKIP
True
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from perfmodel.api import estimate
    from perfmodel.config.library import Library
    from perfmodel.results.dataset import open_run

__all__ = ["Library", "estimate", "open_run"]

_HOMES = {
    "Library": "perfmodel.config.library",
    "estimate": "perfmodel.api",
    "open_run": "perfmodel.results.dataset",
}


def __getattr__(name: str) -> Any:
    """Imports a public name when it is first used, so that the package alone costs nothing."""
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'perfmodel' has no attribute {name!r}")
