"""Estimates: worked out by hand, against the definition, and their sums."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lm_oracle import Definition, corpus_of, histories, levels_of, model_of, probability

from asr.errors import LanguageModelError
from asr.lm.counts import adjusted_counts, count_ngrams
from asr.lm.kneser_ney import discounts, estimate, pruning_thresholds
from asr.lm.text import Corpus
from asr.lm.vocabulary import Vocabulary

texts = st.lists(st.lists(st.sampled_from("abcde"), min_size=1, max_size=7), min_size=1, max_size=12)
pruned = st.lists(st.integers(0, 3), min_size=0, max_size=3).map(lambda more: (0, *sorted(more)))


def corpus(text: list[list[str]]) -> Corpus:
    """Without a file."""
    words = ("<unk>", "<s>", "</s>", *sorted({word for sentence in text for word in sentence}))
    ids = [words.index(word) for sentence in text for word in ("<s>", *sentence, "</s>")]
    return Corpus(Vocabulary(words), np.array(ids, np.int32), ())


@pytest.mark.parametrize(
    ("word", "history", "expected"),
    [
        # Text: "a b" and "a". Before a stands <s>, before b a, before </s> a and b: adjusted counts 1, 1, 2.
        # Discounts 0.5 for 1 and 1 for 2 leave (0.5, 0.5, 1) / 4; the 2 / 4 set free are shared by a, b, </s>, <unk>.
        ("<unk>", (), 0.125),
        ("a", (), 0.25),
        ("b", (), 0.25),
        ("</s>", (), 0.375),
        # <s> a was seen twice: (2 - 1) / 2, and 1 / 2 goes to the shorter history.
        ("a", ("<s>",), 0.5 + 0.5 * 0.25),
        ("b", ("<s>",), 0.5 * 0.25),
        # a b and a </s> once each: (1 - 0.5) / 2 each, and 1 / 2 is free.
        ("b", ("a",), 0.25 + 0.5 * 0.25),
        ("</s>", ("a",), 0.25 + 0.5 * 0.375),
        ("<unk>", ("a",), 0.5 * 0.125),
        ("</s>", ("b",), 0.5 + 0.5 * 0.375),
        ("b", ("<unk>",), 0.25),
    ],
)
def test_by_hand(word: str, history: tuple[str, ...], expected: float, tmp_path: Path) -> None:
    text = corpus_of(tmp_path, "a b", "a")
    assert probability(model_of(text, levels_of(text, 2)), word, history) == pytest.approx(
        expected, rel=1e-12
    )


def test_adjusted_counts_by_hand(tmp_path: Path) -> None:
    """Of three lengths; n-grams in the order of their words, which are numbered <unk> <s> </s> a b."""
    text = corpus_of(tmp_path, "a b a", "a b b", "b")
    one, two, three = adjusted_counts(count_ngrams(text, 3))
    # Before </s>: a, b. Before a: <s>, b. Before b: a, b, <s>.
    assert one.tolist() == [0, 0, 2, 2, 3]
    # <s> a and <s> b as often as seen; a </s> after b; a b after <s>; b </s> after b and <s>; b a and b b after a.
    assert two.tolist() == [2, 1, 1, 1, 2, 1, 1]
    # <s> a b: 2; <s> b </s>; a b a; a b b; b a </s>; b b </s>
    assert three.tolist() == [2, 1, 1, 1, 1, 1]


def test_discounts_by_hand() -> None:
    """6, 3, 2 and 1 n-grams with counts 1, 2, 3, 4: Y = 6 / 12, D = 1 - 2 Y 3/6, 2 - 3 Y 2/3, 3 - 4 Y 1/2."""
    counts = np.array([1] * 6 + [2] * 3 + [3] * 2 + [4] + [0, 9, 17])
    found = discounts(counts, None, 2)
    assert found.values == pytest.approx((0.5, 1.0, 2.0))
    assert found.estimated


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ([2, 2, 3], "of 3 2-grams 0 1 times, 2 2 times, 1 3 times, 0 4 times were counted"),
        ([1, 2, 3, 3, 3, 3], "discounts are 0.333, -2, 3"),
    ],
)
def test_a_text_too_small_for_discounts(counts: list[int], message: str) -> None:
    with pytest.raises(LanguageModelError, match=message) as caught:
        discounts(np.array(counts), None, 2)
    assert "--discount-fallback 0.5 1.0 1.5" in str(caught.value)
    found = discounts(np.array(counts), (0.4, 0.8, 1.2), 2)
    assert (found.values, found.estimated) == ((0.4, 0.8, 1.2), False)


@settings(max_examples=60, deadline=None)
@given(texts, st.integers(1, 4), pruned)
def test_the_definition_by_brute_force(text: list[list[str]], order: int, prune: tuple[int, ...]) -> None:
    made = corpus(text)
    order = min(order, made.longest)
    prune = prune[:order]
    model = model_of(made, levels_of(made, order, prune))
    definition = Definition(text, order, pruning_thresholds(prune, order))
    for history in histories(text, order):
        for word in definition.vocabulary:
            known = tuple(before if before in model.numbers else "<unk>" for before in history)
            expected = definition.probability(word, known)
            assert probability(model, word, history) == pytest.approx(expected, rel=1e-9)


@settings(max_examples=60, deadline=None)
@given(texts, st.integers(1, 5), pruned)
def test_every_history_shares_out_one(text: list[list[str]], order: int, prune: tuple[int, ...]) -> None:
    made = corpus(text)
    order = min(order, made.longest)
    model = model_of(made, levels_of(made, order, prune[:order]))
    for history in histories(text, order):
        total = sum(probability(model, word, history) for word in model.words if word != "<s>")
        assert total == pytest.approx(1, abs=1e-9)


def test_words_of_the_vocabulary_that_the_text_lacks_share_with_the_unknown(tmp_path: Path) -> None:
    words = ("<unk>", "<s>", "</s>", "a", "b", "never")
    text = Corpus(Vocabulary(words), np.array([1, 3, 0, 2, 1, 4, 3, 2], np.int32), ())
    model = model_of(text, levels_of(text, 2))
    # Adjusted counts: a 2, b 1, </s> 2, <unk> 1. Discounts 1, 0.5, 1, 0.5 leave half to be shared by five.
    assert probability(model, "never", ()) == pytest.approx(0.1)
    assert probability(model, "<unk>", ()) == pytest.approx(0.5 / 6 + 0.1)
    assert probability(model, "<unk>", ("a",)) > probability(model, "never", ("a",)), (
        "the text has an unknown word"
    )
    assert sum(probability(model, word, ("<unk>",)) for word in words if word != "<s>") == pytest.approx(1)


def test_an_order_longer_than_any_sentence() -> None:
    with pytest.raises(
        LanguageModelError, match="no 5-grams: its longest sentence has 2 words; use --order 4 or"
    ):
        count_ngrams(corpus([["a", "b"], ["a"]]), 5)
    assert len(count_ngrams(corpus([["a", "b"], ["a"]]), 4)) == 4


@pytest.mark.parametrize(
    ("prune", "message"),
    [
        ((), "need 1 to 3 thresholds for a model of order 3, got 0"),
        ((0, 0, 0, 1), "need 1 to 3 thresholds"),
        ((0, 2, 1), "must not fall with the length of n-grams, got 0, 2, 1"),
        ((1,), "the first threshold must be 0, got 1: single words are limited by a vocabulary"),
        ((-1, 0), "the first threshold must be 0, got -1, 0"),
    ],
)
def test_thresholds_that_cannot_be(prune: tuple[int, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        estimate(count_ngrams(corpus([["a", "b"]]), 3), prune=prune)


def test_pruning_leaves_out_what_was_seen_so_often(tmp_path: Path) -> None:
    """By the times seen, not by the adjusted count: `b c` comes after one word only, but twice."""
    text = corpus_of(tmp_path, "a b c", "a b c", "d")

    def counts(*prune: int) -> list[int]:
        return [len(level.word) for level in levels_of(text, 3, prune)]

    assert counts(0) == [
        7,
        6,
        4,
    ]  # <s> a, <s> d, a b, b c, c </s>, d </s>; <s> a b, a b c, b c </s>, <s> d </s>
    assert counts(0, 0, 1) == [7, 6, 3]
    assert counts(0, 1) == [7, 4, 3]
    assert counts(0, 0, 2) == [7, 6, 0]
