"""What a search must find, by the definition: all paths, all readings of their tokens, no pruning."""

import functools
import itertools
import math
import zlib
from collections.abc import Hashable, Iterator
from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

from asr.decoding.fusion import LanguageModel
from asr.decoding.lexicon import Lexicon
from asr.decoding.settings import SearchSettings
from asr.decoding.vocabulary import Vocabulary

Tokens = tuple[int, ...]
EXACT = {"n_best": 10**6, "beam": 10**6, "beam_threshold": math.inf, "token_threshold": -math.inf}

LETTERS = Vocabulary(("", "a", "b", " "))
PIECES = Vocabulary(("", " a", "b", " b"))
PHONES = Vocabulary(("", "AA", "B"))


class MadeUp:
    """A trigram with an opinion on everything: the log-prob of a word is made of the letters of the last three."""

    def __init__(self, known: str, seed: int = 0) -> None:
        self.known = frozenset(known.split())
        self.seed = seed

    def start(self) -> Hashable:
        return ("<s>",)

    def score(self, state: Hashable, word: str) -> tuple[float, Hashable]:
        assert isinstance(state, tuple)
        word = word if word in self.known else "<unk>"
        return self._opinion(state, word), (*state, word)[-2:]

    def finish(self, state: Hashable) -> float:
        assert isinstance(state, tuple)
        return self._opinion(state, "</s>")

    def __contains__(self, word: str) -> bool:
        return word in self.known

    def _opinion(self, state: tuple[str, ...], word: str) -> float:
        return -(zlib.crc32(f"{self.seed}{state}{word}".encode()) % 4000) / 1000


@dataclass(frozen=True)
class Task:
    """What is given to a search besides the log-probs."""

    settings: SearchSettings
    vocabulary: Vocabulary
    lexicon: Lexicon | None = None
    model: LanguageModel | None = None

    def parts(self) -> dict[str, object]:
        return {"vocabulary": self.vocabulary, "lexicon": self.lexicon, "model": self.model}


def expected(
    matrix: np.ndarray, task: Task
) -> dict[tuple[Tokens, tuple[str, ...]], tuple[float, float, float]]:
    """(score, acoustic, language) of every (tokens, words) that is possible."""
    found = {}
    for tokens, acoustic in acoustics(matrix, task.vocabulary.separator).items():
        for words, known in splits(tokens, task):
            language = language_of(tokens, words, task)
            unknown = -10.0 if task.settings.unknown_score is None else task.settings.unknown_score
            bonus = sum(task.settings.word_score if sure else unknown for sure in known)
            bonus += task.settings.token_score * len(tokens)
            score = acoustic + task.settings.lm_weight * language + bonus
            if score > -math.inf:
                found[tokens, words] = score, acoustic, language
    return found


def acoustics(matrix: np.ndarray, separator: int | None) -> dict[Tokens, float]:
    """log P(tokens) over all paths; what separators repeat or add at the ends is not another sequence."""
    frames, size = matrix.shape
    paths, members = collapsed(frames, size, separator)
    probabilities = np.exp(matrix[np.arange(frames), paths].sum(axis=1))
    sums = {tokens: math.fsum(probabilities[list(numbers)]) for tokens, numbers in members.items()}
    return {tokens: math.log(total) for tokens, total in sums.items() if total > 0}


@functools.cache
def collapsed(frames: int, size: int, separator: int | None) -> tuple[np.ndarray, dict[Tokens, list[int]]]:
    """(paths, frames) all paths, and which of them belong to which tokens."""
    paths = list(itertools.product(range(size), repeat=frames))
    members: dict[Tokens, list[int]] = {}
    for number, path in enumerate(paths):
        tokens = tuple(token for token, _ in itertools.groupby(path) if token)
        if separator is not None:
            words = [
                tuple(run)
                for gap, run in itertools.groupby(tokens, lambda token: token == separator)
                if not gap
            ]
            tokens = tuple(
                token for n, word in enumerate(words) for token in ((separator,) if n else ()) + word
            )
        members.setdefault(tokens, []).append(number)
    return np.array(paths, dtype=int).reshape(len(paths), frames), members


def splits(tokens: Tokens, task: Task) -> Iterator[tuple[tuple[str, ...], tuple[bool, ...]]]:
    """Words that tokens can be, and whether each is a known one."""
    vocabulary, lexicon = task.vocabulary, task.lexicon
    if not vocabulary.word_starts:
        yield from [((), ())] if lexicon is None else spelled(tokens, lexicon)
        return
    words: list[list[int]] = []
    for token in tokens:
        if token == vocabulary.separator:
            words.append([])
        elif token in vocabulary.word_starts or not words:
            words.append([token])
        else:
            words[-1].append(token)
    choices = [list(names(tuple(word), task)) for word in words]
    for choice in itertools.product(*choices):
        yield tuple(word for word, _ in choice), tuple(known for _, known in choice)


def names(tokens: Tokens, task: Task) -> Iterator[tuple[str, bool]]:
    text = task.vocabulary.text(tokens)
    if task.lexicon is None:
        in_model = task.model is None or task.settings.lm_unit == "token" or text in task.model
        if in_model or task.settings.unknown_score != -math.inf:
            yield text, in_model
        return
    found = [word for word, spelling in task.lexicon.spellings if spelling == tokens]
    yield from ((word, True) for word in found)
    if not found and task.settings.unknown_score not in (None, -math.inf):
        yield text, False


def spelled(tokens: Tokens, lexicon: Lexicon) -> Iterator[tuple[tuple[str, ...], tuple[bool, ...]]]:
    if not tokens:
        yield (), ()
    for word, spelling in lexicon.spellings:
        if tokens[: len(spelling)] == spelling:
            for words, known in spelled(tokens[len(spelling) :], lexicon):
                yield (word, *words), (True, *known)


def language_of(tokens: Tokens, words: tuple[str, ...], task: Task) -> float:
    if task.model is None:
        return 0.0
    by_token = task.settings.lm_unit == "token"
    state, total = task.model.start(), 0.0
    for word in [task.vocabulary.name(token) for token in tokens] if by_token else words:
        log_prob, state = task.model.score(state, word)
        total += log_prob
    return total + task.model.finish(state)


@st.composite
def matrices(draw: st.DrawFn, tokens: int, frames: int = 5) -> np.ndarray:
    """Log-probs of few different probabilities, so that scores are often equal, and some are 0."""
    rows = st.lists(st.integers(0, 4), min_size=tokens, max_size=tokens).filter(any)
    weights = np.array(draw(st.lists(rows, max_size=frames)), dtype=float).reshape(-1, tokens)
    with np.errstate(divide="ignore"):
        return np.log(weights / weights.sum(axis=1, keepdims=True))
