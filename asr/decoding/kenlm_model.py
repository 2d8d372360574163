"""KenLM's reader (ufal-kenlm) as a `LanguageModel`: ARPA and binary files, quick queries, log10 made natural."""

import math
from collections.abc import Hashable
from pathlib import Path
from typing import Any

from asr.errors import LanguageModelError

LN10 = math.log(10.0)


class KenlmModel:
    """An n-gram model that KenLM reads. Its states compare by the words that matter, so equal contexts are equal.

    KenLM computes in float32, and gives a model without <unk> one of log10 P = -100.
    """

    def __init__(self, path: Path) -> None:
        """
        Args:
            path: an ARPA or KenLM binary file.

        Raises:
            ModuleNotFoundError: ufal-kenlm is not installed.
            LanguageModelError: no such file, or KenLM cannot read it; the message is KenLM's.
        """
        import kenlm

        config = kenlm.Config()
        config.show_progress = False
        config.arpa_complain = kenlm.ARPALoadComplain.NONE
        self.path = Path(path)
        try:
            self._model = kenlm.Model(str(path), config)
        except (OSError, RuntimeError) as error:
            raise LanguageModelError(f"{path}: KenLM cannot read it: {error}") from None
        self._state = kenlm.State

    @property
    def order(self) -> int:
        """The n of its longest n-grams."""
        return int(self._model.order)

    def start(self) -> Hashable:
        state: Any = self._state()
        self._model.BeginSentenceWrite(state)
        return state  # type: ignore[no-any-return]

    def score(self, state: Hashable, word: str) -> tuple[float, Hashable]:
        after: Any = self._state()
        return self._model.BaseScore(state, word, after) * LN10, after

    def finish(self, state: Hashable) -> float:
        return float(self._model.BaseScore(state, "</s>", self._state()) * LN10)

    def __contains__(self, word: str) -> bool:
        return word in self._model
