"""Work beside the caller: in order, a little ahead, errors handed on."""

import threading
import time

import pytest

from perfmodel.engine.background import ahead, beside


def test_results_come_in_order():
    assert list(ahead(lambda item: item * item, range(5))) == [0, 1, 4, 9, 16]


def test_an_error_reaches_the_caller_after_the_results_before_it():
    def work(item: int) -> int:
        return 6 // (2 - item)

    results = ahead(work, range(4))
    assert [next(results), next(results)] == [3, 6]
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_a_caller_that_stops_ends_the_work():
    begun: list[int] = []
    results = ahead(begun.append, range(1000))
    next(results)
    results.close()
    time.sleep(0.3)
    count = len(begun)
    time.sleep(0.3)
    assert len(begun) == count < 10


def test_the_thread_does_not_keep_a_process_alive():
    results = ahead(lambda _: threading.current_thread().daemon, range(1))
    assert next(results)


def test_work_beside_hands_over_its_result_or_its_error() -> None:
    assert beside(lambda: 3).result() == 3
    with pytest.raises(ZeroDivisionError):
        beside(lambda: 1 / 0).result()
