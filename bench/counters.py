"""Exact counters of a compiled program: how often it was compiled, what memory it takes."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import jax

COMPILED = "/jax/core/compile/backend_compile_duration"
"""Event that JAX records once per program that XLA compiles."""


class Compilations:
    """Count of programs compiled so far."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, event: str, duration_secs: float, **kwargs: Any) -> None:
        """Take notice of an event of JAX."""
        self.count += event == COMPILED


@contextmanager
def compilations() -> Iterator[Compilations]:
    """Count the programs that XLA compiles inside the block."""
    counter = Compilations()
    jax.monitoring.register_event_duration_secs_listener(counter)
    try:
        yield counter
    finally:
        jax.monitoring.unregister_event_duration_listener(counter)


def temporary_bytes(compiled: jax.stages.Compiled) -> int:
    """Bytes that a compiled program needs beside its inputs and outputs."""
    analysis = compiled.memory_analysis()
    if analysis is None:
        raise RuntimeError("this backend does not report the memory of a program")
    return int(analysis.temp_size_in_bytes)
