"""One section of an ARPA file: the n-grams of one length, checked line by line."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from operator import itemgetter
from pathlib import Path
from typing import Self

import numpy as np

from asr.errors import LanguageModelError
from asr.lm.model import NGrams
from asr.lm.vocabulary import END, START, UNKNOWN

_BLOCK = 1 << 12  # lines at a time; more leave the processor's cache


class Lines:
    """Lines of a file, counted."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.stream: Iterator[bytes] = iter(())
        self.number = 0  # of the last line that was taken

    def over(self, stream: Iterable[bytes]) -> Self:
        self.stream = iter(stream)
        return self

    def next(self) -> bytes | None:
        """The next line that is not empty, without white space around it; None at the end."""
        for line in self.stream:
            self.number += 1
            if line := line.strip():
                return line
        return None

    def block(self, size: int) -> list[bytes]:
        found = list(islice(self.stream, size))
        self.number += len(found)
        return found

    def error(self, message: str, line: int | None = None) -> LanguageModelError:
        number = self.number if line is None else line
        return LanguageModelError(f"{self.path}:{number}: {message}" if number else f"{self.path}: {message}")


class Section:
    """The n-grams of one length: lines of log10, words, and perhaps a back-off weight."""

    def __init__(self, lines: Lines, length: int, count: int) -> None:
        self.lines, self.length, self.count = lines, length, count
        self.first = lines.number + 1  # line of the first n-gram; the others follow without a gap
        self.numbers: dict[bytes, int] = {}  # of length 1: the vocabulary
        self.log10 = self.backoff = np.empty(0)
        self.columns = [np.empty(0, np.int32)] * length  # numbers of the first, second, ... words

    def read(self, numbers: dict[bytes, int]) -> None:
        """
        Args:
            numbers: the vocabulary; it is filled if this is the section of single words.

        Raises:
            LanguageModelError: names the first line that is wrong.
        """
        blocks = []
        for low in range(0, self.count, _BLOCK):
            size = min(_BLOCK, self.count - low)
            block = [line.split() for line in self.lines.block(size)]
            try:
                blocks.append(self._taken(block, low, numbers))
            except (IndexError, KeyError, ValueError):
                raise self._fault(block, low, numbers) from None
            if len(block) < size:
                raise self._fault(block, low, numbers)
        if blocks:
            self.log10, self.backoff, *self.columns = map(np.concatenate, zip(*blocks, strict=True))

    def _taken(self, block: list[list[bytes]], low: int, numbers: dict[bytes, int]) -> list[np.ndarray]:
        """log10, back-off and numbers of words, (lines,) each.

        Raises:
            IndexError, KeyError, ValueError: a line is wrong; `_fault` finds out which.
        """
        n = self.length
        if n == 1:
            for row, line in enumerate(block, start=low):
                numbers.setdefault(line[1], row)
            if len(numbers) < low + len(block):
                raise ValueError
        if not {n + 1, n + 2}.issuperset(map(len, block)):
            raise ValueError
        log10 = np.array([float(line[0]) for line in block])
        backoff = np.array([float(line[n + 1]) if len(line) > n + 1 else 0.0 for line in block])
        if not (log10 <= 0).all() or not (backoff < np.inf).all():  # NaN is neither
            raise ValueError
        words = (map(itemgetter(k), block) for k in range(1, n + 1))
        return [log10, backoff, *(np.array([numbers[word] for word in column], np.int32) for column in words)]

    def _fault(self, block: list[list[bytes]], low: int, numbers: dict[bytes, int]) -> LanguageModelError:
        """What is wrong with the first wrong line of a block."""
        for row, fields in enumerate(block, start=low):
            if message := self._wrong(fields, numbers, row):
                return self.lines.error(message, self.first + row)
        return self.lines.error(f"the file ends after {low + len(block)} of {self.count} {self.length}-grams")

    def _wrong(self, fields: list[bytes], numbers: dict[bytes, int], row: int) -> str:
        n = self.length
        if not fields or fields[0].startswith(b"\\"):
            return f"the header announces {self.count} {n}-grams, but their section has {row}"
        if len(fields) not in (n + 1, n + 2):
            form = f"log10, {n} word{'s' * (n > 1)}, perhaps a back-off weight"
            return f"expected a {n}-gram ({form}), found {shown(b' '.join(fields))}"
        for meaning, field in (
            ("log10 of a probability", fields[0]),
            ("a back-off weight", [*fields, b"0"][n + 1]),
        ):
            try:
                value = float(field)
            except ValueError:
                return f"expected {meaning}, found {shown(field)}"
            if not value < np.inf or (value > 0 and field is fields[0]):
                return f"{meaning} cannot be {shown(field)}" + "; a probability is at most 1" * (value > 0)
        if n == 1 and numbers.get(fields[1], row) != row:
            return f"the word {shown(fields[1])} is there twice"
        missing = [word for word in fields[1 : n + 1] if word not in numbers and n > 1]
        return f"the word {shown(missing[0])} is not among the 1-grams" if missing else ""

    def words(self) -> list[str]:
        """The vocabulary, decoded. `<UNK>` is an older way to write `<unk>`."""
        found = []
        for row, word in enumerate(self.numbers):
            try:
                found.append(word.decode("utf-8"))
            except UnicodeDecodeError:
                raise self.lines.error(f"the word {shown(word)} is no UTF-8", self.first + row) from None
        if UNKNOWN not in found and UNKNOWN.upper() in found:
            found[found.index(UNKNOWN.upper())] = UNKNOWN
        for special in (START, END):
            if special not in found:
                raise LanguageModelError(
                    f"{self.lines.path}: no {special} among the 1-grams: not a model of sentences"
                )
        return found

    def table(self, shorter: Sequence[NGrams]) -> NGrams:
        """Sorted, and joined with their histories.

        Args:
            shorter: the tables of all shorter n-grams.

        Raises:
            LanguageModelError: a history is no n-gram, or an n-gram is there twice; names the line.
        """
        size = len(shorter[0].word) if shorter else self.count
        history = np.zeros(self.count, np.int64)
        for table, column in zip(shorter, self.columns, strict=False):
            keys = table.history * size + table.word
            wanted = history * size + column
            history = np.minimum(np.searchsorted(keys, wanted), max(len(keys) - 1, 0))
            absent = keys[history] != wanted if len(keys) else np.ones(len(wanted), bool)
            if absent.any():
                message = (
                    f"the history of this {self.length}-gram, its first {self.length - 1} words, is no n-gram"
                )
                raise self.lines.error(message, self.first + int(np.flatnonzero(absent)[0]))
        key = history * size + self.columns[-1]
        order = np.argsort(key, kind="stable")
        twice = order[1:][key[order][1:] == key[order][:-1]]
        if len(twice):
            raise self.lines.error(f"this {self.length}-gram is there twice", self.first + int(twice.min()))
        return NGrams(history[order], self.columns[-1][order], self.log10[order], self.backoff[order])


def shown(text: bytes | None) -> str:
    """Part of a file, as it can stand in a message."""
    if text is None:
        return "the end of the file"
    shown = " ".join(text.decode("utf-8", "backslashreplace").split())
    return repr(shown if len(shown) <= 60 else shown[:57] + "...")
