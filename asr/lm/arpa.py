"""Models as ARPA files: text that every toolkit reads (the format of Doug Paul's, as in SRILM's ngram-format(5)).

KenLM refuses comments before and behind the n-grams, so what else is to be known about a model lies beside it
(`description`).
"""

import gzip
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from asr.files import whole_file
from asr.lm.model import NGrams

NEVER = -99.0  # log10 of what has no probability, such as that of <s>; the number that SRILM writes
DIGITS = 7  # behind the point: 1e-7 of a probability is what a 32-bit float keeps
_BLOCK = 1 << 16  # n-grams formatted at a time


def write_arpa(path: Path, words: Sequence[str], ngrams: Sequence[NGrams]) -> None:
    """Whole or not at all; compressed if the name ends in .gz. The same model gives the same bytes.

    Raises:
        StorageError: the file cannot be written.
    """
    with whole_file(path) as part:
        fill(part, words, ngrams, compressed=path.suffix == ".gz")


def fill(part: Path, words: Sequence[str], ngrams: Sequence[NGrams], compressed: bool) -> None:
    """Writes a model to a path that is not yet its own."""
    with part.open("wb") as raw, ExitStack() as stack:
        # No name and no time in the header of gzip: they would change the bytes.
        stream = stack.enter_context(gzip.GzipFile("", "wb", 6, raw, mtime=0)) if compressed else raw
        for text in _blocks(words, ngrams):
            stream.write(text.encode())


def _blocks(words: Sequence[str], ngrams: Sequence[NGrams]) -> Iterator[str]:
    counts = (f"ngram {length}={len(table.word)}\n" for length, table in enumerate(ngrams, start=1))
    yield "\\data\\\n" + "".join(counts)
    names = np.array(words, dtype=object)
    for length, table in enumerate(ngrams, start=1):
        yield f"\n\\{length}-grams:\n"
        for low in range(0, len(table.word), _BLOCK):
            here = slice(low, low + _BLOCK)
            columns = [names[column].tolist() for column in _words(ngrams[:length], here)]
            log10 = _rounded(table.log10[here]).tolist()
            backoff = [
                f"\t{value:.{DIGITS}f}" if value else "" for value in _rounded(table.backoff[here]).tolist()
            ]
            line = f"%.{DIGITS}f\t{' '.join(['%s'] * length)}%s\n"
            yield "".join(map(line.__mod__, zip(log10, *columns, backoff, strict=True)))
    yield "\n\\end\\\n"


def _words(ngrams: Sequence[NGrams], here: slice) -> list[np.ndarray]:
    """Numbers of the first, second, ... words of some of the longest n-grams."""
    columns = []
    place = np.arange(len(ngrams[-1].word))[here]
    for table in reversed(ngrams):
        columns.append(table.word[place])
        place = table.history[place]
    return columns[::-1]


def _rounded(values: np.ndarray) -> np.ndarray:
    return np.round(values, DIGITS) + 0.0  # no -0.0
