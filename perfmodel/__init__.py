"""Throughput, interconnect and power of a whole AI site, before it is built.

>>> import perfmodel
>>> row = perfmodel.estimate("ai-factory", "llama3-8b", "site.chips=512", "layout.tp=2")
>>> 0.2 < row["mfu"] < 0.6
True
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from perfmodel.api import compare, estimate, load, search, sweep
    from perfmodel.config.library import Library
    from perfmodel.results.dataset import open_run

__all__ = ["Library", "compare", "estimate", "load", "open_run", "search", "sweep"]

_HOMES = {
    "Library": "perfmodel.config.library",
    "open_run": "perfmodel.results.dataset",
    **dict.fromkeys(("compare", "estimate", "load", "search", "sweep"), "perfmodel.api"),
}


def __getattr__(name: str) -> Any:
    """Imports a public name when it is first used, so that the package alone costs nothing."""
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'perfmodel' has no attribute {name!r}")
