"""Words that sound the same: which of them it was, by the words beside it in the training texts.

The choice is the path of the greatest product of P(word | word before) through an utterance, with

    P(w | v) = (n(v w) + P(w)) / (n(v) + 1)        P(w) = n(w) / n

the counts of the training texts with one more, spread as words are (a Dirichlet prior; MacKay and Peto, "A hierarchical
Dirichlet language model", 1995). Only words that sound the same are ever exchanged; what was said is not changed.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

EDGE = ""  # stands before the first word of a text, and after its last

Pairs = Mapping[str, Mapping[str, int]]  # n(v w), by v and w


def words_and_pairs(texts: Iterable[str]) -> tuple[Counter[str], dict[str, Counter[str]]]:
    """How often each word stands in the texts, and each beside another or beside the edge of a text."""
    words: Counter[str] = Counter()
    pairs: dict[str, Counter[str]] = {}
    for text in texts:
        found = text.split()
        words.update(found)
        for before, after in zip([EDGE, *found], [*found, EDGE], strict=True) if found else ():
            pairs.setdefault(before, Counter())[after] += 1
    return words, pairs


def homophones(spelled: Iterable[tuple[str, Sequence[object]]]) -> dict[tuple[object, ...], list[str]]:
    """Words of each pronunciation that several have, in the order of the alphabet."""
    found: dict[tuple[object, ...], set[str]] = {}
    for word, sounds in spelled:
        found.setdefault(tuple(sounds), set()).add(word)
    return {sounds: sorted(words) for sounds, words in found.items() if len(words) > 1}


def only_beside(pairs: Pairs, words: Iterable[str]) -> dict[str, dict[str, int]]:
    """The pairs that have one of these words in them: no others decide anything."""
    wanted = set(words)
    found = {
        before: {word: count for word, count in sorted(after.items()) if before in wanted or word in wanted}
        for before, after in sorted(pairs.items())
    }
    return {before: after for before, after in found.items() if after}


class Beside:
    """Chooses among words that sound the same."""

    def __init__(self, counts: Mapping[str, int], pairs: Pairs) -> None:
        self._counts, self._pairs = counts, pairs
        self._total = sum(counts.values())
        self._known: dict[tuple[str, str], int] = {}

    def choose(self, candidates: Sequence[Sequence[str]]) -> list[str]:
        """One word of each place, which has one or more; equal paths go to the word that is named first."""
        costs = {EDGE: 0}  # of the best path to each word of the place reached
        steps: list[dict[str, str]] = []  # the word before each, on that path
        for words in [*candidates, [EDGE]]:
            step = {word: min(costs, key=lambda each: costs[each] + self._cost(each, word)) for word in words}
            costs = {word: costs[before] + self._cost(before, word) for word, before in step.items()}
            steps.append(step)
        found, word = [], EDGE
        for step in reversed(steps):
            word = step[word]
            found.append(word)
        return found[-2::-1]  # without the edge before the first

    def _cost(self, before: str, word: str) -> int:
        """-log P(word | before) in thousandths of a nat: whole, so that no machine rounds another way."""
        key = before, word
        if key not in self._known:
            there = self._pairs.get(before, {}).get(word, 0)
            prior = self._counts.get(word, 1) / self._total
            self._known[key] = round(-1000 * math.log((there + prior) / (self._counts.get(before, 1) + 1)))
        return self._known[key]
