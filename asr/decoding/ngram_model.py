"""Our own n-gram models (asr.lm) as a `LanguageModel`: log10 made natural."""

import math
from collections.abc import Hashable
from pathlib import Path
from typing import cast

from asr.lm.arpa_reader import read_arpa
from asr.lm.model import Model
from asr.lm.vocabulary import END, START, UNKNOWN

LN10 = math.log(10.0)


class NgramModel:
    """An n-gram model. Where it is the contents of a file, the fast path may let KenLM read that."""

    def __init__(self, model: Model, path: Path | None = None) -> None:
        self.path = path
        self._model = model
        self._known = frozenset(model.words) - {START, END, UNKNOWN}

    @classmethod
    def read(cls, path: Path) -> "NgramModel":
        """Of an ARPA file.

        Raises:
            LanguageModelError: the file cannot be read or is malformed; names the line.
        """
        return cls(read_arpa(path), path)

    @property
    def vocabulary(self) -> list[str]:
        """Its words, sorted, without the ends of sentences and <unk>."""
        return sorted(self._known)

    @property
    def ngrams(self) -> tuple[int, ...]:
        """How many of each length."""
        return self._model.written

    def start(self) -> Hashable:
        return self._model.start

    def score(self, state: Hashable, word: str) -> tuple[float, Hashable]:
        log10, after = self._model.advance(cast("int", state), word)
        return log10 * LN10, after

    def finish(self, state: Hashable) -> float:
        return self._model.advance(cast("int", state), END)[0] * LN10

    def __contains__(self, word: str) -> bool:
        return word in self._known
