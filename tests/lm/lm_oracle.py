"""The definition of modified Kneser-Ney written down as it is read: dictionaries and recursion, no arrays, no speed."""

from collections import Counter
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from asr.lm.counts import count_ngrams
from asr.lm.kneser_ney import FALLBACK, Estimated, estimate
from asr.lm.model import Model
from asr.lm.text import Corpus, read_corpus
from asr.lm.train import as_ngrams

Words = tuple[str, ...]
START, END, UNKNOWN = "<s>", "</s>", "<unk>"


class Definition:
    """p(word | history), for a text of a few sentences."""

    def __init__(self, text: Sequence[Sequence[str]], order: int, thresholds: Sequence[int]) -> None:
        self.order, self.thresholds = order, thresholds
        self.seen: Counter[Words] = Counter()
        for sentence in text:
            tokens = (START, *sentence, END)
            for length in range(1, order + 1):
                self.seen.update(tokens[at : at + length] for at in range(len(tokens) - length + 1))
        self.vocabulary = sorted({word for sentence in text for word in sentence} | {UNKNOWN, END})
        adjusted = {ngram: self._adjusted(ngram) for ngram in self.seen if ngram != (START,)}
        self.by_history: dict[Words, dict[str, int]] = {}
        for ngram, count in adjusted.items():
            self.by_history.setdefault(ngram[:-1], {})[ngram[-1]] = count
        self.discounts = {
            length: self._discounts([count for ngram, count in adjusted.items() if len(ngram) == length])
            for length in range(1, order + 1)
        }
        self.probability = cache(self._probability)

    def _adjusted(self, ngram: Words) -> int:
        if len(ngram) == self.order or ngram[0] == START:
            return self.seen[ngram]
        return len({longer[0] for longer in self.seen if longer[1:] == ngram})

    @staticmethod
    def _discounts(adjusted: list[int]) -> tuple[float, ...]:
        n = [adjusted.count(count) for count in range(5)]
        if not (n[1] and n[2] and n[3]):
            return FALLBACK
        y = n[1] / (n[1] + 2 * n[2])
        found = (1 - 2 * y * n[2] / n[1], 2 - 3 * y * n[3] / n[2], 3 - 4 * y * n[4] / n[3])
        return found if all(0 < value <= k for k, value in enumerate(found, 1)) else FALLBACK

    def _probability(self, word: str, history: Words) -> float:
        history = history[max(0, len(history) - self.order + 1) :]
        follow = self.by_history.get(history, {})
        shorter = self.probability(word, history[1:]) if history else 1 / len(self.vocabulary)
        if not follow:
            return shorter
        discounts = self.discounts[len(history) + 1]
        own = free = 0.0
        for other, count in follow.items():
            kept = not history or self.seen[(*history, other)] > self.thresholds[len(history)]
            discount = discounts[min(count, 3) - 1] if kept else count
            free += discount
            if other == word:
                own = count - discount
        return (own + free * shorter) / sum(follow.values())


def corpus_of(folder: Path, *lines: str) -> Corpus:
    path = folder / "text.txt"
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return read_corpus([path])


def levels_of(corpus: Corpus, order: int, prune: Sequence[int] = (0,)) -> list[Estimated]:
    return estimate(count_ngrams(corpus, order), prune=prune)[0]


def model_of(corpus: Corpus, levels: Sequence[Estimated]) -> Model:
    return Model(corpus.vocabulary.words, as_ngrams(levels))


def probability(model: Model, word: str, history: Sequence[str]) -> float:
    """By the model's states, from the empty one; `<s>` may come first."""
    state = model.start if history and history[0] == START else 0
    for before in history[1:] if history and history[0] == START else history:
        _, state = model.advance(state, before)
    return 10 ** model.advance(state, word)[0]


def histories(text: Sequence[Sequence[str]], order: int) -> list[Words]:
    """All that were seen, up to one word longer than the model can use, and some that were not."""
    found: set[Words] = {(), (UNKNOWN,), ("never", "seen")}
    for sentence in text:
        tokens = (START, *sentence)
        found.update(
            tokens[at:end] for end in range(len(tokens) + 1) for at in range(max(0, end - order), end)
        )
    return sorted(found)
