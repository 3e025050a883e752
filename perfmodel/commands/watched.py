"""A search that shows how far it is, and ends at the first interrupt with what it has found."""

import signal
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from typing import Any

from perfmodel.spaces.space import Block, Space, blocks
from perfmodel.studies.layout_search import Watch
from perfmodel.views.terminal import progress

INTERRUPTED = 130
"""Exit status of what a user has interrupted: 128 and the number of the signal."""

PIECE = 8192
"""Shapes between two looks at what the user wants."""


def watched() -> Watch:
    """Blocks of a space under a progress bar, none more after an interrupt.

    Returns
    -------
    Watch
        For :func:`perfmodel.studies.layout_search.search_layouts`.
    """
    stopped = threading.Event()

    def handed_out(asked: Space) -> Iterator[Block]:
        count = len(asked.bases)
        with _until_interrupted(stopped), progress("groups of layouts", count) as done:
            start = 0
            for part in chain.from_iterable(map(_parts, blocks(asked))):
                yield part
                if stopped.is_set():
                    return
                end = int(part.base[-1]) if len(part.base) else start
                done(end - start)
                start = end

    return Watch(handed_out, stopped, _say_compiling)


def _say_compiling() -> None:
    sys.stderr.write("compiling the programs of a search, once per machine and version\n")


def _parts(block: Block) -> Iterator[Block]:
    """A block in pieces that take about a second."""
    for start in range(0, max(len(block.base), 1), PIECE):
        own = slice(start, start + PIECE)
        yield Block(block.base[own], block.shapes[own], Counter() if start else block.dropped)


@contextmanager
def _until_interrupted(stopped: threading.Event) -> Iterator[None]:
    """Has the first interrupt set a mark; a second one ends the program as usual."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may listen to signals
        return
    before = signal.getsignal(signal.SIGINT)

    def mark(*_: Any) -> None:
        stopped.set()
        signal.signal(signal.SIGINT, before)

    signal.signal(signal.SIGINT, mark)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
