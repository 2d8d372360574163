"""Calls made ahead of their time by worker threads."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from typing import Generic, TypeVar

T = TypeVar("T")


class Prefetch(Generic[T]):
    """Results of calls in their order, of which so many are made, or being made, before they are asked for.

    A call that fails raises its error when its turn has come, not before.
    """

    def __init__(self, pool: Executor, calls: Iterable[Callable[[], T]], ahead: int) -> None:
        if ahead < 1:
            raise ValueError(f"ahead must be 1 or more, got {ahead}")
        self._pool, self._calls, self._ahead = pool, iter(calls), ahead
        self._waiting: deque[Future[T]] = deque()
        self._fill()

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        if not self._waiting:
            raise StopIteration
        first = self._waiting.popleft()
        try:
            return first.result()
        finally:
            self._fill()

    def _fill(self) -> None:
        while len(self._waiting) < self._ahead:
            try:
                call = next(self._calls)
            except StopIteration:
                return
            self._waiting.append(self._pool.submit(call))

    def close(self) -> None:
        """No further call is begun."""
        self._calls = iter(())
        for future in self._waiting:
            future.cancel()
        self._waiting.clear()
