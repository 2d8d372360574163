"""Words and their numbers. Three of them are no words: the unknown word, and where a sentence starts and ends."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from asr.errors import LanguageModelError
from asr.text import normalise

UNKNOWN, START, END = SPECIAL = ("<unk>", "<s>", "</s>")
UNKNOWN_ID, START_ID, END_ID = range(
    3
)  # of a model made here; in a file from elsewhere they may stand anywhere


class Numbering(dict[str, int]):
    """Numbers words in the order in which they come; a closed one takes what it lacks for the unknown word."""

    def __init__(self, words: Iterable[str] | None = None) -> None:
        super().__init__({word: number for number, word in enumerate(SPECIAL)})
        self.closed = False
        for word in words or ():
            self.setdefault(word, len(self))
        self.closed = words is not None

    def __missing__(self, word: str) -> int:
        if self.closed:
            return UNKNOWN_ID
        number = self[word] = len(self)
        return number


@dataclass(frozen=True)
class Vocabulary:
    """Every word of a model, the special ones first and the others sorted by code point."""

    words: tuple[str, ...]

    @property
    def size(self) -> int:
        """`<s>` included, which is in the vocabulary and never predicted."""
        return len(self.words)


def read_vocabulary(path: Path, version: str) -> list[str]:
    """Words of a file, separated by white space, normalised, each once, sorted; special ones are left out.

    Raises:
        LanguageModelError: the file cannot be read, is no UTF-8, or has no words.
    """
    try:
        text = path.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise LanguageModelError(f"{path}: cannot be read as UTF-8 text: {error}") from None
    words = sorted(set(normalise(text, version).split()).difference(SPECIAL))
    if not words:
        raise LanguageModelError(
            f"{path}: no words; a vocabulary is a text file with words between white space"
        )
    return words
