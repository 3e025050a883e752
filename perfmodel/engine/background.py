"""Work that goes on beside its caller, and that an interrupt does not wait for."""

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

LOOK = 0.1
"""Time between two looks for an interrupt. [s]"""


def beside(work: Callable[[], R]) -> Future[R]:
    """Work in a thread that does not keep the process from ending.

    Parameters
    ----------
    work
        What is done.

    Returns
    -------
    Future[R]
        Its result.
    """
    future: Future[R] = Future()

    def go() -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # handed to whoever asks, whatever it is
            future.set_exception(error)

    threading.Thread(target=go, daemon=True).start()
    return future


def ahead(work: Callable[[T], R], items: Iterable[T], held: int = 1) -> Iterator[R]:
    """Works on items in order in a thread, a few ahead of the caller.

    The thread does not keep the process from ending, so that an interrupt is answered at once even
    in the middle of a compilation.

    Parameters
    ----------
    work
        What is done with an item.
    items
        The items.
    held
        Results that wait at most.

    Yields
    ------
    R
        Results in the order of the items.

    Raises
    ------
    BaseException
        What the work raised.
    """
    results: queue.Queue[tuple[str, object]] = queue.Queue(held)
    stopped = threading.Event()

    def put(kind: str, value: object) -> bool:
        while not stopped.is_set():
            try:
                results.put((kind, value), timeout=LOOK)
            except queue.Full:
                continue
            return True
        return False

    def go() -> None:
        try:
            for item in items:
                if not put("result", work(item)):
                    return
        except BaseException as error:  # handed to the caller, whatever it is
            put("error", error)
        else:
            put("end", None)

    threading.Thread(target=go, daemon=True).start()
    try:
        while True:
            try:
                kind, value = results.get(timeout=LOOK)
            except queue.Empty:
                continue
            if kind == "end":
                return
            if kind == "error":
                raise value  # type: ignore[misc]
            yield value  # type: ignore[misc]
    finally:
        stopped.set()
