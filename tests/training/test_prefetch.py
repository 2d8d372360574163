"""Calls made ahead: in order, never too many, errors at their turn."""

import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from asr.training.prefetch import Prefetch


class Work:
    """Calls that note when they were made."""

    def __init__(self, count: int, failing: int = -1) -> None:
        self.count, self.failing = count, failing
        self.made: list[int] = []
        self.lock = threading.Lock()

    def calls(self) -> "list[partial[int]]":
        return [partial(self._call, number) for number in range(self.count)]

    def _call(self, number: int) -> int:
        with self.lock:
            self.made.append(number)
        if number == self.failing:
            raise ValueError(f"call {number}")
        return 10 * number


@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.parametrize("ahead", [1, 2, 50])
def test_results_in_order(workers: int, ahead: int) -> None:
    work = Work(20)
    with ThreadPoolExecutor(workers) as pool:
        assert list(Prefetch(pool, work.calls(), ahead)) == list(range(0, 200, 10))
    assert sorted(work.made) == list(range(20))


@pytest.mark.parametrize("ahead", [1, 3])
def test_never_more_than_so_many_ahead(ahead: int) -> None:
    work = Work(10)
    with ThreadPoolExecutor(4) as pool:
        prefetch = Prefetch(pool, work.calls(), ahead)
        for taken in range(1, 5):
            next(prefetch)
            pool.submit(lambda: None).result()
            assert len(work.made) <= taken + ahead
    assert len(work.made) == 4 + ahead  # the pool has ended what was begun


def test_begins_before_it_is_asked() -> None:
    work = Work(10)
    with ThreadPoolExecutor(2) as pool:
        Prefetch(pool, work.calls(), 3)
    assert sorted(work.made) == [0, 1, 2]


def test_an_error_comes_at_its_turn_and_the_next_call_after_it() -> None:
    work = Work(5, failing=2)
    with ThreadPoolExecutor(2) as pool:
        prefetch = Prefetch(pool, work.calls(), 4)
        assert [next(prefetch), next(prefetch)] == [0, 10]
        with pytest.raises(ValueError, match="call 2"):
            next(prefetch)
        assert list(prefetch) == [30, 40]


def test_closed_it_begins_nothing() -> None:
    work, gate = Work(10), threading.Event()
    with ThreadPoolExecutor(1) as pool:
        pool.submit(gate.wait)
        prefetch = Prefetch(pool, work.calls(), 5)
        prefetch.close()
        gate.set()
        assert list(prefetch) == []
    assert work.made == []


def test_zero_ahead_is_refused() -> None:
    with ThreadPoolExecutor(1) as pool, pytest.raises(ValueError, match="ahead must be 1 or more, got 0"):
        Prefetch(pool, [], 0)
