"""The fast path: flashlight-text's beam search (ufal-flashlight-text), behind our settings and results.

It is used for two kinds of search, in which it computes the same as ours:

- tokens alone, with a model over tokens or none (its LexiconFreeDecoder);
- words of a lexicon in a vocabulary with a separator, with a model over words or none (its LexiconDecoder).

What had to be set so that it does, all of it in this file:

- alignments are added (`log_add=True`), not the best one taken, and its model scores are log10 where KenLM computes
  them: the weight is multiplied by ln 10;
- its "silence" is not used for tokens alone, where the start would swallow a first silence. With a lexicon it is the
  separator: every word is spelled with one behind it, and a last frame that can only be a separator or nothing is added
  to the audio, so that the last word ends. Between words separators may then be repeated, which is our reading, too;
- tokens are pruned by us, before: -1e30 in its matrix is a probability of zero;
- separators that tokens alone repeat or have at the ends are removed afterwards and the readings that become equal
  are added up. With a narrow beam that is less than what our own search keeps, which adds them frame by frame.

What stays different: log-probs are float32. Its beam counts a prefix once for alignments that end in a blank and once
for the others, so the same `beam` keeps less. Which of equal scores fall out of the beam depends on addresses in
memory; what it returns is ordered by our key.
"""

import importlib.util
import math
import os
import sys
from collections.abc import Hashable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from asr.decoding.emissions import Matrix, considered
from asr.decoding.fusion import Fusion
from asr.decoding.greedy import collapse
from asr.decoding.hypothesis import Hypothesis, ranked
from asr.decoding.kenlm_model import LN10
from asr.decoding.vocabulary import Vocabulary
from asr.tokenizer import BLANK

ZERO = -1e30  # log-prob of what cannot be; its logarithms of sums would make NaN of infinities
STDERR = 2
MOST_WORDS_OF_A_SPELLING = 6  # its trie drops more, with a line on stderr


def installed() -> bool:
    """Whether flashlight-text can be imported. It is not imported for that."""
    return importlib.util.find_spec("flashlight") is not None and (
        importlib.util.find_spec("flashlight.lib.text.decoder") is not None
    )


def refusal(fusion: Fusion) -> str | None:
    """Why it cannot do a search as ours does it; None where it can."""
    settings, lexicon = fusion.settings, fusion.lexicon
    if settings.token_score:
        return "it has no score for tokens"
    if lexicon is None:
        if fusion.over_words is not None or settings.word_score:
            return "it scores words only with a lexicon"
        return None
    if fusion.over_tokens is not None:
        return "its model over tokens would see a separator at the end of a sentence with a lexicon"
    if fusion.separator is None or len(fusion.word_starts) > 1:
        return "without a separator it cannot repeat the last token of a word"
    if fusion.open:
        return "its unknown words are beginnings of known ones"
    if len({word for word, _ in lexicon.spellings}) < len(lexicon.spellings):
        return "it would add up the spellings of a word"
    if max(len(node.words) for node in lexicon.nodes) > MOST_WORDS_OF_A_SPELLING:
        return f"it drops all but {MOST_WORDS_OF_A_SPELLING} words of one spelling"
    return None


class Flashlight:
    """A search of flashlight-text, made ready once for many utterances."""

    def __init__(self, fusion: Fusion) -> None:
        """
        Raises:
            ModuleNotFoundError: flashlight-text is not installed.
            ValueError: it cannot do this search as ours does it; the message says why.
        """
        if reason := refusal(fusion):
            raise ValueError(f"flashlight-text cannot do this search: {reason}")
        self._settings, self._separator, self._tokens = (
            fusion.settings,
            fusion.separator,
            fusion.vocabulary.size,
        )
        lexicon = fusion.lexicon
        if lexicon is None:
            self._names = [_name(fusion.vocabulary, token) for token in range(self._tokens)]
        else:
            self._names = [word for word, _ in lexicon.spellings]
        self._kenlm = _kenlm(fusion, self._names)
        self._trie = None if lexicon is None else self._spelled(fusion)

    def __call__(self, matrix: Matrix, fusion: Fusion) -> tuple[Hypothesis, ...]:
        """The best readings of (frames, tokens) checked log-probs, ranked, without their frames."""
        emissions = considered(matrix, self._settings)
        if self._trie is not None:  # the last word ends, wherever the audio does
            closing = np.full((1, self._tokens), -np.inf)
            closing[0, self._separator] = 0.0
            emissions = np.concatenate([emissions, closing])
        most = int((emissions > -np.inf).sum(axis=1).max(initial=1))
        values = np.ascontiguousarray(np.maximum(emissions, ZERO), dtype=np.float32)
        model = self._model(fusion)  # in a variable: it has to live as long as the decoder
        found = self._decoder(model, most).decode(values.ctypes.data, *values.shape)
        return ranked(self._readings(found, fusion), self._settings.n_best)

    def _decoder(self, model: Any, most: int) -> Any:
        """A decoder of its own for each call, which is cheap: it keeps the state of one search."""
        from flashlight.lib.text import decoder

        settings = self._settings
        shared = {
            "beam_size": settings.beam,
            "beam_size_token": most,
            "beam_threshold": min(settings.beam_threshold, -ZERO / 10),
            "lm_weight": self._weight,
            "sil_score": 0.0,
            "log_add": True,
            "criterion_type": decoder.CriterionType.CTC,
        }
        if self._trie is None:
            options = decoder.LexiconFreeDecoderOptions(**shared)
            return decoder.LexiconFreeDecoder(options, model, BLANK, BLANK, [])
        options = decoder.LexiconDecoderOptions(word_score=settings.word_score, unk_score=-math.inf, **shared)
        unknown = 0  # never asked for
        return decoder.LexiconDecoder(options, self._trie, model, self._separator, BLANK, unknown, [], False)

    @property
    def _weight(self) -> float:
        """Of the scores of its model, log10 if that is KenLM's."""
        return self._settings.lm_weight * (LN10 if self._kenlm is not None else 1.0)

    def _model(self, fusion: Fusion) -> Any:
        from flashlight.lib.text import decoder

        if self._kenlm is not None:
            return self._kenlm
        return decoder.ZeroLM() if fusion.model is None else _asks(fusion, self._names)

    def _spelled(self, fusion: Fusion) -> Any:
        from flashlight.lib.text import decoder

        assert fusion.lexicon is not None and fusion.separator is not None
        trie = decoder.Trie(self._tokens, fusion.separator)
        start = fusion.start
        unit = LN10 if self._kenlm is not None else 1.0
        for label, (word, tokens) in enumerate(fusion.lexicon.spellings):
            end = fusion.word_end(start, word, known=True)
            trie.insert([*tokens, fusion.separator], label, end.language / unit)
        trie.smear(decoder.SmearingMode.MAX)
        return trie

    def _readings(self, found: Iterable[Any], fusion: Fusion) -> list[Hypothesis]:
        """Hypotheses of its results; those that read the same are added up."""
        sums: dict[tuple[tuple[int, ...], tuple[str, ...]], float] = {}
        for result in found:
            if result.score <= ZERO / 10:
                continue
            labels = [label for label in result.words if label >= 0]
            words = tuple(self._names[label] for label in labels)
            tokens = (
                _spelled_by(labels, fusion)
                if self._trie is not None
                else _read(result.tokens, self._separator)
            )
            heard = result.score - self._weight * result.lmScore - self._settings.word_score * len(words)
            before = sums.get((tokens, words), -math.inf)
            sums[tokens, words] = float(np.logaddexp(before, heard))
        return [_hypothesis(tokens, words, heard, fusion) for (tokens, words), heard in sums.items()]


