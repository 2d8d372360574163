"""Sequences whose items are made when they are asked for."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import TypeVar, overload

T = TypeVar("T", covariant=True)


class OnDemand(Sequence[T]):
    """A sequence that has to know its length, and how an item is made."""

    @abstractmethod
    def at(self, place: int) -> T:
        """The item at a place, counted from 0 and within the length."""

    @overload
    def __getitem__(self, index: int) -> T: ...

    @overload
    def __getitem__(self, index: slice) -> list[T]: ...

    def __getitem__(self, index: int | slice) -> T | list[T]:
        if isinstance(index, slice):
            return [self.at(place) for place in range(*index.indices(len(self)))]
        return self.at(range(len(self))[index])  # IndexError past the ends, negative from the back
