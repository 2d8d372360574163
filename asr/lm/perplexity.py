"""How well a model predicts a text: perplexity, and words that it does not know."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from asr.errors import LanguageModelError
from asr.lm.model import Model
from asr.lm.text import Unit, sentences
from asr.lm.vocabulary import END, START, UNKNOWN

_BLOCK = 4096  # sentences scored at a time


@dataclass(frozen=True)
class Fit:
    """Sums over one or more sentences."""

    sentences: int
    words: int  # without the ends of sentences
    unknown: int  # of these, words that are not in the vocabulary, or are <unk>
    log10: float  # of everything, the ends of sentences included; unknown words as <unk>
    log10_unknown: float  # of the unknown words alone
    has_unknown: bool  # the model has a probability for them

    @property
    def tokens(self) -> int:
        """What is predicted: words and ends of sentences."""
        return self.words + self.sentences

    @property
    def unknown_rate(self) -> float:
        return self.unknown / self.words

    @property
    def perplexity(self) -> float | None:
        """With unknown words as `<unk>`; None if there are some and the model has no `<unk>`."""
        if self.unknown and not self.has_unknown:
            return None
        return _power(-self.log10 / self.tokens)

    @property
    def perplexity_known(self) -> float:
        """Without unknown words. They still are in the histories of others."""
        return _power(-(self.log10 - self.log10_unknown) / (self.tokens - self.unknown))


def fit_of(fits: Iterable[Fit]) -> Fit:
    """The sum of several, at least one."""
    found = list(fits)
    return Fit(
        sentences=sum(fit.sentences for fit in found),
        words=sum(fit.words for fit in found),
        unknown=sum(fit.unknown for fit in found),
        log10=sum(fit.log10 for fit in found),
        log10_unknown=sum(fit.log10_unknown for fit in found),
        has_unknown=all(fit.has_unknown for fit in found),
    )


def fits(
    model: Model, paths: Iterable[Path], unit: Unit, version: str
) -> Iterator[tuple[Path, list[str], Fit]]:
    """Path, words and fit of each line that is not empty.

    Raises:
        LanguageModelError: a file cannot be read, or has no text.
    """
    for path in paths:
        lines = sentences(path, unit, version)
        some = False
        while block := list(islice(lines, _BLOCK)):
            some = True
            for words, fit in zip(block, fits_of(model, block), strict=True):
                yield path, words, fit
        if not some:
            raise LanguageModelError(f"{path}: no text; each line with words is a sentence")


def fits_of(model: Model, block: list[list[str]]) -> list[Fit]:
    """Of each sentence, a list of one word or more."""
    unknown = model.numbers[UNKNOWN]
    number = model.numbers.get
    ids = np.array([number(word, unknown) for words in block for word in (START, *words, END)])
    log10 = model.log10_of(ids)
    is_unknown = ids == unknown
    at = np.concatenate([[0], np.cumsum([len(words) + 2 for words in block])[:-1]])
    totals = np.add.reduceat(log10, at).tolist()
    unknown_totals = np.add.reduceat(np.where(is_unknown, log10, 0), at).tolist()
    unknown_words = np.add.reduceat(is_unknown.astype(np.int64), at).tolist()
    return [
        Fit(1, len(words), absent, total, unknown_total, model.has_unknown)
        for words, absent, total, unknown_total in zip(
            block, unknown_words, totals, unknown_totals, strict=True
        )
    ]


def _power(log10: float) -> float:
    return 10.0**log10 if log10 < 308 else float("inf")
