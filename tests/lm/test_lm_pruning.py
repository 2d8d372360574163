"""Pruning by relative entropy: against the divergence of whole distributions, and what stays of the model."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from lm_oracle import corpus_of, histories, levels_of, model_of, probability
from made_text import made_text
from test_kneser_ney import corpus, texts

from asr.lm.kneser_ney import Estimated
from asr.lm.perplexity import fit_of, fits_of
from asr.lm.pruning import prune_by_entropy
from asr.lm.text import Corpus


def words_of(levels: Sequence[Estimated], length: int, vocabulary: Sequence[str]) -> list[tuple[str, ...]]:
    """The n-grams of one length."""
    if length == 1:
        return [(vocabulary[word],) for word in levels[0].word]
    shorter = words_of(levels, length - 1, vocabulary)
    level = levels[length - 1]
    return [(*shorter[h], vocabulary[word]) for h, word in zip(level.history, level.word, strict=True)]


def growth_by_definition(text: Corpus, levels: Sequence[Estimated], length: int) -> list[float]:
    """For each n-gram: exp of KL(p || p without it) - 1, over all words, weighted with its history's frequency."""
    words = text.vocabulary.words
    predicted = [word for word in words if word != "<s>"]
    tokens = text.words + text.sentences
    model = model_of(text, levels[:length])
    ngrams = words_of(levels, length, words)
    found = []
    for at, (*history, _) in enumerate(ngrams):
        here = [i for i, ngram in enumerate(ngrams) if list(ngram[:-1]) == history]
        times = sum(int(levels[length - 1].count[i]) for i in here)
        kept = {ngrams[i][-1]: float(levels[length - 1].probability[i]) for i in here if i != at}
        shorter = {other: probability(model, other, history[1:]) for other in predicted}
        free = 1 - sum(kept.values())
        weight = free / (1 - sum(shorter[other] for other in kept))
        divergence = 0.0
        for other in predicted:
            before = probability(model, other, history)
            divergence += before * math.log(before / kept.get(other, weight * shorter[other]))
        found.append(math.expm1(times / tokens * divergence))
    return found


@settings(max_examples=25, deadline=None)
@given(texts, st.integers(2, 3), st.floats(0, 0.05))
def test_what_goes_is_what_the_divergence_says(text: list[list[str]], order: int, threshold: float) -> None:
    made = corpus(text)
    order = min(order, made.longest)
    levels = levels_of(made, order)
    left = prune_by_entropy(levels, threshold)
    needed: set[tuple[str, ...]] = set()
    for length in range(order, 1, -1):
        growth = growth_by_definition(made, levels, length)
        assume(all(abs(value - threshold) > 1e-9 for value in growth))
        ngrams = words_of(levels, length, made.vocabulary.words)
        expected = {ngram for ngram, value in zip(ngrams, growth, strict=True) if value >= threshold} | needed
        assert set(words_of(left, length, made.vocabulary.words)) == expected
        needed = {part for ngram in expected for part in (ngram[1:], ngram[:-1])}


@settings(max_examples=60, deadline=None)
@given(texts, st.integers(1, 4), st.floats(0, 0.1), st.integers(0, 1))
def test_every_history_still_shares_out_one(
    text: list[list[str]], order: int, threshold: float, singles: int
) -> None:
    made = corpus(text)
    order = min(order, made.longest)
    levels = prune_by_entropy(levels_of(made, order, (0, singles)[:order]), threshold)
    model = model_of(made, levels)
    for history in histories(text, order):
        total = sum(probability(model, word, history) for word in model.words if word != "<s>")
        assert total == pytest.approx(1, abs=1e-9)


def test_nothing_and_everything(tmp_path: Path) -> None:
    text = corpus_of(tmp_path, "a b c", "a b", "c b a")
    levels = levels_of(text, 3)
    for before, after in zip(levels, prune_by_entropy(levels, 0), strict=True):
        assert np.array_equal(before.word, after.word)
        assert np.array_equal(before.backoff, after.backoff)
    left = prune_by_entropy(levels, 1e9)
    assert [len(level.word) for level in left] == [6, 0, 0]
    assert left[0].backoff == pytest.approx(np.ones(6))  # no n-gram begins with any word


def test_a_smaller_model_predicts_little_worse(tmp_path: Path) -> None:
    """And pruning by entropy is better than by count, at the same size."""
    text = corpus_of(tmp_path, *made_text("train", 2000))
    held_out = [line.split() for line in made_text("test", 300)]
    levels = levels_of(text, 3)
    sizes, perplexities = [], []
    for threshold in (0, 1e-7, 1e-5, 1e-4):
        left = prune_by_entropy(levels, threshold)
        sizes.append(sum(len(level.word) for level in left))
        perplexities.append(fit_of(fits_of(model_of(text, left), held_out)).perplexity)
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] < sizes[0] / 2


@pytest.mark.parametrize("threshold", [-1e-8, math.nan])
def test_thresholds_that_cannot_be(threshold: float, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="threshold of pruning must be 0 or more"):
        prune_by_entropy(levels_of(corpus_of(tmp_path, "a"), 2), threshold)