def _spelled_by(labels: list[int], fusion: Fusion) -> tuple[int, ...]:
    """Tokens of words, with separators between."""
    assert fusion.lexicon is not None and fusion.separator is not None
    tokens: list[int] = []
    for label in labels:
        tokens += [fusion.separator, *fusion.lexicon.spellings[label][1]]
    return tuple(tokens[1:])


def _read(path: list[int], separator: int | None) -> tuple[int, ...]:
    """Tokens of a path, whose first and last element stand for no frame."""
    tokens = collapse(np.array(path[1:-1], dtype=np.intp), BLANK)
    kept = [
        token for n, token in enumerate(tokens) if token != separator or (n and tokens[n - 1] != separator)
    ]
    return tuple(kept[:-1] if kept and kept[-1] == separator else kept)


def _hypothesis(tokens: tuple[int, ...], words: tuple[str, ...], heard: float, fusion: Fusion) -> Hypothesis:
    """Scored by our model: the removal of a separator changes what a model over tokens says."""
    state, language = fusion.start, 0.0
    for word in words:
        end = fusion.word_end(state, word, known=True)
        state, language = end.state, language + end.language
    for token in tokens if fusion.over_tokens is not None else ():
        answer, state = fusion.token(state, token)
        language += answer
    language += fusion.finish(state)
    bonus = fusion.settings.word_score * len(words)
    text = " ".join(words)
    if fusion.lexicon is None:
        text = fusion.vocabulary.text(tokens)
        words = tuple(text.split()) if fusion.tells_words else ()
    score = heard + fusion.weighed(language) + bonus
    return Hypothesis(tokens, words, text, score, heard, language, bonus)


def _name(vocabulary: Vocabulary, token: int) -> str:
    """As models write it; each entry of a dictionary must be another one, though."""
    return vocabulary.name(token) if vocabulary.symbols[token] else f"<{token}>"


def _kenlm(fusion: Fusion, names: list[str]) -> Any:
    """Its own reader for a model that is the contents of a file, where there is one and it can read that file."""
    path = getattr(fusion.model, "path", None)
    if path is None:
        return None
    try:
        from flashlight.lib.text.decoder.kenlm import KenLM
        from flashlight.lib.text.dictionary import Dictionary

        with _silent():
            return KenLM(str(path), Dictionary(names))
    except (
        ImportError,
        RuntimeError,
    ):  # no KenLM here, or n-grams longer than it was built for: ask the model itself
        return None


@contextmanager
def _silent() -> Iterator[None]:
    """Nothing reaches the standard error: C++ writes a progress bar there, past Python, while it reads ARPA."""
    sys.stderr.flush()
    kept, nowhere = os.dup(STDERR), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, STDERR)
        yield
    finally:
        os.dup2(kept, STDERR)
        os.close(kept)
        os.close(nowhere)


def _asks(fusion: Fusion, names: list[str]) -> Any:
    """Our model as one of its own. It identifies a state by the object that `child` returns."""
    from flashlight.lib.text.decoder import LM, LMState

    class Asks(LM):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.states: dict[Any, Hashable] = {}

        def start(self, _: bool) -> Any:
            state = LMState()
            self.states = {state: fusion.start}
            return state

        def score(self, state: Any, label: int) -> tuple[Any, float]:
            answer, after = fusion.ask(self.states[state], names[label])
            child = state.child(label)
            self.states[child] = after
            return child, answer

        def finish(self, state: Any) -> tuple[Any, float]:
            return state.child(-1), fusion.finish(self.states[state])

    return Asks()
