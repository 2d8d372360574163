"""Texts as sequences of numbers: read, normalised, cut into words or characters, numbered."""

import gzip
import hashlib
import sys
import zlib
from array import array
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import IO, Literal, cast

import numpy as np

from asr.errors import LanguageModelError
from asr.lm.vocabulary import END, END_ID, START, START_ID, Numbering, Vocabulary
from asr.text import normalise

Unit = Literal["word", "character"]
SPACE = "▁"  # among characters, as subwords write it too: in an ARPA file a space would end the word
STDIN = Path("-")
GZIP_MAGIC = b"\x1f\x8b"


@dataclass(frozen=True)
class Source:
    """One text that was read."""

    name: str  # of the file, without its folder; "-" for standard input
    sha256: str  # of the text, decompressed
    sentences: int


@dataclass(frozen=True)
class Corpus:
    """Sentences one after another, each between `<s>` and `</s>`."""

    vocabulary: Vocabulary
    ids: np.ndarray  # (tokens,) int32
    sources: tuple[Source, ...]

    @property
    def sentences(self) -> int:
        return int((self.ids == START_ID).sum())

    @property
    def words(self) -> int:
        """Without `<s>` and `</s>`."""
        return len(self.ids) - 2 * self.sentences

    @property
    def longest(self) -> int:
        """Length of the longest sentence, `<s>` and `</s>` included."""
        starts = np.flatnonzero(self.ids == START_ID)
        return int(np.diff(np.append(starts, len(self.ids))).max())


def tokens(line: str, unit: Unit, version: str) -> list[str]:
    """Words of a line, or its characters with spaces written as `SPACE`; normalised; none for an empty line.

    Raises:
        ValueError: among characters, the line has a `SPACE` of its own; among words, a `<s>` or `</s>`.
    """
    line = normalise(line, version)
    if unit == "word":
        words = line.split()
        if START in words or END in words:
            raise ValueError(
                f"{START} and {END} are put around each sentence here; remove them from the text"
            )
        return words
    if SPACE in line:
        raise ValueError(f"the character {SPACE} stands for a space in a model of characters; replace it")
    return list(line.replace(" ", SPACE))


def read_corpus(
    paths: Sequence[Path], unit: Unit = "word", version: str = "plain-1", words: Sequence[str] | None = None
) -> Corpus:
    """Each line that is not empty is one sentence.

    Args:
        paths: UTF-8 text, gzip of it, or `-` for standard input.
        words: the vocabulary; any other word counts as `<unk>`. Without it every word of the texts is in it.

    Raises:
        LanguageModelError: a file cannot be read, is no UTF-8, has a line that cannot be used, or all are empty.
    """
    numbering = Numbering(words)
    ids = array("i")
    sources = []
    for path in paths:
        digest = hashlib.sha256()
        count = 0
        for sentence in sentences(path, unit, version, digest):
            count += 1
            ids.append(START_ID)
            ids.extend(map(numbering.__getitem__, sentence))
            ids.append(END_ID)
        sources.append(Source(path.name if path != STDIN else "-", digest.hexdigest(), count))
    if not ids:
        raise LanguageModelError(f"{', '.join(map(str, paths))}: no text; each line with words is a sentence")
    return _sorted_corpus(numbering, np.frombuffer(ids, np.int32), tuple(sources))


def _sorted_corpus(numbering: Numbering, ids: np.ndarray, sources: tuple[Source, ...]) -> Corpus:
    """Numbers are given out as words come; a model must not depend on the order of sentences."""
    known = list(numbering)
    special = END_ID + 1
    order = sorted(range(special, len(known)), key=known.__getitem__)
    renumbered = np.empty(len(known), np.int32)
    renumbered[:special] = np.arange(special)
    renumbered[order] = np.arange(special, len(known))
    words = (*known[:special], *(known[number] for number in order))
    return Corpus(Vocabulary(words), renumbered[ids], sources)


def sentences(
    path: Path, unit: Unit, version: str, digest: "hashlib._Hash | None" = None
) -> Iterator[list[str]]:
    """Tokens of each line that has some; `digest` is fed with the bytes of the text.

    Raises:
        LanguageModelError: names file and line.
    """
    number = 0
    try:
        with open_text(path) as stream:
            for line in stream:
                number += 1
                if digest is not None:
                    digest.update(line)
                if found := tokens(line.decode("utf-8"), unit, version):
                    yield found
    except UnicodeDecodeError as error:
        message = f"byte {error.object[error.start]:#04x} is no UTF-8; convert the text"
        raise LanguageModelError(f"{path}:{number}: {message}") from None
    except ValueError as error:
        raise LanguageModelError(f"{path}:{number}: {error}") from None
    except (OSError, EOFError, zlib.error) as error:
        reason = (isinstance(error, OSError) and error.strerror) or error
        raise LanguageModelError(
            f"{path}: cannot be read{f' after line {number}' * (number > 0)}: {reason}"
        ) from None


@contextmanager
def open_text(path: Path) -> Iterator[IO[bytes]]:
    """A file to read lines from, decompressed if its first bytes say that it is gzip; `-` is standard input.

    Raises:
        OSError: there is no such file, or it is a folder.
    """
    with ExitStack() as stack:
        raw = (
            cast(BufferedReader, sys.stdin.buffer) if path == STDIN else stack.enter_context(path.open("rb"))
        )
        compressed = raw.peek(len(GZIP_MAGIC)).startswith(GZIP_MAGIC)
        # A GzipFile is lines of bytes as any other stream, which its type does not say.
        yield cast(IO[bytes], stack.enter_context(gzip.open(raw))) if compressed else raw


def sha256_of_text(path: Path) -> str:
    """SHA-256 of a text or ARPA file, decompressed."""
    digest = hashlib.sha256()
    with open_text(path) as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
