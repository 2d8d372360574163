"""The entrance: log-probs to the best readings, by flashlight-text where it is installed and fits, else by our own."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy.typing as npt

from asr.decoding import flashlight_text
from asr.decoding.ctc_states import first_frames, log_probs_of
from asr.decoding.emissions import Matrix, checked
from asr.decoding.fusion import Fusion, LanguageModel, check
from asr.decoding.hypothesis import Hypothesis, SearchResult, ranked
from asr.decoding.lexicon import Lexicon
from asr.decoding.look_ahead import LookAhead
from asr.decoding.prefix_beam import prefix_beam
from asr.decoding.settings import SearchSettings
from asr.decoding.vocabulary import Vocabulary

Engine = Literal["auto", "plain", "flashlight"]


class Search:
    """A beam search made ready once, for many utterances.

    Attributes:
        lexicon, model: what it searches with, if anything.
        engine: "plain" or "flashlight": which one computes.
        reason: why "auto" is not flashlight-text; "" where it is, or was not asked.
    """

    def __init__(
        self,
        settings: SearchSettings | None = None,
        *,
        vocabulary: Vocabulary,
        lexicon: Lexicon | None = None,
        model: LanguageModel | None = None,
        engine: Engine = "auto",
    ) -> None:
        """
        Args:
            settings: weights and pruning; None: the defaults.
            vocabulary: what the tokens stand for.
            lexicon: words that may be found, spelled in tokens, with or without separators around.
            model: of words or tokens, as `settings.lm_unit` says.
            engine: "auto" is flashlight-text where it is installed and computes the same as ours, else ours.

        Raises:
            ValueError: the parts do not fit together, or flashlight-text cannot do this search.
            ModuleNotFoundError: flashlight-text was asked for and is not installed.
        """
        if engine not in ("auto", "plain", "flashlight"):
            raise ValueError(f'engine must be "auto", "plain" or "flashlight", got {engine!r}')
        self.settings = settings or SearchSettings()
        lexicon = lexicon.without(vocabulary.separator) if lexicon is not None else None
        check(self.settings, vocabulary, lexicon, model)
        self.lexicon, self.model = lexicon, model
        self._parts = vocabulary, lexicon, model
        fusion = self._fusion()
        self.reason = _reason(fusion) if engine == "auto" else ""
        self._look_ahead: LookAhead | None = None
        self._flashlight: flashlight_text.Flashlight | None = None
        if engine == "flashlight" or (engine == "auto" and not self.reason):
            self._flashlight = flashlight_text.Flashlight(fusion)
        else:
            self._look_ahead = LookAhead(fusion)

    @property
    def engine(self) -> Literal["plain", "flashlight"]:
        return "plain" if self._flashlight is None else "flashlight"

    def __call__(self, log_probs: npt.ArrayLike) -> SearchResult:
        """The best readings of one utterance.

        Args:
            log_probs: (frames, tokens) natural log of probabilities, token 0 being the blank: a numpy array or a CPU
                tensor without gradient, of the utterance without its padding.

        Raises:
            ValueError: another shape, NaN, or values that are no log-probs.
        """
        vocabulary, _, _ = self._parts
        matrix = checked(log_probs, vocabulary.size)
        fusion = self._fusion()  # a new one: what it remembers is of this utterance
        if self._flashlight is not None:
            found = self._flashlight(matrix, fusion)
        else:
            assert self._look_ahead is not None
            found = prefix_beam(matrix, fusion, self._look_ahead)
        return SearchResult(self._completed(found, matrix), self.engine)

    def _completed(self, found: Sequence[Hypothesis], matrix: Matrix) -> tuple[Hypothesis, ...]:
        """With frames, and with all alignments if that is wanted."""
        separator = self._parts[0].separator
        if self.settings.exact:
            totals = log_probs_of(matrix, [hypothesis.tokens for hypothesis in found], separator)
            found = ranked(
                replace(hypothesis, acoustic=total, score=hypothesis.score + (total - hypothesis.acoustic))
                for hypothesis, total in zip(found, totals, strict=True)
            )
        frames = first_frames(matrix, [hypothesis.tokens for hypothesis in found], separator)
        return tuple(
            replace(hypothesis, frames=begins) for hypothesis, begins in zip(found, frames, strict=True)
        )

    def _fusion(self) -> Fusion:
        return Fusion(self.settings, *self._parts)


def search(
    log_probs: npt.ArrayLike,
    settings: SearchSettings | None = None,
    *,
    vocabulary: Vocabulary,
    lexicon: Lexicon | None = None,
    model: LanguageModel | None = None,
    engine: Engine = "auto",
) -> SearchResult:
    """One search. Arguments and errors are those of `Search`, which is the way for many."""
    return Search(settings, vocabulary=vocabulary, lexicon=lexicon, model=model, engine=engine)(log_probs)


def _reason(fusion: Fusion) -> str:
    """Why flashlight-text is not the engine; "" where it is."""
    if not flashlight_text.installed():
        return "flashlight-text is not installed"
    return flashlight_text.refusal(fusion) or ""
