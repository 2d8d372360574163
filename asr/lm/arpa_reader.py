"""ARPA files of any toolkit into a `Model`, checked line by line."""

import gzip
import re
import zlib
from collections.abc import Sequence
from pathlib import Path

from asr.errors import LanguageModelError
from asr.lm.arpa_section import Lines, Section, shown
from asr.lm.model import Model, NGrams
from asr.lm.text import GZIP_MAGIC

KENLM_MAGIC = b"mmap lm http://kheafield.com/code"
_COUNT = re.compile(rb"ngram\s*(\d+)\s*=\s*(\d+)")


def read_arpa(path: Path) -> Model:
    """The model of an ARPA file, plain or gzip, with or without `<unk>`.

    What stands before `\\data\\` is skipped. A file's n-grams may come in any order. Words are separated by spaces or
    tabs, and may be any bytes of UTF-8 else.

    Raises:
        LanguageModelError: the file cannot be read or is malformed; one line that names the line.
    """
    lines = Lines(path)
    try:
        with path.open("rb") as raw:
            magic = raw.peek(len(KENLM_MAGIC))
            if magic.startswith(KENLM_MAGIC):
                raise lines.error("a KenLM binary; give the ARPA file that it was built from")
            if magic.startswith(GZIP_MAGIC):
                with gzip.open(raw) as stream:
                    return _read(lines.over(stream))
            return _read(lines.over(raw))
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise lines.error(f"the compressed file is damaged or cut off: {error}") from None
    except OSError as error:
        raise LanguageModelError(f"{path}: cannot be read: {error.strerror or error}") from None


def _read(lines: Lines) -> Model:
    while (line := lines.next()) != b"\\data\\":
        if line is None:
            raise lines.error("no line \\data\\: not an ARPA file", line=0)
    counts, line = _counts(lines)
    sections: list[Section] = []
    tables: list[NGrams] = []
    for length, count in enumerate(counts, start=1):
        if line != f"\\{length}-grams:".encode():
            raise lines.error(
                f"expected \\{length}-grams:, found {shown(line)}{_announced(counts, length - 1)}"
            )
        sections.append(Section(lines, length, count))
        sections[-1].read(sections[0].numbers)
        tables.append(sections[-1].table(tables))
        line = lines.next()
    if line != b"\\end\\":
        raise lines.error(f"expected \\end\\, found {shown(line)}{_announced(counts, len(counts))}")
    while len(tables) > 1 and not len(tables[-1].word):  # as pruning may leave them
        tables.pop()
    return Model(sections[0].words(), tables)


def _counts(lines: Lines) -> tuple[list[int], bytes | None]:
    """How many n-grams of each length the header announces, and the first line behind it."""
    counts: list[int] = []
    while (line := lines.next()) is not None and (match := _COUNT.fullmatch(line)):
        if int(match[1]) != len(counts) + 1:
            raise lines.error(f"expected the number of {len(counts) + 1}-grams, found {shown(line)}")
        counts.append(int(match[2]))
    if not counts or not counts[0]:
        raise lines.error(f"expected lines as `ngram 1=5` behind \\data\\, found {shown(line)}")
    return counts, line


def _announced(counts: Sequence[int], length: int) -> str:
    return f" (the header announces {counts[length - 1]} {length}-grams)" if length else ""
